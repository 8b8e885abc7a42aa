"""What is stored about one customer and bears on a decision. Values stay sealed here.

What is ``array_like`` is listed by the statements that read it, in this order.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct, structs
from msgspec.structs import fields

from service.model.words import (
    AgeBand,
    AttributeId,
    Channel,
    CustomerId,
    PolicyVersion,
    Provenance,
    PurposeId,
    Status,
)

CERTAIN = 100
HERSELF = "customer"
"""The source of what she says herself; no service has this name."""
PREFERENCE = {provenance: rank for rank, provenance in enumerate(Provenance)}


class Sealed(Struct, frozen=True, array_like=True):
    """Ciphertext; its repr shows none of it."""

    data: bytes

    def __repr__(self) -> str:
        return f"Sealed({len(self.data)} bytes)"


class SealedFact(Struct, frozen=True, array_like=True):
    """One value of an attribute, unreadable, with the labels that its ciphertext is bound to.

    ``source``: the service that said it and, behind a slash, its own word for where it comes from.
    ``confidence``: how sure it is, in percent. ``derived_from``: the names of the facts that it was inferred from.
    """

    attribute: AttributeId
    provenance: Provenance
    source: str
    as_of: datetime
    revision: int
    key: str
    sealed: Sealed
    confidence: int = CERTAIN
    derived_from: tuple[str, ...] = ()
    owner: CustomerId | None = None
    """Whose key opens it, where that is not the customer asked about but another side of the same person."""

    @property
    def name(self) -> str:
        """By what the customer's other facts say that they were inferred from this one."""
        return fact_name(self.attribute, self.provenance, self.source)


def fact_name(attribute: str, provenance: str, source: str) -> str:
    """Return the name of a fact among those of one customer."""
    return f"{kind_of(attribute, provenance)}@{source}"


def kind_of(attribute: str, provenance: str) -> str:
    """Return the kind of a fact: an attribute, known in one way."""
    return f"{attribute}#{provenance}"


class Standing(Struct, frozen=True, array_like=True):
    """What a customer answered last for one purpose on one channel."""

    purpose: PurposeId
    channel: Channel
    status: Status
    notice: int
    explicit: bool
    decided_at: datetime
    expires_at: datetime | None

    def status_at(self, now: datetime) -> Status:
        """Return the status at an instant: a yes ends when its time has run."""
        ended = self.expires_at is not None and self.expires_at <= now
        return Status.EXPIRED if self.status.valid and ended else self.status


class Restrictions(Struct, frozen=True, array_like=True):
    """What the customer has forbidden or opened beyond single purposes, phrased so that what is missing refuses."""

    age_band: AgeBand = AgeBand.UNKNOWN
    may_process: bool = False
    may_market: bool = False
    may_profile: bool = False
    may_share: bool = False
    observed_allowed: bool = False
    acquired_allowed: bool = False
    inferred_allowed: bool = False
    demographic_allowed: bool = False
    more_than_told: bool = False
    """Whether anything but what she told us may tailor at all."""
    objections: tuple[PurposeId, ...] = ()
    """Purposes of a legitimate interest to which she objects, sorted."""
    paused_until: datetime | None = None
    quiet_hours: str = ""
    """``22:00-07:00 Europe/Berlin``, or empty."""
    linked: tuple[CustomerId, ...] = ()
    """Other customers who are the same person, sorted: what each of them refuses is refused."""
    disputed: tuple[str, ...] = ()
    """Kinds of facts, each ``attribute#provenance``, of which she said that one was not her; sorted."""
    barred: tuple[str, ...] = ()
    """What she keeps out of a purpose, or of a kind of purposes: each ``attribute purpose``, sorted."""


def restrictions_from(age_band: str, *values: Any) -> Restrictions:  # noqa: ANN401  as a row has them
    """Return restrictions from the values of a row, in the order of the fields; ``linked`` as text."""
    *said, objections, paused_until, quiet_hours, linked, disputed, barred = values
    others = tuple(CustomerId(UUID(str(each))) for each in linked)
    in_order: Any = (*said, tuple(objections), paused_until, quiet_hours, others, tuple(disputed), tuple(barred))
    return Restrictions(AgeBand(age_band), *in_order)


def bar_parts(what: str) -> tuple[AttributeId, str]:
    """Return what an entry of ``barred`` says: an attribute, and the purpose or kind of purposes it is kept out of."""
    attribute, _, purpose = what.partition(" ")
    return AttributeId(attribute), purpose


def sides_of(customer: CustomerId, limits: Mapping[CustomerId, Restrictions]) -> tuple[CustomerId, ...]:
    """Return every side of a person, the customer first; none unless what each of them forbids says the same."""
    hers = limits.get(customer)
    person = (customer,) if hers is None else (customer, *hers.linked)
    same = all(each in limits and {each, *limits[each].linked} == set(person) for each in person)
    return person if same else ()


FLAGS = tuple(field.name for field in fields(Restrictions) if field.type is bool)
"""The fields of restrictions that are yes or no, and refuse when they are no."""


def restrictions_at_enrolment(age_band: AgeBand) -> Restrictions:
    """What holds for a new customer: what she tells and does may be used, what her group is like may not."""
    return Restrictions(
        age_band=age_band,
        may_process=True,
        may_market=True,
        may_profile=True,
        may_share=True,
        observed_allowed=True,
        more_than_told=True,
    )


def with_age_band(limits: Restrictions, said: AgeBand, *, may_open: bool) -> Restrictions:
    """What holds for a customer who is known, once somebody says her age band.

    Whoever says ``minor`` is believed, and no later word undoes it. ``adult`` opens more, so it fills an ``unknown``
    only, and only as the word of a service that may open (see the catalogue); it changes nothing else.
    """
    fills = said is AgeBand.ADULT and limits.age_band is AgeBand.UNKNOWN and may_open
    return structs.replace(limits, age_band=said) if fills or said is AgeBand.MINOR else limits


class CustomerKey(Struct, frozen=True):
    """A customer's own key, wrapped by the key of an epoch."""

    id: str
    epoch: int
    wrapped: Sealed


class Publication(Struct, frozen=True):
    """Which policies are in force."""

    sequence: int
    version: PolicyVersion


class Side(Struct, frozen=True):
    """What one customer answered and forbade. A merged person has several sides, and each must allow."""

    standing: Standing | None
    restrictions: Restrictions | None


class Facts(Struct, frozen=True):
    """Everything one decision rests on, read at once and verified. ``None`` refuses."""

    customer: CustomerId | None
    version: int
    now: datetime
    standing: Standing | None
    restrictions: Restrictions | None
    facts: Mapping[AttributeId, tuple[SealedFact, ...]]
    others: tuple[Side, ...] = ()
    """The other sides of a merged person."""

    @property
    def sides(self) -> tuple[Side, ...]:
        """Every side of the person, first the customer who was asked about."""
        return Side(self.standing, self.restrictions), *self.others

    @property
    def disputed(self) -> frozenset[str]:
        """The kinds of which a fact was struck out, on whichever side of the person."""
        return frozenset(each for side in self.sides if side.restrictions for each in side.restrictions.disputed)

    @property
    def barred(self) -> frozenset[str]:
        """What she keeps out of a purpose, or of a kind of purposes, on whichever side: ``attribute purpose`` each."""
        return frozenset(each for side in self.sides if side.restrictions for each in side.restrictions.barred)

    def candidates(self, attribute: AttributeId) -> list[SealedFact]:
        """Return the facts of an attribute in the order in which they are preferred."""
        return in_preference(self.facts.get(attribute, ()))


def in_preference(facts: Iterable[SealedFact]) -> list[SealedFact]:
    """Order facts: volunteered, observed, acquired, inferred; newest first; then by source."""
    known = list(facts)
    if len(known) > 1:
        known.sort(key=lambda f: (PREFERENCE[f.provenance], -f.as_of.timestamp(), f.source))
    return known

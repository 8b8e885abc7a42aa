"""Facts about customers: read together with all that a decision rests on, and written sealed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from msgspec import Struct

from service.crypto.envelope import seal
from service.crypto.framing import Part
from service.crypto.keyring import (
    Keyring,
    Mac,
    OpenKey,
    fact_labels,
    link_parts,
    linked_standing_parts,
    restriction_parts,
    standing_parts,
)
from service.database import Connection, Record
from service.errors import UnknownCustomerError
from service.model.choices import less
from service.model.consent import latest
from service.model.facts import (
    CERTAIN,
    CustomerKey,
    Facts,
    Publication,
    Restrictions,
    Sealed,
    SealedFact,
    Side,
    Standing,
    fact_name,
    restrictions_from,
    sides_of,
)
from service.model.links import Link
from service.model.situation import Asked
from service.model.words import (
    AttributeId,
    Channel,
    CustomerId,
    PairwiseId,
    Provenance,
    PurposeId,
    Status,
)
from service.storage.customers import own_id
from service.storage.publications import authentic_publication
from service.storage.statements import statements

SQL = statements(__file__)
log = structlog.get_logger()


class Snapshot(Struct, frozen=True):
    """What one read brings: the verified facts, and what is needed to act on a decision."""

    facts: Facts
    publication: Publication
    pairwise: PairwiseId | None
    keys: Mapping[CustomerId, CustomerKey]
    """Hers, and those of the other sides of a merged person, whose facts they open."""
    evidence: CustomerKey | None
    """The key that seals what her ledger says; None where there is none yet."""


class Profile(Struct, frozen=True):
    """All that is stored about one customer."""

    customer: CustomerId
    version: int
    now: datetime
    publication: Publication
    key: CustomerKey | None
    sides: tuple["ProfileSide", ...]
    """What she answered and forbade, then each other side of a merged person."""
    facts: Mapping[AttributeId, tuple[SealedFact, ...]]
    """Hers alone: what the other sides know is shown to whoever speaks for them."""

    @property
    def restrictions(self) -> Restrictions | None:
        """What she herself forbade."""
        return self.sides[0].restrictions

    def facts_for(self, asked: Asked) -> Facts:
        """Return what a decision on this question rests on."""
        mine, *others = (
            Side(each.standing.get((asked.purpose, asked.channel)), each.restrictions) for each in self.sides
        )
        return Facts(self.customer, self.version, self.now, mine.standing, mine.restrictions, self.facts, tuple(others))


class ProfileSide(Struct, frozen=True):
    """All that one side of a person answered, and what it forbade."""

    standing: Mapping[tuple[PurposeId, Channel], Standing]
    restrictions: Restrictions | None


class NewFact(Struct, frozen=True):
    """A fact to be sealed; its repr hides the value."""

    attribute: AttributeId
    provenance: Provenance
    source: str
    as_of: datetime
    value: bytes
    confidence: int = CERTAIN
    derived_from: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"NewFact({self.attribute!r}, {self.provenance!r})"


async def read(
    connection: Connection,
    keyring: Keyring,
    customer: CustomerId | None,
    asked: Asked,
    attributes: Iterable[AttributeId],
) -> Snapshot:
    """Read a customer's facts. What carries no MAC of ours is left out, and so refuses."""
    row = await connection.fetchrow(
        SQL["snapshot"], customer, asked.service, asked.purpose, asked.channel, list(attributes)
    )
    assert row is not None  # noqa: S101  one row stands in the statement itself
    found = row["customer"]
    mine, *others = _sides(keyring, found, row)
    spot = asked.purpose, asked.channel
    facts = Facts(
        customer=found,
        version=row["version"],
        now=row["now"],
        standing=mine.standing.get(spot),
        restrictions=mine.restrictions,
        facts=_by_attribute(row["facts"]),
        others=tuple(Side(each.standing.get(spot), each.restrictions) for each in others),
    )
    return Snapshot(
        facts=facts,
        publication=authentic_publication(keyring, row["publication"]),
        pairwise=None if found is None else own_id(keyring, found, asked.service, row["pairwise"]),
        keys=_keys(row["keys"]),
        evidence=_evidence_key(row["evidence"]),
    )


def _evidence_key(stored: tuple[str, int, bytes] | None) -> CustomerKey | None:
    return None if stored is None else CustomerKey(stored[0], stored[1], Sealed(stored[2]))


async def read_profile(connection: Connection, keyring: Keyring, customer: CustomerId) -> Profile:
    """Read all that is stored about a customer; raises UnknownCustomerError."""
    row = await connection.fetchrow(SQL["profile"], customer)
    if row is None:
        raise UnknownCustomerError
    return Profile(
        customer=customer,
        version=row["version"],
        now=row["now"],
        publication=authentic_publication(keyring, row["publication"]),
        key=_keys(row["keys"]).get(customer),
        sides=_sides(keyring, customer, row),
        facts=_by_attribute(row["facts"]),
    )


async def names(connection: Connection, customer: CustomerId, attributes: Iterable[AttributeId]) -> set[str]:
    """Return the names of a customer's facts of these attributes."""
    rows = await connection.fetch(SQL["names"], customer, list(attributes))
    return {fact_name(row["attribute"], row["provenance"], row["source"]) for row in rows}


async def outlived(connection: Connection, kept: Mapping[AttributeId, int], most: int) -> list[CustomerId]:
    """Return customers of whom something has run its time; ``kept``: attribute to days."""
    rows = await connection.fetch(SQL["outlived"], list(kept), list(kept.values()), most)
    return [row["customer"] for row in rows]


async def delete_outlived(
    connection: Connection, customer: CustomerId, kept: Mapping[AttributeId, int]
) -> list[tuple[AttributeId, Provenance]]:
    """Delete what has run its time; returns what went, without values."""
    rows = await connection.fetch(SQL["delete_outlived"], customer, list(kept), list(kept.values()))
    return [(AttributeId(row["attribute"]), Provenance(row["provenance"])) for row in rows]


async def put(connection: Connection, customer: CustomerId, key: OpenKey, fact: NewFact, revision: int) -> bool:
    """Seal and store a fact; returns False when a newer one of the same source is there."""
    status = await connection.execute(SQL["put"], *_row(customer, key, fact, revision))
    return status == "INSERT 0 1"


async def put_all(connection: Connection, new: Iterable[tuple[CustomerId, OpenKey, NewFact, int]]) -> None:
    """Seal and store facts of several customers: customer, key, fact, revision."""
    await connection.executemany(SQL["put"], [_row(*each) for each in new])


async def forget_volunteered(connection: Connection, customer: CustomerId, attributes: Iterable[AttributeId]) -> None:
    """Delete what she or somebody for her said of these attributes."""
    await connection.execute(SQL["forget_volunteered"], customer, list(attributes))


async def dates(
    connection: Connection, customers: Iterable[CustomerId], source: str
) -> dict[tuple[CustomerId, AttributeId, Provenance], datetime]:
    """Return of when each fact is that a source said about these customers."""
    rows = await connection.fetch(SQL["dates"], list(customers), source)
    return {
        (row["customer"], AttributeId(row["attribute"]), Provenance(row["provenance"])): row["as_of"] for row in rows
    }


def _row(customer: CustomerId, key: OpenKey, fact: NewFact, revision: int) -> list[object]:
    """Return a fact as it is stored, sealed."""
    labels = SealedFact(
        fact.attribute,
        fact.provenance,
        fact.source,
        fact.as_of,
        revision,
        key.id,
        Sealed(b""),
        fact.confidence,
        fact.derived_from,
    )
    return [
        customer,
        fact.attribute,
        fact.provenance,
        fact.source,
        fact.as_of,
        revision,
        key.id,
        seal(key.key, fact.value, fact_labels(customer, labels)).data,
        fact.confidence,
        list(fact.derived_from),
    ]


def _keys(rows: Iterable[Sequence[Any]]) -> dict[CustomerId, CustomerKey]:
    return {customer: CustomerKey(id_, epoch, Sealed(wrapped)) for customer, id_, epoch, wrapped in rows}


def _sides(keyring: Keyring, customer: CustomerId | None, row: Record) -> tuple[ProfileSide, ...]:
    """Return what she answered and forbade, then each other side of the same person.

    Who that is, her own restrictions say. If the row of any of them is missing, is not ours or does not say the same,
    then what she forbids is not known, and that refuses.
    """
    if customer is None:
        return (ProfileSide({}, None),)
    limits = _restrictions(keyring, row["restrictions"])
    person = sides_of(customer, limits)
    if not person:
        if customer in limits:
            log.error("alarm: two customers are not both said to be one person", customer=str(customer))
        return (ProfileSide(_standing(keyring, {customer}, row)[customer], None),)
    stands = _standing(keyring, set(person), row)
    return tuple(ProfileSide(stands[each], limits[each]) for each in person)


def _standing(
    keyring: Keyring, person: set[CustomerId], row: Record
) -> dict[CustomerId, dict[tuple[PurposeId, Channel], Standing]]:
    """Return what stands on each side of a person, as far as it is proven."""
    stands: dict[CustomerId, dict[tuple[PurposeId, Channel], Standing]] = {each: {} for each in person}
    for customer, version, digest, *values in row["standing"]:
        own = _standing_of(values)
        # Only a yes needs proof: whoever writes a no into the database takes nothing from her.
        if customer in person and _holds(keyring, version, digest, own, standing_parts(customer, own)):
            stands[customer][own.purpose, own.channel] = own
    for customer, link, origin, version, digest, *values in row["linked"] or ():
        yes = _standing_of(values[:7])
        parts = linked_standing_parts(customer, link, origin, yes)
        # Every yes that came by a link needs proof, and the very link by which it came.
        proven = yes.status.valid and _holds(keyring, version, digest, yes, parts)
        if proven and {customer, origin} <= person and _live(keyring, link, {customer, origin}, values[7:]):
            spot = yes.purpose, yes.channel
            stands[customer][spot] = latest(stands[customer].get(spot), [yes]) or yes
    return stands


def _live(keyring: Keyring, id_: UUID, ends: set[CustomerId], values: Sequence[Any]) -> bool:
    """Whether a link that the database says has not ended is ours, and between these two."""
    one, other, said, made_at, version, digest = values
    live = Link(id=id_, one=one, other=other, said=said, made_at=made_at)
    if live.pair != ends or not _proven(keyring, version, digest, link_parts(live)):
        log.error("alarm: a link by which a yes came does not carry our MAC", link=str(id_))
        return False
    return True


def _standing_of(values: Sequence[Any]) -> Standing:
    purpose, channel, status, notice, explicit, decided_at, expires_at = values
    return Standing(PurposeId(purpose), Channel(channel), Status(status), notice, explicit, decided_at, expires_at)


def _holds(keyring: Keyring, version: int | None, digest: bytes | None, standing: Standing, parts: list[Part]) -> bool:
    """Whether what stands is to be believed: any no, and a yes under our MAC."""
    if standing.status.valid and not _proven(keyring, version, digest, parts):
        log.error("alarm: a standing yes does not carry our MAC", purpose=standing.purpose, channel=standing.channel)
        return False
    return True


def _restrictions(keyring: Keyring, rows: Iterable[Sequence[Any]]) -> dict[CustomerId, Restrictions]:
    """Return what customers forbid, as far as it carries our MAC."""
    found: dict[CustomerId, Restrictions] = {}
    for customer, version, digest, said_no, age_band, *flags in rows:
        limits = restrictions_from(age_band, *flags)
        if not _proven(keyring, version, digest, restriction_parts(customer, limits)):
            log.error("alarm: a restrictions row does not carry our MAC")
            continue
        left = less(limits, said_no)
        if left is None:
            log.error("alarm: a restrictions row says no to something that there is not")
        else:
            found[customer] = left
    return found


def _proven(keyring: Keyring, version: int | None, digest: bytes | None, parts: list[Any]) -> bool:
    mac = None if version is None or digest is None else Mac(version, digest)
    return keyring.authentic(mac, parts)


def _by_attribute(rows: Iterable[Sequence[Any]]) -> dict[AttributeId, tuple[SealedFact, ...]]:
    found: defaultdict[AttributeId, list[SealedFact]] = defaultdict(list)
    for owner, attribute, provenance, source, as_of, revision, key, sealed, confidence, derived_from in rows:
        found[AttributeId(attribute)].append(
            SealedFact(
                AttributeId(attribute),
                Provenance(provenance),
                source,
                as_of,
                revision,
                key,
                Sealed(sealed),
                confidence,
                tuple(derived_from),
                owner,
            )
        )
    return {attribute: tuple(facts) for attribute, facts in found.items()}

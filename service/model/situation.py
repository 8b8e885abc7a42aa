"""The situation: a customer's state for one purpose, one channel and one kind of fact, as policies see it.

A closed space of booleans and closed vocabularies, phrased positively, so that what is missing refuses. Time,
counters and dates end here; a policy never sees them.
"""

from collections.abc import Iterator
from datetime import datetime

from msgspec import Struct, structs
from msgspec.structs import fields

from service.model.catalogue import Catalogue, Use
from service.model.facts import Facts, Restrictions, SealedFact, Standing
from service.model.quiet_hours import awake
from service.model.words import AgeBand, AttributeId, Channel, PurposeId, ServiceId, Status


class Situation(Struct, frozen=True, kw_only=True):
    """The whole context of a policy. The defaults are the darkest situation: nothing known, nothing allowed.

    When several fields refuse, the first in this order is the reason that is told.
    """

    granted: bool = False
    """The service may use this attribute for this purpose on this channel."""
    channel_allowed: bool = False
    """The purpose is offered on this channel."""
    consent: Status = Status.UNKNOWN
    notice_current: bool = False
    """The answer was given to a notice that covers this use of this attribute by this service."""
    verified: bool = False
    """The restrictions row is there and carries our MAC."""
    may_process: bool = False
    not_paused: bool = False
    """She has not asked for peace until later."""
    may_market: bool = False
    may_profile: bool = False
    may_share: bool = False
    unopposed: bool = False
    """She has not objected to this very purpose."""
    age_band: AgeBand = AgeBand.UNKNOWN
    explicit: bool = False
    observed_allowed: bool = False
    acquired_allowed: bool = False
    inferred_allowed: bool = False
    demographic_allowed: bool = False
    fresh: bool = False
    """The fact is not older than the catalogue lets it be used."""
    awake: bool = False
    """It is none of her quiet hours, or the channel disturbs nobody."""


FIELDS = tuple(field.name for field in fields(Situation))
BRIGHTEST = Situation(
    granted=True,
    channel_allowed=True,
    consent=Status.GIVEN,
    notice_current=True,
    verified=True,
    may_process=True,
    not_paused=True,
    may_market=True,
    may_profile=True,
    may_share=True,
    unopposed=True,
    age_band=AgeBand.ADULT,
    explicit=True,
    observed_allowed=True,
    acquired_allowed=True,
    inferred_allowed=True,
    demographic_allowed=True,
    fresh=True,
    awake=True,
)

AGES = (AgeBand.ADULT, AgeBand.MINOR, AgeBand.UNKNOWN)
"""From what opens most to what opens least."""


class Asked(Struct, frozen=True):
    """What a service asks: which purpose, on which channel. ``gpc``: under her browser's Global Privacy Control."""

    service: ServiceId
    purpose: PurposeId
    channel: Channel
    gpc: bool = False


def dimmer(situation: Situation) -> Iterator[tuple[str, Situation]]:
    """Yield the field and the situation for each single thing that can be taken away from a situation."""
    for name in FIELDS:
        for value in darker(getattr(situation, name)):
            yield name, structs.replace(situation, **{name: value})


def darker(value: bool | Status | AgeBand) -> tuple[bool | Status | AgeBand, ...]:  # noqa: FBT001  a value, not a switch
    """Return what a field may become when something is taken away: a row, a proof, a yes.

    One answer that is no yes is as dark as another, whichever of them was lost; and one yes as bright as the other.
    """
    match value:
        case Status():
            return tuple(status for status in Status if status is not value and value.valid >= status.valid)
        case AgeBand():
            return AGES[AGES.index(value) + 1 :]
        case _:
            return (False,) if value else ()


def situate(
    catalogue: Catalogue, asked: Asked, attribute: AttributeId, facts: Facts, fact: SealedFact | None = None
) -> Situation:
    """Reduce stored facts to the situation in which one fact of an attribute is asked for.

    Without a fact nothing is fresh.
    """
    use = catalogue.services[asked.service].uses.get(asked.purpose)
    standing, limits = _standing(asked, facts), facts.restrictions or Restrictions()
    return Situation(
        granted=_granted(use, asked.channel, attribute),
        channel_allowed=asked.channel in catalogue.purposes[asked.purpose].channels,
        consent=Status.UNKNOWN if standing is None else standing.status_at(facts.now),
        notice_current=standing is not None
        and catalogue.covers(asked.purpose, standing.notice, asked.service, attribute),
        verified=facts.restrictions is not None,
        may_process=limits.may_process,
        not_paused=facts.restrictions is not None and not_paused(limits, facts.now),
        may_market=limits.may_market,
        may_profile=limits.may_profile,
        may_share=limits.may_share and not asked.gpc,
        unopposed=facts.restrictions is not None and asked.purpose not in limits.objections,
        age_band=limits.age_band,
        explicit=standing is not None and standing.explicit,
        observed_allowed=limits.more_than_told and limits.observed_allowed,
        acquired_allowed=limits.more_than_told and limits.acquired_allowed,
        inferred_allowed=limits.more_than_told and limits.inferred_allowed,
        demographic_allowed=limits.demographic_allowed,
        fresh=fact is not None and catalogue.attributes[attribute].fresh(fact.as_of, facts.now),
        awake=facts.restrictions is not None and awake(limits.quiet_hours, asked.channel, facts.now),
    )


def _standing(asked: Asked, facts: Facts) -> Standing | None:
    """Return what she answered to this very question; an answer to another one is no answer."""
    standing = facts.standing
    if standing is None or (standing.purpose, standing.channel) != (asked.purpose, asked.channel):
        return None
    return standing


def not_paused(limits: Restrictions, now: datetime) -> bool:
    """Whether her pause is over: it ends by itself."""
    return limits.paused_until is None or limits.paused_until <= now


def _granted(use: Use | None, channel: Channel, attribute: AttributeId) -> bool:
    return use is not None and channel in use.channels and attribute in use.attributes


def everybody(catalogue: Catalogue) -> list[Asked]:
    """Return everything that any service may ask by its rights."""
    return [
        Asked(service, PurposeId(purpose), channel)
        for service, rights in catalogue.services.items()
        for purpose, use in rights.uses.items()
        for channel in use.channels
    ]

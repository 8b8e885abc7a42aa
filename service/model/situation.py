"""The situation: a customer's state for one purpose, one channel and one kind of fact, as policies see it.

A closed space of booleans and closed vocabularies, phrased positively, so that what is missing refuses. Time,
counters and dates end here; a policy never sees them.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import reduce
from typing import Any

from msgspec import Struct, structs
from msgspec.structs import fields

from service.model.catalogue import Catalogue, Use
from service.model.facts import Facts, Restrictions, Side, Standing, bar_parts
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
    unbarred: bool = False
    """She has not said that this attribute is not to be used for this purpose."""
    fresh: bool = False
    """The fact is not older than the catalogue lets it be used."""
    awake: bool = False
    """It is none of her quiet hours, or the channel disturbs nobody."""
    undisputed: bool = False
    """She has not said that the fact was not her. The last: that she did is told only to whom it would have gone."""


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
    unbarred=True,
    fresh=True,
    awake=True,
    undisputed=True,
)

AGES = (AgeBand.ADULT, AgeBand.MINOR, AgeBand.UNKNOWN)
"""From what opens most to what opens least."""
ANSWERS = (
    Status.GIVEN,
    Status.RENEWED,
    Status.UNKNOWN,
    Status.REQUESTED,
    Status.DEFERRED,
    Status.EXPIRED,
    Status.INVALIDATED,
    Status.REVOKED,
    Status.REFUSED,
    Status.WITHDRAWN,
)
"""From a yes to the plainest no: of several that refuse alike, the last is the one that is told."""


class Asked(Struct, frozen=True):
    """What a service asks: which purpose, on which channel. ``gpc``: under her browser's Global Privacy Control."""

    service: ServiceId
    purpose: PurposeId
    channel: Channel
    gpc: bool = False


def by_anybody(purpose: PurposeId, channel: Channel) -> Asked:
    """Return a question of which only purpose and channel matter: what she answered is the same whoever asks."""
    return Asked(ServiceId(""), purpose, channel)


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


def darkest(situations: Iterable[Situation]) -> Situation:
    """Return the situation that allows only what each of these allows: field by field the darker value."""
    return reduce(_darker_of, situations)


def _darker_of(one: Situation, other: Situation) -> Situation:
    if one == other:
        return one
    return Situation(**{name: _dark(getattr(one, name), getattr(other, name)) for name in FIELDS})


def _dark(one: Any, other: Any) -> Any:  # noqa: ANN401  two values of one field
    match one:
        case Status():
            return max(one, other, key=ANSWERS.index)
        case AgeBand():
            return max(one, other, key=AGES.index)
        case _:
            return one and other


def told(facts: Facts) -> tuple[Status, int | None]:
    """Return what a service is told of her answer: its status, and the notice it was to.

    Of a merged person the answer that refuses most plainly; of several that do not refuse, the oldest notice.
    """
    stands = [side.standing for side in facts.sides]
    answers = [(Status.UNKNOWN, 0) if each is None else (each.status_at(facts.now), each.notice) for each in stands]
    status, notice = max(answers, key=lambda each: (ANSWERS.index(each[0]), -each[1]))
    return status, notice or None


class Yes(Struct, frozen=True):
    """A yes as it counts: to which notice, whether to special data too, and when it ends."""

    notice: int
    explicit: bool
    ends: datetime | None


def yes_of(facts: Facts) -> Yes | None:
    """Return her yes, None where there is none; of a merged person what every side of her said yes to."""
    status, notice = told(facts)
    stands = [side.standing for side in facts.sides if side.standing is not None]
    if not status.valid:
        return None
    ends = [each.expires_at for each in stands if each.expires_at is not None]
    return Yes(notice or 0, all(each.explicit for each in stands), min(ends, default=None))


def background(catalogue: Catalogue, asked: Asked, facts: Facts) -> Situation:
    """Reduce stored facts to what is alike in the situations of all attributes; what is not is dark.

    A merged person has several sides, and is allowed what each of them allows.
    """
    return darkest([_background(catalogue, asked, side, facts.now) for side in facts.sides])


def notices(asked: Asked, facts: Facts) -> tuple[int | None, ...]:
    """Return to which notice each side of the person answered; None where she did not answer."""
    answers = [_standing(asked, side) for side in facts.sides]
    return tuple(None if each is None else each.notice for each in answers)


def barred(catalogue: Catalogue, asked: Asked, facts: Facts) -> frozenset[AttributeId]:
    """Return which attributes she keeps out of this purpose, or of a kind that it is of."""
    groups = {asked.purpose, *catalogue.purposes[asked.purpose].kinds}
    return frozenset(attribute for attribute, group in map(bar_parts, facts.barred) if group in groups)


def brought_to(
    ground: Situation,
    catalogue: Catalogue,
    asked: Asked,
    attribute: AttributeId,
    answered: tuple[int | None, ...],
) -> Situation:
    """Return the situation of one attribute before its background, given what notices were answered."""
    return structs.replace(
        ground,
        granted=_granted(catalogue.services[asked.service].uses.get(asked.purpose), asked.channel, attribute),
        notice_current=all(
            notice is not None and catalogue.covers(asked.purpose, notice, asked.service, attribute)
            for notice in answered
        ),
    )


def _background(catalogue: Catalogue, asked: Asked, side: Side, now: datetime) -> Situation:
    standing, limits = _standing(asked, side), side.restrictions or Restrictions()
    return Situation(
        channel_allowed=asked.channel in catalogue.purposes[asked.purpose].channels,
        consent=Status.UNKNOWN if standing is None else standing.status_at(now),
        verified=side.restrictions is not None,
        may_process=limits.may_process,
        not_paused=side.restrictions is not None and not_paused(limits, now),
        may_market=limits.may_market,
        may_profile=limits.may_profile,
        may_share=limits.may_share and not asked.gpc,
        unopposed=side.restrictions is not None and asked.purpose not in limits.objections,
        age_band=limits.age_band,
        explicit=standing is not None and standing.explicit,
        observed_allowed=limits.more_than_told and limits.observed_allowed,
        acquired_allowed=limits.more_than_told and limits.acquired_allowed,
        inferred_allowed=limits.more_than_told and limits.inferred_allowed,
        demographic_allowed=limits.demographic_allowed,
        awake=side.restrictions is not None and awake(limits.quiet_hours, asked.channel, now),
    )


def _standing(asked: Asked, side: Side) -> Standing | None:
    """Return what she answered to this very question; an answer to another one is no answer."""
    standing = side.standing
    if standing is None or (standing.purpose, standing.channel) != (asked.purpose, asked.channel):
        return None
    return standing


def not_paused(limits: Restrictions, now: datetime) -> bool:
    """Whether her pause is over: it ends by itself."""
    return limits.paused_until is None or limits.paused_until <= now


def paused_by_another(mine: Restrictions, others: Iterable[Restrictions], now: datetime) -> datetime | None:
    """Return until when another side of a merged person pauses, where that is longer than she does on this one."""
    until = max((each.paused_until or now for each in others), default=now)
    return until if until > max(mine.paused_until or now, now) else None


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

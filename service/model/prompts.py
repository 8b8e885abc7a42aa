"""Whether to ask a customer for her consent, and why or why not.

She is never asked twice within a year unless the notice is materially new, never in a language without a notice, and
never when a yes would open nothing because she restricted, paused or objected.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from functools import reduce

from msgspec import Struct, structs

from service.model.catalogue import Catalogue, Notice, Purpose
from service.model.consent import RENEWAL_DUE
from service.model.facts import Restrictions, Standing
from service.model.overruling import MINOR, overruling
from service.model.quiet_hours import awake
from service.model.situation import ANSWERS, not_paused
from service.model.snapshots import LIFE
from service.model.words import Basis, Channel, PurposeId, Status

YEAR = timedelta(days=365)


class Reason(StrEnum):
    """Why she is asked, or not. The codes are stable."""

    NEVER_ASKED = "never-asked"
    BEING_ASKED = "being-asked"
    ASKED_LONG_AGO = "asked-long-ago"
    NEW_SCOPE = "new-scope"
    ENDS_SOON = "ends-soon"
    ENDED = "ended"
    ANSWERED = "answered"
    ASKED_RECENTLY = "asked-recently"
    REFUSED_RECENTLY = "refused-recently"
    DEFERRED_RECENTLY = "deferred-recently"
    NO_NOTICE_IN_THIS_LANGUAGE = "no-notice-in-this-language"
    NOT_NOW = "not-now"
    ADULTS_ONLY = "adults-only"
    UNVERIFIED = "unverified"


class Asking(Struct, frozen=True):
    """The last time that she was asked or answered: with which notice (0: none was named), begun and recorded when."""

    status: Status
    notice: int
    begun_at: datetime
    recorded_at: datetime

    def is_open(self, notice: int, now: datetime) -> bool:
        """Whether the page that asked with this notice may still be before her: loaded again it is no second asking."""
        return self.status is Status.REQUESTED and self.notice == notice and now < self.begun_at + LIFE


class Past(Struct, frozen=True):
    """What she was asked and answered for one purpose on one channel; ``seen``: the newest notice she was shown."""

    last: Asking | None = None
    seen: int = 0
    standing: Standing | None = None

    def status_at(self, now: datetime) -> Status:
        """Return what stands at an instant."""
        return Status.UNKNOWN if self.standing is None else self.standing.status_at(now)


class Prompt(Struct, frozen=True):
    """Whether to ask for one purpose, why or why not, and in which words; without them, do not ask."""

    purpose: Purpose
    reason: Reason
    words: Notice | None = None

    @property
    def ask(self) -> bool:
        """Whether to ask."""
        return self.words is not None


class Hearing(Struct, frozen=True):
    """Where and in which language she would be asked, when, and what she forbids.

    ``limits``: of each side of a merged person; empty: nothing proves what.
    """

    channel: Channel
    language: str
    now: datetime
    limits: Sequence[Restrictions]


def offered(catalogue: Catalogue, channel: Channel) -> list[PurposeId]:
    """Return the purposes that rest on consent and are offered on a channel, sorted."""
    return sorted(
        id_
        for id_, purpose in catalogue.purposes.items()
        if purpose.basis is Basis.CONSENT and channel in purpose.channels
    )


def as_one(sides: Sequence[Past], now: datetime) -> Past:
    """Return what a person of these sides was asked: the last on any of them; what stands refuses as each does."""
    asked = [each.last for each in sides if each.last is not None]
    return Past(
        last=max(asked, key=lambda each: each.recorded_at, default=None),
        seen=max(each.seen for each in sides),
        standing=reduce(lambda one, other: _darker(one, other, now), (each.standing for each in sides)),
    )


def _darker(one: Standing | None, other: Standing | None, now: datetime) -> Standing | None:
    """Return what allows only what both do: of two yeses, one to the older notice that ends with the first."""
    if one is None or other is None:
        # Where nothing stands nothing is allowed; a plain no on the other side says more.
        said = one or other
        return None if said is None or said.status_at(now).valid or said.status_at(now).open else said
    if not (one.status_at(now).valid and other.status_at(now).valid):
        return max(one, other, key=lambda each: (ANSWERS.index(each.status_at(now)), each.decided_at))
    ends = [each.expires_at for each in (one, other) if each.expires_at is not None]
    older = min(one, other, key=lambda each: each.notice)
    return structs.replace(older, expires_at=min(ends, default=None))


def prompts(catalogue: Catalogue, hearing: Hearing, past: Mapping[PurposeId, Past]) -> list[Prompt]:
    """Return for each purpose of the past whether to ask."""
    told = catalogue.told_in(hearing.language)
    return [_prompt(told, hearing, purpose, each) for purpose, each in past.items()]


def _prompt(catalogue: Catalogue, hearing: Hearing, id_: PurposeId, past: Past) -> Prompt:
    purpose, in_force = catalogue.purposes[id_], catalogue.notice_in_force(id_)
    words = catalogue.notices.get((id_, in_force, hearing.language))
    held_back = _held_back(catalogue, purpose, hearing)
    if held_back is not None:
        return Prompt(purpose, held_back)
    if words is None:
        return Prompt(purpose, Reason.NO_NOTICE_IN_THIS_LANGUAGE)
    now, material = hearing.now, catalogue.newest_material(id_)
    wish, last = _wish(past, material, now), past.last
    if wish is not None and last is not None and last.is_open(in_force, now):
        return Prompt(purpose, Reason.BEING_ASKED, words)
    if wish is None or _asked_already(past, material, now):
        return Prompt(purpose, _silence(past, wish, now))
    return Prompt(purpose, wish, words)


def _held_back(catalogue: Catalogue, purpose: Purpose, hearing: Hearing) -> Reason | None:
    """Return why a yes to this purpose would open nothing now, whatever she was asked before."""
    if not hearing.limits:
        return Reason.UNVERIFIED
    overruled = set(overruling(catalogue, purpose, hearing.limits))
    if overruled - {MINOR} or any(_at_rest(catalogue, purpose, hearing, each) for each in hearing.limits):
        return Reason.NOT_NOW
    return Reason.ADULTS_ONLY if overruled else None


def _at_rest(catalogue: Catalogue, purpose: Purpose, hearing: Hearing, limits: Restrictions) -> bool:
    """Whether she forbids that anybody disturbs her now, or that what an outside company gets is passed on to it."""
    now = hearing.now
    at_rest = not not_paused(limits, now) or not awake(limits.quiet_hours, hearing.channel, now)
    return at_rest or (not limits.may_share and catalogue.reaches_outside(PurposeId(purpose.id)))


def _wish(past: Past, material: int, now: datetime) -> Reason | None:
    """Return what there is to ask for: what a yes does not cover, what ends, or what she never said."""
    status, standing = past.status_at(now), past.standing
    if standing is None or status.open:
        again = Reason.NEW_SCOPE if 0 < past.seen < material else Reason.ASKED_LONG_AGO
        return Reason.NEVER_ASKED if past.last is None else again
    if standing.notice < material and (standing.notice or status.valid):
        return Reason.NEW_SCOPE
    if status.valid:
        ends = standing.expires_at is not None and standing.expires_at <= now + RENEWAL_DUE
        return Reason.ENDS_SOON if ends else None
    if status in (Status.REFUSED, Status.WITHDRAWN):
        return None if now < standing.decided_at + YEAR else Reason.ASKED_LONG_AGO
    return Reason.ENDED


def _asked_already(past: Past, material: int, now: datetime) -> bool:
    """Whether she was asked or answered within a year, and nothing materially new has been written since."""
    last = past.last
    if last is None or now >= last.recorded_at + YEAR:
        return False
    # An answer that names no notice, such as a withdrawal, is an answer to all that was in force.
    return last.notice == 0 or not 0 < past.seen < material


def _silence(past: Past, wish: Reason | None, now: datetime) -> Reason:
    """Return why she is not asked: by what stands if there is nothing to ask for, else by what happened last."""
    valid = past.status_at(now).valid
    if wish is None or past.last is None:
        return Reason.ANSWERED if valid else Reason.REFUSED_RECENTLY
    match past.last.status:
        case Status.REFUSED | Status.WITHDRAWN:
            return Reason.REFUSED_RECENTLY
        case Status.DEFERRED:
            return Reason.DEFERRED_RECENTLY
        case Status.GIVEN | Status.RENEWED if valid:
            return Reason.ANSWERED
        case _:
            return Reason.ASKED_RECENTLY

"""Answers and what they change. A no holds as soon as it is recorded; a yes must come after the last no."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from msgspec import Struct, structs

from service.model.catalogue import Purpose
from service.model.facts import Sealed, Standing
from service.model.words import Acting, Channel, EntryId, Method, PolicyVersion, PurposeId, Status

RENEWAL_DUE = timedelta(days=30)
"""So long before a consent ends its renewal is due."""
MARKETING = "marketing"
"""The kind of purpose that a withdrawal from all marketing means."""


class Spot(Struct, frozen=True):
    """Where an answer stands: one purpose on one channel."""

    purpose: PurposeId
    channel: Channel

    def __str__(self) -> str:
        return f"{self.purpose}/{self.channel}"


class Reach(StrEnum):
    """A withdrawal from several purposes at once."""

    MARKETING = "marketing"
    EVERYTHING = "everything"

    def reaches(self, purpose: Purpose | None) -> bool:
        """Whether it is for this purpose, too; one that is not offered any more is reached by everything."""
        return self is Reach.EVERYTHING or (purpose is not None and MARKETING in purpose.kinds)


class Evidence(Struct, frozen=True):
    """Where the proof of an answer lies, sealed under her evidence key."""

    key: str
    sealed: Sealed


class Shown(Struct, frozen=True):
    """What was on the screen when she answered: the notice by language, layout and SHA-256, and when."""

    language: str
    layout: str
    digest: str
    at: datetime


class Answer(Struct, frozen=True):
    """One answer, as it reached us: an event, kept for ever.

    ``acting``: who spoke, ``actor``: which one of them, ``recorder``: the caller who told us.
    """

    purpose: PurposeId
    channel: Channel
    status: Status
    notice: int
    explicit: bool
    method: Method
    actor: str
    given_at: datetime
    recorded_at: datetime
    recorder: str
    policy_version: PolicyVersion
    entry: EntryId
    acting: Acting = Acting.HERSELF
    expires_at: datetime | None = None
    """When a yes ends, by the catalogue of that day."""
    shown: Shown | None = None
    """What we know she was shown, from a snapshot; without it, evidence says so."""
    evidence: Evidence | None = None
    link: UUID | None = None
    """The merge through which a yes came here from the other side."""


def standing_after(before: Standing | None, answer: Answer) -> Standing:
    """Return what stands once this answer is recorded.

    Times of capture come from clocks that are not ours. So a yes that claims to be older than a recorded no
    changes nothing, and a no always counts from the moment we recorded it. To be asked, or to put off, undoes neither
    a yes nor a no; and a yes that has run its time is no no of hers: one given before it ended still renews it.
    """
    if answer.status is Status.EXPIRED:
        return _ended(before, answer)
    if answer.status.open:
        return before if before is not None and not before.status.open else _standing(answer, answer.recorded_at)
    if not answer.status.valid:
        return _standing(answer, answer.recorded_at)
    if before is not None and not before.status.open and answer.given_at <= before.decided_at:
        return before
    return _standing(answer, answer.given_at)


class Ground(Struct, frozen=True):
    """What stands, and the answer that it rests on."""

    standing: Standing
    answer: Answer


def grounds(answers: Iterable[Answer], ended: Collection[UUID] = ()) -> dict[Spot, Ground]:
    """Return what stands after these answers, in the order in which they were recorded, and on which each rests.

    ``ended``: merges that were undone; a yes that came through one of them is as if it had never been.
    """
    found: dict[Spot, Ground] = {}
    for answer in answers:
        if answer.status.valid and answer.link in ended:
            continue
        spot = Spot(answer.purpose, answer.channel)
        before = found.get(spot)
        after = standing_after(None if before is None else before.standing, answer)
        if before is None or after != before.standing:
            found[spot] = Ground(after, answer)
    return found


def replay(answers: Iterable[Answer], ended: Collection[UUID] = ()) -> dict[Spot, Standing]:
    """Return what stands after these answers; see ``grounds``."""
    return {spot: ground.standing for spot, ground in grounds(answers, ended).items()}


def brought(answers: Iterable[Answer], ended: Collection[UUID] = ()) -> dict[tuple[Spot, UUID], Standing]:
    """Return which yeses stand by which merges after these answers, beside what she answered herself.

    One counts that is later than all that stood there by then, until the next no on its spot, or its merge ends.
    """
    own: dict[Spot, Standing] = {}
    found: dict[tuple[Spot, UUID], Standing] = {}
    for answer in answers:
        spot = Spot(answer.purpose, answer.channel)
        if answer.link is None:
            own[spot] = standing_after(own.get(spot), answer)
            if answer.status.no:
                found = {place: yes for place, yes in found.items() if place[0] != spot}
        elif answer.link not in ended:
            yes = standing_after(None, answer)
            if comes_to_stand(yes, own.get(spot), found.get((spot, answer.link))):
                found[spot, answer.link] = yes
    return found


def comes_to_stand(yes: Standing, own: Standing | None, before: Standing | None) -> bool:
    """Whether a yes that came by a merge stands beside what she answered herself, in the place of one before it."""
    return (before is None or before.decided_at < yes.decided_at) and latest(own, [yes]) is yes


def latest(own: Standing | None, linked: Iterable[Standing]) -> Standing | None:
    """Return what holds on one side of a merged person: what stands there, unless a later yes came by a link."""
    for yes in linked:
        if own is None or own.status.open or yes.decided_at > own.decided_at:
            own = yes
    return own


def _ended(before: Standing | None, answer: Answer) -> Standing:
    """End a yes whose time has run by then; anything else stays as it is."""
    if before is None:
        return _standing(answer, answer.recorded_at)
    runs_out = before.status.valid and before.expires_at is not None and before.expires_at <= answer.recorded_at
    return structs.replace(before, status=Status.EXPIRED) if runs_out else before


def _standing(answer: Answer, decided_at: datetime) -> Standing:
    return Standing(
        purpose=answer.purpose,
        channel=answer.channel,
        status=answer.status,
        notice=answer.notice,
        explicit=answer.explicit,
        decided_at=decided_at,
        expires_at=answer.expires_at if answer.status.valid else None,
    )

"""Answers and what they change. A no holds as soon as it is recorded; a yes must come after the last no."""

from datetime import datetime, timedelta

from msgspec import Struct

from service.model.facts import Standing
from service.model.words import Channel, EntryId, Method, PolicyVersion, PurposeId, Status


class Answer(Struct, frozen=True):
    """One answer, as it reached us: an event, kept for ever."""

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


def standing_after(before: Standing | None, answer: Answer, expires_days: int | None) -> Standing:
    """Return what stands once this answer is recorded.

    Times of capture come from clocks that are not ours. So a yes that claims to be older than a recorded no
    changes nothing, and a no always counts from the moment we recorded it.
    """
    if not answer.status.valid:
        return _standing(answer, decided_at=answer.recorded_at, expires_at=None)
    if before is not None and answer.given_at <= before.decided_at:
        return before
    return _standing(answer, decided_at=answer.given_at, expires_at=_expiry(answer, expires_days))


def _standing(answer: Answer, *, decided_at: datetime, expires_at: datetime | None) -> Standing:
    return Standing(
        purpose=answer.purpose,
        channel=answer.channel,
        status=answer.status,
        notice=answer.notice,
        explicit=answer.explicit,
        decided_at=decided_at,
        expires_at=expires_at,
    )


def _expiry(answer: Answer, days: int | None) -> datetime | None:
    return None if days is None else answer.given_at + timedelta(days=days)

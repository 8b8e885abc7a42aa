"""Links in messages: by whom a no may be said without signing in, and to what. Such a link can only take away."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from service.model.words import Channel, CustomerId, PurposeId, ServiceId

MONTHS = 12
"""For so many whole months a link is good, at least."""
AGAIN = timedelta(days=1)
"""A pause that ends less than this sooner than a new one would is left as it is."""


class MessageLink(Struct, frozen=True, kw_only=True):
    """Whose no a link says, to what, which service sent it, and when it ends."""

    service: ServiceId
    customer: CustomerId
    purpose: PurposeId
    channel: Channel
    ends_at: datetime


class No(StrEnum):
    """What whoever has a link can do with it."""

    STOP = "stop"
    """Withdraw from what the message was about."""
    MARKETING = "marketing"
    """Withdraw from all marketing."""
    PAUSE = "pause"
    """Have peace for thirty days."""


def ends_at(now: datetime) -> datetime:
    """Return when a link ends that is made now: alike for all of a month, so that one link serves all its messages."""
    months = now.astimezone(UTC).year * 12 + now.astimezone(UTC).month + MONTHS
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)

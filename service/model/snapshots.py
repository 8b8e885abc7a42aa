"""What was on the screen when somebody was asked, as a page keeps it until she answers."""

from datetime import datetime, timedelta

from msgspec import Struct

from service.errors import BadSnapshotError, SnapshotExpiredError
from service.model.callers import Speaker, actor
from service.model.clocks import CLOCKS_DIFFER
from service.model.consent import Reach, Shown
from service.model.words import Channel, PurposeId

LIFE = timedelta(minutes=30)
"""How long a page that shows a notice may stay open before she answers."""


class Snapshot(Struct, frozen=True, kw_only=True):
    """A notice as it was shown: which, how the page was arranged, when, and by whom, as the ledger names them."""

    purpose: PurposeId
    channel: Channel
    notice: int
    language: str
    layout: str
    digest: str
    at: datetime
    by: str

    @property
    def expires_at(self) -> datetime:
        """Until when an answer may be given with it."""
        return self.at + LIFE

    @property
    def shown(self) -> Shown:
        """What an answer given with it says of the screen."""
        return Shown(self.language, self.layout, self.digest, self.at)


class Given(Struct, frozen=True):
    """What an answer says of itself: for what it was given, on which channel, to which notice, and when."""

    purpose: PurposeId | Reach
    channel: Channel | None
    notice: int | None
    at: datetime


def refuse_another_screen(snapshot: Snapshot, caller: Speaker, given: Given, now: datetime) -> None:
    """Raise BadSnapshotError unless this caller showed exactly what is answered, and before it was.

    Raises SnapshotExpiredError for a page that has been open for too long; ``now``: the database's time.
    """
    if now >= snapshot.expires_at:
        raise SnapshotExpiredError(pointer="/snapshot")
    if snapshot.by != actor(caller):
        raise BadSnapshotError("somebody else showed this notice", pointer="/snapshot")
    if given.purpose != snapshot.purpose:
        raise BadSnapshotError("another purpose was shown", pointer="/purpose")
    if given.channel != snapshot.channel:
        raise BadSnapshotError("it was shown on another channel", pointer="/channel")
    # A no need not say which notice it is an answer to: the snapshot does.
    if given.notice not in (None, snapshot.notice):
        raise BadSnapshotError("another notice was shown", pointer="/notice")
    if given.at < snapshot.at - CLOCKS_DIFFER:
        raise BadSnapshotError("she cannot have answered before it was shown", pointer="/given_at")

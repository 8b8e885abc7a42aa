"""What was on the screen when somebody was asked, as a page keeps it until she answers."""

from datetime import datetime, timedelta

from msgspec import Struct

from service.errors import BadSnapshotError, SnapshotExpiredError
from service.model.callers import Caller, actor
from service.model.consent import Shown
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


def refuse_late(snapshot: Snapshot, now: datetime) -> None:
    """Raise SnapshotExpiredError for a page that has been open for too long; ``now``: the database's time."""
    if now >= snapshot.expires_at:
        raise SnapshotExpiredError(pointer="/snapshot")


def refuse_another_screen(
    snapshot: Snapshot, caller: Caller, purpose: PurposeId, channel: Channel | None, notice: int | None
) -> None:
    """Raise BadSnapshotError unless this caller showed exactly what is answered."""
    if snapshot.by != actor(caller):
        raise BadSnapshotError("somebody else showed this notice", pointer="/snapshot")
    for said, shown, name in (
        (purpose, snapshot.purpose, "purpose"),
        (channel, snapshot.channel, "channel"),
        (notice, snapshot.notice, "notice"),
    ):
        if said != shown:
            raise BadSnapshotError(f"another {name} was shown", pointer=f"/{name}")

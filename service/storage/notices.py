"""What a customer was asked before, as far as it bears on asking her again."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from service.database import Connection, Record
from service.model.consent import latest
from service.model.facts import Standing
from service.model.prompts import Asking, Past, as_one
from service.model.words import Channel, CustomerId, PurposeId, Status
from service.storage.statements import statements

SQL = statements(__file__)
STANDS = ("status", "notice", "explicit", "decided_at", "expires_at")


class Asked(Struct, frozen=True):
    """What she was asked for each purpose, and the database's time."""

    now: datetime
    past: Mapping[PurposeId, Past]


async def asked(
    connection: Connection, sides: Sequence[CustomerId], channel: Channel, newest: Mapping[PurposeId, int]
) -> Asked:
    """Return what a person of these sides was asked on a channel; ``newest``: each purpose and its notice in force.

    What stands is taken as the database has it: whether to ask rests on it, never a release.
    """
    rows = await connection.fetch(SQL["asked"], sides, channel, list(newest), list(newest.values()))
    past: dict[PurposeId, list[Past]] = {purpose: [] for purpose in newest}
    for row in rows:
        past[PurposeId(row["purpose"])].append(_past(row, channel))
    now = rows[0]["now"]
    return Asked(now, {purpose: as_one(each, now) for purpose, each in past.items()})


def _past(row: Record, channel: Channel) -> Past:
    last = None
    if row["recorded_at"] is not None:
        last = Asking(Status(row["last_status"]), row["last_notice"], row["given_at"], row["recorded_at"])
    purpose, own = PurposeId(row["purpose"]), [row[name] for name in STANDS]
    stands = None if row["status"] is None else _standing(purpose, channel, own)
    came = [] if row["came"] is None else [_standing(purpose, channel, row["came"])]
    return Past(last, row["seen"] or 0, latest(stands, came))


def _standing(purpose: PurposeId, channel: Channel, values: Sequence[Any]) -> Standing:
    status, notice, explicit, decided_at, expires_at = values
    return Standing(purpose, channel, Status(status), notice, explicit, decided_at, expires_at)

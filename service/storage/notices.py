"""What a customer was asked before, as far as it bears on asking her again."""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from service.database import Connection, Record
from service.model.facts import Standing
from service.model.prompts import Asking, Past
from service.model.words import Channel, CustomerId, PurposeId, Status
from service.storage.statements import statements

SQL = statements(__file__)


class Asked(Struct, frozen=True):
    """What she was asked for each purpose, and the database's time."""

    now: datetime
    past: Mapping[PurposeId, Past]


async def asked(
    connection: Connection, customer: CustomerId, channel: Channel, newest: Mapping[PurposeId, int]
) -> Asked:
    """Return what she was asked on a channel; ``newest``: each purpose, one at least, and its notice in force.

    What stands is taken as the database has it: whether to ask rests on it, never a release.
    """
    rows = await connection.fetch(SQL["asked"], customer, channel, list(newest), list(newest.values()))
    return Asked(rows[0]["now"], {PurposeId(row["purpose"]): _past(row, channel) for row in rows})


def _past(row: Record, channel: Channel) -> Past:
    last = None
    if row["recorded_at"] is not None:
        last = Asking(Status(row["last_status"]), row["last_notice"], row["given_at"], row["recorded_at"])
    return Past(last, row["seen"] or 0, _standing(row, channel))


def _standing(row: Record, channel: Channel) -> Standing | None:
    if row["status"] is None:
        return None
    return Standing(
        purpose=PurposeId(row["purpose"]),
        channel=channel,
        status=Status(row["status"]),
        notice=row["notice"],
        explicit=row["explicit"],
        decided_at=row["decided_at"],
        expires_at=row["expires_at"],
    )

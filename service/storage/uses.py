"""Who used or looked at a customer's data, by hour: what she sees before anything is opened.

The sequencer writes these lines as it takes entries into the log; here they are only read.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from msgspec import Struct

from service.crypto.cursors import LAST
from service.crypto.random import first_id
from service.database import Connection
from service.errors import UnauthenticatedError
from service.model.ledger import UseKind
from service.model.words import Channel, CustomerId, PurposeId
from service.storage.statements import statements

SQL = statements(__file__)


class Line(Struct, frozen=True):
    """What somebody did ``times`` times within an hour, alike; an empty word where the kind of use has none."""

    line: int
    hour: datetime
    actor: str
    kind: UseKind
    purpose: str
    channel: str
    outcome: str
    times: int
    released: list[str]
    refused: list[str]


class Covers(Struct, frozen=True):
    """Everything that was entered from ``since`` on and before ``until`` is in the lines."""

    since: datetime
    until: datetime


class Effect(Struct, frozen=True):
    """What came of an answer: how often data was released since, and how often it was refused, last in which hour."""

    used: int = 0
    refused: int = 0
    refused_last: datetime | None = None


class Summary(Struct, frozen=True):
    """How often data was released, to how many, and how often it was refused."""

    used: int
    by: int
    refused: int


async def lines(
    connection: Connection,
    customer: CustomerId,
    wanted: Sequence[object],
    before: tuple[datetime, int] | None,
    most: int,
) -> list[Line]:
    """Return lines newest first, below an hour and a line; ``wanted``: actor, purpose, refused only, since, until."""
    rows = await connection.fetch(SQL["lines"], customer, *wanted, *(before or (None, LAST)), most)
    return [msgspec.convert(dict(row), Line) for row in rows]


async def by_attribute(connection: Connection, customer: CustomerId, days: int) -> dict[str, list[tuple[str, int]]]:
    """Return who had each attribute in so many days, and at most how often, most first."""
    found: dict[str, list[tuple[str, int]]] = {}
    for row in await connection.fetch(SQL["by_attribute"], customer, days):
        found.setdefault(row["attribute"], []).append((row["actor"], row["times"]))
    return found


async def covers(connection: Connection, customer: CustomerId) -> Covers:
    """Return of what time the lines say everything, as of the same instant in a snapshot."""
    row = await connection.fetchrow(SQL["covers"], customer)
    if row is None:  # she was erased meanwhile, and her token with her
        raise UnauthenticatedError
    return Covers(row["since"], row["until"])


async def is_hers(connection: Connection, customer: CustomerId, line: int) -> bool:
    """Whether there is such a line of this customer."""
    return await connection.fetchrow(SQL["line"], line, customer) is not None


async def effects(
    connection: Connection, customer: CustomerId, since: Mapping[tuple[PurposeId, Channel], datetime]
) -> dict[tuple[PurposeId, Channel], Effect]:
    """Return what came of each answer since it was given; one of which nothing came is left out."""
    spots = [(purpose, channel, at, first_id("ent", at)) for (purpose, channel), at in since.items()]
    if not spots:
        return {}
    rows = await connection.fetch(SQL["effects"], customer, *zip(*spots, strict=True))
    return {
        (row["purpose"], Channel(row["channel"])): Effect(row["used"], row["refused"], row["refused_last"])
        for row in rows
    }


async def summary(connection: Connection, customer: CustomerId, since: datetime) -> Summary:
    """Return how a customer's data was used since a time, from the beginning of its hour."""
    row = await connection.fetchrow(SQL["summary"], customer, since)
    assert row is not None  # noqa: S101  an aggregate has a row
    return Summary(row["used"], row["by"], row["refused"])

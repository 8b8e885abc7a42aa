"""Who used or looked at a customer's data, by hour: what she sees before anything is opened.

The sequencer writes these lines as it takes entries into the log; here they are only read.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import Struct

from service.crypto.cursors import LAST
from service.crypto.random import first_id
from service.database import Connection, Record
from service.errors import UnauthenticatedError
from service.model.uses import DAYS, Day, Line
from service.model.words import AttributeId, Channel, CustomerId, PurposeId
from service.storage.statements import statements

SQL = statements(__file__)


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


class Wanted(Struct, frozen=True, kw_only=True):
    """Which lines: ``actor`` as the ledger names it, ``people``: only what a person looked at.

    ``attribute``: released or refused.
    """

    actor: str | None = None
    purpose: PurposeId | None = None
    refused_only: bool = False
    people_only: bool = False
    attribute: AttributeId | None = None

    @property
    def values(self) -> tuple[object, ...]:
        """In the order of the statements."""
        return self.actor, self.purpose, self.refused_only, self.people_only, self.attribute


class Stretch(Struct, frozen=True):
    """Which part of a list: below a place in it, down to and with another, and not what is over before an instant."""

    before: tuple[datetime, int]
    since: datetime | None = None
    down_to: tuple[datetime, int] | None = None

    @property
    def after(self) -> datetime:
        """Later than this begins every hour of it."""
        return BOTTOM if self.since is None else max(BOTTOM, self.since) - HOUR


EVERYTHING = Wanted()
TOP = datetime(9999, 1, 1, tzinfo=UTC), LAST
"""Below this is every line."""
BOTTOM = datetime(1970, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
MOST = 5_000
"""Lines of which days are counted, or that a page is searched from, at most: so it costs the same for whoever has very
many."""


async def lines(
    connection: Connection, customer: CustomerId, wanted: Wanted, stretch: Stretch, most: int
) -> list[Line]:
    """Return lines newest first."""
    values = (customer, *stretch.before, stretch.after, most)
    if wanted == EVERYTHING:
        rows = await connection.fetch(SQL["lines"], *values)
    else:
        rows = await connection.fetch(SQL["lines_like"], *values, *wanted.values, *(stretch.down_to or (BOTTOM, 0)))
    return [_line(row) for row in rows]


async def searched(connection: Connection, customer: CustomerId, stretch: Stretch) -> tuple[datetime, int] | None:
    """Return with which line a search for an attribute ends for now; None where it comes to the end of the list.

    No index knows what a line is about: whoever asks for what is rare would read all lines.
    """
    last = await connection.fetch(SQL["searched"], customer, *stretch.before, stretch.after, MOST)
    return (last[0]["hour"], last[0]["line"]) if len(last) > 1 else None


async def line(connection: Connection, customer: CustomerId, number: int) -> Line | None:
    """Return a line of this customer, None where there is none."""
    row = await connection.fetchrow(SQL["line"], number, customer)
    return None if row is None else _line(row)


async def kinds(connection: Connection, customer: CustomerId) -> list[tuple[str, PurposeId]]:
    """Return who ever used her data and for what; an empty word where it was for no purpose."""
    return [(row["actor"], PurposeId(row["purpose"])) for row in await connection.fetch(SQL["kinds"], customer)]


async def days(connection: Connection, customer: CustomerId, wanted: Wanted) -> list[Day]:
    """Return the last days on which her data was used, oldest first."""
    rows = await connection.fetch(SQL["days"], customer, DAYS, MOST, *wanted.values)
    return [msgspec.convert(dict(row), Day) for row in rows]


def _line(row: Record) -> Line:
    return msgspec.convert(dict(row), Line)


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

"""Reading the whole ledger, and all that stands, from one snapshot: batch by batch, as it is and without judging it."""

from collections.abc import AsyncIterator, Sequence

import msgspec
from msgspec import Struct

from service.database import Connection, Record
from service.model.export import Consent, Limits
from service.model.words import CustomerId, EntryId
from service.storage.statements import statements

SQL = statements(__file__)
BATCH = 2000


class Stored(Struct, frozen=True):
    """An entry as it is stored, in the log or waiting. ``content`` is None where the body is gone."""

    commitment: bytes
    id: EntryId | None
    customer: CustomerId | None
    key: str | None
    content: bytes | None
    position: int = -1
    erased: EntryId | None = None

    def __repr__(self) -> str:  # it may be about somebody
        return f"Stored({self.position!r})"


async def be_patient(connection: Connection) -> None:
    """Let whoever reads take their time until this transaction ends."""
    await connection.execute(SQL["be_patient"])


async def entries(connection: Connection, after: int) -> list[Stored]:
    """Return the next entries of the log; none at its end."""
    return [_stored(row, row["position"], row["erasure"]) for row in await connection.fetch(SQL["entries"], after)]


async def checkpoints(connection: Connection, after: int, to: int | None) -> list[tuple[int, str]]:
    """Return the heads, each with its size, that are larger than one size and not larger than another."""
    return [(row["size"], row["note"]) for row in await connection.fetch(SQL["checkpoints"], after, to)]


async def waiting(connection: Connection) -> AsyncIterator[Sequence[Stored]]:
    """Return what waits to be taken into the log."""
    async for rows in _batches(connection, SQL["waiting"]):
        yield [_stored(row) for row in rows]


async def standing(connection: Connection) -> AsyncIterator[Sequence[Consent]]:
    """Return what stands of everybody, and then what stands by merges."""
    async for rows in _batches(connection, SQL["standing"]):
        yield [Consent(**row) for row in rows]


async def restrictions(connection: Connection) -> AsyncIterator[Sequence[Limits]]:
    """Return what everybody restricts and opens."""
    async for rows in _batches(connection, SQL["restrictions"]):
        yield [msgspec.convert(dict(row), Limits) for row in rows]


async def _batches(connection: Connection, statement: str) -> AsyncIterator[Sequence[Record]]:
    cursor = await connection.cursor(statement)
    while rows := await cursor.fetch(BATCH):
        yield rows


def _stored(row: Record, position: int = -1, erased: EntryId | None = None) -> Stored:
    return Stored(row["commitment"], row["id"], row["customer"], row["key"], row["content"], position, erased)

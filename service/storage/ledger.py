"""The ledger: appended to, in the transaction of the act that each entry is about."""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from service.crypto.random import sortable_id
from service.database import Connection
from service.errors import FactsChangedError
from service.model.ledger import Entry
from service.model.words import CustomerId, EntryId
from service.storage.statements import statements

SQL = statements(__file__)


class Ground(Struct, frozen=True):
    """What a decision was made on: the customer's version, the publication in force, the credential that asked."""

    version: int
    publication: int
    credential: str


def new_entry_id(at: datetime) -> EntryId:
    """Return an id for an entry made at this instant."""
    return EntryId(sortable_id("ent", at))


async def append(connection: Connection, entry: Entry) -> None:
    """Append an entry."""
    await connection.execute(SQL["append"], entry.id, entry.customer, entry.kind, entry.actor, entry.at, entry.body)


async def append_all(connection: Connection, entries: Iterable[Entry]) -> None:
    """Append entries, in this order."""
    rows = [(each.id, each.customer, each.kind, each.actor, each.at, each.body) for each in entries]
    await connection.executemany(SQL["append"], rows)


async def append_if_unchanged(connection: Connection, entry: Entry, ground: Ground) -> None:
    """Append an entry if what it was decided on still holds, or raise FactsChangedError."""
    status = await connection.execute(
        SQL["append_if_unchanged"],
        entry.id,
        entry.customer,
        entry.kind,
        entry.actor,
        entry.at,
        entry.body,
        ground.version,
        ground.publication,
        ground.credential,
    )
    if status != "INSERT 0 1":
        raise FactsChangedError


class Line(Struct, frozen=True):
    """An entry as it stands in the ledger."""

    position: int
    id: EntryId
    actor: str
    at: datetime
    body: bytes


async def uses(
    connection: Connection, customer: CustomerId, wanted: tuple[object, ...], before: int, most: int
) -> list[Line]:
    """Return uses before a position, newest first; ``wanted``: actor, purpose, refused only, since, until."""
    rows = await connection.fetch(SQL["uses"], customer, *wanted, before, most)
    return [Line(row["position"], row["id"], row["actor"], row["at"], row["body"]) for row in rows]

"""The ledger's queue: written in the transaction of the act that each entry is about.

``storage/log`` takes entries from here into the log. Nothing here waits for that, and nothing here signs.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from service.crypto.entries import new_content, seal_content
from service.crypto.keyring import Keyring, OpenKey
from service.crypto.random import sortable_id
from service.database import Connection
from service.model.ledger import Entry
from service.model.words import CustomerId, EntryId
from service.storage import evidence
from service.storage.statements import execute_for_all, statements

SQL = statements(__file__)


class Ground(Struct, frozen=True):
    """What a decision was made on: the customer's version, the publication in force, the credential that asked."""

    version: int
    publication: int
    credential: str


class Ready(Struct, frozen=True):
    """An entry as its row, sealed, and what must still hold when it is entered."""

    customer: CustomerId | None
    row: tuple[object, ...]

    def __repr__(self) -> str:
        return "Ready()"


def new_entry_id(at: datetime) -> EntryId:
    """Return an id for an entry made at this instant."""
    return EntryId(sortable_id("ent", at))


async def append(connection: Connection, keyring: Keyring | None, entry: Entry) -> None:
    """Append an entry."""
    await append_all(connection, keyring, [entry])


async def append_all(connection: Connection, keyring: Keyring | None, entries: Iterable[Entry]) -> None:
    """Append entries, in this order. What cannot be sealed now waits in the clear, in ids and words, for the keys."""
    made = list(entries)
    about = {each.customer for each in made if each.customer is not None}
    keys = await evidence.keys_for(connection, keyring, about) if about and keyring is not None else {}
    await execute_for_all(connection, SQL["append"], [_row(each, keys) for each in made])


def ready(entry: Entry, key: OpenKey | None, ground: Ground) -> Ready:
    """Make an entry ready to be appended; ``key`` seals it."""
    row = _row(entry, {} if entry.customer is None else {entry.customer: key})
    return Ready(entry.customer, (*row, ground.version, ground.publication, ground.credential))


async def append_unchanged(connection: Connection, entries: Sequence[Ready]) -> list[bool]:
    """Append those entries of which all still holds that they were decided on; returns which they are.

    It waits for nobody: whose customer somebody is changing at this moment is not among them.
    """
    rows = await connection.fetch(SQL["append_unchanged"], *zip(*(each.row for each in entries), strict=True))
    appended = {row["id"] for row in rows}
    return [each.row[0] in appended for each in entries]


async def append_after_changes(connection: Connection, entry: Ready) -> bool:
    """Append an entry as ``append_unchanged`` does, once whoever is changing its customer is done."""
    await connection.execute(SQL["hold"], entry.customer)
    [appended] = await append_unchanged(connection, [entry])
    return appended


def _row(entry: Entry, keys: Mapping[CustomerId, OpenKey | None]) -> list[object]:
    content, facets = new_content(entry), entry.facets
    key = None if entry.customer is None else keys.get(entry.customer)
    stored = content.joined
    if key is not None and entry.customer is not None:
        stored = seal_content(key, entry.customer, entry.id, content).data
    return [
        entry.id,
        entry.customer,
        entry.kind,
        entry.actor,
        entry.at,
        facets.purpose,
        facets.channel,
        facets.outcome,
        ",".join(facets.released),
        ",".join(facets.refused),
        content.commitment,
        None if key is None else key.id,
        stored,
    ]

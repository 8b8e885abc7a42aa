"""The ledger's queue: written in the transaction of the act that each entry is about.

``storage/log`` takes entries from here into the log. Nothing here waits for that, and nothing here signs.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from msgspec import Struct

from service.crypto.entries import new_content, seal_content
from service.crypto.keyring import Keyring, OpenKey
from service.crypto.random import sortable_id
from service.database import Connection
from service.errors import FactsChangedError
from service.model.ledger import Entry
from service.model.words import CustomerId, EntryId
from service.storage import evidence
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


async def append(connection: Connection, keyring: Keyring | None, entry: Entry) -> None:
    """Append an entry."""
    await append_all(connection, keyring, [entry])


async def append_all(connection: Connection, keyring: Keyring | None, entries: Iterable[Entry]) -> None:
    """Append entries, in this order. What cannot be sealed now waits in the clear, in ids and words, for the keys."""
    made = list(entries)
    about = {each.customer for each in made if each.customer is not None}
    keys = await evidence.keys_for(connection, keyring, about) if about and keyring is not None else {}
    await connection.executemany(SQL["append"], [_row(each, keys) for each in made])


async def append_if_unchanged(connection: Connection, key: OpenKey, entry: Entry, ground: Ground) -> None:
    """Append an entry, sealed, if what it was decided on still holds, or raise FactsChangedError."""
    row = _row(entry, {} if entry.customer is None else {entry.customer: key})
    status = await connection.execute(
        SQL["append_if_unchanged"], *row, ground.version, ground.publication, ground.credential
    )
    if status != "INSERT 0 1":
        raise FactsChangedError


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
        facets.released,
        facets.refused,
        content.commitment,
        None if key is None else key.id,
        stored,
    ]

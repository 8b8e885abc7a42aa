"""What entries say, opened for the customer whom they are about, and only as they were committed to."""

import hmac

import msgspec
from asyncpg import Record
from msgspec import Struct

from service.crypto.entries import Content, mark_of, stored_content
from service.crypto.keyring import Keyring, OpenKey
from service.database import Connection
from service.errors import IntegrityError
from service.model.ledger import Body
from service.model.words import CustomerId, EntryId
from service.storage import evidence
from service.storage.statements import statements

SQL = statements(__file__)


class Opened(Struct, frozen=True):
    """An entry, opened. ``position``: in the log, None while it waits in the queue."""

    id: EntryId
    position: int | None
    content: Content
    body: Body

    def __repr__(self) -> str:  # what it says is hers
        return f"Opened({self.id!r})"


async def of_line(
    connection: Connection, keyring: Keyring, customer: CustomerId, line: int, before: int, most: int
) -> list[Opened]:
    """Return the entries of a line of use below a position, newest first.

    Raises KeysUnavailableError when the key is gone, IntegrityError for what is not as it was entered.
    """
    rows = await connection.fetch(SQL["of_line"], line, customer, before, most)
    key = await _key(connection, keyring, customer) if rows else None
    return [_opened(key, customer, row) for row in rows]


async def one(connection: Connection, keyring: Keyring, customer: CustomerId, id_: EntryId) -> Opened | None:
    """Return an entry about this customer, None where there is none; raises as ``of_line`` does."""
    row = await connection.fetchrow(SQL["one"], id_, customer)
    return None if row is None else _opened(await _key(connection, keyring, customer), customer, row)


async def _key(connection: Connection, keyring: Keyring, customer: CustomerId) -> OpenKey | None:
    key = await evidence.key_of(connection, customer)
    return None if key is None else keyring.open_evidence_key(customer, key)


def _opened(key: OpenKey | None, customer: CustomerId, row: Record) -> Opened:
    content = stored_content(key, customer, row["id"], row["key"], row["content"])
    if not hmac.compare_digest(content.commitment, row["commitment"]):
        raise IntegrityError("an entry does not say what it is committed to")
    body = _body(content)
    if (body.id, body.customer) != (row["id"], mark_of(content.seed, customer)):
        raise IntegrityError("an entry stands in the place of another")
    return Opened(row["id"], row["position"], content, body)


def _body(content: Content) -> Body:
    try:
        return msgspec.json.decode(content.body, type=Body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise IntegrityError("an entry is not in the form of entries") from None

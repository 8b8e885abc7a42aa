"""Service-wide keys, wrapped by the root key."""

from datetime import timedelta

from service.crypto.keyring import WrappedKey
from service.database import Connection
from service.model.facts import Sealed
from service.storage.statements import statements

SQL = statements(__file__)
CORNER = 0x0B22  # our corner of the advisory locks


async def wrapped_keys(connection: Connection) -> list[WrappedKey]:
    """Return every key there is."""
    rows = await connection.fetch(SQL["all"])
    return [WrappedKey(r["role"], r["version"], r["root"], Sealed(r["wrapped"]), r["proof"]) for r in rows]


async def lock(connection: Connection) -> None:
    """Wait for others who make keys."""
    await connection.execute(SQL["hold"], CORNER)


async def put(connection: Connection, key: WrappedKey, ahead: timedelta) -> None:
    """Store a wrapped key; what is decided by a key's date is decided for it from then on."""
    await connection.execute(SQL["put"], key.role, key.version, key.root, key.wrapped.data, key.proof, ahead)

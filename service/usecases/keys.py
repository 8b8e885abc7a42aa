"""Making the service-wide keys, and opening them."""

from service.crypto.keyring import Keyring, RootKey, WrappedKey, make_keys, open_key, open_keyring
from service.database import Database
from service.errors import WrongKeysError
from service.model.callers import Caller
from service.model.ledger import KeysMade, entry
from service.storage import customers, keys, ledger


async def open_keys(database: Database, root: RootKey) -> Keyring:
    """Open the database's keys with the root key; their canaries prove that it is the right one."""
    async with database.connection() as connection:
        return open_keyring(root, await keys.wrapped_keys(connection))


async def make(database: Database, root: RootKey, caller: Caller) -> list[WrappedKey]:
    """Make the keys that a new database lacks; returns those that were made."""
    async with database.transaction() as connection:
        await keys.lock(connection)
        if there := await keys.wrapped_keys(connection):
            open_keyring(root, there)
            return []
        made = make_keys(root)
        for key in made:
            await keys.put(connection, key)
        now = await customers.clock(connection)
        act = KeysMade(keys=[f"{key.role}.{key.version}" for key in made])
        await ledger.append(connection, entry(ledger.new_entry_id(now), None, caller, now, act))
    return made


async def status(database: Database, root: RootKey) -> list[tuple[WrappedKey, bool]]:
    """Return every key and whether this root key opens it."""
    async with database.connection() as connection:
        return [(key, _opens(root, key)) for key in await keys.wrapped_keys(connection)]


def _opens(root: RootKey, key: WrappedKey) -> bool:
    try:
        open_key(root, key)
    except WrongKeysError:
        return False
    return True

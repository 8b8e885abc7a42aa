"""Making the service-wide keys, and opening them."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import structlog

from service.crypto.keyring import (
    ROLES,
    Keyring,
    Role,
    RootKey,
    WrappedKey,
    make_key,
    make_keys,
    open_key,
    open_keyring,
)
from service.database import Connection, Database
from service.errors import KeysUnavailableError, WrongKeysError
from service.meters import METERS
from service.model.callers import Caller
from service.model.ledger import KeysMade, entry
from service.rootkey import read_root_key
from service.storage import customers, keys, ledger

log = structlog.get_logger()

AHEAD = timedelta(minutes=10)
"""How long a new receipt key is published before it signs: longer than anybody keeps the key set, and longer than two
processes differ about what time it is."""


async def open_keys(database: Database, root: RootKey) -> Keyring:
    """Open the database's keys with the root key; their canaries prove that it is the right one."""
    async with database.connection() as connection:
        return open_keyring(root, await keys.wrapped_keys(connection))


async def refuse_another_root(database: Database) -> None:
    """Raise WrongKeysError if there are keys already: no new root key opens them."""
    async with database.connection() as connection:
        if await keys.wrapped_keys(connection):
            raise WrongKeysError("the root key that wraps this database's keys is gone: put a copy of it back")


async def make(database: Database, root: RootKey, caller: Caller) -> list[WrappedKey]:
    """Make the keys that a database lacks; returns those that were made.

    One that everything stored rests on is made only with the first: a new one in the place of one that was lost would
    hide the loss.
    """
    async with database.transaction() as connection:
        await keys.lock(connection)
        there = await keys.wrapped_keys(connection)
        if there:
            open_keyring(root, there)
        made = make_keys(root, tuple(role for role in ROLES if role not in {key.role for key in there}))
        await _keep(connection, caller, made)
    return made


async def rotate(database: Database, root: RootKey, caller: Caller, role: Role) -> WrappedKey:
    """Make the next version of a key, which is used some minutes later; the versions before it stay."""
    async with database.transaction() as connection:
        await keys.lock(connection)
        there = await keys.wrapped_keys(connection)
        versions = open_keyring(root, there).versions(role)
        made = make_key(root, role, max(versions, default=0) + 1)
        await _keep(connection, caller, [made], AHEAD if versions else timedelta())
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


async def _keep(
    connection: Connection, caller: Caller, made: Sequence[WrappedKey], ahead: timedelta = timedelta()
) -> None:
    if not made:
        return
    for key in made:
        await keys.put(connection, key, ahead)
    now = await customers.clock(connection)
    act = KeysMade(keys=[f"{key.role}.{key.version}" for key in made])
    await ledger.append(connection, None, entry(ledger.new_entry_id(now), None, caller, now, act))


class Keys:
    """The keyring as soon as it can be opened; until then every wish for it tries again."""

    def __init__(self, database: Database, root_key_file: Path) -> None:
        self._database = database
        self._file = root_key_file
        self._keyring: Keyring | None = None

    async def __call__(self) -> Keyring:
        """Return the keyring, or raise KeysUnavailableError."""
        if self._keyring is None:
            return await self.anew()
        return self._keyring

    async def anew(self) -> Keyring:
        """Open the keys once more: what was not there may have been made since. If it fails, the old ones stay."""
        try:
            self._keyring = await open_keys(self._database, read_root_key(self._file))
        except WrongKeysError as error:
            log.error("alarm: the keys do not fit", detail=error.detail)  # noqa: TRY400  no traceback
            raise KeysUnavailableError("the keys do not fit") from None
        METERS.keys_open = len(self._keyring.versions("epoch"))
        return self._keyring

    async def or_none(self) -> Keyring | None:
        """Return the keyring if it can be had, for what works without: saying no."""
        try:
            return await self()
        except KeysUnavailableError:
            return None

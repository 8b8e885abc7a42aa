"""What a command works with: the database, its keys, and who sits there."""

import asyncio
import pwd
from collections.abc import Awaitable, Callable
from os import getuid
from typing import TypeVar

from service import embedded
from service.crypto.keyring import Keyring
from service.database import PATIENCE, Database, opened, reachable
from service.errors import OperatorError
from service.model.callers import OperatorCaller
from service.process import harden
from service.rootkey import read_root_key
from service.settings import Settings
from service.usecases import keys

Result = TypeVar("Result")


def with_database(
    settings: Settings, action: Callable[[Database], Awaitable[Result]], patience: float = PATIENCE
) -> Result:
    """Do something with the database; ``patience``: the seconds that one statement may take.

    Raises OperatorError where there is none yet: an empty one, in whatever folder this is, would help nobody.
    """
    if settings.urls is None and not embedded.made(settings.home):
        raise OperatorError(f"no database is in {settings.home}: set BYLEAVE_DATABASE_URL, or run byleave migrate")

    async def act(url: str) -> Result:
        async with opened(url, patience=patience) as database:
            return await action(database)

    with reachable(settings) as urls:
        return asyncio.run(act(urls.app))


def with_keys(
    settings: Settings, action: Callable[[Database, Keyring], Awaitable[Result]], patience: float = PATIENCE
) -> Result:
    """Do something with the database and its keys."""
    harden()

    async def act(database: Database) -> Result:
        return await action(database, await keys.open_keys(database, read_root_key(settings.root_key_file)))

    return with_database(settings, act, patience)


def printable(text: str) -> str:
    """Return what somebody wrote without what a terminal obeys; what looks like a line of ours is set in."""
    shown = "".join(each if each.isprintable() or each == "\n" else "\N{REPLACEMENT CHARACTER}" for each in text)
    return shown.replace("\n", "\n  ")


def operator(reason: str = "") -> OperatorCaller:
    """Return who sits at the command line: the account that the operating system vouches for."""
    try:
        account = pwd.getpwuid(getuid()).pw_name
    except KeyError:  # as in most containers
        account = f"uid-{getuid()}"
    return OperatorCaller(account, reason)

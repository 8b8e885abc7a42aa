"""Where a server lives that is to be fast and not to last: in memory where there is room, and forgetful."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch
from urllib.parse import quote, urlsplit

import asyncpg

from service import embedded
from service.embedded import reset, running
from service.errors import EmbeddedServerError
from service.settings import Urls

MEMORY = Path("/dev/shm")  # noqa: S108  a private folder is made in it
ROOM = 4 << 30  # bytes: what two servers take, twice over
NAME = "byleave-tests"

FORGETFUL = {"fsync": "off", "full_page_writes": "off"}
"""What no operator is offered. Whatever dies here takes its data along; tests of what survives start their own."""


@contextmanager
def passing_server(binaries: Path | None = None) -> Iterator[str]:
    """Lend its superuser an embedded server that keeps nothing safe, and leaves nothing behind."""
    _bury()
    room = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM
    with TemporaryDirectory(prefix=f"{NAME}-{os.getpid()}-", dir=MEMORY if room else None) as folder:
        Path(folder).chmod(0o711)  # whom root runs PostgreSQL as shall reach it: a shelter would be on the disk
        home = Path(folder) / "home"
        with ExitStack() as leaving:
            leaving.callback(reset, home)
            with patch.dict(embedded.OPTIONS, FORGETFUL):
                url = superuser_url_of(home, leaving.enter_context(running(home, binaries)))
            with ThreadPoolExecutor(1) as thread:  # it runs an event loop of its own
                thread.submit(asyncio.run, _let_in_quickly(url)).result()
            yield url


def superuser_url_of(home: Path, urls: Urls) -> str:
    """Return the URL of the superuser of an embedded server, which no part of the product connects as."""
    password = (home / "postgres.password").read_text(encoding="ascii")
    return f"postgresql://{embedded.SUPERUSER}:{quote(password)}@{urls.app.partition('@')[2]}"


def _bury() -> None:
    """Give back the memory that a killed run left taken: nothing else would, before the machine starts again."""
    for folder in MEMORY.glob(f"{NAME}-*"):
        process = Path("/proc", folder.name.split("-")[2])
        with suppress(EmbeddedServerError):  # its server has not stopped yet
            if not process.exists():
                reset(folder / "home")
                shutil.rmtree(folder, ignore_errors=True)


async def _let_in_quickly(url: str) -> None:
    """Hash the password once instead of 4,096 times, which each of many thousand connections would repeat."""
    connection = await asyncpg.connect(url)
    with suppress(asyncpg.UndefinedObjectError):  # before PostgreSQL 16
        await connection.execute("SET scram_iterations = 1")
        await connection.execute(f"ALTER ROLE {embedded.SUPERUSER} PASSWORD '{urlsplit(url).password}'")
    await connection.close()

"""Running the sequencer in tests: as its own database role, on a host of the test's own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from service.crypto.notes import Verifier
from service.database import Connection, Database, opened
from service.rootkey import read_root_key
from service.usecases import sequencing
from service.usecases.sequencing import Desk, Place
from service.worker.sequencer import PATIENCE
from tests.conftest import Template, in_role


def desk_of(template: Template, folder: Path, name: str | None = None) -> Desk:
    """Return what a sequencer on one host works with."""
    return Desk(lambda: read_root_key(template.root_key_file), name, folder / "ledger.seen")


@asynccontextmanager
async def log_database_of(database_url: str) -> AsyncIterator[Database]:
    """Lend a database as the role of the sequencer reaches it."""
    async with opened(in_role(database_url, "byleave_sequencer"), 2, PATIENCE) as database:
        yield database


@asynccontextmanager
async def at_the_log(database_url: str) -> AsyncIterator[Connection]:
    """Lend a connection of the sequencer's role."""
    async with log_database_of(database_url) as database, database.connection() as connection:
        yield connection


async def take_all(connection: Connection, desk: Desk, most: int = 10_000) -> Place:
    """Take everything that waits into the log, as a sequencer does that starts anew."""
    place = await sequencing.begin(connection, desk)
    while (sealed := await sequencing.seal(connection, place, most)).count:
        place = sealed.place
    if place.frontier.size:
        sequencing.remember(desk, place)
    return place


async def seal(database_url: str, template: Template, folder: Path) -> Verifier:
    """Take everything that waits into the log, and return the log's public key."""
    async with at_the_log(database_url) as connection:
        return (await take_all(connection, desk_of(template, folder))).signer.verifier

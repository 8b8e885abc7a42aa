"""Running the sequencer in tests, on a host of the test's own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from service.crypto.notes import Verifier
from service.database import Connection, opened
from service.rootkey import read_root_key
from service.usecases import sequencing
from service.usecases.sequencing import Desk, Standing
from tests.conftest import Template

PATIENCE = 20.0


def desk_of(template: Template, folder: Path, name: str | None = None) -> Desk:
    """Return what a sequencer on one host works with."""
    return Desk(lambda: read_root_key(template.root_key_file), name, folder / "ledger.seen")


@asynccontextmanager
async def at_the_log(database_url: str) -> AsyncIterator[Connection]:
    """Lend a connection of the sequencer's."""
    async with opened(database_url, 2, PATIENCE) as database, database.connection() as connection:
        yield connection


async def take_all(connection: Connection, desk: Desk, most: int = 10_000) -> Standing:
    """Take everything that waits into the log, as a sequencer does that starts anew."""
    standing = await sequencing.begin(connection, desk)
    while (sealed := await sequencing.seal(connection, standing, most)).count:
        standing = sealed.standing
    if standing.frontier.size:
        sequencing.remember(desk, standing)
    return standing


async def seal(database_url: str, template: Template, folder: Path) -> Verifier:
    """Take everything that waits into the log, and return the log's public key."""
    async with at_the_log(database_url) as connection:
        return (await take_all(connection, desk_of(template, folder))).signer.verifier

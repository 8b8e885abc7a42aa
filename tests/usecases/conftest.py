"""What tests of the ledger work with: a connection of the sequencer's role, and a host that it runs on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.crypto.keyring import Keyring
from service.database import Connection, Database
from service.model.identifiers import identifier
from service.model.words import CustomerId, IdentifierKind
from service.storage import customers
from service.usecases.sequencing import Desk
from tests.conftest import Person, Template
from tests.sealing import desk_of, log_database_of


@pytest.fixture
def desk(template: Template, tmp_path: Path) -> Desk:
    """What the sequencer of this host works with."""
    return desk_of(template, tmp_path)


@pytest.fixture
async def log_database(database_url: str) -> AsyncIterator[Database]:
    """The test's database, as the role of the sequencer reaches it."""
    async with log_database_of(database_url) as database:
        yield database


@pytest.fixture
async def log(log_database: Database) -> AsyncIterator[Connection]:
    """A connection of the sequencer's role."""
    async with log_database.connection() as connection:
        yield connection


@pytest.fixture
async def customer(database: Database, keyring: Keyring, abbie: Person) -> CustomerId:
    """Abbie, by her id."""
    who = identifier(IdentifierKind.EMAIL, abbie.email)
    async with database.connection() as connection:
        found = await customers.by_identifier(connection, keyring, who.kind, keyring.index_of(who))
    assert found is not None
    return found

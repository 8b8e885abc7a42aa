"""An upgrade without downtime: this release goes on beside a migration of the next, and starts after it."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from service import migrating
from service.database import Database
from service.migrating import migrate
from service.schema import refuse_other_schema, shipped
from tests.conftest import Api, Owner, Person, allow, enrol, in_role

NEXT = '''
"""What the rules of migrations/script.py.mako allow, on the tables that every request reads or writes."""

from alembic import op

revision, down_revision = "9999", "{head}"
STATEMENTS = (
    "ALTER TABLE customer ADD COLUMN later text",
    "ALTER TABLE consent ADD COLUMN later integer NOT NULL DEFAULT 0",
    "ALTER TABLE consent_event ADD COLUMN later text",
    "ALTER TABLE queue ADD COLUMN later bytea",
    "ALTER TABLE customer ADD CONSTRAINT known CHECK (version > 0) NOT VALID",
    "ALTER TABLE customer VALIDATE CONSTRAINT known",
    "CREATE TABLE later (customer uuid PRIMARY KEY)",
    "GRANT SELECT ON later TO byleave_app",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
'''
PURPOSE = "personalise.recommendations"


@pytest.fixture
async def next_release(owner: Owner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The migrations of the next release, in the place of this one's."""
    head = await owner.fetchval("SELECT version_num FROM alembic_version")
    folder = shutil.copytree(shipped("migrations"), tmp_path / "migrations")
    (folder / "versions/9999_next.py").write_text(NEXT.replace("{head}", head))
    monkeypatch.setattr(migrating, "shipped", lambda _: folder)


class Traffic:
    """Requests, one after the other and several at a time, until the block ends: what was answered."""

    def __init__(self, api: Api, person: Person, other: Person) -> None:
        self.statuses: list[int] = []
        self._api, self._person, self._other, self._on = api, person, other, True

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[None]:
        callers = [asyncio.create_task(each()) for each in (self._release, self._release, self._say)]
        yield
        await asyncio.sleep(0.2)
        self._on = False
        await asyncio.gather(*callers)

    async def _release(self) -> None:
        asked = {"purpose": PURPOSE, "channel": "web", "attributes": ["first_name"]}
        body = {"customer": {"id": self._person.at_recommender}, **asked}
        while self._on:
            self.statuses.append((await self._api.call("POST", "/v1/releases", "recommender", body)).status_code)

    async def _say(self) -> None:
        path, no = f"/v1/customers/{self._other.at_shop}/consents", {"purpose": PURPOSE, "answer": "withdrawn"}
        while self._on:
            self.statuses.append((await self._api.call("POST", path, "shop", no)).status_code)
            await allow(self._api, self._other)


async def test_this_release_goes_on_beside_a_migration_of_the_next_and_starts_after_it(
    next_release: None, api: Api, abbie: Person, database: Database, database_url: str
) -> None:
    traffic = Traffic(api, abbie, await enrol(api, "bo@example.com"))
    async with traffic.flowing():
        await asyncio.to_thread(migrate, in_role(database_url, "byleave_migrator"))
    assert set(traffic.statuses) == {200}
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT version_num FROM alembic_version") == "9999"
    await refuse_other_schema(database)


async def test_a_migration_that_has_to_wait_lets_others_pass_and_comes_again(
    next_release: None, api: Api, abbie: Person, owner: Owner, superuser_url: str, database_url: str
) -> None:
    traffic = Traffic(api, abbie, await enrol(api, "bo@example.com"))
    dump = await asyncpg.connect(superuser_url)
    async with traffic.flowing():
        async with dump.transaction():
            await dump.execute("LOCK TABLE customer IN ACCESS SHARE MODE")  # as pg_dump does, and for longer
            migrating = asyncio.create_task(asyncio.to_thread(migrate, in_role(database_url, "byleave_migrator")))
            await asyncio.sleep(4)
            assert not migrating.done()
        await migrating
    await dump.close()
    assert set(traffic.statuses) == {200}
    assert await owner.fetchval("SELECT version_num FROM alembic_version") == "9999"

"""Bringing a database to this release's schema, with whatever rights the migrating login has."""

import asyncio
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from service import migrating, schema
from service.errors import OperatorError
from service.migrating import migrate
from service.schema import shipped
from tests.conftest import administer, url_of
from tests.passing import passing_server

DEBIAN = Path("/usr/lib/postgresql/15/bin")
ROLES = ("byleave_owner", "byleave_app", "byleave_sequencer", "byleave_auditor")
WAITING = "SELECT count(*) FROM pg_locks WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))"
LATER = """
from alembic import op

revision, down_revision = "9999", "{head}"


def upgrade() -> None:
    op.execute("CREATE TABLE later (number bigint GENERATED ALWAYS AS IDENTITY)")
"""


@pytest.fixture(scope="module", params=[None, DEBIAN], ids=["bundled", "debian"])
def cluster(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server of these tests' own, because roles are the whole server's; its superuser's URL."""
    if request.param and not request.param.exists():
        pytest.skip("Debian's PostgreSQL 15 is not installed")
    with passing_server(request.param) as url:
        run(url, "ALTER DATABASE byleave OWNER TO byleave", "DROP ROLE byleave_migrator")
        run(url, "CREATE ROLE plain LOGIN PASSWORD 'word'", "CREATE ROLE maker LOGIN PASSWORD 'word' CREATEROLE")
        yield url


@pytest.fixture
def bare(cluster: str) -> Iterator[str]:
    """That server as long as nobody has made our roles, with two databases of others."""
    run(cluster, f"DROP ROLE IF EXISTS {', '.join(ROLES)}")
    for name in ("plain", "maker"):
        run(cluster, f"CREATE DATABASE of_{name} OWNER {name}")
    yield cluster
    for name in ("plain", "maker"):
        run(cluster, f"DROP DATABASE of_{name} WITH (FORCE)")


def of(server: str, database: str, login: str) -> str:
    """Return the URL of a database for a login that is no superuser."""
    return f"postgresql://{login}:word@{url_of(server, database).partition('@')[2]}"


def run(url: str, *statements: str) -> None:
    for statement in statements:
        asyncio.run(administer(url, statement))


def ask(url: str, question: str) -> Any:
    async def asking() -> Any:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(question)
        finally:
            await connection.close()

    return asyncio.run(asking())


def owners(url: str) -> set[str]:
    """Return to whom the tables and sequences belong."""
    ours = "relnamespace = 'public'::regnamespace AND relkind IN ('r', 'S')"
    return set(ask(url, f"SELECT array_agg(DISTINCT relowner::regrole::text) FROM pg_class WHERE {ours}"))  # noqa: S608  ours


def test_who_may_not_make_roles_is_told_what_an_administrator_must_run_and_it_is_enough(bare: str) -> None:
    url = of(bare, "of_plain", "plain")
    with pytest.raises(OperatorError) as refused:
        migrate(url)
    said = refused.value.detail
    assert "\n" not in said
    by_hand = said.partition("must first run: ")[2]
    assert by_hand == " ".join(f"CREATE ROLE {role};" for role in ROLES) + " GRANT byleave_owner TO plain;"
    run(bare, by_hand)
    migrate(url)
    assert owners(url_of(bare, "of_plain")) == {"byleave_owner"}


def test_who_may_make_roles_needs_no_administrator_and_can_go_on_with_one_url(bare: str) -> None:
    url = of(bare, "of_maker", "maker")
    migrate(url)
    migrate(url)
    assert ask(url, "SELECT version_num FROM alembic_version") == schema.head()
    assert owners(url_of(bare, "of_maker")) == {"byleave_owner"}
    run(url, "INSERT INTO customer (id, version) VALUES (gen_random_uuid(), 1)", "DELETE FROM customer")
    run(bare, "GRANT byleave_owner TO plain")
    migrate(of(bare, "of_maker", "plain"))


def test_who_is_no_member_of_the_owner_migrates_nothing(bare: str) -> None:
    migrate(url_of(bare, "of_maker"))
    with pytest.raises(OperatorError, match=r'roles\.md.*: permission denied to set role "byleave_owner"'):
        migrate(of(bare, "of_maker", "plain"))


def test_whoever_owned_the_tables_until_now_may_go_on(
    bare: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the previous release does, while an administrator migrates."""
    of_maker = url_of(bare, "of_maker")
    migrate(of_maker, "0008")
    for statement in (
        "DROP OWNED BY byleave_app, byleave_sequencer, byleave_auditor",
        "REASSIGN OWNED BY byleave_owner TO plain",
        "UPDATE alembic_version SET version_num = '0007'",
    ):
        run(of_maker, statement)
    migrate(of_maker)
    assert owners(of_maker) == {"byleave_owner"}
    assert ask(of(bare, "of_maker", "plain"), "SELECT count(*) FROM customer") == 0


def test_a_role_that_another_migration_is_making_is_waited_for(bare: str) -> None:
    async def race() -> None:
        other = await asyncpg.connect(bare)
        making = other.transaction()
        await making.start()
        await other.execute("CREATE ROLE byleave_sequencer")
        with ThreadPoolExecutor(1) as thread:
            migrating = asyncio.wrap_future(thread.submit(migrate, url_of(bare, "of_maker")))
            deadline = time.monotonic() + 20
            while not await other.fetchval(WAITING):
                assert time.monotonic() < deadline, "nobody waits"
                await asyncio.sleep(0.01)
            await making.commit()
            await migrating
        await other.close()

    asyncio.run(race())
    assert ask(bare, "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'byleave\\_%'") == len(ROLES)


def test_what_a_later_migration_makes_belongs_to_the_owner_too(
    bare: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = of(bare, "of_maker", "maker")
    migrate(url)
    head = ask(url, "SELECT version_num FROM alembic_version")
    later = tmp_path / "migrations"
    shutil.copytree(shipped("migrations"), later)
    (later / "versions" / "9999_later.py").write_text(LATER.format(head=head))
    monkeypatch.setattr(migrating, "shipped", lambda _: later)
    migrate(url)
    assert ask(url, "SELECT version_num FROM alembic_version") == "9999"
    assert owners(url) == {"byleave_owner"}

"""A standby that commits wait for is gone: PostgreSQL calls what it then does a success, and we do not."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from datetime import UTC, datetime
from typing import TypeAlias, TypeVar

import pytest

from service.database import Connection, Database, opened
from service.errors import OutcomeUnknownError
from service.model.callers import WorkerCaller
from service.model.ledger import LookedUp, entry
from service.storage import ledger
from tests.conftest import Owner, in_role
from tests.consistency.processes import Process, serving
from tests.faults.cluster import STANDBY, Standby
from tests.faults.conftest import Company
from tests.faults.test_database_gone import IN_TIME, assert_refused, timed

Result = TypeVar("Result")
Lend: TypeAlias = Callable[[Database], contextlib.AbstractAsyncContextManager[Connection]]
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
FOLLOWS = "SELECT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'sync')"
WAITS = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name = 'byleave'"
LAST = "SELECT kind FROM queue ORDER BY number DESC LIMIT 1"


@contextlib.asynccontextmanager
async def waiting(owner: Owner) -> AsyncIterator[None]:
    """Let commits wait for a standby for the length of a block."""
    await owner.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{STANDBY}'")
    await owner.execute("SELECT pg_reload_conf()")
    yield
    await owner.execute("ALTER SYSTEM RESET synchronous_standby_names")
    await owner.execute("SELECT pg_reload_conf()")


@pytest.fixture
async def standby(company: Company, owner: Owner) -> AsyncIterator[Standby]:
    """A standby that every commit waits for."""
    standby = Standby(company.cluster)
    standby.make()
    standby.start()
    async with waiting(owner):
        await until(owner, FOLLOWS)
        yield standby
    standby.kill()


@pytest.fixture
def process(company: Company) -> Iterator[Process]:
    process = company.process("replicated")
    with serving(process):
        yield process


async def until(owner: Owner, query: str) -> object:
    async with asyncio.timeout(30):
        while not (found := await owner.fetchval(query)):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return found


async def cancelled(owner: Owner, asking: Callable[[], Coroutine[object, object, Result]]) -> Result:
    """Do something, and cancel its wait for a standby, as an operator might who sees it hang."""
    async with asyncio.timeout(30):
        while True:
            asked = asyncio.create_task(asking())
            while not asked.done():
                if pid := await owner.fetchval(WAITS):
                    await owner.execute("SELECT pg_cancel_backend($1)", pid)
                    return await asked
            await asked  # the server has not yet heard that it is to wait


@pytest.mark.soak
async def test_a_commit_that_no_standby_confirmed_is_no_success_and_nothing_leaves(
    company: Company, process: Process, owner: Owner, standby: Standby
) -> None:
    assert (await company.consent(process.port)).status == 200  # whatever a test before it left
    assert (await company.release(process.port)).json["decision"] == "permit"
    standby.kill()

    released = await cancelled(owner, lambda: company.release(process.port))
    assert_refused(released, "outcome-unknown")
    assert await owner.fetchval(LAST) == "release"

    withdrawn = await cancelled(owner, lambda: company.withdraw(process.port))
    assert_refused(withdrawn, "outcome-unknown")
    assert await owner.fetchval(LAST) == "consent"

    answer, seconds = await timed(company.release(process.port))
    assert_refused(answer)
    assert seconds < IN_TIME

    standby.start()
    await until(owner, FOLLOWS)
    assert (await company.release(process.port)).json["decision"] == "deny"
    assert (await company.withdraw(process.port)).status == 200
    assert (await company.consent(process.port)).status == 200
    assert process.said().count("alarm: a commit is not confirmed by a standby") == 2


@pytest.mark.parametrize("lend", [Database.transaction, Database.connection], ids=["transaction", "statement"])
async def test_a_commit_whose_wait_for_a_standby_is_cancelled_is_an_unknown_outcome(
    lend: Lend, company: Company, owner: Owner
) -> None:
    async with opened(in_role(company.cluster.url)) as database, waiting(owner):

        async def write() -> None:
            line = entry(ledger.new_entry_id(NOON), None, WorkerCaller(), NOON, LookedUp("nothing", "a test"))
            async with lend(database) as connection:
                await ledger.append(connection, None, line)

        with pytest.raises(OutcomeUnknownError):
            await cancelled(owner, write)
    assert await owner.fetchval(LAST) == "look-up"

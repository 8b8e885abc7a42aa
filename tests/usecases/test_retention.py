"""Retention: what has run its time goes, once, and is entered."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from service.app import House
from service.crypto.keyring import Keyring
from service.database import Database
from service.errors import DatabaseUnavailableError, PoliciesUnavailableError
from service.policy.engine import Policies
from service.storage import customers
from service.usecases.keys import Keys
from service.usecases.retention import end_outlived_facts
from service.worker import run
from service.worker.run import work
from tests.conftest import Api, Template, allow, enrol
from tests.reading import entered

AGE = "UPDATE fact SET as_of = clock_timestamp() - make_interval(days => $1) WHERE attribute = $2"
LEFT = "SELECT attribute FROM fact ORDER BY attribute"
ENTERED = "SELECT count(*) FROM queue WHERE kind = 'retention'"


async def aged(database: Database, attribute: str, days: int) -> None:
    async with database.connection() as connection:
        await connection.execute(AGE, days, attribute)


async def left(database: Database) -> list[str]:
    async with database.connection() as connection:
        return [row["attribute"] for row in await connection.fetch(LEFT)]


async def times(database: Database) -> int:
    async with database.connection() as connection:
        count: int = await connection.fetchval(ENTERED)
        return count


async def test_what_is_older_than_its_attribute_may_be_kept_goes_and_the_rest_stays(
    api: Api, database: Database, keyring: Keyring, policies: Policies
) -> None:
    await enrol(api, "ana@example.com", {"first_name": "Ana", "birth_year": 1990})
    days = next(a.retention_days for a in policies.catalogue.attributes.values() if a.id == "birth_year")
    await aged(database, "birth_year", days - 1)
    assert await end_outlived_facts(database, keyring, policies) == 0
    await aged(database, "birth_year", days + 1)
    assert await end_outlived_facts(database, keyring, policies) == 1
    assert await left(database) == ["first_name"]
    async with database.connection() as connection:
        (line,) = await entered(connection, keyring, "retention")
    assert (line.actor, line.act) == ("worker", {"facts": ["birth_year#volunteered"], "kind": "retention"})


async def test_many_workers_end_each_fact_once(
    api: Api, database: Database, keyring: Keyring, policies: Policies
) -> None:
    for name in ("ana", "bo", "cem"):
        await enrol(api, f"{name}@example.com", {"first_name": name})
    await aged(database, "first_name", 36_000)
    ended = await asyncio.gather(*(end_outlived_facts(database, keyring, policies) for _ in range(5)))
    assert sum(ended) == await times(database) == 3
    assert await left(database) == []


async def test_a_worker_waits_for_a_change_under_way_and_then_finds_what_it_left(
    api: Api, database: Database, keyring: Keyring, policies: Policies
) -> None:
    await enrol(api, "ana@example.com", {"first_name": "Ana"})
    await aged(database, "first_name", 36_000)
    async with database.transaction() as connection:
        customer = await connection.fetchval("SELECT id FROM customer")
        await customers.bump(connection, customer)
        ending = asyncio.create_task(end_outlived_facts(database, keyring, policies))
        await asyncio.sleep(0.2)
        assert not ending.done()
        await connection.execute("UPDATE fact SET as_of = clock_timestamp()")
    assert await ending == 0
    assert await left(database) == ["first_name"]


async def test_without_policies_everything_is_done_that_needs_none(api: Api, house: House, policies: Policies) -> None:
    """And what needs them is done in the next round."""
    ana = await enrol(api, "ana@example.com", {"first_name": "Ana"})
    for channel, days in (("web", -1), ("email", 20)):
        await allow(api, ana, channel=channel)
        async with house.database.transaction() as connection:
            ends = "UPDATE consent SET expires_at = clock_timestamp() + $1::interval WHERE channel = $2"
            await connection.execute(ends, timedelta(days=days), channel)
    await aged(house.database, "first_name", 36_000)

    async def unusable() -> Policies:
        raise PoliciesUnavailableError("the published policies cannot be used")

    async def in_force() -> Policies:
        return policies

    assert not await work(house.database, house.keys.or_none, unusable, once=True)
    async with house.database.connection() as connection:
        done = await connection.fetch("SELECT kind FROM queue WHERE actor = 'worker' ORDER BY kind")
        version = await connection.fetchval("SELECT policy_version FROM consent_event WHERE status = 'expired'")
    assert ([row["kind"] for row in done], version) == (["expiry", "renewal-due"], policies.version)
    assert await left(house.database) == ["first_name"]
    assert await work(house.database, house.keys.or_none, in_force, once=True)
    assert await left(house.database) == []


JOBS = ["end_outlived_facts", "end_expired_consents", "announce_renewals", "forget_old_keys", "forget_old_tokens"]


@pytest.mark.parametrize("failing", JOBS)
@pytest.mark.parametrize("fault", [DatabaseUnavailableError("gone"), ValueError("a mistake of ours")])
async def test_whatever_goes_wrong_with_one_job_the_others_are_done(
    house: House,
    policies: Policies,
    monkeypatch: pytest.MonkeyPatch,
    failing: str,
    fault: Exception,
) -> None:
    done = []

    def job(name: str) -> Callable[..., Awaitable[int]]:
        async def do(*_: object) -> int:
            if name == failing:
                raise fault
            done.append(name)
            return 0

        return do

    async def in_force() -> Policies:
        return policies

    for name in JOBS:
        monkeypatch.setattr(run, name, job(name))
    assert not await work(house.database, house.keys.or_none, in_force, once=True)
    assert set(done) == set(JOBS) - {failing}


async def test_a_round_that_fails_says_so_and_the_next_one_is_tried(
    house: House, template: Template, policies: Policies
) -> None:
    async def in_force() -> Policies:
        return policies

    assert await work(house.database, house.keys.or_none, in_force, once=True)
    await house.database.close()
    # As well by a worker that has opened its keys as by one that starts only now.
    for keys in (house.keys, Keys(house.database, template.root_key_file)):
        assert not await work(house.database, keys.or_none, in_force, once=True)

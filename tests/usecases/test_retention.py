"""Retention: what has run its time goes, once, and is entered."""

import asyncio

from service.database import Database
from service.policy.engine import Policies
from service.storage import customers
from service.usecases.retention import end_outlived_facts
from service.worker.run import work
from tests.conftest import Api, enrol

AGE = "UPDATE fact SET as_of = clock_timestamp() - make_interval(days => $1) WHERE attribute = $2"
LEFT = "SELECT attribute FROM fact ORDER BY attribute"
ENTERED = "SELECT count(*) FROM entry WHERE kind = 'retention'"


async def aged(database: Database, attribute: str, days: int) -> None:
    async with database.connection() as connection:
        await connection.execute(AGE, days, attribute)


async def left(database: Database) -> list[str]:
    async with database.connection() as connection:
        return [row["attribute"] for row in await connection.fetch(LEFT)]


async def entered(database: Database) -> int:
    async with database.connection() as connection:
        count: int = await connection.fetchval(ENTERED)
        return count


async def test_what_is_older_than_its_attribute_may_be_kept_goes_and_the_rest_stays(
    api: Api, database: Database, policies: Policies
) -> None:
    await enrol(api, "ana@example.com", {"first_name": "Ana", "birth_year": 1990})
    days = next(a.retention_days for a in policies.catalogue.attributes.values() if a.id == "birth_year")
    await aged(database, "birth_year", days - 1)
    assert await end_outlived_facts(database, policies) == 0
    await aged(database, "birth_year", days + 1)
    assert await end_outlived_facts(database, policies) == 1
    assert await left(database) == ["first_name"]
    async with database.connection() as connection:
        row = await connection.fetchrow("SELECT actor, body FROM entry WHERE kind = 'retention'")
    assert row is not None
    assert (row["actor"], row["body"]) == ("worker", b'{"facts":["birth_year#volunteered"],"kind":"retention"}')


async def test_many_workers_end_each_fact_once(api: Api, database: Database, policies: Policies) -> None:
    for name in ("ana", "bo", "cem"):
        await enrol(api, f"{name}@example.com", {"first_name": name})
    await aged(database, "first_name", 36_000)
    ended = await asyncio.gather(*(end_outlived_facts(database, policies) for _ in range(5)))
    assert sum(ended) == await entered(database) == 3
    assert await left(database) == []


async def test_a_worker_waits_for_a_change_under_way_and_then_finds_what_it_left(
    api: Api, database: Database, policies: Policies
) -> None:
    await enrol(api, "ana@example.com", {"first_name": "Ana"})
    await aged(database, "first_name", 36_000)
    async with database.transaction() as connection:
        customer = await connection.fetchval("SELECT id FROM customer")
        await customers.bump(connection, customer)
        ending = asyncio.create_task(end_outlived_facts(database, policies))
        await asyncio.sleep(0.2)
        assert not ending.done()
        await connection.execute("UPDATE fact SET as_of = clock_timestamp()")
    assert await ending == 0
    assert await left(database) == ["first_name"]


async def test_a_round_that_fails_says_so_and_the_next_one_is_tried(database: Database, policies: Policies) -> None:
    async def in_force() -> Policies:
        return policies

    assert await work(database, in_force, once=True)
    await database.close()
    assert not await work(database, in_force, once=True)

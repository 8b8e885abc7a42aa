"""A write repeated under its idempotency key has one effect and one answer (P6); a release is never replayed."""

import asyncio
from typing import Any

import httpx
import pytest

from service.database import Database
from service.usecases.once import forget_old_keys
from tests.conftest import PROOF, Api, Person, tampering_with
from tests.waiting import until_blocked

KEY = '"a-key"'
PURPOSE = "personalise.recommendations"
NO = {"purpose": PURPOSE, "answer": "withdrawn"}
ENTRIES = "SELECT count(*) FROM queue"


async def write(api: Api, path: str, caller: str, body: Any, key: str = KEY) -> httpx.Response:
    return await api.call("POST", path, caller, body, headers={"idempotency-key": key})


async def entries(database: Database) -> int:
    async with database.connection() as connection:
        count: int = await connection.fetchval(ENTRIES)
        return count


def writes(abbie: Person) -> list[tuple[str, dict[str, Any]]]:
    fact = {"attribute": "first_name", "value": "Abigail", "provenance": "volunteered"}
    return [
        ("/v1/customers", {"identifiers": {"email": "new@example.com"}}),
        (f"/v1/customers/{abbie.at_shop}/attributes", {"facts": [fact]}),
        (f"/v1/customers/{abbie.at_shop}/consents", NO),
        (
            f"/v1/customers/{abbie.at_shop}/consents",
            {"purpose": PURPOSE, "answer": "given", "channel": "web", "notice": 2, **PROOF},
        ),
    ]


@pytest.mark.parametrize("which", range(4))
async def test_a_repeated_write_has_one_effect_and_the_same_answer(
    which: int, api: Api, abbie: Person, database: Database
) -> None:
    path, body = writes(abbie)[which]
    first = await write(api, path, "shop", body)
    assert first.status_code == 200, first.text
    before = await entries(database)
    for _ in range(2):
        again = await write(api, path, "shop", body)
        assert (again.status_code, again.json()) == (200, first.json())
    assert await entries(database) == before
    another = await write(api, path, "shop", body, '"another"')
    assert another.json()["entry"] != first.json()["entry"]
    assert await entries(database) == before + 1


async def test_a_key_is_its_callers_and_its_operations_own(api: Api, abbie: Person) -> None:
    answers = [
        (await write(api, f"/v1/customers/{abbie.at_shop}/consents", "shop", NO)).json(),
        (await write(api, f"/v1/customers/{abbie.at_recommender}/consents", "recommender", NO)).json(),
    ]
    assert answers[0]["entry"] != answers[1]["entry"]


async def test_the_same_key_with_another_body_is_refused_and_changes_nothing(
    api: Api, abbie: Person, database: Database
) -> None:
    path = f"/v1/customers/{abbie.at_shop}/consents"
    await write(api, path, "shop", NO)
    before = await entries(database)
    answer = await write(api, path, "shop", {**NO, "answer": "refused"})
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency-key-reused")
    assert await entries(database) == before


async def test_a_refused_write_is_not_remembered(api: Api, abbie: Person) -> None:
    path = f"/v1/customers/{abbie.at_shop}/consents"
    outdated = {"purpose": PURPOSE, "answer": "given", "channel": "web", "notice": 1, **PROOF}
    assert (await write(api, path, "shop", outdated)).status_code == 409
    assert (await write(api, path, "shop", {**outdated, "notice": 2})).status_code == 200


async def test_attempts_at_the_same_time_have_one_effect(api: Api, abbie: Person, database: Database) -> None:
    before = await entries(database)
    path = f"/v1/customers/{abbie.at_shop}/consents"
    answers = await asyncio.gather(*(write(api, path, "shop", NO) for _ in range(8)))
    done = [each for each in answers if each.status_code == 200]
    late = [each for each in answers if each.status_code == 409]
    assert len(done) + len(late) == 8
    assert done
    assert len({each.json()["entry"] for each in done}) == 1
    assert {each.json()["code"] for each in late} <= {"still-running"}
    assert await entries(database) == before + 1


async def test_a_second_attempt_does_not_wait_for_the_first(
    api: Api, abbie: Person, database: Database, database_url: str
) -> None:
    path = f"/v1/customers/{abbie.at_shop}/consents"
    async with database.transaction() as connection:
        # Somebody changes her and takes his time: the first attempt waits for him, the second is told at once.
        await connection.execute("SELECT FROM customer FOR UPDATE")
        first = asyncio.create_task(write(api, path, "shop", NO))
        await until_blocked(database_url)
        second = await write(api, path, "shop", NO)
        assert (second.status_code, second.json()["code"]) == (409, "still-running")
    assert (await first).status_code == 200


@pytest.mark.parametrize("header", ["a-key", '"', '""', '"é"', '"a', "'a'", '"' + "x" * 256 + '"', '"a\\b"', "1"])
async def test_a_header_that_is_no_string_is_refused(header: str, api: Api, abbie: Person, database: Database) -> None:
    before = await entries(database)
    path = f"/v1/customers/{abbie.at_shop}/consents"
    headers: Any = {"idempotency-key": header.encode("latin-1")}
    answer = await api.call("POST", path, "shop", NO, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-idempotency-key")
    assert await entries(database) == before


async def test_a_release_is_never_replayed(api: Api, abbie: Person) -> None:
    body = {
        "customer": {"id": abbie.at_recommender},
        "purpose": PURPOSE,
        "channel": "web",
        "attributes": ["first_name"],
    }
    first = await write(api, "/v1/releases", "recommender", body)
    await api.post(f"/v1/customers/{abbie.at_shop}/consents", "shop", NO)
    second = await write(api, "/v1/releases", "recommender", body)
    assert (first.json()["decision"], second.json()["decision"]) == ("permit", "deny")


async def test_what_is_kept_for_a_repetition_tells_nothing_and_is_forgotten(
    api: Api, abbie: Person, database: Database
) -> None:
    await write(api, "/v1/customers", "shop", {"identifiers": {"email": abbie.email}})
    async with tampering_with(database) as connection:
        kept = await connection.fetchrow("SELECT * FROM idempotent_write")
        assert kept is not None
        assert set(kept["answer"].decode().split('"')[1::2]) >= {"customer", "version", "entry"}
        assert abbie.email not in str(tuple(kept.values()))
        await connection.execute("UPDATE idempotent_write SET written_at = written_at - interval '23 hours'")
    await forget_old_keys(database)
    async with tampering_with(database) as connection:
        assert await connection.fetchval("SELECT count(*) FROM idempotent_write") == 1
        await connection.execute("UPDATE idempotent_write SET written_at = written_at - interval '2 hours'")
    await forget_old_keys(database)
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM idempotent_write") == 0

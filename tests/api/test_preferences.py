"""Preferences: facts like any other, said by herself; nobody overwrites what she has not seen."""

import asyncio
from typing import Any

import asyncpg
import httpx
import pytest

from service.app import House
from service.crypto.keyring import Keyring
from service.database import Database
from service.model.identifiers import identifier
from service.model.words import IdentifierKind
from service.usecases.access import make_customer_token
from tests.conftest import OPERATOR, Api, Person
from tests.reading import entered
from tests.waiting import until_blocked

pytestmark = pytest.mark.usefixtures("all_said")

HERE = "/v1/me/preferences"
QUIET = "22:00-07:00 Europe/Berlin"
WISH: dict[str, Any] = {
    "preferences": [
        {"attribute": "contact_frequency", "value": "monthly"},
        {"attribute": "newsletter_topics", "value": ["readings", "trips"]},
        {"attribute": "preferred_language", "value": "de"},
    ],
    "quiet_hours": QUIET,
}
LANGUAGE = {"attribute": "preferred_language", "value": "cy", "provenance": "volunteered"}


@pytest.fixture
async def token(abbie: Person, house: House) -> str:
    found_by = identifier(IdentifierKind.EMAIL, abbie.email)
    return (await make_customer_token(house.database, await house.keys(), OPERATOR, found_by, 5)).text


async def see(api: Api, token: str) -> tuple[str, dict[str, Any], str | None]:
    """Return the tag, what she said, and her quiet hours."""
    answer = await api.call("GET", HERE, token)
    assert answer.status_code == 200, answer.text
    said = {each["attribute"]: each["value"] for each in answer.json()["preferences"] if "value" in each}
    return answer.headers["etag"], said, answer.json()["quiet_hours"]


async def keep(api: Api, token: str, wish: dict[str, Any], tag: str | None) -> httpx.Response:
    return await api.call("PUT", HERE, token, wish, headers={} if tag is None else {"if-match": tag})


async def test_what_she_likes_is_kept_sealed_shown_to_her_and_released_as_the_policies_say(
    api: Api, abbie: Person, token: str, database: Database, keyring: Keyring
) -> None:
    tag, before, _ = await see(api, token)
    assert before == {"favourite_genres": ["crime", "travel"]}
    answer = await keep(api, token, WISH, tag)
    assert answer.status_code == 200, answer.text
    now, said, quiet = await see(api, token)
    assert (now, quiet) == (answer.headers["etag"], QUIET)
    assert said == {each["attribute"]: each["value"] for each in WISH["preferences"]}
    who = {"customer": {"id": abbie.at_shop}, "channel": "internal"}
    asked = {**who, "purpose": "keep.preferences", "attributes": ["contact_frequency", "newsletter_topics"]}
    released = (await api.post("/v1/releases", "shop", asked))["released"]
    assert {name: (each["value"], each["source"]) for name, each in released.items()} == {
        "contact_frequency": ("monthly", "customer"),
        "newsletter_topics": (["readings", "trips"], "customer"),
    }
    other = {**who, "purpose": "fulfil.orders", "attributes": ["contact_frequency"]}
    assert (await api.post("/v1/releases", "shop", other))["withheld"][0]["reason"] == "not-for-this-purpose"
    async with database.connection() as connection:
        row = await connection.fetchrow("SELECT * FROM fact WHERE attribute = 'contact_frequency'")
        (entry,) = await entered(connection, keyring, "preferences")
    assert "monthly" not in str(row) + entry.text
    assert "Berlin" not in str(entry.act)


async def test_the_state_is_told_by_a_strong_tag_that_changes_with_the_content_and_with_nothing_else(
    api: Api, token: str
) -> None:
    tags = [(await see(api, token))[0] for _ in range(2)]
    assert tags[0] == tags[1]
    assert not tags[0].startswith("W/")
    nothing: dict[str, Any] = {"preferences": [], "quiet_hours": None}
    for wish in (WISH, {**WISH, "quiet_hours": None}, nothing, WISH):
        tags.append((await keep(api, token, wish, tags[-1])).headers["etag"])
        assert tags[-1] == (await see(api, token))[0]
    assert len(set(tags)) == 4
    await api.call("POST", "/v1/me/choices", token, {"choice": "marketing", "value": "no"})
    assert (await see(api, token))[0] == tags[-1]


async def test_the_same_content_of_two_customers_has_two_tags(
    api: Api, abbie: Person, token: str, house: House
) -> None:
    await api.post("/v1/customers", "shop", {"identifiers": {"email": "bo@example.com"}})
    keyring = await house.keys()
    bo = await make_customer_token(
        house.database, keyring, OPERATOR, identifier(IdentifierKind.EMAIL, "bo@example.com"), 5
    )
    tags = [(await keep(api, each, WISH, (await see(api, each))[0])).headers["etag"] for each in (token, bo.text)]
    assert tags[0] != tags[1]


async def test_nothing_is_replaced_by_who_does_not_say_what_she_saw(api: Api, token: str) -> None:
    tag, before, _ = await see(api, token)
    unsaid = await keep(api, token, WISH, None)
    assert (unsaid.status_code, unsaid.json()["code"]) == (428, "precondition-required")
    for wrong in ('"1-0"', f"W/{tag}", tag.strip('"'), "", '"*"', f'"x", W/{tag}'):
        refused = await keep(api, token, WISH, wrong)
        assert (refused.status_code, refused.json()["code"]) == (412, "precondition-failed"), wrong
    assert await see(api, token) == (tag, before, None)
    assert (await keep(api, token, WISH, f'"x", {tag}')).status_code == 200
    assert (await keep(api, token, WISH, tag)).status_code == 412
    assert (await keep(api, token, {"preferences": [], "quiet_hours": None}, "*")).status_code == 200


async def test_of_two_who_saw_the_same_state_one_wins(api: Api, abbie: Person, token: str, superuser_url: str) -> None:
    tag, _, _ = await see(api, token)
    other = {"preferences": [], "quiet_hours": "13:00-14:00 UTC"}
    holder = await asyncpg.connect(superuser_url)
    try:
        transaction = holder.transaction()
        await transaction.start()
        await holder.execute("SELECT FROM customer FOR NO KEY UPDATE")
        both = [asyncio.create_task(keep(api, token, wish, tag)) for wish in (WISH, other)]
        await until_blocked(superuser_url, 2)
        await transaction.rollback()
        answers = await asyncio.gather(*both)
    finally:
        await holder.close()
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    (won,) = (wish for wish, answer in zip((WISH, other), answers, strict=True) if answer.status_code == 200)
    assert (await see(api, token))[2] == won["quiet_hours"]


async def test_what_a_service_wrote_down_is_shown_and_what_she_takes_back_is_gone_whoever_wrote_it(
    api: Api, abbie: Person, token: str, database: Database
) -> None:
    await api.post(f"/v1/customers/{abbie.at_shop}/attributes", "shop", {"facts": [LANGUAGE]})
    tag, said, _ = await see(api, token)
    assert said["preferred_language"] == "cy"
    answer = await keep(api, token, {"preferences": [], "quiet_hours": None}, tag)
    assert answer.status_code == 200
    assert (await see(api, token))[1] == {}
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM fact WHERE attribute = 'preferred_language'") == 0
        assert await connection.fetchval("SELECT count(*) FROM fact WHERE attribute = 'first_name'") == 1


async def test_saying_the_same_again_writes_no_fact_anew(
    api: Api, token: str, database: Database, keyring: Keyring
) -> None:
    tag = (await keep(api, token, WISH, (await see(api, token))[0])).headers["etag"]
    query = "SELECT array_agg(f::text ORDER BY f::text) FROM fact f"
    async with database.connection() as connection:
        before = await connection.fetchval(query)
        assert (await keep(api, token, WISH, tag)).headers["etag"] == tag
        assert await connection.fetchval(query) == before
        assert (await entered(connection, keyring))[-1].act == {"facts": [], "kind": "preferences"}


async def test_a_preference_that_stands_twice_is_refused(api: Api, token: str) -> None:
    twice = {**WISH, "preferences": [*WISH["preferences"], WISH["preferences"][0]]}
    answer = await keep(api, token, twice, "*")
    assert (answer.status_code, answer.json()["pointer"]) == (422, "/preferences/3/attribute")

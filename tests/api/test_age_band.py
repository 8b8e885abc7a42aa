"""A service says later how old somebody is."""

import asyncpg
import pytest

from service.crypto.keyring import Keyring
from service.database import Database
from tests.conftest import Api, Person
from tests.reading import entered

pytestmark = pytest.mark.usefixtures("all_said")

QUESTION = {"purpose": "personalise.recommendations", "channel": "web", "attributes": ["first_name"]}


async def say(api: Api, person: Person, band: str, service: str = "recommender") -> dict[str, object]:
    who = {"identifiers": {"email": person.email}, "age_band": band}
    return await api.post("/v1/customers", service, who)


async def outcome(api: Api, person: Person) -> tuple[str, list[str]]:
    answer = await api.post("/v1/releases", "recommender", {"customer": {"id": person.at_recommender}, **QUESTION})
    return answer["decision"], [each["reason"] for each in answer["withheld"]]


async def restrictions(database: Database) -> "asyncpg.Record":
    async with database.connection() as connection:
        row = await connection.fetchrow("SELECT * FROM restrictions")
    assert row is not None
    return row


async def test_a_minor_is_no_longer_profiled_from_the_moment_anybody_says_so(api: Api, abbie: Person) -> None:
    assert await outcome(api, abbie) == ("permit", [])
    before = await say(api, abbie, "unknown")
    after = await say(api, abbie, "minor")
    assert int(str(after["version"])) > int(str(before["version"]))
    assert await outcome(api, abbie) == ("deny", ["adults-only"])
    for band, service in (("adult", "shop"), ("unknown", "shop"), ("adult", "recommender")):
        await say(api, abbie, band, service)
    assert await outcome(api, abbie) == ("deny", ["adults-only"])


async def test_an_unknown_age_is_filled_only_by_a_service_that_may_record_a_yes(api: Api, database: Database) -> None:
    ann = Person("ann@example.com", "", "")
    await say(api, ann, "unknown", "newsletter")
    await say(api, ann, "adult", "recommender")
    assert (await restrictions(database))["age_band"] == "unknown"
    await say(api, ann, "adult", "shop")
    assert (await restrictions(database))["age_band"] == "adult"


async def test_the_entry_says_that_the_age_band_changed_and_not_to_what(
    api: Api, abbie: Person, database: Database, keyring: Keyring
) -> None:
    for band in ("minor", "minor"):
        await say(api, abbie, band)
    async with database.connection() as connection:
        acts = [each.act for each in await entered(connection, keyring, "enrol")]
    assert acts[-2:] == [
        {"identifiers": ["email"], "kind": "enrol", "new": False, "restrictions": ["age_band"]},
        {"identifiers": ["email"], "kind": "enrol", "new": False},
    ]


@pytest.mark.parametrize("tampering", ["UPDATE restrictions SET inferred_allowed = true", "DELETE FROM restrictions"])
@pytest.mark.parametrize("band", ["minor", "adult"])
async def test_restrictions_that_were_tampered_with_never_get_our_mac(
    api: Api, abbie: Person, owner: asyncpg.Connection, tampering: str, band: str
) -> None:
    await owner.execute(tampering)
    before = await owner.fetch("SELECT * FROM restrictions")
    who = {"identifiers": {"email": abbie.email}, "age_band": band}
    refused = await api.call("POST", "/v1/customers", "shop", who)
    assert (refused.status_code, refused.json()["code"]) == (500, "integrity")
    assert await owner.fetch("SELECT * FROM restrictions") == before
    assert (await outcome(api, abbie))[0] == "deny"

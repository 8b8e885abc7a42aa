"""``POST /v1/releases/batch``: each is decided and entered on her own, as if she alone had been asked about."""

import asyncio
from typing import Any

import pytest

from service.app import House
from service.database import Database
from service.errors import IntegrityError
from service.storage import facts
from service.usecases.releases import FRESH
from tests.conftest import Api, Owner, Person, Template, allow, client_of, enrol
from tests.consistency.test_release_and_withdrawal import customer_of
from tests.waiting import until_blocked

QUESTION = {"purpose": "personalise.recommendations", "channel": "web", "attributes": ["first_name", "birth_year"]}
OWN = {"id", "entry"}
RELEASES = "SELECT count(*) FROM queue WHERE kind = 'release'"


def without_ids(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in answer.items() if name not in OWN}


async def test_each_is_answered_as_she_would_be_alone_and_in_order(api: Api, abbie: Person, database: Database) -> None:
    who = [{"id": abbie.at_recommender}, {"email": "nobody@example.com"}, {"email": "abbie@example.com"}]
    alone = [await api.post("/v1/releases", "recommender", {"customer": each, **QUESTION}) for each in who]
    async with database.connection() as connection:
        before = await connection.fetchval(RELEASES)
        many = await api.post("/v1/releases/batch", "recommender", {"customers": who, **QUESTION})
        assert await connection.fetchval(RELEASES) == before + 3
    assert [without_ids(each["answer"]) for each in many["answers"]] == [without_ids(each) for each in alone]
    assert len({each["answer"]["entry"] for each in many["answers"]}) == 3


async def test_five_hundred_go_at_once_and_one_more_is_refused(api: Api, abbie: Person, database: Database) -> None:
    who = [{"id": abbie.at_recommender}] * 500
    many = await api.post("/v1/releases/batch", "recommender", {"customers": who, **QUESTION})
    assert [each["answer"]["decision"] for each in many["answers"]] == ["partial"] * 500
    async with database.connection() as connection:
        assert await connection.fetchval(RELEASES) == 500
    refused = await api.call("POST", "/v1/releases/batch", "recommender", {"customers": [*who, who[0]], **QUESTION})
    assert (refused.status_code, refused.json()["pointer"]) == (422, "/customers")


async def test_what_is_wrong_with_one_customer_is_refused_for_her_alone(
    api: Api, abbie: Person, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Her rows say what no row of ours says; the others are read in the same statement."""
    really = facts.told_by

    def spoilt(text: str) -> facts.Told:
        told = really(text)
        if told.customer is None:
            raise IntegrityError("spoilt")
        return told

    monkeypatch.setattr(facts, "told_by", spoilt)
    who = [{"id": abbie.at_recommender}, {"email": "nobody@example.com"}]
    many = await api.post("/v1/releases/batch", "recommender", {"customers": who, **QUESTION})
    answered, refused = many["answers"]
    assert answered["answer"]["decision"] == "partial"
    assert (list(refused), refused["problem"]["code"]) == (["problem"], "integrity")


async def test_what_is_refused_for_all_is_refused_as_a_whole_and_leaves_nothing(
    api: Api, abbie: Person, database: Database
) -> None:
    body = {"customers": [{"id": abbie.at_recommender}] * 3, **QUESTION, "purpose": "comply.tax"}
    refused = await api.call("POST", "/v1/releases/batch", "recommender", body)
    assert (refused.status_code, refused.json()["code"]) == (403, "not-granted")
    async with database.connection() as connection:
        assert await connection.fetchval(RELEASES) == 0


async def test_a_customer_named_in_two_ways_is_pointed_at(api: Api) -> None:
    who = [{"email": "a@example.com"}, {"email": "b@example.com", "phone": "+442079460018"}]
    refused = await api.call("POST", "/v1/releases/batch", "recommender", {"customers": who, **QUESTION})
    assert (refused.status_code, refused.json()["pointer"]) == (422, "/customers/1")


async def test_what_had_to_wait_too_long_for_another_customer_does_not_leave(
    api: Api, database: Database, database_url: str, owner: Owner, template: Template
) -> None:
    """Ana is decided at once, and Bo, who is being changed, late: Ana's values are two seconds old by then (P2)."""
    ana, bo = [await enrol(api, f"{name}@example.com") for name in ("ana", "bo")]
    for each in (ana, bo):
        await allow(api, each)
    at = 1000.0
    who = [{"id": each.at_recommender} for each in (ana, bo)]
    async with client_of(House(database, template.root_key_file, lambda: at)) as client:
        asking = Api(client, template.api_keys).post(
            "/v1/releases/batch", "recommender", {"customers": who, **QUESTION}
        )
        async with owner.transaction():
            hers = await customer_of(database, bo)
            await owner.execute("UPDATE customer SET version = version + 1 WHERE id = $1", hers)
            asked = asyncio.create_task(asking)
            await until_blocked(database_url)
            at += FRESH + 0.001
        many = await asked
    late, fresh = many["answers"]
    assert late["problem"]["code"] == "too-late"
    assert fresh["answer"]["released"]
    async with database.connection() as connection:
        aborted = "SELECT count(*) FROM queue WHERE kind = 'aborted' AND customer = $1"
        assert await connection.fetchval(aborted, await customer_of(database, ana)) == 1

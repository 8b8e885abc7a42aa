"""What a customer sees of herself, and the lineage of what is known about her."""

from typing import Any

import pytest

from service.crypto.keyring import Keyring
from service.database import Database
from service.model.identifiers import identifier
from service.model.words import IdentifierKind
from service.usecases.access import make_customer_token
from tests.conftest import OPERATOR, Api, Person, enrol

PURPOSE = "personalise.recommendations"
SEEN = {"attribute": "browsed_genres", "provenance": "observed"}
GUESS = {"attribute": "guessed_genres", "provenance": "inferred", "value": ["nature"], "confidence": 70}


@pytest.fixture
async def token(abbie: Person, database: Database, keyring: Keyring) -> str:
    """Abbie's own token."""
    found_by = identifier(IdentifierKind.EMAIL, abbie.email)
    return (await make_customer_token(database, keyring, OPERATOR, found_by, 5)).text


async def observe(api: Api, person: Person, source: str, *genres: str) -> None:
    fact = {**SEEN, "value": list(genres), "source": source}
    await api.post(f"/v1/customers/{person.at_shop}/attributes", "shop", {"facts": [fact]})


async def guess(api: Api, person: Person, *sources: str, **changes: Any) -> tuple[int, dict[str, Any]]:
    parents = [{**SEEN, "source": source} for source in sources]
    body = {"facts": [{**GUESS, "derived_from": parents, **changes}]}
    answer = await api.call("POST", f"/v1/customers/{person.at_recommender}/attributes", "recommender", body)
    return answer.status_code, answer.json()


async def ask(api: Api, person: Person, *attributes: str, path: str = "/v1/releases") -> dict[str, Any]:
    body = {
        "customer": {"id": person.at_recommender},
        "purpose": PURPOSE,
        "channel": "web",
        "attributes": list(attributes),
    }
    return await api.post(path, "recommender", body)


async def test_an_inference_names_the_facts_it_rests_on_as_the_release_named_them(
    api: Api, abbie: Person, token: str
) -> None:
    await observe(api, abbie, "order-7", "history")
    released = (await ask(api, abbie, "browsed_genres"))["released"]["browsed_genres"]
    assert (released["source"], released["confidence"]) == ("shop/order-7", 100)
    assert (await guess(api, abbie, released["source"]))[0] == 200
    facts = (await api.call("GET", "/v1/me/facts", token)).json()["facts"]
    guessed = next(each for each in facts if each["attribute"] == "guessed_genres")
    assert (guessed["derived_from"], guessed["confidence"]) == (["browsed_genres#observed@shop/order-7"], 70)


async def test_lineage_that_leads_nowhere_is_refused_and_nothing_is_written(
    api: Api, abbie: Person, token: str
) -> None:
    before = (await api.call("GET", "/v1/me/facts", token)).json()
    status, problem = await guess(api, abbie, "shop/order-8")
    assert (status, problem["code"], problem["pointer"]) == (404, "unknown-fact", "/facts/0/derived_from/0")
    assert (await api.call("GET", "/v1/me/facts", token)).json() == before


async def test_another_customers_fact_is_no_lineage(api: Api, abbie: Person) -> None:
    bo = await enrol(api, "bo@example.com", {})
    await observe(api, bo, "order-9", "crime")
    assert (await guess(api, abbie, "shop/order-9"))[0] == 404


async def test_only_an_inference_is_derived_from_something(api: Api, abbie: Person) -> None:
    parent = {"attribute": "first_name", "provenance": "volunteered", "source": "shop"}
    fact = {**SEEN, "value": ["crime"], "derived_from": [parent]}
    answer = await api.call("POST", f"/v1/customers/{abbie.at_shop}/attributes", "shop", {"facts": [fact]})
    assert (answer.status_code, answer.json()["pointer"]) == (422, "/facts/0/derived_from")


async def test_lineage_changed_in_the_database_no_longer_opens(
    api: Api, abbie: Person, database: Database, token: str
) -> None:
    await observe(api, abbie, "order-7", "history")
    async with database.connection() as connection:
        await connection.execute("UPDATE fact SET confidence = 50 WHERE attribute = 'browsed_genres'")
    answer = await api.call("GET", "/v1/me/facts", token)
    assert (answer.status_code, answer.json()["code"]) == (500, "integrity")


async def test_several_facts_of_one_attribute_stand_side_by_side(api: Api, abbie: Person, token: str) -> None:
    await observe(api, abbie, "order-7", "history")
    await observe(api, abbie, "order-8", "crime")
    facts = (await api.call("GET", "/v1/me/facts", token)).json()["facts"]
    seen = [(each["source"], each["value"]) for each in facts if each["attribute"] == "browsed_genres"]
    # In the order of names, which a page can go on from; which of them is released is another matter.
    assert seen == [("shop/order-7", ["history"]), ("shop/order-8", ["crime"])]
    assert (await ask(api, abbie, "browsed_genres"))["released"]["browsed_genres"]["value"] == ["crime"]


async def test_each_fact_says_who_may_use_it_and_that_is_what_a_release_decides(
    api: Api, abbie: Person, token: str
) -> None:
    def users(facts: dict[str, Any], attribute: str) -> set[tuple[str, str]]:
        found = next(each for each in facts["facts"] if each["attribute"] == attribute)
        return {(each["service"], channel) for each in found["usable"] for channel in each["channels"]}

    before = (await api.call("GET", "/v1/me/facts", token)).json()
    assert ("recommender", "web") in users(before, "first_name")
    assert ("recommender", "email") not in users(before, "first_name")
    assert not any(service == "recommender" for service, _ in users(before, "birth_year"))
    await api.post("/v1/me/consents", token, {"purpose": PURPOSE, "answer": "withdrawn"})
    after = (await api.call("GET", "/v1/me/facts", token)).json()
    assert not any(service == "recommender" for service, _ in users(after, "first_name"))
    assert ("fulfilment", "post") in users(after, "first_name")

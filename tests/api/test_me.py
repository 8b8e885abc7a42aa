"""What a customer sees of herself, and the lineage of what is known about her."""

from typing import Any

import pytest

from service.crypto.keyring import Keyring
from service.database import Database
from service.model.identifiers import identifier
from service.model.words import IdentifierKind
from service.usecases.access import make_customer_token
from tests.conftest import OPERATOR, Api, Person, allow, enrol

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


async def test_every_use_is_listed_newest_first_with_what_was_refused_and_why(
    api: Api, abbie: Person, token: str
) -> None:
    released = await ask(api, abbie, "first_name", "birth_year")
    await ask(api, abbie, "first_name", path="/v1/decisions")
    uses = (await api.call("GET", "/v1/me/use", token)).json()["uses"]
    assert [each["kind"] for each in uses] == ["check", "release", "look-up"]
    assert uses[1]["entry"] == released["entry"]
    assert (uses[1]["by"], uses[1]["purpose"], uses[1]["outcome"]) == ("service:recommender", PURPOSE, "partial")
    assert uses[1]["released"] == ["first_name"]
    assert uses[1]["refused"] == [{"attribute": "birth_year", "reason": "demographic"}]
    assert "Abbie" not in str(uses)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 6),
        ("?refused=true", 2),
        ("?refused=false", 6),
        ("?service=recommender", 5),
        ("?service=shop", 0),
        (f"?purpose={PURPOSE}", 5),
        ("?purpose=market.newsletter", 0),
        ("?since=2020-01-01T00:00:00Z", 6),
        ("?until=2020-01-01T00:00:00Z", 0),
    ],
)
async def test_uses_can_be_filtered(query: str, count: int, api: Api, abbie: Person, token: str) -> None:
    for attributes in (["first_name"], ["birth_year"], ["first_name", "birth_year"], ["first_name"], ["first_name"]):
        await ask(api, abbie, *attributes)
    assert len((await api.call("GET", f"/v1/me/use{query}", token)).json()["uses"]) == count


async def test_pages_follow_each_other_without_gap_or_repetition_while_new_uses_come(
    api: Api, abbie: Person, token: str
) -> None:
    entries = [(await ask(api, abbie, "first_name"))["entry"] for _ in range(7)]
    seen: list[str] = []
    path = "/v1/me/use?limit=3&service=recommender"
    page = (await api.call("GET", path, token)).json()
    while True:
        seen += [each["entry"] for each in page["uses"]]
        await ask(api, abbie, "first_name")
        if "next" not in page:
            break
        page = (await api.call("GET", f"{path}&cursor={page['next']}", token)).json()
    assert seen == entries[::-1]


async def test_a_cursor_is_good_for_its_own_list_and_customer_only(
    api: Api, abbie: Person, token: str, database: Database, keyring: Keyring
) -> None:
    for _ in range(3):
        await ask(api, abbie, "first_name")
    cursor = (await api.call("GET", "/v1/me/use?limit=1", token)).json()["next"]
    bo = await enrol(api, "bo@example.com")
    await allow(api, bo)
    found_by = identifier(IdentifierKind.EMAIL, bo.email)
    others = (await make_customer_token(database, keyring, OPERATOR, found_by, 5)).text
    for caller, query in (
        (others, f"limit=1&cursor={cursor}"),
        (token, f"limit=1&refused=true&cursor={cursor}"),
        (token, f"limit=1&cursor={cursor[:-2]}"),
        (token, "cursor=x"),
        (token, "cursor=" + "A" * 56),
    ):
        answer = await api.call("GET", f"/v1/me/use?{query}", caller)
        assert (answer.status_code, answer.json()["code"]) == (400, "bad-cursor"), query


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("limit=0", 422, "wrong-kind"),
        ("limit=101", 422, "wrong-kind"),
        ("limit=ten", 422, "wrong-kind"),
        ("refused=maybe", 422, "wrong-kind"),
        ("since=yesterday", 422, "wrong-kind"),
        ("since=0001-01-01T00:00:00%2B14:00", 422, "wrong-kind"),
        ("service=%00", 422, "wrong-kind"),
        ("page=2", 422, "unknown-field"),
        ("limit=1&limit=2", 400, "duplicate-key"),
    ],
)
async def test_a_wrong_query_is_a_problem_that_names_it(
    query: str, status: int, code: str, api: Api, token: str
) -> None:
    answer = await api.call("GET", f"/v1/me/use?{query}", token)
    assert (answer.status_code, answer.json()["code"]) == (status, code)

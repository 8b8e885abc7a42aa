"""What each service may do, as its table in services.toml says, read here without the code under test."""

import tomllib
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from service.crypto.keyring import Keyring
from service.database import Database
from service.model.identifiers import identifier
from service.model.words import Channel, IdentifierKind, Provenance, ServiceId
from service.policy.engine import Policies
from service.schema import shipped
from service.usecases import access
from tests.conftest import OPERATOR, PROOF, Api, Person, allow, enrol, tampering_with


def table(name: str) -> list[dict[str, Any]]:
    """Return the tables of one file of the catalogue."""
    ((_, rows),) = tomllib.loads((shipped("policies") / f"{name}s.toml").read_text(encoding="utf-8")).items()
    return list(rows)


SERVICES = {each["id"]: each for each in table("service")}
PURPOSES = {each["id"]: each for each in table("purpose")}
ATTRIBUTES = {each["id"]: each for each in table("attribute")}
BY_CONSENT = [id_ for id_, purpose in PURPOSES.items() if purpose["basis"] == "consent"]
EMAIL = "abbie@example.com"
every_service = pytest.mark.parametrize("service", SERVICES)


def value_of(attribute: str) -> Any:
    """Return a value that fits."""
    said = ATTRIBUTES[attribute]
    one = said["choices"][0] if "choices" in said else "YO22"
    return {"text": one, "texts": [one], "integer": said.get("minimum", 1), "date": "2026-01-02", "boolean": True}[
        said["kind"]
    ]


async def known_to(api: Api, service: str) -> str:
    """Return how a service knows Abbie."""
    pairwise: str = (await api.post("/v1/customers", service, {"identifiers": {"email": EMAIL}}))["customer"]
    return pairwise


def test_the_table_has_something_to_allow_and_something_to_refuse() -> None:
    assert len(SERVICES) == 7
    assert any(each.get("records") for each in SERVICES.values())
    assert not all(each.get("records") for each in SERVICES.values())
    assert {id_ for each in SERVICES.values() for id_ in each["uses"]} == set(PURPOSES)
    assert {a for each in SERVICES.values() for a in each.get("contributes", {})} <= set(ATTRIBUTES)


@pytest.mark.usefixtures("abbie")
@every_service
async def test_a_service_uses_each_purpose_only_on_the_channels_of_its_table(api: Api, service: str) -> None:
    for purpose, channel, path in product(PURPOSES, Channel, ("releases", "decisions")):
        may = channel in SERVICES[service]["uses"].get(purpose, {}).get("channels", [])
        asked = {"customer": {"email": EMAIL}, "purpose": purpose, "channel": channel, "attributes": ["first_name"]}
        response = await api.call("POST", f"/v1/{path}", service, asked)
        assert response.status_code == (200 if may else 403), (purpose, channel)
        if not may:
            assert (response.json()["code"], response.json()["pointer"]) == ("not-granted", "/purpose")


def uses() -> Iterator[tuple[str, str, str]]:
    for service, said in SERVICES.items():
        for purpose, use in said["uses"].items():
            for channel in use["channels"]:
                yield service, purpose, channel


@pytest.mark.parametrize(("service", "purpose", "channel"), list(uses()))
async def test_a_service_is_told_not_granted_for_exactly_the_attributes_its_table_lacks(
    api: Api, abbie: Person, service: str, purpose: str, channel: str
) -> None:
    if purpose in BY_CONSENT:
        await allow(api, abbie, purpose, channel)
    pairwise = await known_to(api, service)
    asked = {"customer": {"id": pairwise}, "purpose": purpose, "channel": channel, "attributes": list(ATTRIBUTES)}
    answer = await api.post("/v1/decisions", service, asked)
    lacking = {each["attribute"] for each in answer["withheld"] if each["reason"] in RIGHTLESS}
    assert lacking == ATTRIBUTES.keys() - SERVICES[service]["uses"][purpose]["attributes"]


RIGHTLESS = {"not-granted", "not-for-this-purpose"}


@pytest.mark.usefixtures("abbie")
@every_service
async def test_a_service_contributes_only_what_its_table_says(api: Api, service: str) -> None:
    path = f"/v1/customers/{await known_to(api, service)}/attributes"
    for attribute, provenance in product(ATTRIBUTES, Provenance):
        may = provenance in SERVICES[service].get("contributes", {}).get(attribute, [])
        fact = {"attribute": attribute, "value": value_of(attribute), "provenance": provenance}
        response = await api.call("POST", path, service, {"facts": [fact]})
        assert response.status_code == (200 if may else 403), (attribute, provenance)
        if not may:
            assert (response.json()["code"], response.json()["pointer"]) == ("not-granted", "/facts/0/provenance")


@pytest.mark.usefixtures("abbie")
@every_service
async def test_a_service_records_a_yes_only_where_its_table_says_and_a_no_everywhere(api: Api, service: str) -> None:
    path = f"/v1/customers/{await known_to(api, service)}/consents"
    notices = {
        each["id"]: each["notice"] for each in (await api.call("GET", "/v1/purposes", service)).json()["purposes"]
    }
    for purpose in BY_CONSENT:
        for channel in PURPOSES[purpose]["channels"]:
            yes = {"purpose": purpose, "answer": "given", "channel": channel, "notice": notices[purpose], **PROOF}
            response = await api.call("POST", path, service, yes)
            may = purpose in SERVICES[service].get("records", [])
            assert response.status_code == (200 if may else 403), (purpose, channel)
            for no in ("refused", "withdrawn"):
                answer = {"purpose": purpose, "answer": no, "channel": channel}
                done = await api.post(path, service, answer)
                assert [each["status"] for each in done["standing"]] == [no]


@pytest.mark.usefixtures("abbie")
@every_service
async def test_a_service_reads_the_answers_for_its_own_purposes_only(api: Api, service: str) -> None:
    path = f"/v1/customers/{await known_to(api, service)}/consents"
    for purpose in BY_CONSENT:
        await api.post(path, service, {"purpose": purpose, "answer": "withdrawn"})
    read = (await api.call("GET", path, service)).json()
    mine = {*SERVICES[service]["uses"], *SERVICES[service].get("records", [])} & set(BY_CONSENT)
    assert {each["purpose"] for each in read["standing"]} == mine
    assert {each["purpose"] for each in read["history"]} == mine


async def test_the_recommender_cannot_record_its_own_yes(api: Api) -> None:
    person = await enrol(api, EMAIL)
    path = f"/v1/customers/{person.at_recommender}/consents"
    yes = {"purpose": "personalise.recommendations", "answer": "given", "channel": "web", "notice": 2, **PROOF}
    response = await api.call("POST", path, "recommender", yes)
    assert (response.status_code, response.json()["code"]) == (403, "not-granted")
    asked = {
        "customer": {"id": person.at_recommender},
        "purpose": "personalise.recommendations",
        "channel": "web",
        "attributes": ["first_name"],
    }
    assert (await api.post("/v1/releases", "recommender", asked))["released"] == {}


async def test_the_recommender_cannot_call_a_guess_volunteered(api: Api, abbie: Person) -> None:
    path = f"/v1/customers/{abbie.at_recommender}/attributes"
    for attribute in ("guessed_genres", "favourite_genres"):
        fact = {"attribute": attribute, "value": ["crime"], "provenance": "volunteered"}
        honest = {"attribute": "guessed_genres", "value": ["art"], "provenance": "inferred"}
        response = await api.call("POST", path, "recommender", {"facts": [honest, fact]})
        assert (response.status_code, response.json()["pointer"]) == (403, "/facts/1/provenance")


# --- keys ---


async def works(api: Api, key: str) -> bool:
    status = (await api.call("GET", "/v1/purposes", key)).status_code
    assert status in {200, 401}
    return status == 200


async def test_a_revoked_key_is_refused_at_once(api: Api, database: Database) -> None:
    key = api.api_keys[ServiceId("shop")]
    assert await works(api, key)
    assert await access.revoke_api_keys(database, OPERATOR, ServiceId("shop")) == 1
    for method, path in (("GET", "/v1/purposes"), ("POST", "/v1/releases"), ("POST", "/v1/customers")):
        assert (await api.call(method, path, key)).status_code == 401
    assert await works(api, api.api_keys[ServiceId("recommender")])


async def test_after_a_rotation_two_keys_work_and_the_third_ends_the_first(
    api: Api, database: Database, keyring: Keyring, policies: Policies
) -> None:
    shop = ServiceId("shop")
    first = api.api_keys[shop]
    second = (await access.make_api_key(database, keyring, policies, OPERATOR, shop)).text
    assert [await works(api, key) for key in (first, second)] == [True, True]
    third = (await access.make_api_key(database, keyring, policies, OPERATOR, shop)).text
    assert [await works(api, key) for key in (first, second, third)] == [False, True, True]


async def test_a_customers_token_ends_with_its_time(
    api: Api, abbie: Person, database: Database, keyring: Keyring
) -> None:
    token = await access.make_customer_token(
        database, keyring, OPERATOR, identifier(IdentifierKind.EMAIL, abbie.email), 5
    )
    assert (await api.call("GET", "/v1/me/consents", token.text)).status_code == 200
    async with tampering_with(database) as connection:
        await connection.execute("UPDATE customer_token SET expires_at = clock_timestamp()")
    assert (await api.call("GET", "/v1/me/consents", token.text)).status_code == 401

"""The main job, through the door."""

import json
import re
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec import structs

from service.crypto.keyring import Keyring
from service.database import Connection, Database
from service.model.facts import FLAGS, Restrictions, Standing
from service.model.identifiers import identifier
from service.model.words import (
    AgeBand,
    AttributeId,
    Channel,
    CustomerId,
    IdentifierKind,
    Provenance,
    PurposeId,
    Status,
)
from service.policy.engine import Policies
from service.schema import shipped
from service.storage import consents, customers, facts
from service.usecases.policies import publish
from tests.conftest import FACTS, OPERATOR, PROOF, Api, Person, allow, enrol
from tests.reading import Entered, entered

RECOMMENDATIONS = "personalise.recommendations"
ASKED = ["first_name", "favourite_genres", "birth_year", "last_destination"]
IDS = re.compile(r"(dec|ent)_[0-9A-Z]{26}")


def wanted(person: Person, *attributes: str, **changes: Any) -> dict[str, Any]:
    return {
        "customer": {"id": person.at_recommender},
        "purpose": "personalise.recommendations",
        "channel": "web",
        "attributes": list(attributes),
        **changes,
    }


async def withdraw(api: Api, person: Person, answer: str = "withdrawn", **more: Any) -> None:
    body = {"purpose": RECOMMENDATIONS, "answer": answer, **more}
    await api.post(f"/v1/customers/{person.at_shop}/consents", "shop", body)


async def who(connection: Connection, person: Person) -> CustomerId:
    customer: CustomerId = await connection.fetchval("SELECT customer FROM pairwise WHERE id = $1", person.at_shop)
    return customer


async def entries(database: Database, keyring: Keyring) -> list[Entered]:
    async with database.connection() as connection:
        return await entered(connection, keyring)


# --- what leaves ---


async def test_what_she_allows_is_released_and_the_rest_withheld_with_a_reason(api: Api, abbie: Person) -> None:
    answer = await api.post("/v1/releases", "recommender", wanted(abbie, "first_name", "birth_year"))
    assert answer["decision"] == "partial"
    assert answer["released"]["first_name"]["value"] == "Abbie"
    assert answer["withheld"] == [{"attribute": "birth_year", "reason": "demographic", "policy": "forbid.demographic"}]


async def test_all_that_is_asked_and_allowed_is_a_permit(api: Api, abbie: Person, policies: Policies) -> None:
    answer = await api.post("/v1/releases", "recommender", wanted(abbie, "favourite_genres", "first_name"))
    assert answer["decision"] == "permit"
    assert {name: each["value"] for name, each in answer["released"].items()} == {
        "favourite_genres": ["crime", "travel"],
        "first_name": "Abbie",
    }
    assert {each["provenance"] for each in answer["released"].values()} == {"volunteered"}
    assert answer["permitted"] == ["favourite_genres", "first_name"]
    assert answer["withheld"] == []
    assert answer["obligations"] == [{"id": "delete-after", "days": 1}]
    assert answer["consent"] == {"status": "given", "notice": 2}
    assert answer["policy_version"] == policies.version
    assert answer["customer"] == abbie.at_recommender
    assert (answer["purpose"], answer["channel"]) == (RECOMMENDATIONS, "web")


async def test_nothing_is_released_to_who_asks_without_her_yes(api: Api) -> None:
    person = await enrol(api, "bea@example.com")
    answer = await api.post("/v1/releases", "recommender", wanted(person, *ASKED))
    assert (answer["decision"], answer["released"], answer["permitted"]) == ("deny", {}, [])
    assert answer["withheld"] == [{"attribute": name, "reason": "no-permission"} for name in ASKED]
    assert answer["obligations"] == []
    assert answer["consent"] == {"status": "unknown"}


WITHHELD = [
    ("first_name", None),
    ("last_destination", "not-known"),
    ("birth_year", "demographic"),
    ("guessed_genres", "only-what-i-told-you"),
    ("credit_segment", "only-what-i-told-you"),
    ("accessibility_needs", "explicit-consent-needed"),
    ("orders_this_year", "not-granted"),
    ("last_name", "not-for-this-purpose"),
    ("postcode_area", "not-for-this-purpose"),
]


async def test_each_attribute_withheld_comes_with_the_reason_and_the_policy(api: Api, abbie: Person) -> None:
    answer = await api.post("/v1/releases", "recommender", wanted(abbie, *(name for name, _ in WITHHELD)))
    reasons = {each["attribute"]: each["reason"] for each in answer["withheld"]}
    assert reasons == {name: reason for name, reason in WITHHELD if reason}
    policies = {each["attribute"]: each["policy"] for each in answer["withheld"] if "policy" in each}
    assert policies == {
        "birth_year": "forbid.demographic",
        "guessed_genres": "forbid.inferred",
        "credit_segment": "forbid.acquired",
        "accessibility_needs": "forbid.special-category",
    }


async def test_an_explicit_yes_releases_a_special_category(api: Api, abbie: Person) -> None:
    fact = {"attribute": "accessibility_needs", "value": ["large-print"], "provenance": "volunteered"}
    await api.post(f"/v1/customers/{abbie.at_shop}/attributes", "shop", {"facts": [fact]})
    asked = wanted(abbie, "accessibility_needs")
    assert (await api.post("/v1/releases", "recommender", asked))["decision"] == "deny"
    await withdraw(api, abbie, "given", channel="web", notice=2, explicit=True, **PROOF)
    assert (await api.post("/v1/releases", "recommender", asked))["released"]["accessibility_needs"]["value"] == [
        "large-print"
    ]


@pytest.mark.parametrize("band", ["minor", "unknown"])
async def test_who_is_not_known_to_be_an_adult_is_not_profiled(api: Api, band: str) -> None:
    who = {"identifiers": {"email": "kid@example.com"}, "age_band": band}
    person = Person("", *[(await api.post("/v1/customers", each, who))["customer"] for each in ("shop", "recommender")])
    fact = {"attribute": "first_name", "value": "Kit", "provenance": "volunteered"}
    await api.post(f"/v1/customers/{person.at_shop}/attributes", "shop", {"facts": [fact]})
    await allow(api, person)
    answer = await api.post("/v1/releases", "recommender", wanted(person, "first_name"))
    assert [each["reason"] for each in answer["withheld"]] == ["adults-only"]


# --- consent ---


@pytest.mark.parametrize("answer", ["withdrawn", "refused"])
@pytest.mark.parametrize("channel", ["web", None])
async def test_a_no_holds_at_once(api: Api, abbie: Person, answer: str, channel: str | None) -> None:
    await withdraw(api, abbie, answer, channel=channel)
    denied = await api.post("/v1/releases", "recommender", wanted(abbie, *ASKED))
    assert (denied["decision"], denied["released"]) == ("deny", {})
    assert {each["reason"] for each in denied["withheld"]} == {answer}
    assert denied["consent"] == {"status": answer}


async def test_her_own_no_holds_at_once_and_so_does_her_next_yes(api: Api, abbie: Person) -> None:
    for answer, outcome in (("withdrawn", "deny"), ("given", "permit"), ("refused", "deny"), ("given", "permit")):
        await withdraw(api, abbie, answer, channel="web", notice=2, **PROOF)
        assert (await api.post("/v1/releases", "recommender", wanted(abbie, "first_name")))["decision"] == outcome


async def test_a_yes_is_for_its_channel_alone(api: Api, abbie: Person) -> None:
    for channel, outcome in (("web", "permit"), ("app", "deny"), ("email", "deny")):
        answer = await api.post("/v1/releases", "recommender", wanted(abbie, "first_name", channel=channel))
        assert answer["decision"] == outcome
    await allow(api, abbie, channel="app")
    await withdraw(api, abbie, channel="web")
    for channel, outcome in (("web", "deny"), ("app", "permit"), ("email", "deny")):
        answer = await api.post("/v1/releases", "recommender", wanted(abbie, "first_name", channel=channel))
        assert answer["decision"] == outcome


async def test_a_yes_is_for_its_purpose_alone(api: Api, abbie: Person) -> None:
    asked = {
        "customer": {"email": abbie.email},
        "purpose": "market.newsletter",
        "channel": "email",
        "attributes": ["first_name"],
    }
    assert (await api.post("/v1/releases", "newsletter", asked))["decision"] == "deny"
    await allow(api, abbie, "market.newsletter", "email")
    assert (await api.post("/v1/releases", "newsletter", asked))["decision"] == "permit"


async def let_stand(
    database: Database, keyring: Keyring, person: Person, notice: int = 2, ends: timedelta | None = None
) -> datetime:
    """Let a yes stand, as it was written at another time."""
    async with database.transaction() as connection:
        customer, now = await who(connection, person), await customers.clock(connection)
        expires = None if ends is None else now + ends
        purpose, channel = PurposeId(RECOMMENDATIONS), Channel.WEB
        yes = Standing(purpose, channel, Status.GIVEN, notice, False, now - timedelta(days=800), expires)
        await consents.put(connection, keyring, [(customer, yes)])
    return now


STALE: list[tuple[str, timedelta | None, int, str | None]] = [
    ("first_name", None, 2, None),
    ("first_name", timedelta(minutes=1), 2, None),
    ("first_name", timedelta(microseconds=-1), 2, "expired"),
    ("first_name", timedelta(days=-70), 2, "expired"),
    ("first_name", None, 1, None),
    ("last_destination", None, 1, "notice-superseded"),
]


async def test_a_yes_that_has_run_its_time_or_was_to_an_older_notice_is_no_yes(
    api: Api, abbie: Person, database: Database, keyring: Keyring
) -> None:
    for attribute, ends, notice, reason in STALE:
        await let_stand(database, keyring, abbie, notice, ends)
        answer = await api.post("/v1/releases", "recommender", wanted(abbie, attribute))
        assert [each["reason"] for each in answer["withheld"]] == ([reason] if reason else [])
        assert (answer["decision"], len(answer["released"])) == (("deny", 0) if reason else ("permit", 1))
        assert answer["consent"] == {"status": "expired" if reason == "expired" else "given", "notice": notice}


# --- several facts of one attribute ---


@pytest.fixture
async def any_destination(
    abbie: Person, database: Database, keyring: Keyring, tmp_path: Path
) -> list[tuple[Provenance, str]]:
    """A catalogue that knows a destination from every provenance, and two facts of each; the best first."""
    shutil.copytree(shipped("policies"), tmp_path / "policies")
    catalogue = tmp_path / "policies/attributes.toml"
    before, at, after = catalogue.read_text(encoding="utf-8").partition('id = "last_destination"')
    whole = json.dumps(list(Provenance))
    after = after.replace('provenances = ["observed"]', f"provenances = {whole}", 1)
    catalogue.write_text(before + at + after, encoding="utf-8")
    await publish(database, keyring, OPERATOR, tmp_path / "policies")
    order = [(provenance, source) for provenance in Provenance for source in ("newer", "older")]
    async with database.transaction() as connection:
        customer, now = await who(connection, abbie), await customers.clock(connection)
        key = await customers.open_key(connection, keyring, customer)
        for rank, (provenance, source) in enumerate(order):
            # The better the provenance the older the fact, so that age alone would turn the order round.
            days = 100 - 10 * rank if source == "newer" else 200 - 10 * rank
            as_of, value = now - timedelta(days=days), json.dumps(f"{provenance} {source}").encode()
            fact = facts.NewFact(AttributeId("last_destination"), provenance, source, as_of, value)
            await facts.put(connection, customer, key, fact, 2)
    return order


async def restrict(database: Database, keyring: Keyring, person: Person, *forbidden: str) -> None:
    """Allow an adult everything but what is named."""
    allowed = {name: name not in forbidden for name in FLAGS}
    limits = structs.replace(Restrictions(AgeBand.ADULT), **allowed)
    async with database.transaction() as connection:
        await customers.put_restrictions(connection, keyring, await who(connection, person), limits)


async def destination(api: Api, person: Person) -> tuple[str, str] | None:
    """Return which fact was released, and from where."""
    answer = await api.post("/v1/releases", "recommender", wanted(person, "last_destination"))
    found = answer["released"].get("last_destination")
    return None if found is None else (found["provenance"], found["value"])


async def test_of_several_facts_the_best_provenance_is_released_and_of_that_the_newest(
    api: Api, abbie: Person, database: Database, keyring: Keyring, any_destination: list[tuple[Provenance, str]]
) -> None:
    await restrict(database, keyring, abbie)
    for provenance, source in any_destination:
        assert await destination(api, abbie) == (provenance, f"{provenance} {source}")
        async with database.connection() as connection:
            await connection.execute("DELETE FROM fact WHERE provenance = $1 AND source = $2", provenance, source)
    assert await destination(api, abbie) is None


@pytest.mark.usefixtures("any_destination")
async def test_a_fact_that_may_not_be_used_gives_way_to_the_next_that_may(
    api: Api, abbie: Person, database: Database, keyring: Keyring
) -> None:
    async with database.connection() as connection:
        await connection.execute("DELETE FROM fact WHERE provenance = 'volunteered'")
    forbidden = ["observed_allowed", "acquired_allowed", "inferred_allowed"]
    for count, left in enumerate(("observed", "acquired", "inferred", None)):
        await restrict(database, keyring, abbie, *forbidden[:count])
        found = await destination(api, abbie)
        assert (found and found[0]) == left


async def test_a_fact_of_a_provenance_that_the_catalogue_lacks_is_not_released(
    api: Api, abbie: Person, database: Database, keyring: Keyring
) -> None:
    await restrict(database, keyring, abbie)
    async with database.transaction() as connection:
        customer, now = await who(connection, abbie), await customers.clock(connection)
        key = await customers.open_key(connection, keyring, customer)
        guess = facts.NewFact(AttributeId("last_destination"), Provenance.INFERRED, "x", now, b'"Rome"')
        await facts.put(connection, customer, key, guess, 2)
    assert await destination(api, abbie) is None


async def test_a_newer_fact_of_the_same_source_replaces_and_an_older_one_does_not(api: Api, abbie: Person) -> None:
    for value, as_of, left in (
        ("New", None, "New"),
        ("Old", "2020-01-01T00:00:00Z", "New"),
        ("Newest", None, "Newest"),
    ):
        fact = {"attribute": "first_name", "value": value, "provenance": "volunteered", "as_of": as_of}
        await api.post(f"/v1/customers/{abbie.at_shop}/attributes", "shop", {"facts": [fact]})
        answer = await api.post("/v1/releases", "recommender", wanted(abbie, "first_name"))
        assert answer["released"]["first_name"]["value"] == left


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
async def test_of_a_fact_that_is_said_several_times_at_once_the_newest_counts(
    order: tuple[int, ...], api: Api, abbie: Person
) -> None:
    said = [("Old", "2020-01-01T00:00:00Z"), ("Older", "2019-01-01T00:00:00Z"), ("New", None)]
    facts = [
        {"attribute": "first_name", "provenance": "volunteered", "value": value, "as_of": as_of}
        for value, as_of in (said[index] for index in order)
    ]
    await api.post(f"/v1/customers/{abbie.at_shop}/attributes", "shop", {"facts": facts})
    answer = await api.post("/v1/releases", "recommender", wanted(abbie, "first_name"))
    assert answer["released"]["first_name"]["value"] == "New"


# --- what is entered ---


@pytest.mark.parametrize(("path", "kind"), [("releases", "release"), ("decisions", "check")])
async def test_each_question_is_entered_with_ids_and_words_only(
    api: Api, abbie: Person, database: Database, keyring: Keyring, path: str, kind: str
) -> None:
    before = len(await entries(database, keyring))
    answer = await api.post(f"/v1/{path}", "recommender", wanted(abbie, *ASKED))
    (line,) = (await entries(database, keyring))[before:]
    assert (line.id, line.kind, line.actor) == (answer["entry"], kind, "service:recommender")
    async with database.connection() as connection:
        assert line.customer == await who(connection, abbie)
        version = await connection.fetchval("SELECT version FROM customer WHERE id = $1", line.customer)
        assert answer["version"] == version
    assert line.act == {
        "kind": kind,
        "decision": answer["id"],
        "purpose": RECOMMENDATIONS,
        "channel": "web",
        "outcome": "partial",
        "released": ["first_name", "favourite_genres"],
        "withheld": {"birth_year": "demographic", "last_destination": "not-known"},
        "policy_version": answer["policy_version"],
        "version": answer["version"],
    }


async def test_the_version_grows_with_each_change_and_not_with_a_release(api: Api, abbie: Person) -> None:
    async def version() -> int:
        answer = await api.post("/v1/releases", "recommender", wanted(abbie, "first_name"))
        return int(answer["version"])

    first = await version()
    assert await version() == first
    await withdraw(api, abbie)
    assert await version() == first + 1


@pytest.mark.parametrize("attributes", [["first_name"], ASKED, ["birth_year"]])
@pytest.mark.parametrize("by", ["id", "email"])
async def test_a_decision_is_the_release_without_the_values(
    api: Api, abbie: Person, attributes: list[str], by: str
) -> None:
    customer = {"id": abbie.at_recommender} if by == "id" else {"email": "Abbie@Example.COM "}
    asked = wanted(abbie, *attributes, customer=customer)
    released = await api.post("/v1/releases", "recommender", asked)
    decided = await api.post("/v1/decisions", "recommender", asked)
    assert released.pop("released").keys() == set(released["permitted"])
    assert decided.keys() == released.keys()
    for name in decided.keys() - {"id", "entry"}:
        assert decided[name] == released[name]
    by_chance = {"id": "", "entry": "", "version": 0}
    assert not any(value in json.dumps(decided | by_chance) for value in ("Abbie", "crime", "1985"))


# --- who may not ask ---

NOT_ASKED: list[tuple[str, dict[str, Any], int, str, str]] = [
    ("newsletter", {}, 403, "not-granted", "/purpose"),
    ("recommender", {"purpose": "market.newsletter", "channel": "email"}, 403, "not-granted", "/purpose"),
    ("recommender", {"channel": "post"}, 403, "not-granted", "/purpose"),
    ("recommender", {"purpose": "no.such"}, 404, "unknown-purpose", "/purpose"),
    ("recommender", {"attributes": ["first_name", "no_such"]}, 404, "unknown-attribute", "/attributes/1"),
]


@pytest.mark.parametrize("path", ["releases", "decisions"])
async def test_a_question_that_may_not_be_asked_is_refused_and_not_entered(
    api: Api, abbie: Person, database: Database, keyring: Keyring, path: str
) -> None:
    before = await entries(database, keyring)
    for caller, change, *refusal in NOT_ASKED:
        for customer in ({"email": abbie.email}, {"email": "nobody@example.com"}):
            asked = wanted(abbie, "first_name", customer=customer) | change
            response = await api.call("POST", f"/v1/{path}", caller, asked)
            problem = response.json()
            assert [response.status_code, problem["code"], problem["pointer"]] == refusal
            assert "Abbie" not in response.text
    assert await entries(database, keyring) == before


# --- who cannot be found ---


def shape(response: httpx.Response) -> tuple[int, list[tuple[str, str]], str]:
    """Return all that a service sees of an answer, with each id blotted out."""
    return response.status_code, response.headers.multi_items(), IDS.sub("ID", response.text)


NOBODY: list[dict[str, str]] = [
    {"email": "nobody@example.com"},
    {"phone": "+442079460999"},
    {"loyalty": "NOBODY1234"},
    {"id": "byc_" + "a" * 26},
    {"id": "byc_" + "z" * 26},
]


@pytest.mark.parametrize("path", ["releases", "decisions"])
@pytest.mark.parametrize("answer", [None, "refused", "withdrawn"])
async def test_who_is_unknown_looks_like_who_allows_nothing(api: Api, path: str, answer: str | None) -> None:
    person = await enrol(api, "closed@example.com", {**FACTS, "accessibility_needs": ["audio"]})
    if answer:
        await withdraw(api, person, answer)
    asked = wanted(person, *ASKED, "accessibility_needs", "orders_this_year", "last_name")
    known = await api.call("POST", f"/v1/{path}", "recommender", {**asked, "customer": {"email": person.email}})
    assert known.json()["decision"] == "deny"
    assert known.json().keys().isdisjoint({"customer", "version", "consent"})
    for nobody in NOBODY:
        unknown = await api.call("POST", f"/v1/{path}", "recommender", {**asked, "customer": nobody})
        assert shape(unknown) == shape(known), nobody


async def test_who_is_unknown_looks_like_who_has_nothing_to_release(api: Api) -> None:
    await enrol(api, "empty@example.com", {})
    asked = {"purpose": "fulfil.orders", "channel": "post", "attributes": ["last_name", "first_name"]}
    empty = await api.call("POST", "/v1/releases", "fulfilment", {**asked, "customer": {"email": "empty@example.com"}})
    for nobody in NOBODY:
        unknown = await api.call("POST", "/v1/releases", "fulfilment", {**asked, "customer": nobody})
        assert shape(unknown) == shape(empty), nobody


async def test_a_question_about_nobody_is_entered_about_nobody(
    api: Api, abbie: Person, database: Database, keyring: Keyring
) -> None:
    before = len(await entries(database, keyring))
    for nobody in NOBODY:
        await api.post("/v1/releases", "recommender", wanted(abbie, "first_name", customer=nobody))
    lines = (await entries(database, keyring))[before:]
    assert [(line.customer, line.kind) for line in lines] == [(None, "release")] * len(NOBODY)
    assert not any("nobody" in line.text.lower() or "byc_" in line.text for line in lines)


async def test_an_identifier_that_two_share_finds_neither(
    api: Api, abbie: Person, database: Database, keyring: Keyring
) -> None:
    asked = wanted(abbie, "first_name", customer={"email": abbie.email})
    assert (await api.post("/v1/releases", "recommender", asked))["decision"] == "permit"
    other = await enrol(api, "other@example.com")
    await allow(api, other)
    async with database.transaction() as connection:
        customer = await who(connection, other)
        key = await customers.open_key(connection, keyring, customer)
        shared = identifier(IdentifierKind.EMAIL, abbie.email)
        await customers.put_identifier(connection, keyring, customer, key, shared)
    found = await api.call("POST", "/v1/releases", "recommender", asked)
    unknown = await api.call("POST", "/v1/releases", "recommender", asked | {"customer": {"email": "x@example.com"}})
    assert shape(found) == shape(unknown)
    assert (await api.post("/v1/releases", "recommender", wanted(abbie, "first_name")))["decision"] == "permit"


async def test_another_services_id_of_her_finds_nobody(api: Api, abbie: Person) -> None:
    answer = await api.call(
        "POST", "/v1/releases", "recommender", wanted(abbie, "first_name", customer={"id": abbie.at_shop})
    )
    unknown = await api.call("POST", "/v1/releases", "recommender", wanted(abbie, "first_name", customer=NOBODY[3]))
    assert shape(answer) == shape(unknown)
    assert abbie.at_shop != abbie.at_recommender


# --- contract ---


@pytest.mark.parametrize("answer", [None, "given", "withdrawn"])
async def test_the_warehouse_gets_name_and_address_with_and_without_consent(api: Api, answer: str | None) -> None:
    person = await enrol(api, "buyer@example.com")
    if answer:
        await withdraw(api, person, answer, channel="web", notice=2, **PROOF)
    asked = {
        "customer": {"email": person.email},
        "purpose": "fulfil.orders",
        "channel": "post",
        "attributes": ["first_name", "last_name", "postal_address", "favourite_genres"],
    }
    released = await api.post("/v1/releases", "fulfilment", asked)
    assert {name: each["value"] for name, each in released["released"].items()} == {
        name: FACTS[name] for name in ("first_name", "last_name", "postal_address")
    }
    assert [each["reason"] for each in released["withheld"]] == ["not-for-this-purpose"]
    assert (released["obligations"], "consent" in released) == ([], False)


async def test_restricted_processing_stops_the_parcel_but_not_the_invoice(
    api: Api, abbie: Person, database: Database, keyring: Keyring
) -> None:
    await restrict(database, keyring, abbie, "may_process")
    for service, purpose, outcome in (("fulfilment", "fulfil.orders", "deny"), ("finance", "comply.tax", "permit")):
        asked = {
            "customer": {"email": abbie.email},
            "purpose": purpose,
            "channel": "internal",
            "attributes": ["last_name", "postal_address"],
        }
        assert (await api.post("/v1/releases", service, asked))["decision"] == outcome

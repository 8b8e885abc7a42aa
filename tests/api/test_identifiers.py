"""By what a customer is found: several identifiers, verified or not, disowned, and devices, which are nobody."""

from itertools import count
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.crypto.keyring import Keyring
from service.database import Database
from service.model.identifiers import identifier
from service.model.words import IdentifierKind
from service.usecases.access import make_customer_token
from tests.conftest import OPERATOR, Api, Person, allow, enrol, tampering_with
from tests.examples import some
from tests.reading import entry_of

pytestmark = pytest.mark.usefixtures("all_said")

NUMBERS = count()
PHONE, CARD, DEVICE = "+442079460018", "HB1234567", "0b7c2f5e-3d1a-4c7e-9f60-6a5d2c1b8e9f"
ASKED = {"purpose": "personalise.recommendations", "channel": "web", "attributes": ["first_name", "favourite_genres"]}
YES = {
    "purpose": "personalise.recommendations",
    "answer": "given",
    "channel": "web",
    "notice": 2,
    "method": "counter",
    "evidence": "till-4",
}


@pytest.fixture
async def token(abbie: Person, database: Database, keyring: Keyring) -> str:
    """Abbie's own token."""
    found_by = identifier(IdentifierKind.EMAIL, abbie.email)
    return (await make_customer_token(database, keyring, OPERATOR, found_by, 5)).text


async def at_shop(api: Api, caller: str = "shop", **words: Any) -> httpx.Response:
    verified = words.pop("verified", None)
    body = {"identifiers": words} | ({"verified": verified} if verified else {})
    return await api.call("POST", "/v1/customers", caller, body)


async def known(api: Api, caller: str = "shop", **words: Any) -> str:
    response = await at_shop(api, caller, **words)
    assert response.status_code == 200, response.text
    return str(response.json()["customer"])


async def ask(api: Api, **who: str) -> dict[str, Any]:
    return await api.post("/v1/releases", "recommender", {"customer": who, **ASKED})


async def hers(api: Api, token: str) -> dict[str, dict[str, Any]]:
    response = await api.call("GET", "/v1/me/identifiers", token)
    assert response.status_code == 200, response.text
    return {each["kind"]: each for each in response.json()["identifiers"]}


async def disown(api: Api, token: str, kind: str) -> httpx.Response:
    reference = (await hers(api, token))[kind]["reference"]
    return await api.call("POST", "/v1/me/identifiers/disown", token, {"reference": reference})


# --- several, verified or not ---


async def test_she_sees_by_what_she_is_found_and_what_was_verified(api: Api, abbie: Person, token: str) -> None:
    await known(api, email=abbie.email, phone="+44 20 7946 0018", verified=["phone"])
    found = await hers(api, token)
    assert {kind: (each["value"], each["verified"]) for kind, each in found.items()} == {
        "email": (abbie.email, False),
        "phone": (PHONE, True),
    }
    assert all(each["since"] for each in found.values())
    await known(api, email=abbie.email, verified=["email"])
    assert (await hers(api, token))["email"]["verified"]
    for who in ({"email": abbie.email}, {"phone": PHONE}):
        assert (await ask(api, **who))["decision"] == "permit"


async def test_only_a_service_that_may_says_that_an_identifier_was_verified(api: Api, abbie: Person) -> None:
    for email in (abbie.email, "nobody@example.com"):
        response = await at_shop(api, "recommender", email=email, verified=["email"])
        problem = response.json()
        assert (response.status_code, problem["code"], problem["pointer"]) == (403, "not-granted", "/verified/0")
    response = await at_shop(api, email=abbie.email, verified=["phone"])
    assert (response.status_code, response.json()["pointer"]) == (422, "/verified/0")
    response = await at_shop(api, "call-centre", email=abbie.email, phone=PHONE, verified=["phone", "email"])
    assert (response.status_code, response.json()["pointer"]) == (403, "/verified/1")


async def test_a_service_that_verifies_nothing_adds_nothing_to_one_who_is_known_and_is_not_told(
    api: Api, abbie: Person, token: str
) -> None:
    mine = await known(api, "recommender", email=abbie.email, phone=PHONE)
    assert mine == abbie.at_recommender
    assert set(await hers(api, token)) == {"email"}
    assert (await ask(api, phone=PHONE))["decision"] == "deny"
    # Somebody new may be enrolled with any.
    new = await known(api, "recommender", email="new@example.com", loyalty=CARD)
    assert await known(api, "recommender", loyalty=CARD) == new
    # The call centre verifies phones, and nothing else.
    await known(api, "call-centre", email=abbie.email, phone=PHONE, loyalty="HB7654321")
    assert set(await hers(api, token)) == {"email", "phone"}


async def test_consent_given_under_an_address_is_hers_when_she_enrols_by_it(api: Api) -> None:
    """The counter took down an address and her yes; later she opens an account in the shop with the same address."""
    new = {"identifiers": {"email": "bo@example.com"}, "age_band": "adult"}
    before = (await api.post("/v1/customers", "call-centre", new))["customer"]
    await api.post(f"/v1/customers/{before}/consents", "call-centre", YES)
    account = await known(api, email=" Bo@Example.COM", loyalty=CARD, verified=["email"])
    fact = {"attribute": "first_name", "value": "Bo", "provenance": "volunteered"}
    await api.post(f"/v1/customers/{account}/attributes", "shop", {"facts": [fact]})
    assert (await ask(api, loyalty=CARD))["released"]["first_name"]["value"] == "Bo"
    standing = (await api.call("GET", f"/v1/customers/{account}/consents", "shop")).json()["standing"]
    assert [each["status"] for each in standing] == ["given"]


# --- "not mine" ---


async def test_a_disowned_identifier_finds_nobody_and_is_no_longer_listed(
    api: Api, abbie: Person, token: str, database: Database, keyring: Keyring
) -> None:
    await known(api, email=abbie.email, phone=PHONE)
    assert (await ask(api, phone=PHONE))["decision"] == "permit"
    done = (await disown(api, token, "phone")).json()
    assert set(done) == {"version", "entry"}
    answer, nobody = await ask(api, phone=PHONE), await ask(api, phone="+442079460019")
    assert {**answer, "id": "", "entry": ""} == {**nobody, "id": "", "entry": ""}
    assert set(await hers(api, token)) == {"email"}
    async with database.connection() as connection:
        row = await connection.fetchrow("SELECT sealed FROM identifier WHERE disowned_at IS NOT NULL")
        assert row is not None
        assert row["sealed"] == b""
        assert (await entry_of(connection, keyring, done["entry"])).act == {"identifier": "phone", "kind": "disown"}


async def test_a_disowned_identifier_does_not_come_back_by_any_service_and_is_free_for_another(
    api: Api, abbie: Person, token: str
) -> None:
    await known(api, email=abbie.email, phone=PHONE, verified=["phone"])
    await disown(api, token, "phone")
    for caller in ("shop", "call-centre", "recommender"):
        for verified in ([], ["phone"] if caller != "recommender" else []):
            response = await at_shop(api, caller, email=abbie.email, phone=PHONE, verified=verified)
            assert (response.status_code, response.json()["code"]) == (409, "identifier-taken")
    assert (await ask(api, phone=PHONE))["decision"] == "deny"
    other = await known(api, phone=PHONE)
    assert other != abbie.at_shop
    assert await known(api, phone=PHONE) == other
    assert set(await hers(api, token)) == {"email"}


async def test_a_refusal_of_a_disowned_identifier_looks_like_one_of_somebody_elses(
    api: Api, abbie: Person, token: str
) -> None:
    await known(api, email=abbie.email, phone=PHONE)
    await disown(api, token, "phone")
    await known(api, loyalty=CARD)
    mine = await at_shop(api, email=abbie.email, phone=PHONE)
    theirs = await at_shop(api, email=abbie.email, loyalty=CARD)
    assert (mine.status_code, mine.json()) == (theirs.status_code, theirs.json())


async def test_what_two_shared_finds_the_other_once_one_disowned_it(api: Api, abbie: Person, token: str) -> None:
    await known(api, email=abbie.email, phone=PHONE)
    await known(api, email="bo@example.com")
    both = await at_shop(api, email="bo@example.com", phone=PHONE)
    # Each is found by her own address: two people are not merged, nor is one's number the other's.
    assert both.status_code == 409
    await disown(api, token, "phone")
    bo = await known(api, email="bo@example.com", phone=PHONE)
    assert await known(api, phone=PHONE) == bo


async def test_a_reference_that_is_not_hers_or_was_used_disowns_nothing(
    api: Api, abbie: Person, token: str, database: Database, keyring: Keyring
) -> None:
    await known(api, email=abbie.email, phone=PHONE)
    reference = (await hers(api, token))["phone"]["reference"]
    await known(api, email="bo@example.com")
    bos = await make_customer_token(database, keyring, OPERATOR, identifier(IdentifierKind.EMAIL, "bo@example.com"), 5)
    body = {"reference": reference}
    refused = await api.call("POST", "/v1/me/identifiers/disown", bos.text, body)
    assert (refused.status_code, refused.json()["code"]) == (404, "unknown-identifier")
    first = await api.call("POST", "/v1/me/identifiers/disown", token, body, headers={"idempotency-key": '"k"'})
    again = await api.call("POST", "/v1/me/identifiers/disown", token, body, headers={"idempotency-key": '"k"'})
    assert first.status_code == 200
    assert first.json() == again.json()
    refused = await api.call("POST", "/v1/me/identifiers/disown", token, body)
    assert (refused.status_code, refused.json()["code"]) == (404, "unknown-identifier")


@pytest.mark.parametrize(
    "change",
    [
        "disowned_at = NULL",
        "disowned_at = NULL, verified_at = NULL",
        "disowned_at = disowned_at + interval '1 second'",
    ],
)
async def test_what_she_disowned_is_not_brought_back_by_sql(
    api: Api, abbie: Person, token: str, database: Database, change: str
) -> None:
    await known(api, email=abbie.email, phone=PHONE, verified=["phone"])
    await disown(api, token, "phone")
    async with tampering_with(database) as connection:
        await connection.execute(f"UPDATE identifier SET {change} WHERE disowned_at IS NOT NULL")  # noqa: S608  ours
    assert (await ask(api, phone=PHONE))["decision"] == "deny"
    assert set(await hers(api, token)) == {"email"}


async def test_a_claim_is_not_made_verified_by_sql(api: Api, abbie: Person, token: str, database: Database) -> None:
    async with tampering_with(database) as connection:
        await connection.execute("UPDATE identifier SET verified_at = now()")
    assert await hers(api, token) == {}
    assert (await ask(api, email=abbie.email))["decision"] == "deny"


# --- a shared browser ---


async def test_a_device_stands_alone(api: Api, abbie: Person) -> None:
    device = await known(api, device=DEVICE)
    assert device != abbie.at_shop
    for company in ({"email": abbie.email}, {"phone": PHONE}, {"loyalty": CARD}):
        response = await at_shop(api, device=DEVICE, **company)
        problem = response.json()
        assert (response.status_code, problem["code"], problem["pointer"]) == (422, "wrong-kind", "/identifiers/device")
    assert await known(api, device=DEVICE) == device
    assert await known(api, device=DEVICE.upper()) != device
    response = await at_shop(api, device=DEVICE, verified=["device"])
    assert (response.status_code, response.json()["pointer"]) == (403, "/verified/0")


STEPS = st.lists(
    st.sampled_from(["device yes", "device no", "ana signs in", "bo signs in", "ana yes", "bo yes", "ana no", "bo no"]),
    min_size=1,
    max_size=8,
)


@given(steps=STEPS)
@some(10)
async def test_a_choice_on_a_shared_browser_is_never_anybody_elses(api: Api, steps: list[str]) -> None:
    """Whoever signs in, in whatever order: the device keeps its own answers, Ana hers and Bo his."""
    number = next(NUMBERS)
    who = {
        "device": {"device": f"browser-of-somebody-{number}"},
        "ana": {"email": f"ana{number}@example.com"},
        "bo": {"email": f"bo{number}@example.com"},
    }
    said: dict[str, str] = {}
    for step in steps:
        name, what = step.split(" ", 1)
        pairwise = await known(api, **who[name])
        if what in ("yes", "no"):
            answer = YES if what == "yes" else {"purpose": YES["purpose"], "channel": "web", "answer": "withdrawn"}
            await api.post(f"/v1/customers/{pairwise}/consents", "shop", answer)
            said[name] = "given" if what == "yes" else "withdrawn"
        for each, identifiers in who.items():
            there = await known(api, **identifiers)
            standing = (await api.call("GET", f"/v1/customers/{there}/consents", "shop")).json()["standing"]
            assert [one["status"] for one in standing] == ([said[each]] if each in said else [])


async def test_anas_yes_on_the_device_is_nothing_of_bos_and_bos_no_is_nothing_of_anas(api: Api) -> None:
    """The story at length, with what leaves."""
    device = await known(api, device=DEVICE)
    browsed = {"attribute": "browsed_genres", "value": ["poetry"], "provenance": "observed"}
    await api.post(f"/v1/customers/{device}/attributes", "shop", {"facts": [browsed]})
    await api.post(f"/v1/customers/{device}/consents", "shop", YES)
    bo = await enrol(api, "bo@example.com", {"first_name": "Bo"})
    for who in ({"email": bo.email}, {"id": bo.at_recommender}):
        answer = await api.post("/v1/releases", "recommender", {"customer": who, **ASKED})
        assert (answer["decision"], answer["released"]) == ("deny", {})
    await allow(api, bo)
    everything = {**ASKED, "attributes": ["first_name", "browsed_genres"]}
    his = await api.post("/v1/releases", "recommender", {"customer": {"email": bo.email}, **everything})
    assert set(his["released"]) == {"first_name"}
    await api.post(f"/v1/customers/{bo.at_shop}/consents", "shop", {"purpose": YES["purpose"], "answer": "withdrawn"})
    of_device = await api.post("/v1/releases", "recommender", {"customer": {"device": DEVICE}, **everything})
    # Nobody is known to be an adult before it, and nothing of Bo's is in it.
    assert "first_name" not in of_device["released"]
    assert "Bo" not in str(of_device)
    ana = await enrol(api, "ana@example.com", {"first_name": "Ana"})
    answer = await api.post("/v1/releases", "recommender", {"customer": {"email": ana.email}, **everything})
    assert (answer["decision"], answer["released"]) == ("deny", {})

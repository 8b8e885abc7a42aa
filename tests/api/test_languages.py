"""What is answered to a customer is in her language, whatever it is about."""

import pytest

from service.app import House
from service.model.identifiers import identifier
from service.model.words import IdentifierKind
from service.usecases.access import make_customer_token
from tests.conftest import OPERATOR, Api, Person


@pytest.fixture
async def token(abbie: Person, house: House) -> str:
    found_by = identifier(IdentifierKind.EMAIL, abbie.email)
    return (await make_customer_token(house.database, await house.keys(), OPERATOR, found_by, 5)).text


@pytest.mark.parametrize(
    ("query", "title", "needs"),
    [
        ("", "Our newsletter", "To greet you."),
        ("?language=de", "Unser Newsletter", "Um Sie zu begrüßen."),
        ("?language=de-AT", "Unser Newsletter", "Um Sie zu begrüßen."),
        ("?language=fr", "Our newsletter", "To greet you."),
    ],
)
async def test_purposes_are_told_in_a_language(api: Api, query: str, title: str, needs: str) -> None:
    purposes = (await api.call("GET", f"/v1/purposes{query}", "shop")).json()["purposes"]
    told = next(each for each in purposes if each["id"] == "market.newsletter")
    assert (told["title"], told["attributes"]["first_name"]) == (title, needs)


@pytest.mark.parametrize(("query", "title"), [("", "First name"), ("?language=de", "Vorname")])
async def test_what_is_known_about_her_is_told_in_a_language(api: Api, token: str, query: str, title: str) -> None:
    facts = (await api.call("GET", f"/v1/me/facts{query}", token)).json()["facts"]
    assert title in {each["title"] for each in facts if each["attribute"] == "first_name"}


@pytest.mark.parametrize(("query", "title"), [("", "Trips you like"), ("?language=de", "Reisen, die Sie mögen")])
async def test_what_she_may_prefer_is_told_in_a_language(api: Api, token: str, query: str, title: str) -> None:
    offered = (await api.call("GET", f"/v1/me/preferences{query}", token)).json()["preferences"]
    assert title in {each["title"] for each in offered if each["attribute"] == "travel_interests"}


async def test_a_prompt_does_not_mix_languages(api: Api, token: str) -> None:
    prompts = (await api.call("GET", "/v1/me/prompts?channel=email&language=de", token)).json()["prompts"]
    words = next(each["words"] for each in prompts if each["purpose"] == "market.newsletter")
    assert words["text"].startswith("Dürfen wir")
    assert words["benefit"].startswith("Sie hören von Lesungen")
    assert words["consequence"].startswith("Wir schreiben Ihnen nicht")


@pytest.mark.parametrize("route", ["/v1/me/facts", "/v1/me/preferences", "/v1/me/receipts/x"])
async def test_what_is_no_language_is_refused(api: Api, token: str, route: str) -> None:
    assert (await api.call("GET", f"{route}?language=german", token)).status_code in {400, 404, 422}

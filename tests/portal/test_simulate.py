"""See what they see: the page says what a release would say, and what would be different; it leaves no trace."""

from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.conftest import Api, Owner, Person
from tests.portal.conftest import Browser

WHO = "recommender:personalise.recommendations:web"
ASKED = {"purpose": "personalise.recommendations", "channel": "web", "attributes": ["favourite_genres", "birth_year"]}


async def test_it_shows_what_a_service_would_see_and_why_not_the_rest(her: Browser, api: Api, abbie: Person) -> None:
    page = await her.get(f"/simulate?who={WHO}")
    answer: dict[str, Any] = await api.post(
        "/v1/releases", "recommender", {"customer": {"id": abbie.at_recommender}, **ASKED}
    )
    assert answer["released"]["favourite_genres"]["value"] == ["crime", "travel"]
    assert "Favourite genres Crime and Travel" in page.text
    assert "Year of birth Nothing. It says what people like you are like, and you have not allowed that." in page.text


async def test_it_shows_what_would_be_different(her: Browser) -> None:
    page = await her.get(f"/simulate?who={WHO}&answer=no")
    assert "things would be different." in page.text
    assert "Nothing. You took your yes back." in page.text
    page = await her.get("/simulate?who=recommender:personalise.recommendations:email&answer=yes")
    assert "First name Nothing. You have not said yes. Abbie" in page.text
    page = await her.get(f"/simulate?who={WHO}&paused=yes&told=yes&answer=")
    assert "Nothing. You had paused everything." in page.text


async def test_what_is_special_shows_at_a_press_to_who_has_just_proved_that_it_is_she(
    her: Browser, api: Api, abbie: Person, owner: Owner
) -> None:
    facts = [{"attribute": "accessibility_needs", "value": ["assistance-dog"], "provenance": "volunteered"}]
    await api.post(f"/v1/customers/{abbie.at_shop}/attributes", "shop", {"facts": facts})
    asked = "/simulate?who=recommender:personalise.recommendations:web"
    plain = await her.get(f"{asked}&answer=yes")
    assert "I allow this, and also: " in plain.text
    assert "What we know." not in plain.text
    page = await her.get(f"{asked}&answer=explicit")
    assert "What we know. Show it" in page.text
    assert "With an assistance dog" not in page.text
    (link,) = (each for each in page.links if "show=special" in each)
    assert "With an assistance dog" in (await her.get(f"/simulate{link}")).text
    await owner.execute("UPDATE session SET strong_at = NULL")
    weak = (await her.get(f"/simulate{link}")).response
    assert weak.status_code == 303
    assert parse_qs(weak.headers["location"].partition("?")[2])["next"][0].endswith("answer=explicit&show=special")


async def test_every_question_that_can_be_asked_has_a_page(her: Browser) -> None:
    page = await her.get("/simulate")
    words = [part.partition('"')[0] for part in page.response.text.split('<option value="')[1:]]
    assert len(words) > 20
    for word in words:
        assert (await her.get(f"/simulate?who={word}&answer=yes")).response.status_code == 200
    assert "would see" in (await her.get("/simulate?purpose=market.newsletter")).text


async def test_it_leaves_no_trace(her: Browser, owner: Owner) -> None:
    before = await owner.fetchval("SELECT count(*) FROM queue"), await owner.fetch("TABLE customer")
    await her.get(f"/simulate?who={WHO}&answer=no&paused=yes")
    assert (await owner.fetchval("SELECT count(*) FROM queue"), await owner.fetch("TABLE customer")) == before


@pytest.mark.parametrize(
    "query", ["?who=x", "?who=recommender", "?answer=perhaps&who=x", "?who=%00", "?told=no", "?x=y"]
)
async def test_what_cannot_be_asked_is_refused_in_words(her: Browser, query: str) -> None:
    response = (await her.get(f"/simulate{query}")).response
    assert response.status_code == 422 if "%00" not in query else response.status_code == 400
    assert "text/html" in response.headers["content-type"]

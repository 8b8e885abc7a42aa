"""Special data: it takes a sentence more, covers nothing that she was not asked, and ends alone, with one press."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from service.app import House
from service.model.identifiers import identifier
from service.model.words import IdentifierKind
from service.schema import shipped
from service.usecases import merges
from service.usecases.policies import publish
from tests.conftest import OPERATOR, PROOF, Api, Person, enrol
from tests.portal.conftest import Browser

RECOMMENDATIONS = "personalise.recommendations"
WEB = f"{RECOMMENDATIONS}-web"
AGREE, MORE, END = f"s-{WEB}", f"v-{WEB}", f"b-{WEB}-special"
NEEDS = {"attribute": "accessibility_needs", "value": ["large-print"], "provenance": "volunteered"}
ANOTHER_RECIPIENT = """
[service.uses."personalise.recommendations"]
channels = ["web"]
attributes = ["first_name", "{attribute}"]
since = 3

[service.uses."market.phone-offers"]
"""


@pytest.fixture
async def known(api: Api, abbie: Person) -> None:
    """Something special is known of Abbie."""
    await api.post(f"/v1/customers/{abbie.at_shop}/attributes", "shop", {"facts": [NEEDS]})


async def stands(her: Browser, api: Api) -> dict[str, Any]:
    """Return what stands for recommendations on the web."""
    answers = (await api.call("GET", "/v1/me/consents", her.token)).json()["standing"]
    (mine,) = (each for each in answers if (each["purpose"], each["channel"]) == (RECOMMENDATIONS, "web"))
    return {name: mine.get(name, False) for name in ("status", "notice", "explicit", "expires_at")}


async def released(api: Api, abbie: Person, *attributes: str) -> list[str]:
    """Return what of these the recommender gets."""
    who = {"customer": {"id": abbie.at_recommender}, "purpose": RECOMMENDATIONS, "channel": "web"}
    return sorted((await api.post("/v1/releases", "recommender", who | {"attributes": list(attributes)}))["released"])


async def ask_for_more(house: House, folder: Path, attribute: str) -> None:
    """Publish a third notice, by which the call centre gets this attribute as well."""
    made = shutil.copytree(shipped("policies"), folder / "policies")
    for language in ("en", "de"):
        notices = made / f"notices/{RECOMMENDATIONS}"
        shutil.copy(notices / f"2.{language}.md", notices / f"3.{language}.md")
    services = made / "services.toml"
    before = '\n[service.uses."market.phone-offers"]\n'
    text = services.read_text(encoding="utf-8").replace(before, ANOTHER_RECIPIENT.format(attribute=attribute))
    services.write_text(text, encoding="utf-8")
    await publish(house.database, await house.keys(), OPERATOR, made)


async def test_it_takes_a_sentence_more_and_ends_alone_with_one_press(
    her: Browser, api: Api, abbie: Person, known: None
) -> None:
    before = await stands(her, api)
    page = await her.get("/choices")
    assert "I agree that you use “What makes reading or travelling easier for you”" in page.text
    page = await her.press(page, AGREE)
    agreed = await stands(her, api)
    assert agreed == before | {"explicit": True, "expires_at": agreed["expires_at"]}
    assert await released(api, abbie, "first_name", "accessibility_needs") == ["accessibility_needs", "first_name"]
    page = await her.press(page, END)
    assert await stands(her, api) == agreed | {"explicit": False}
    assert await released(api, abbie, "first_name", "accessibility_needs") == ["first_name"]
    assert "Turned off. This is not used for it any more. The rest of your yes stands." in page.text
    assert "turned on, without special data" in page.text
    assert her.led_to.endswith(f"#c-{WEB}-special")
    assert f"c-{WEB}-special" in page.ids


async def test_it_ends_without_a_word_on_a_newer_notice(her: Browser, api: Api, house: House, tmp_path: Path) -> None:
    await her.press(await her.get("/choices"), AGREE)
    agreed = await stands(her, api)
    await ask_for_more(house, tmp_path, "favourite_genres")
    await her.press(await her.get("/choices"), END)
    assert await stands(her, api) == agreed | {"explicit": False}


async def test_while_a_newer_notice_asks_for_more_the_sentence_is_not_there_and_is_refused(
    her: Browser, api: Api, house: House, tmp_path: Path
) -> None:
    before = await stands(her, api)
    await ask_for_more(house, tmp_path, "favourite_genres")
    page = await her.get("/choices")
    assert f"c-{WEB}-special" not in page.ids
    form = page.form_of(MORE)
    response = await her.post(form.action, [*form.fields, ("explicit", "yes")])
    assert response.status_code == 412
    assert await stands(her, api) == before
    page = await her.press(page, MORE)
    assert await stands(her, api) == before | {"notice": 3, "expires_at": (await stands(her, api))["expires_at"]}
    await her.press(page, AGREE)
    assert (await stands(her, api))["explicit"]


async def test_the_sentence_is_no_yes_where_none_stands(her: Browser, api: Api) -> None:
    form = (await her.get("/choices")).form_of(AGREE)
    await her.press(await her.get("/choices"), f"b-{WEB}")
    assert (await her.post(form.action, form.fields)).status_code == 412
    assert (await stands(her, api))["status"] == "withdrawn"


async def test_a_yes_to_more_keeps_what_she_agreed_to_where_it_is_the_same(
    her: Browser, api: Api, house: House, tmp_path: Path
) -> None:
    await her.press(await her.get("/choices"), AGREE)
    await ask_for_more(house, tmp_path, "favourite_genres")
    page = await her.get("/choices")
    assert "This ends your agreement" not in page.text
    await her.press(page, MORE)
    now = await stands(her, api)
    assert (now["notice"], now["explicit"]) == (3, True)


async def test_a_yes_to_more_is_none_to_give_special_data_to_somebody_else_and_says_so(
    her: Browser, api: Api, known: None, house: House, tmp_path: Path
) -> None:
    await her.press(await her.get("/choices"), AGREE)
    await ask_for_more(house, tmp_path, "accessibility_needs")
    page = await her.get("/choices")
    assert "This ends your agreement to “What makes reading or travelling easier for you”" in page.text
    foretold = await her.get(f"/simulate?who=recommender:{RECOMMENDATIONS}:web&answer=yes")
    assert "You have not agreed to exactly this." in foretold.text
    page = await her.press(page, MORE)
    now = await stands(her, api)
    assert (now["notice"], now["explicit"]) == (3, False)
    await her.press(page, AGREE)
    assert (await stands(her, api))["explicit"]


async def test_a_yes_after_a_no_is_plain_again(her: Browser, api: Api) -> None:
    page = await her.press(await her.get("/choices"), AGREE)
    page = await her.press(page, f"b-{WEB}")
    await her.press(page, f"b-{WEB}")
    now = await stands(her, api)
    assert (now["status"], now["explicit"]) == ("given", False)


async def test_it_ends_on_every_side_of_a_person_and_opens_nothing_on_any(
    her: Browser, api: Api, abbie: Person, house: House, tmp_path: Path
) -> None:
    other = await enrol(api, "abbie.work@example.com")
    yes = {"purpose": RECOMMENDATIONS, "channel": "web", "answer": "given", "explicit": True, **PROOF}
    await api.post(f"/v1/customers/{other.at_shop}/consents", "shop", yes | {"notice": 2})
    await api.post(f"/v1/customers/{other.at_shop}/attributes", "shop", {"facts": [NEEDS]})
    await ask_for_more(house, tmp_path, "favourite_genres")
    await api.post(f"/v1/customers/{abbie.at_shop}/consents", "shop", yes | {"notice": 3})
    sides = identifier(IdentifierKind.EMAIL, abbie.email), identifier(IdentifierKind.EMAIL, other.email)
    await merges.merge(house.database, await house.keys(), OPERATOR, sides)
    assert await released(api, other, "first_name", "accessibility_needs") == ["accessibility_needs", "first_name"]
    await her.press(await her.get("/choices"), END)
    for side in (abbie, other):
        assert await released(api, side, "first_name", "accessibility_needs") == ["first_name"]
        answers = (await api.call("GET", f"/v1/customers/{side.at_shop}/consents", "shop")).json()["standing"]
        (mine,) = (each for each in answers if (each["purpose"], each["channel"]) == (RECOMMENDATIONS, "web"))
        assert (mine["status"], mine["notice"], mine.get("explicit", False)) == ("given", 2, False)

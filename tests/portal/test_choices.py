"""What I allow: a press counts at once, the page says what the API says, and only she can press."""

import httpx
import pytest

from service.app import House
from service.model.identifiers import identifier
from service.model.words import IdentifierKind
from service.usecases import merges
from tests.conftest import OPERATOR, Api, Person, allow, enrol
from tests.portal.conftest import Browser

RECOMMENDATIONS = "personalise.recommendations"
SWITCH = f"b-{RECOMMENDATIONS}-web"
ASKED = {"purpose": RECOMMENDATIONS, "channel": "web", "attributes": ["favourite_genres", "first_name"]}


async def outcome(api: Api, abbie: Person) -> str:
    """Return what the recommender gets of her."""
    answer = await api.post("/v1/releases", "recommender", ASKED | {"customer": {"id": abbie.at_recommender}})
    return str(answer["decision"])


async def test_one_press_withdraws_and_no_release_follows(her: Browser, api: Api, abbie: Person) -> None:
    assert await outcome(api, abbie) != "deny"
    page = await her.press(await her.get("/choices"), SWITCH)
    assert "Turned off. Nobody uses it from now on." in page.text
    assert her.led_to.endswith(f"#c-{RECOMMENDATIONS}-web")
    assert f"c-{RECOMMENDATIONS}-web" in page.ids
    assert await outcome(api, abbie) == "deny"


async def test_one_press_allows_again_with_proof_of_what_was_on_the_screen(
    her: Browser, api: Api, abbie: Person
) -> None:
    page = await her.press(await her.get("/choices"), SWITCH)
    page = await her.press(page, SWITCH)
    assert "Allowed. It counts from now on." in page.text
    assert await outcome(api, abbie) != "deny"
    token = her.token
    last = (await api.call("GET", "/v1/me/consents/history", token)).json()["history"][0]
    assert last["status"] == "given"
    assert last["method"] == "portal"
    assert last["layout"] == "portal-choices-3"


async def test_what_she_has_not_decided_has_two_answers_and_either_is_recorded(her: Browser, api: Api) -> None:
    token = her.token
    page = await her.get("/choices")
    page = await her.press(page, "n-research.panel-email")
    page = await her.press(page, "b-research.panel-phone")
    answers = (await api.call("GET", "/v1/me/consents", token)).json()["standing"]
    by_channel = {each["channel"]: each["status"] for each in answers if each["purpose"] == "research.panel"}
    assert by_channel == {"email": "refused", "phone": "given"}


async def test_nothing_is_allowed_by_looking(her: Browser, api: Api) -> None:
    token = her.token
    before = (await api.call("GET", "/v1/me/consents/history", token)).json()
    await her.get("/choices")
    await her.get("/")
    assert (await api.call("GET", "/v1/me/consents/history", token)).json() == before


async def test_the_first_thing_on_the_page_is_what_is_on_and_where_it_is(her: Browser, house: House) -> None:
    page = await her.get("/choices")
    asked = (await house.library.current()).catalogue.consents_of(None)
    assert {each for each in page.links if each.startswith("#p-")} == {f"#p-{each}" for each in asked}
    assert page.ids.issuperset(f"p-{each}" for each in asked)
    assert "Books and trips picked for you On: on our website" in page.text
    assert "Our newsletter Not decided" in page.text
    await her.press(page, SWITCH)
    page = await her.press(page, "n-market.newsletter-email")
    assert "Books and trips picked for you Not decided" in page.text
    assert "Our newsletter Off" in page.text


async def test_a_card_says_who_uses_what_how_long_and_what_happens_without(her: Browser) -> None:
    text = (await her.get("/choices")).text
    card = text.partition("Turn it off everywhere")[2].partition("In our app")[0]
    said = ("Who uses it", "Which data", "How long", "What you get", "If you turn this off", "On our website")
    places = [card.index(each) for each in said]
    assert places == sorted(places)
    assert "Rests on Our interest (GDPR Art. 6(1)(f)) Without it If you object," in text


@pytest.mark.parametrize(
    ("limit", "why"),
    [
        ("marketing", "You object to marketing."),
        ("processing", "You have restricted any use."),
        ("sharing", "You want nothing passed on to other companies."),
    ],
)
async def test_what_is_allowed_and_does_not_count_says_so_with_the_limit(her: Browser, limit: str, why: str) -> None:
    page = await her.press(await her.get("/choices"), f"b-{limit}")
    page = await her.press(page, "b-market.newsletter-email")
    assert "It counts from now on." not in page.text
    assert "Allowed, but something else still stops it: see under the switch." in page.text
    assert f"On, but it does not count: {why}" in page.text
    page = await her.press(page, f"b-{limit}")
    assert "it does not count" not in page.text
    page = await her.press(page, "b-market.newsletter-email")
    page = await her.press(page, "b-market.newsletter-email")
    assert "Allowed. It counts from now on." in page.text


async def test_what_another_profile_stops_does_not_count_and_says_who_stops_it(
    her: Browser, api: Api, abbie: Person, house: House
) -> None:
    other = await enrol(api, "abbie.work@example.com")
    await allow(api, other)
    no = {"choice": "profiling", "value": "no", "method": "counter"}
    await api.post(f"/v1/customers/{other.at_shop}/choices", "shop", no)
    sides = identifier(IdentifierKind.EMAIL, abbie.email), identifier(IdentifierKind.EMAIL, other.email)
    await merges.merge(house.database, await house.keys(), OPERATOR, sides)
    text = (await her.get("/choices")).text
    assert (
        "On, but it does not count: You object to picks made by a computer. Another profile of yours says so." in text
    )


async def test_a_yes_in_a_pause_is_not_said_to_count(her: Browser) -> None:
    page = await her.press(await her.get("/choices"), "b-pause")
    page = await her.press(page, "b-market.newsletter-email")
    assert "It counts from now on." not in page.text
    assert "On, but paused until" in page.text


async def test_she_objects_and_takes_it_back(her: Browser) -> None:
    page = await her.press(await her.get("/choices"), "b-prevent.fraud")
    assert "You objected. It is off." in page.text
    page = await her.press(page, "b-prevent.fraud")
    assert "You objected. It is off." not in page.text


@pytest.mark.parametrize("path", ["/", "/choices"])
async def test_she_pauses_everything_from_any_page_and_stays_there(
    her: Browser, api: Api, abbie: Person, path: str
) -> None:
    page = await her.press(await her.get(path), "b-pause")
    assert page.response.url.path == path
    assert "Paused until" in page.text
    assert await outcome(api, abbie) == "deny"
    page = await her.press(page, "b-pause")
    assert "Pause everything" in page.text
    assert await outcome(api, abbie) != "deny"


@pytest.mark.parametrize(
    "headers", [{"origin": "https://elsewhere.test"}, {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "none"}]
)
async def test_another_site_presses_nothing(her: Browser, api: Api, abbie: Person, headers: dict[str, str]) -> None:
    form = (await her.get("/choices")).form_of(SWITCH)
    response = await her.post(form.action, form.fields, **headers)
    assert response.status_code == 403
    assert "This page is out of date" in response.text
    assert await outcome(api, abbie) != "deny"


async def test_the_page_of_another_session_presses_nothing(her: Browser, api: Api, abbie: Person, house: House) -> None:
    form = (await her.get("/choices")).form_of(SWITCH)
    for token in ("", "x", "aaaa.bbbb"):
        fields = [(name, token if name == "token" else value) for name, value in form.fields]
        assert (await her.post(form.action, fields)).status_code == 403
    assert (await her.post(form.action, [each for each in form.fields if each[0] != "token"])).status_code == 403
    assert await outcome(api, abbie) != "deny"


async def test_who_is_not_signed_in_is_led_to_sign_in_and_changes_nothing(stranger: Browser) -> None:
    for path, then in (("/", "/signin"), ("/choices", "/signin?next=%2Fchoices")):
        response = await stranger.client.get(path)
        assert (response.status_code, response.headers["location"]) == (303, then)
    response = await stranger.post("/choices/answer", [("purpose", RECOMMENDATIONS), ("answer", "stop")])
    assert response.status_code == 401


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [("purpose", RECOMMENDATIONS)],
        [("purpose", RECOMMENDATIONS), ("answer", "perhaps")],
        [("purpose", RECOMMENDATIONS), ("answer", "yes"), ("channel", "web"), ("notice", "2")],
        [("purpose", RECOMMENDATIONS), ("answer", "yes"), ("channel", "web"), ("notice", "2"), ("snapshot", "x")],
        [("purpose", RECOMMENDATIONS), ("answer", "stop"), ("more", "x")],
        [("purpose", "nothing.known"), ("answer", "yes"), ("channel", "web"), ("notice", "2"), ("snapshot", "x")],
        [("purpose", RECOMMENDATIONS), ("answer", "stop"), ("answer", "stop")],
        [("purpose", "\0"), ("answer", "stop")],
        [("purpose", "💩"), ("answer", "stop"), ("channel", "fax")],
    ],
)
async def test_a_form_that_is_not_ours_is_refused_in_words_and_changes_nothing(
    her: Browser, api: Api, abbie: Person, fields: list[tuple[str, str]]
) -> None:
    token = (await her.get("/choices")).form_of(SWITCH).fields[0]
    response = await her.post("/choices/answer", [token, *fields])
    assert 400 <= response.status_code < 500
    assert response.headers["content-type"].startswith("text/html")
    assert await outcome(api, abbie) != "deny"


async def test_every_page_is_kept_by_nobody_and_loads_only_from_us(her: Browser) -> None:
    for path in ("/", "/choices", "/nowhere"):
        headers = (await her.get(path)).response.headers
        assert headers["cache-control"] == "no-store"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


async def test_what_pages_load_is_kept_for_ever_under_a_name_that_changes_with_it(her: Browser) -> None:
    text = (await her.get("/")).response.text
    loaded = [part.partition('"')[0] for part in text.split('="/static/')[1:]]
    assert len(loaded) == 4
    for name in loaded:
        response: httpx.Response = await her.client.get(f"/static/{name}")
        assert response.status_code == 200
        assert "immutable" in response.headers["cache-control"]
    assert (await her.client.get("/static/portal.css")).status_code == 404


async def test_she_says_when_nobody_disturbs_her_and_what_she_likes_and_keeps_what_the_form_does_not_show(
    her: Browser, api: Api
) -> None:
    token = her.token
    page = await her.get("/choices")
    form = page.form_of("b-preferences")
    wished = [("quiet-start", "22:00"), ("quiet-end", "07:00"), ("quiet-zone", "Europe/Dublin")]
    likes = [("contact_frequency", "monthly"), ("newsletter_topics", "trips"), ("newsletter_topics", "readings")]
    fields = [each for each in form.fields if each[0] in ("token", "seen")]
    response = await her.post(form.action, [*fields, *wished, *likes])
    assert response.status_code == 303
    found = (await api.call("GET", "/v1/me/preferences", token)).json()
    said = {each["attribute"]: each["value"] for each in found["preferences"] if "value" in each}
    assert (found["quiet_hours"], said) == (
        "22:00-07:00 Europe/Dublin",
        {"contact_frequency": "monthly", "newsletter_topics": ["trips", "readings"]},
    )
    assert (await her.post(form.action, [*fields, *wished])).status_code == 412


@pytest.mark.parametrize(
    "wrong",
    [("quiet-start", "22:00"), ("contact_frequency", "hourly"), ("quiet-end", "x"), ("newsletter_topics", "x")],
)
async def test_preferences_that_are_none_are_refused_in_words(her: Browser, wrong: tuple[str, str]) -> None:
    form = (await her.get("/choices")).form_of("b-preferences")
    fields = [each for each in form.fields if each[0] in ("token", "seen")]
    response = await her.post(form.action, [*fields, wrong])
    assert response.status_code == 422
    assert "Nothing was changed." in response.text


@pytest.mark.parametrize(("start", "end"), [("22:00", ""), ("", "07:00"), ("22:00", "22:00")])
async def test_quiet_hours_that_are_none_are_named(her: Browser, start: str, end: str) -> None:
    form = (await her.get("/choices")).form_of("b-preferences")
    fields = [each for each in form.fields if each[0] in ("token", "seen")]
    hours = [("quiet-start", start), ("quiet-end", end), ("quiet-zone", "Europe/Dublin")]
    response = await her.post(form.action, [*fields, *hours])
    assert response.status_code == 422
    assert "Your quiet hours were not saved" in response.text

"""What you know: everything is there with where it comes from, and what is wrong or was not her goes with one press."""

import pytest

from service.app import House
from service.crypto.keyring import Keyring
from service.database import Database
from service.model.facts import HERSELF
from service.portal.data import place_of
from tests.conftest import Api, Owner, Person
from tests.portal.conftest import Browser, Page
from tests.striking import GUESS, SEEN, YESTERDAY, Her, guess, seen
from tests.striking import her as as_her

ORDER, CARD = seen("order-7", "art"), seen("card-1", "crime")
FIRST = guess("from-order", ORDER)
NOT_ME = f"x-{place_of(ORDER.name)}"
RECOMMENDER = ("recommender", "personalise.recommendations", "web")


@pytest.fixture
async def abbies(api: Api, abbie: Person, database: Database, keyring: Keyring, all_said: None) -> Her:
    """Abbie, of whom something was seen, and something guessed from that."""
    abbies = await as_her(api, abbie, database, keyring)
    await abbies.choose("inferred", "yes")
    await abbies.say(ORDER, CARD, FIRST)
    return abbies


def one(name: str) -> str:
    kind, _, source = name.partition("@")
    attribute, _, provenance = kind.partition("#")
    return f"/data/fact?attribute={attribute}&provenance={provenance}&source={source}"


async def test_each_fact_says_where_it_comes_from_because_of_what_and_what_it_may_be_used_for(
    her: Browser, abbies: Her
) -> None:
    page = await her.get("/data")
    assert page.response.status_code == 200
    for words in ("Genres we think you like", "Nature", "We worked it out", "Because of", "Web shop and app (order-7)"):
        assert words in page.text, words
    assert {place_of(each.name) for each in (ORDER, CARD, FIRST)} <= page.ids
    assert one(ORDER.name).partition("?")[0] in "".join(page.links)


async def test_one_press_takes_it_out_and_one_more_brings_it_back(her: Browser, abbies: Her) -> None:
    before = await abbies.known()
    page = await her.press(await her.get("/data"), NOT_ME)
    assert "That was not you. Nobody uses it from now on" in page.text
    assert "1 thing is out of use. 1 guess built on it went too." in page.text
    assert her.led_to.endswith("#just")
    assert {ORDER.name, FIRST.name}.isdisjoint(await abbies.known())
    assert (await abbies.reasons(GUESS))[GUESS] == "disputed"
    page = await her.press(page, "b-undo")
    assert "Undone. Everything is as it was." in page.text
    assert await abbies.known() == before


async def test_it_says_who_had_it(her: Browser, abbies: Her) -> None:
    await abbies.release(*RECOMMENDER, SEEN)
    # Released was the newest, and what is told of is the attribute: a ledger says no more.
    page = await her.press(await her.get("/data"), NOT_ME)
    assert "These systems had it. We tell them that it was not you: Recommender" in page.text


async def test_she_may_say_why_and_who_does_not_know_sees_where_she_is_signed_in(her: Browser, abbies: Her) -> None:
    page = await her.press(await her.get("/data"), NOT_ME)
    page = await her.press(page, "w-gift")
    assert "Thank you. We have noted it." in page.text
    page = await her.press(await her.get("/data"), f"x-{place_of(CARD.name)}")
    await her.press(page, "w-i-do-not-know")
    assert her.led_to == "/me?done=look-around#sessions"


async def test_several_go_at_once_and_the_list_comes_first(her: Browser, abbies: Her) -> None:
    day = YESTERDAY.date().isoformat()
    page = await her.get(f"/data/several?source={ORDER.source}&category=&since={day}&until=")
    assert "This is 1 thing. Nothing has happened yet." in page.text
    assert "Genres we think you like" in page.text
    assert ORDER.name in await abbies.known()
    await her.press(page, "b-all")
    assert {ORDER.name, FIRST.name}.isdisjoint(await abbies.known())


async def test_what_comes_from_one_place_can_be_looked_at_alone(her: Browser, abbies: Her) -> None:
    page = await her.get(f"/data?source={ORDER.source}")
    assert place_of(ORDER.name) in page.ids
    assert place_of(CARD.name) not in page.ids


async def test_what_she_told_is_corrected_in_place(her: Browser, abbies: Her) -> None:
    page = await her.get(one("first_name#volunteered@shop"))
    page = await her.press(page, "b-correct", value="Abigail")
    assert "Corrected. Only your word counts from now on." in page.text
    assert "Abigail" in page.text
    assert (await abbies.release(*RECOMMENDER, "first_name"))["released"]["first_name"]["value"] == "Abigail"


@pytest.mark.parametrize(
    "address", ["1 Quay Street\nWhitby\n\nYO21 1DN", 'The <Old> "Chandlery" & Son', "Quay\r\nWhitby"]
)
async def test_what_she_saves_without_typing_stays_as_it_is(
    her: Browser, api: Api, abbie: Person, abbies: Her, address: str
) -> None:
    fact = {"attribute": "postal_address", "value": address, "provenance": "volunteered"}
    await api.post(f"/v1/customers/{abbie.at_shop}/attributes", "shop", {"facts": [fact]})
    await her.press(await her.get(one("postal_address#volunteered@shop")), "b-correct")
    known = (await api.call("GET", "/v1/me/facts?limit=100", her.token)).json()["facts"]
    (value,) = [each["value"] for each in known if each["attribute"] == "postal_address" and each["source"] == HERSELF]
    assert value == address.replace("\r", "")


@pytest.mark.parametrize(
    ("attribute", "said", "expected"),
    [
        ("birth_year", "1066", "Write a whole number from 1900 to 2100."),
        ("birth_year", "old", "Write a whole number from 1900 to 2100."),
        ("first_name", "x" * 81, "Write at least one and at most 80 characters."),
        ("favourite_genres", "", "Choose at least one."),
    ],
)
async def test_what_a_fact_cannot_be_stays_in_its_field_beside_what_it_can(
    her: Browser, abbies: Her, attribute: str, said: str, expected: str
) -> None:
    before = await abbies.known()
    form = (await her.get(one(f"{attribute}#volunteered@shop"))).form_of("b-correct")
    fields = [each for each in form.fields if each[0] != "value"]
    page = Page(await her.post(form.action, [*fields, ("value", said)]))
    assert page.response.status_code == 422
    assert expected in page.text
    assert ("value", said) in page.form_of("b-correct").fields or not said
    assert await abbies.known() == before
    await her.press(await her.get("/"), "b-language-de")
    assert '<html lang="de"' in (await her.post(form.action, [*fields, ("value", said)])).text


async def test_beside_what_a_fact_cannot_be_its_special_value_can_be_shown(
    her: Browser, abbies: Her, api: Api, abbie: Person
) -> None:
    special = {"attribute": "accessibility_needs", "value": ["assistance-dog"], "provenance": "volunteered"}
    await api.post(f"/v1/customers/{abbie.at_shop}/attributes", "shop", {"facts": [special]})
    form = (await her.get(one("accessibility_needs#volunteered@shop"))).form_of("b-correct")
    page = Page(await her.post(form.action, [each for each in form.fields if each[0] != "value"]))
    (show,) = [each for each in page.links if "show=special" in each]
    assert "With an assistance dog" in (await her.get(show)).text


async def test_days_that_do_not_fit_and_what_was_not_chosen_are_named(her: Browser, abbies: Her) -> None:
    for days in ("since=2020-01-02&until=2020-01-01", "since=2999-01-01", "until=9999-12-31"):
        assert "These days do not fit" in (await her.get(f"/data/several?{days}")).text
    assert "You have not said which ones" in (await her.get("/data/several?source=&category=")).text


async def test_one_fact_is_deleted_and_can_be_brought_back(her: Browser, abbies: Her) -> None:
    before = await abbies.known()
    page = await her.press(await her.get(one(ORDER.name)), "b-delete")
    assert "Deleted, with what was built on it." in page.text
    assert {ORDER.name, FIRST.name}.isdisjoint(await abbies.known())
    await her.press(page, "b-undo")
    assert await abbies.known() == before


async def test_what_cannot_be_brought_back_any_more_is_not_offered(her: Browser, abbies: Her, owner: Owner) -> None:
    page = await her.press(await her.get(one(ORDER.name)), "b-delete")
    assert "You can undo this for 10 minutes." in page.text
    await owner.execute("UPDATE strike SET kept = clock_timestamp()")
    await owner.execute("UPDATE struck_fact SET kept = clock_timestamp()")
    page = await her.get(her.led_to)
    assert "1 thing is out of use." in page.text
    assert "You can undo this" not in page.text
    assert "b-undo" not in page.ids


async def test_it_is_kept_out_of_a_purpose_and_let_in_again(her: Browser, abbies: Her) -> None:
    page = await her.get(one(ORDER.name))
    assert "Everything built on this" in page.text
    page = await her.press(page, f"b-bar-{RECOMMENDER[1]}")
    assert "Saved. It is not used for this from now on." in page.text
    assert (await abbies.reasons(SEEN))[SEEN] == "not-for-this-she-said"
    page = await her.press(page, f"b-bar-{RECOMMENDER[1]}")
    assert await abbies.reasons(SEEN) == {}


async def test_only_what_she_told_us_is_one_switch(her: Browser, abbies: Her) -> None:
    page = await her.press(await her.get("/data"), "b-more-than-told")
    assert (await abbies.reasons(SEEN))[SEEN] == "only-what-i-told-you"
    await her.press(page, "b-more-than-told")
    assert await abbies.reasons(SEEN) == {}


async def test_special_values_show_only_at_a_press_and_to_who_has_just_proved_that_it_is_she(
    her: Browser, abbies: Her, api: Api, abbie: Person, house: House, owner: object
) -> None:
    special = {"attribute": "accessibility_needs", "value": ["assistance-dog"], "provenance": "volunteered"}
    await api.post(f"/v1/customers/{abbie.at_shop}/attributes", "shop", {"facts": [special]})
    page = await her.get("/data")
    assert "With an assistance dog" not in page.response.text
    (link,) = (each for each in page.links if "show=special" in each)
    assert "With an assistance dog" in (await her.get(link)).text
    async with house.database.connection() as connection:
        await connection.execute("UPDATE session SET strong_at = NULL, mac = mac")
    weak = await her.get(link)
    assert "With an assistance dog" not in weak.response.text


async def test_to_show_a_special_value_opens_that_fact_alone_in_the_language_of_the_page(
    her: Browser, abbies: Her, api: Api, abbie: Person
) -> None:
    special = {"attribute": "accessibility_needs", "value": ["assistance-dog"], "provenance": "volunteered"}
    await api.post(f"/v1/customers/{abbie.at_shop}/attributes", "shop", {"facts": [special]})
    (link,) = (each for each in (await her.get("/data?language=de")).links if "show=special" in each)
    page = await her.get(link)
    assert str(page.response.url.path) == "/data/fact"
    assert "Assistenzhund" in page.text
    assert "Zurück zu allem" in page.text


async def test_looking_changes_nothing(her: Browser, abbies: Her, database: Database) -> None:
    async def tail() -> tuple[object, ...]:
        async with database.connection() as connection:
            row = await connection.fetchrow("SELECT max(number), (SELECT count(*) FROM strike) FROM queue")
        assert row is not None
        return tuple(row)

    before = await tail()
    for address in ("/data", "/data?source=shop", one(ORDER.name), "/data/several?category=taste"):
        assert (await her.get(address)).response.status_code == 200
    assert await tail() == before


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/data/fact", 404),
        ("/data/fact?attribute=first_name&provenance=heard&source=shop", 422),
        ("/data/fact?attribute=first_name&provenance=volunteered&source=nowhere", 404),
        ("/data/several", 422),
        ("/data/several?since=yesterday", 422),
        ("/data/several?since=0001-01-01", 200),
        ("/data/several?until=9999-12-31", 422),
        ("/data?cursor=x", 400),
    ],
)
async def test_an_address_that_means_nothing_is_refused(her: Browser, abbies: Her, address: str, status: int) -> None:
    assert (await her.get(address)).response.status_code == status


async def test_the_first_of_all_days_is_a_day_wherever_she_is(her: Browser) -> None:
    form = (await her.get("/choices")).form_of("b-preferences")
    quiet = [("quiet-start", "22:00"), ("quiet-end", "07:00"), ("quiet-zone", "Europe/Berlin")]
    fields = [each for each in form.fields if each[0] in {"token", "seen"}]
    assert (await her.post(form.action, [*fields, *quiet])).status_code == 303
    page = await her.get("/data/several?since=0001-01-01")
    assert "Undone" in (await her.press(await her.press(page, "b-all"), "b-undo")).text

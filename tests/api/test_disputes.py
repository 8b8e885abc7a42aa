"""That was not me: what is struck out is used by nobody, does not come back, and can be brought back as it was."""

from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest

from service.crypto.keyring import Keyring
from service.database import Database
from tests.conftest import Api, Person
from tests.striking import AS_OF, GUESS, SEEN, YESTERDAY, Her, guess, her, parent_of, seen

RECOMMENDER = ("recommender", "personalise.recommendations", "web")
ORDER, CARD = seen("order-7", "art"), seen("card-1", "crime")
FIRST = guess("from-order", ORDER)
SECOND = guess("from-guess", FIRST, attribute="likely_household", value="family")
APART = guess("from-card", CARD, attribute="value_tier", value="gold")
ALL = [ORDER, CARD, FIRST, SECOND, APART]


@pytest.fixture
async def abbies(api: Api, abbie: Person, database: Database, keyring: Keyring, all_said: None) -> Her:
    """Abbie, of whom something was seen and something guessed from that, and who allows guesses."""
    abbies = await her(api, abbie, database, keyring)
    await abbies.choose("inferred", "yes")
    await abbies.say(*ALL)
    return abbies


async def test_one_press_takes_a_fact_and_all_that_was_built_on_it_from_everybody(abbies: Her) -> None:
    answer = await abbies.dispute_item(ORDER)
    assert (answer["meant"], answer["built_on"]) == (1, 2)
    assert {ORDER.name, FIRST.name, SECOND.name}.isdisjoint(await abbies.known())
    assert {CARD.name, APART.name} <= (await abbies.known()).keys()
    assert (await abbies.release(*RECOMMENDER, SEEN))["released"][SEEN]["source"] == CARD.source
    assert await abbies.reasons(GUESS, "likely_household") == {GUESS: "disputed", "likely_household": "disputed"}


async def test_the_list_comes_first_and_changes_nothing(abbies: Her, owner: asyncpg.Connection) -> None:
    before = await abbies.known(), await owner.fetchval("SELECT max(number) FROM queue")
    answer = await abbies.api.call("GET", f"/v1/me/disputes/reach?source={ORDER.source}", abbies.token)
    found = answer.json()
    assert [each["source"] for each in found["meant"]] == [ORDER.source]
    assert [each["attribute"] for each in found["built_on"]] == [GUESS, "likely_household"]
    assert (await abbies.known(), await owner.fetchval("SELECT max(number) FROM queue")) == before


async def test_undoing_brings_back_exactly_what_was_there(abbies: Her, owner: asyncpg.Connection) -> None:
    rows = "SELECT * FROM fact ORDER BY attribute, provenance, source"
    before, facts = await abbies.known(), await owner.fetch(rows)
    entry = (await abbies.dispute_item(ORDER))["entry"]
    assert (await abbies.undo(entry))["restored"] == 3
    assert (await abbies.known(), await owner.fetch(rows)) == (before, facts)
    assert await abbies.reasons(GUESS) == {}
    again = await abbies.api.call("POST", "/v1/me/disputes/undo", abbies.token, {"entry": entry})
    assert (again.status_code, again.json()["code"]) == (409, "nothing-to-undo")
    assert await abbies.say(*ALL) == []


async def test_what_was_not_her_does_not_come_back_by_the_same_road(abbies: Her) -> None:
    await abbies.dispute_item(ORDER)
    assert await abbies.say(*ALL) == [0, 2, 3]
    assert {ORDER.name, FIRST.name, SECOND.name}.isdisjoint(await abbies.known())


async def test_what_a_service_said_without_a_word_of_its_own_it_does_not_say_again_with_one(abbies: Her) -> None:
    plain = seen("", "art")
    await abbies.say(plain)
    await abbies.dispute_item(plain)
    assert await abbies.say(plain, seen("basket-2", "art"), seen("B", "art")) == [0, 1, 2]
    await abbies.dispute_item(CARD)
    assert await abbies.say(CARD) == [0]


async def test_a_guess_comes_back_only_on_other_grounds(abbies: Her) -> None:
    await abbies.dispute_item(ORDER)
    groundless = guess("from-order")
    assert await abbies.say(groundless) == [0]
    elsewhere = guess("from-order", CARD)
    assert await abbies.say(elsewhere, SECOND) == []
    assert (await abbies.known())[elsewhere.name]["derived_from"] == [CARD.name]


@pytest.mark.parametrize(
    ("which", "gone"),
    [
        ({"source": ORDER.source}, {ORDER.name, FIRST.name, SECOND.name}),
        ({"attribute": SEEN}, {each.name for each in ALL}),
        ({"category": "life"}, {SECOND.name}),
        ({"provenance": "inferred", "category": "money"}, {APART.name}),
        ({"since": AS_OF, "until": AS_OF}, {each.name for each in ALL}),
        ({"until": (YESTERDAY - timedelta(seconds=1)).isoformat()}, set()),
    ],
)
async def test_in_bulk_by_source_by_topic_and_by_dates(abbies: Her, which: dict[str, str], gone: set[str]) -> None:
    mine = {each.name for each in ALL}
    answer = await abbies.dispute(**which)
    assert answer["meant"] + answer["built_on"] == len(gone | ({"birth"} if which.get("category") == "life" else set()))
    assert mine - (await abbies.known()).keys() == gone
    await abbies.say(*ALL)
    assert mine - (await abbies.known()).keys() == gone


async def test_a_topic_keeps_out_also_what_was_never_there(abbies: Her) -> None:
    await abbies.dispute(category="money")
    assert await abbies.say(guess("new", CARD, attribute="value_tier", value="bronze")) == [0]


async def test_her_own_word_is_welcome_after_all(abbies: Her) -> None:
    await abbies.dispute(attribute="favourite_genres")
    assert await abbies.reasons("favourite_genres") == {"favourite_genres": "disputed"}
    wish = {"preferences": [{"attribute": "favourite_genres", "value": ["poetry"]}], "quiet_hours": None}
    await abbies.api.call("PUT", "/v1/me/preferences", abbies.token, wish, headers={"if-match": "*"})
    released = (await abbies.release(*RECOMMENDER, "favourite_genres"))["released"]
    assert released["favourite_genres"]["value"] == ["poetry"]


async def test_what_two_acts_keep_out_comes_back_when_both_are_undone(abbies: Her) -> None:
    before = await abbies.known()
    first = (await abbies.dispute_item(ORDER))["entry"]
    second = (await abbies.dispute(attribute=SEEN))["entry"]
    assert (await abbies.undo(first))["restored"] == 0
    assert {ORDER.name, FIRST.name, SECOND.name}.isdisjoint(await abbies.known())
    assert (await abbies.undo(second))["restored"] == 5
    assert await abbies.known() == before


async def test_services_that_had_it_are_named_and_kept_to_be_told(abbies: Her, owner: asyncpg.Connection) -> None:
    await abbies.release(*RECOMMENDER, SEEN)
    answer = await abbies.dispute_item(ORDER)
    assert answer["received_by"] == ["recommender"]
    (kept,) = await owner.fetch("SELECT service, attributes, told_at FROM recipient")
    assert tuple(kept) == ("recommender", [SEEN], None)
    (listed,) = (await abbies.api.call("GET", "/v1/me/disputes", abbies.token)).json()["disputes"]
    assert listed["received_by"] == [{"service": "recommender", "attributes": [SEEN]}]


async def test_she_may_say_why_and_nobody_has_to(abbies: Her) -> None:
    entry = (await abbies.dispute_item(ORDER))["entry"]
    await abbies.api.post("/v1/me/disputes/answer", abbies.token, {"entry": entry, "answer": "gift"})
    (listed,) = (await abbies.api.call("GET", "/v1/me/disputes", abbies.token)).json()["disputes"]
    assert (listed["answer"], listed["meant"], listed["built_on"], len(listed["facts"])) == ("gift", 1, 2, 3)


async def test_a_dispute_has_a_receipt_like_every_other_act(abbies: Her) -> None:
    answer = await abbies.dispute_item(ORDER)
    assert answer["receipt"]
    shown = await abbies.api.call("GET", f"/v1/me/receipts/{answer['entry']}", abbies.token)
    assert "Genres you looked at: that was not me" in shown.json()["text"]
    history = (await abbies.api.call("GET", "/v1/me/choices", abbies.token)).json()
    raised = [each for each in history["holds"] if each["choice"] == "dispute"]
    assert [(each["attribute"], each["provenance"]) for each in raised] == [
        (SEEN, "observed"),
        (GUESS, "inferred"),
        ("likely_household", "inferred"),
    ]


async def test_a_service_cannot_strike_anything_out_and_nobody_does_by_a_choice(abbies: Her) -> None:
    body = {"choice": "dispute", "value": "raised"}
    for path, caller in (("/v1/me/choices", abbies.token), (f"/v1/customers/{abbies.person.at_shop}/choices", "shop")):
        assert (await abbies.api.call("POST", path, caller, body)).status_code == 422


async def test_of_a_fact_that_is_not_there_nothing_can_be_said(abbies: Her) -> None:
    answer = await abbies.api.call("POST", "/v1/me/disputes", abbies.token, parent_of(seen("order-9").name))
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown-fact")


# --- corrected and deleted ---


async def correct(abbies: Her, name: str, value: Any) -> Any:
    return await abbies.api.call("POST", "/v1/me/facts/correct", abbies.token, {**parent_of(name), "value": value})


async def test_what_she_told_is_replaced_at_once(abbies: Her) -> None:
    assert (await correct(abbies, "first_name#volunteered@shop", "Abigail")).status_code == 200
    known = await abbies.known()
    assert "first_name#volunteered@shop" not in known
    assert known["first_name#volunteered@customer"]["value"] == "Abigail"
    assert (await abbies.release(*RECOMMENDER, "first_name"))["released"]["first_name"]["value"] == "Abigail"


async def test_an_older_word_does_not_replace_what_she_corrected_and_a_newer_one_does(
    abbies: Her, api: Api, abbie: Person
) -> None:
    await correct(abbies, "first_name#volunteered@shop", "Abigail")
    old = {"attribute": "first_name", "value": "Abbie", "provenance": "volunteered", "as_of": "2026-01-01T00:00:00Z"}
    at = f"/v1/customers/{abbie.at_shop}/attributes"
    assert (await api.post(at, "shop", {"facts": [old]}))["not_kept"] == [0]
    assert "not_kept" not in await api.post(at, "shop", {"facts": [{**old, "value": "Gail", "as_of": None}]})
    assert (await abbies.release(*RECOMMENDER, "first_name"))["released"]["first_name"]["value"] == "Gail"


async def test_what_others_say_is_disputed_and_her_word_stands_beside_it(abbies: Her, api: Api, abbie: Person) -> None:
    bought = {"attribute": "postcode_area", "value": "YO22", "provenance": "observed"}
    at = f"/v1/customers/{abbie.at_shop}/attributes"
    await api.post(at, "shop", {"facts": [bought]})
    entry = (await correct(abbies, "postcode_area#observed@shop", "YO21")).json()["entry"]
    known = await abbies.known()
    assert known["postcode_area#volunteered@customer"]["value"] == "YO21"
    assert "postcode_area#observed@shop" not in known
    assert (await api.post(at, "shop", {"facts": [bought]}))["not_kept"] == [0]
    await abbies.undo(entry)
    known = await abbies.known()
    assert known["postcode_area#observed@shop"]["value"] == "YO22"
    assert "postcode_area#volunteered@customer" not in known


async def test_what_nobody_can_tell_us_is_disputed_and_not_corrected(abbies: Her) -> None:
    before = await abbies.known()
    answer = await correct(abbies, ORDER.name, ["crime"])
    assert (answer.status_code, answer.json()["code"]) == (409, "not-tellable")
    answer = await correct(abbies, "birth_year#volunteered@shop", "old")
    assert (answer.status_code, answer.json()["pointer"]) == (422, "/value")
    assert await abbies.known() == before


async def test_one_fact_is_deleted_and_for_ten_minutes_it_can_be_brought_back(
    abbies: Her, owner: asyncpg.Connection
) -> None:
    before = await abbies.known()
    answer = await abbies.api.post("/v1/me/facts/delete", abbies.token, parent_of(ORDER.name))
    assert {ORDER.name, FIRST.name, SECOND.name}.isdisjoint(await abbies.known())
    assert await abbies.reasons("likely_household") == {"likely_household": "not-known"}
    (at,) = [each["at"] for each in (await abbies.api.call("GET", "/v1/me/disputes", abbies.token)).json()["disputes"]]
    kept = datetime.fromisoformat(answer["undo_until"]) - datetime.fromisoformat(at)
    assert kept == timedelta(minutes=10)
    await abbies.undo(answer["entry"])
    assert await abbies.known() == before
    answer = await abbies.api.post("/v1/me/facts/delete", abbies.token, parent_of(ORDER.name))
    await owner.execute("UPDATE strike SET kept = clock_timestamp()")
    late = await abbies.api.call("POST", "/v1/me/disputes/undo", abbies.token, {"entry": answer["entry"]})
    assert (late.status_code, late.json()["code"]) == (409, "nothing-to-undo")


# --- not for this ---


@pytest.mark.parametrize("purpose", ["personalise.recommendations", "personalisation", "profiling"])
async def test_what_she_keeps_out_of_a_purpose_or_a_kind_of_purposes_is_not_used_for_it(
    abbies: Her, purpose: str
) -> None:
    await abbies.choose("do-not-use", "raised", attribute=SEEN, purpose=purpose)
    assert await abbies.reasons(SEEN) == {SEEN: "not-for-this-she-said"}
    assert "first_name" in (await abbies.release(*RECOMMENDER, "first_name"))["released"]
    facts = await abbies.known()
    assert not any(each["purpose"] == RECOMMENDER[1] for each in facts[ORDER.name]["usable"])
    await abbies.choose("do-not-use", "lifted", attribute=SEEN, purpose=purpose)
    assert await abbies.reasons(SEEN) == {}


@pytest.mark.parametrize(
    ("attribute", "purpose", "code"),
    [
        ("no_such", "personalisation", "unknown-attribute"),
        (SEEN, "no.such", "unknown-purpose"),
        ("last_name", "comply.tax", "demanded-by-law"),
    ],
)
async def test_what_cannot_be_kept_out_is_refused(abbies: Her, attribute: str, purpose: str, code: str) -> None:
    body = {"choice": "do-not-use", "value": "raised", "attribute": attribute, "purpose": purpose}
    answer = await abbies.api.call("POST", "/v1/me/choices", abbies.token, body)
    assert answer.json()["code"] == code


async def test_a_service_may_record_that_something_is_not_to_be_used_and_not_that_it_is(
    abbies: Her, api: Api, abbie: Person
) -> None:
    body = {"choice": "do-not-use", "value": "raised", "attribute": SEEN, "purpose": "personalisation"}
    at = f"/v1/customers/{abbie.at_shop}/choices"
    await api.post(at, "shop", body)
    assert await abbies.reasons(SEEN) == {SEEN: "not-for-this-she-said"}
    assert (await api.call("POST", at, "shop", {**body, "value": "lifted"})).status_code == 403

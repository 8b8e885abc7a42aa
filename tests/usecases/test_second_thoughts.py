"""What she corrects, deletes, disputes and undoes in turn, and what a merge before or after makes of it."""

from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from service.crypto.keyring import Keyring
from service.database import Database
from service.model.callers import CustomerCaller
from service.model.identifiers import identifier
from service.model.words import CustomerId, IdentifierKind
from service.policy.engine import Policies
from service.usecases import merges, overview, permissions
from service.usecases.imports import Means
from service.usecases.retention import end_outlived_facts, forget_struck_facts
from tests.conftest import OPERATOR, Api, Person, allow, enrol, say_often
from tests.striking import GUESS, SEEN, YESTERDAY, Her, Node, guess, her, parent_of, seen
from tests.usecases.test_imports import bring, sheet

GENRES, NAME = "favourite_genres", "first_name"
TOLD = f"{GENRES}#volunteered@customer"
ORDER = seen("order-7", "art")
ON_THE_WEB = ("recommender", "personalise.recommendations", "web")
ROW = {"Customer no": "1", "E-Mail": "a@example.com", "First name": "Abbie", "Orders": "2", "Adult": "Y"}


@pytest.fixture
async def abbies(api: Api, abbie: Person, database: Database, keyring: Keyring) -> Her:
    abbies = await her(api, abbie, database, keyring)
    await abbies.choose("inferred", "yes")
    return abbies


@pytest.fixture
async def others(api: Api, database: Database, keyring: Keyring) -> Her:
    other = await enrol(api, "other@example.com", {})
    await allow(api, other)
    return await her(api, other, database, keyring)


async def like(abbies: Her, *genres: str) -> None:
    """Let her say in her preferences what she likes, or nothing any more."""
    said = [{"attribute": GENRES, "value": list(genres)}] if genres else []
    wish = {"preferences": said, "quiet_hours": None}
    answer = await abbies.api.call("PUT", "/v1/me/preferences", abbies.token, wish, headers={"if-match": "*"})
    assert answer.status_code == 200, answer.text


async def corrected(abbies: Her, name: str, value: Any) -> str:
    """Let her say a fact anew; returns the entry."""
    said = {**parent_of(name), "value": value}
    return str((await abbies.api.post("/v1/me/facts/correct", abbies.token, said))["entry"])


async def deleted(abbies: Her, name: str) -> str:
    return str((await abbies.api.post("/v1/me/facts/delete", abbies.token, parent_of(name)))["entry"])


async def undone(abbies: Her, entry: str) -> tuple[int, int | None]:
    """Return how an undo is answered, and how much is back."""
    answer = await abbies.api.call("POST", "/v1/me/disputes/undo", abbies.token, {"entry": entry})
    return answer.status_code, answer.json().get("restored")


async def disputes(abbies: Her) -> list[dict[str, Any]]:
    answer = await abbies.api.call("GET", "/v1/me/disputes", abbies.token)
    found: list[dict[str, Any]] = answer.json()["disputes"]
    return found


async def merged(database: Database, keyring: Keyring, one: Her, other: Her) -> merges.Made:
    found_by = [identifier(IdentifierKind.EMAIL, each.person.email) for each in (one, other)]
    return await merges.merge(database, keyring, OPERATOR, (found_by[0], found_by[1]))


async def long_after(owner: asyncpg.Connection, database: Database) -> None:
    """Let so much time pass that nothing struck out until now can be brought back."""
    for table in ("strike", "struck_fact"):
        await owner.execute(f"UPDATE {table} SET kept = kept - interval '31 days'")  # noqa: S608  ours
    await forget_struck_facts(database)


# --- one after the other --------------------------------------------------------------------------------------


async def test_of_two_corrections_the_last_is_undone_first(abbies: Her) -> None:
    await like(abbies, "crime")
    first, last = await corrected(abbies, TOLD, ["travel"]), await corrected(abbies, TOLD, ["poetry"])
    assert await undone(abbies, first) == (409, None)
    assert (await abbies.known())[TOLD]["value"] == ["poetry"]
    assert await undone(abbies, last) == (200, 1)
    assert (await abbies.known())[TOLD]["value"] == ["travel"]
    assert await undone(abbies, first) == (200, 1)
    assert (await abbies.known())[TOLD]["value"] == ["crime"]


async def test_what_she_corrected_of_a_service_does_not_come_back_beside_what_she_said_since(abbies: Her) -> None:
    first = await corrected(abbies, f"{NAME}#volunteered@shop", "Two")
    last = await corrected(abbies, f"{NAME}#volunteered@customer", "Three")
    assert await undone(abbies, first) == (409, None)
    assert [await undone(abbies, each) for each in (last, first)] == [(200, 1), (200, 1)]
    assert [name for name in await abbies.known() if name.startswith(NAME)] == [f"{NAME}#volunteered@shop"]


async def test_what_she_had_told_before_she_corrected_somebody_else_is_back_with_the_undo(abbies: Her) -> None:
    await like(abbies, "crime")
    entry = await corrected(abbies, f"{GENRES}#volunteered@shop", ["travel"])
    assert (await abbies.known())[TOLD]["value"] == ["travel"]
    assert (await undone(abbies, entry))[0] == 200
    known = await abbies.known()
    assert (known[TOLD]["value"], f"{GENRES}#volunteered@shop" in known) == (["crime"], True)


@pytest.mark.parametrize("forgotten", [False, True])
async def test_a_deletion_of_what_she_corrected_can_be_undone(
    abbies: Her, database: Database, owner: asyncpg.Connection, *, forgotten: bool
) -> None:
    await like(abbies, "crime")
    await corrected(abbies, TOLD, ["travel"])
    if forgotten:
        await long_after(owner, database)
    assert await undone(abbies, await deleted(abbies, TOLD)) == (200, 1)
    assert (await abbies.known())[TOLD]["value"] == ["travel"]


async def test_a_deletion_can_be_undone_after_the_same_was_said_again_and_disputed(abbies: Her) -> None:
    await abbies.say(ORDER)
    entry = await deleted(abbies, ORDER.name)
    again = {name: said for name, said in ORDER.as_said().items() if name != "as_of"}
    await abbies.api.post(f"/v1/customers/{abbies.person.at_shop}/attributes", "shop", {"facts": [again]})
    disputed = (await abbies.dispute_item(ORDER))["entry"]
    assert await undone(abbies, entry) == (200, 0)
    assert ORDER.name not in await abbies.known()
    assert await undone(abbies, disputed) == (200, 1)
    assert ORDER.name in await abbies.known()


async def test_what_two_disputes_mean_is_disputed_until_both_are_undone(abbies: Her) -> None:
    await abbies.say(ORDER)
    first, second = [(await abbies.dispute(attribute=SEEN))["entry"] for _ in range(2)]
    assert await undone(abbies, first) == (200, 0)
    assert await abbies.reasons(SEEN) == {SEEN: "disputed"}
    assert await undone(abbies, second) == (200, 1)
    assert await abbies.reasons(SEEN) == {}


async def test_a_dispute_finds_what_was_built_on_what_she_cleared(abbies: Her) -> None:
    await like(abbies, "poetry")
    built = guess("from-told", Node(GENRES, "volunteered", "", None, (), "customer"))
    assert await abbies.say(built) == []
    await like(abbies)
    assert (await abbies.dispute(attribute=GENRES))["built_on"] == 1
    assert GUESS not in (await abbies.release(*ON_THE_WEB, GUESS))["released"]


async def test_a_dispute_finds_what_was_built_on_what_has_run_its_time(
    abbies: Her, database: Database, keyring: Keyring, policies: Policies
) -> None:
    old = ORDER.as_said() | {"as_of": (YESTERDAY - timedelta(days=200)).isoformat()}
    await abbies.api.post(f"/v1/customers/{abbies.person.at_shop}/attributes", "shop", {"facts": [old]})
    built = guess("from-order", ORDER)
    await abbies.say(built)
    assert await end_outlived_facts(database, keyring, policies) == 1
    await abbies.dispute(source=ORDER.source)
    assert await abbies.say(built) == [0]
    assert built.name not in await abbies.known()


async def test_what_is_older_than_what_is_there_is_not_kept_and_that_is_said(abbies: Her) -> None:
    old = {"attribute": NAME, "value": "Old", "provenance": "volunteered", "as_of": "2026-01-01T00:00:00Z"}
    path = f"/v1/customers/{abbies.person.at_shop}/attributes"
    assert (await abbies.api.post(path, "shop", {"facts": [old]}))["not_kept"] == [0]
    assert (await abbies.known())[f"{NAME}#volunteered@shop"]["value"] != "Old"


# --- imports --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", [deleted, lambda abbies, name: corrected(abbies, name, "Gail")], ids=["del", "correct"])
async def test_a_row_without_a_date_does_not_bring_back_what_she_took_out(
    act: Any, api: Api, database: Database, keyring: Keyring, policies: Policies
) -> None:
    means = Means(database, keyring, policies, OPERATOR)
    await bring(means, sheet(ROW))
    me = await her(api, await enrol(api, ROW["E-Mail"], {}), database, keyring)
    await act(me, f"{NAME}#volunteered@shop")
    await bring(means, sheet(ROW | {"Orders": "3"}))
    known = await me.known()
    assert f"{NAME}#volunteered@shop" not in known
    assert known["orders_this_year#observed@shop"]["value"] == 3


# --- merged ---------------------------------------------------------------------------------------------------


async def test_a_merge_leaves_what_she_corrected(
    abbies: Her, others: Her, database: Database, keyring: Keyring, owner: asyncpg.Connection
) -> None:
    await like(abbies, "crime")
    await corrected(abbies, TOLD, ["travel"])
    await merged(database, keyring, abbies, others)
    await long_after(owner, database)
    assert (await abbies.known())[TOLD]["value"] == ["travel"]


async def test_a_merge_leaves_what_she_told_after_she_disputed_it(
    abbies: Her, others: Her, database: Database, keyring: Keyring
) -> None:
    await abbies.dispute(attribute=GENRES)
    for each in (abbies, others):
        await like(each, "poetry")
    await merged(database, keyring, abbies, others)
    assert [TOLD in await each.known() for each in (abbies, others)] == [True, True]


async def test_a_merge_leaves_what_was_built_on_her_own_word(
    abbies: Her, others: Her, database: Database, keyring: Keyring
) -> None:
    await others.choose("inferred", "yes")
    await like(others, "poetry")
    built = guess("from-told", Node(GENRES, "volunteered", "", None, (), "customer"))
    assert await others.say(built) == []
    await abbies.dispute(attribute=GENRES)
    await merged(database, keyring, abbies, others)
    known = await others.known()
    assert (TOLD in known, built.name in known) == (True, True)


async def test_a_merge_leaves_what_she_did_not_dispute(
    abbies: Her, others: Her, database: Database, keyring: Keyring
) -> None:
    bare, order = seen("", "art"), seen("order-9", "crime")
    await abbies.say(bare, order)
    await abbies.dispute_item(bare)
    await merged(database, keyring, abbies, others)
    assert order.name in await abbies.known()


async def test_a_wrong_merge_long_after_a_dispute_can_be_undone_on_the_other_side(
    abbies: Her, others: Her, database: Database, keyring: Keyring, owner: asyncpg.Connection
) -> None:
    await others.say(ORDER)
    await abbies.dispute(attribute=SEEN)
    await long_after(owner, database)
    made = await merged(database, keyring, abbies, others)
    await forget_struck_facts(database)
    await merges.unmerge(database, keyring, OPERATOR, made.link)
    (listed,) = await disputes(others)
    assert await undone(others, listed["entry"]) == (200, 1)
    assert ORDER.name in await others.known()


async def test_merged_again_after_the_other_side_undid_it_either_can_undo_it(
    abbies: Her, others: Her, database: Database, keyring: Keyring
) -> None:
    for each in (abbies, others):
        await each.say(ORDER)
    entry = (await abbies.dispute_item(ORDER))["entry"]
    made = await merged(database, keyring, abbies, others)
    await merges.unmerge(database, keyring, OPERATOR, made.link)
    (listed,) = await disputes(others)
    assert await undone(others, listed["entry"]) == (200, 1)
    await merged(database, keyring, abbies, others)
    assert ORDER.name not in await others.known()
    assert await undone(abbies, entry) == (200, 1)
    assert [ORDER.name in await each.known() for each in (abbies, others)] == [True, True]


async def test_who_had_it_of_the_other_side_is_told_after_a_merge(
    abbies: Her, others: Her, database: Database, keyring: Keyring
) -> None:
    for each in (abbies, others):
        await each.say(ORDER)
    await abbies.dispute_item(ORDER)
    assert SEEN in (await others.release(*ON_THE_WEB, SEEN))["released"]
    await merged(database, keyring, abbies, others)
    (listed,) = await disputes(others)
    assert [each["service"] for each in listed["received_by"]] == ["recommender"]


async def test_what_is_built_on_a_fact_of_the_other_side_comes_in_and_goes_with_it(
    abbies: Her, others: Her, database: Database, keyring: Keyring
) -> None:
    await others.say(ORDER)
    await merged(database, keyring, abbies, others)
    assert (await abbies.release(*ON_THE_WEB, SEEN))["released"][SEEN]["source"] == ORDER.source
    built = guess("from-order", ORDER)
    assert await abbies.say(built) == []
    await others.dispute(attribute=SEEN, since=(YESTERDAY - timedelta(days=9)).isoformat())
    assert built.name not in await abbies.known()


async def test_receipts_of_one_instant_are_each_on_a_page(
    abbies: Her, others: Her, database: Database, keyring: Keyring
) -> None:
    for each in (abbies, others):
        await each.say(ORDER, guess("alone", attribute="value_tier", value="gold"))
    await abbies.dispute_item(ORDER)
    await abbies.dispute(attribute="value_tier")
    await merged(database, keyring, abbies, others)
    read = await abbies.api.call("GET", "/v1/me/receipts?limit=100", others.token)
    whole = [each["entry"] for each in read.json()["receipts"]]
    seen_, cursor = [], ""
    for _ in whole:
        page = (await abbies.api.call("GET", f"/v1/me/receipts?limit=1{cursor}", others.token)).json()
        seen_ += [each["entry"] for each in page["receipts"]]
        cursor = f"&cursor={page.get('next')}"
    assert seen_ == whole
    assert len({each["recorded_at"] for each in read.json()["receipts"]}) < len(whole)


# --- shown ----------------------------------------------------------------------------------------------------


async def test_her_answer_stays_in_sight_however_often_she_is_shown_a_notice(
    api: Api, abbie: Person, database: Database, keyring: Keyring, policies: Policies, owner: asyncpg.Connection
) -> None:
    me = CustomerCaller(CustomerId(await owner.fetchval("SELECT customer FROM consent")), proven=True)
    await say_often(owner, "requested", 200)
    allowed = await permissions.permissions(database, keyring, policies, me, "en", "page")
    assert [answer.status for each in allowed.asked for answer in each.history] == ["given"]
    assert len((await overview.overview(database, keyring, policies, me)).lately) == 1

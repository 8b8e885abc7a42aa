"""Striking out beside the API: on both sides of a merged person, against imports, and until it is forgotten."""

import asyncpg
import pytest

from service.crypto.keyring import Keyring
from service.database import Database
from service.model.callers import CustomerCaller
from service.model.identifiers import identifier
from service.model.words import AttributeId, IdentifierKind, Provenance
from service.policy.engine import Policies
from service.storage import customers, facts
from service.usecases import audits, merges
from service.usecases import strikes as usecases
from service.usecases.imports import Means
from service.usecases.imports.landing import NOT_KEPT
from service.usecases.retention import forget_struck_facts
from tests.conftest import OPERATOR, Api, Person, enrol
from tests.striking import SEEN, Her, guess, her, seen
from tests.usecases.test_imports import SHOP, bring, sheet, whom

ORDERED = "orders_this_year"
ORDER, CARD = seen("order-7", "art"), seen("card-1", "crime")
FIRST = guess("from-order", ORDER)


@pytest.fixture
async def both(api: Api, database: Database, keyring: Keyring, all_said: None) -> tuple[Her, Her]:
    """Two customers who are one person, of whom the same is known, from the same order."""
    sides = [await enrol(api, f"{name}@example.com", {}) for name in ("one", "other")]
    one, other = [await her(api, each, database, keyring) for each in sides]
    for each in (one, other):
        await each.say(ORDER, CARD, FIRST)
    return one, other


async def merge(database: Database, keyring: Keyring, one: Person, other: Person) -> None:
    found_by = [identifier(IdentifierKind.EMAIL, each.email) for each in (one, other)]
    await merges.merge(database, keyring, OPERATOR, (found_by[0], found_by[1]))


async def test_what_was_not_her_was_not_her_on_any_side(
    both: tuple[Her, Her], database: Database, keyring: Keyring
) -> None:
    one, other = both
    await merge(database, keyring, one.person, other.person)
    entry = (await one.dispute_item(ORDER))["entry"]
    for each in both:
        assert {ORDER.name, FIRST.name}.isdisjoint(await each.known())
        assert await each.say(ORDER, FIRST) == [0, 1]
    await one.undo(entry)
    for each in both:
        assert {ORDER.name, FIRST.name} <= (await each.known()).keys()


async def test_who_turns_out_to_be_the_same_person_was_not_that_either(
    both: tuple[Her, Her], database: Database, keyring: Keyring
) -> None:
    one, other = both
    await one.dispute(category="taste", source=ORDER.source)
    assert ORDER.name in await other.known()
    await merge(database, keyring, one.person, other.person)
    assert {ORDER.name, FIRST.name}.isdisjoint(await other.known())
    assert CARD.name in await other.known()
    assert await other.say(ORDER) == [0]
    (listed,) = (await other.api.call("GET", "/v1/me/disputes", other.token)).json()["disputes"]
    await other.undo(listed["entry"])
    for each in both:
        assert {ORDER.name, FIRST.name} <= (await each.known()).keys()


async def test_an_import_does_not_bring_back_what_was_not_her(
    database: Database, keyring: Keyring, policies: Policies
) -> None:
    means = Means(database, keyring, policies, OPERATOR)
    row = {"Customer no": "1", "E-Mail": "a@example.com", "First name": "Abbie", "Orders": "2"}
    await bring(means, sheet(row))
    id_ = await whom(means, IdentifierKind.EMAIL, "a@example.com")
    assert id_ is not None
    item = usecases.Item(AttributeId(ORDERED), Provenance.OBSERVED, SHOP.origin)
    me = CustomerCaller(id_, proven=True)
    await usecases.dispute(database, keyring, policies, me, item.selection)
    for change in ({}, {"Orders": "3"}):
        _, rejects = await bring(means, sheet(row | change))
        assert [each.reason for each in rejects] == ([NOT_KEPT.format(ORDERED)] if change else [])
        async with database.connection() as connection:
            assert ORDERED not in {each.attribute for each in await facts.of_customer(connection, id_)}


async def test_a_fact_that_was_struck_out_does_not_open_where_it_was(
    api: Api, abbie: Person, database: Database, keyring: Keyring, owner: asyncpg.Connection
) -> None:
    """Who puts it back by SQL finds that it is sealed as something else."""
    abbies = await her(api, abbie, database, keyring)
    await abbies.say(ORDER)
    await abbies.dispute_item(ORDER)
    columns = "customer, attribute, provenance, source, as_of, confidence, derived_from, revision, key, sealed"
    await owner.execute(f"INSERT INTO fact ({columns}) SELECT {columns} FROM struck_fact")  # noqa: S608  ours
    asked = {
        "customer": {"id": abbie.at_recommender},
        "purpose": "personalise.recommendations",
        "channel": "web",
        "attributes": [SEEN],
    }
    answer = await api.call("POST", "/v1/releases", "recommender", asked)
    assert (answer.status_code, answer.json()["code"]) == (500, "integrity")


async def test_a_block_says_nothing_that_can_be_read(
    api: Api, abbie: Person, database: Database, keyring: Keyring, owner: asyncpg.Connection
) -> None:
    abbies = await her(api, abbie, database, keyring)
    await abbies.say(ORDER, FIRST)
    await abbies.dispute(source=ORDER.source)
    rows = [str(row) for row in await owner.fetch("SELECT scope, digest, since, until FROM block")]
    assert len(rows) == 2
    assert not any(word in row for row in rows for word in ("order-7", SEEN, "guessed", "recommender"))


async def test_what_was_struck_out_is_forgotten_in_time_and_still_does_not_come_back(
    api: Api, abbie: Person, database: Database, keyring: Keyring, owner: asyncpg.Connection
) -> None:
    abbies = await her(api, abbie, database, keyring)
    await abbies.say(ORDER, FIRST)
    entry = (await abbies.dispute_item(ORDER))["entry"]
    assert await forget_struck_facts(database) == 0
    await owner.execute("UPDATE struck_fact SET kept = clock_timestamp()")
    assert await forget_struck_facts(database) == 2
    assert await abbies.say(ORDER, FIRST) == [0, 1]
    # A second guess built on the first, which nobody keeps any more, is no way around it.
    assert await abbies.say(guess("again", FIRST, attribute="value_tier", value="gold")) == [0]
    assert (await abbies.undo(entry))["restored"] == 0
    assert await abbies.say(ORDER, FIRST) == []


async def test_what_stands_is_the_replay_of_what_she_said(
    api: Api, abbie: Person, database: Database, keyring: Keyring
) -> None:
    abbies = await her(api, abbie, database, keyring)
    await abbies.say(ORDER, CARD, FIRST)
    first = (await abbies.dispute_item(ORDER))["entry"]
    await abbies.dispute(attribute=SEEN)
    await abbies.undo(first)
    async with database.connection() as connection:
        [id_] = [row["customer"] for row in await connection.fetch("SELECT DISTINCT customer FROM strike")]
        limits = (await customers.restrictions_of(connection, keyring, [id_]))[id_]
    # What the first dispute had found stays out by the second, and so does what was built on it.
    assert limits.disputed == ("browsed_genres#observed", "guessed_genres#inferred")
    assert [each.differences async for each in audits.audit_state(database, keyring)] == [[]]

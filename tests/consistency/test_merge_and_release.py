"""Arranged races of a merged person: what is said on one side against a release that is entered on the other."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec import Struct

from service.app import House
from service.crypto.keyring import Keyring
from service.database import Connection, Database
from service.model.callers import CustomerCaller
from service.model.identifiers import identifier
from service.model.words import CustomerId, IdentifierKind
from service.storage import customers, facts, ledger
from service.usecases import identifiers, merges
from tests.conftest import OPERATOR, Api, Person, allow, enrol
from tests.consistency.test_release_and_withdrawal import customer_of, outcomes, question
from tests.waiting import until_blocked

PURPOSE = "personalise.recommendations"
NO = {"purpose": PURPOSE, "answer": "withdrawn"}


class Pair(Struct, frozen=True):
    """Two customers who both allow recommendations."""

    one: Person
    other: Person
    one_id: CustomerId
    other_id: CustomerId

    def __repr__(self) -> str:
        return "Pair()"


@pytest.fixture
async def pair(api: Api, database: Database) -> Pair:
    one, other = await enrol(api, "abbie@example.com"), await enrol(api, "abbie.harbour@example.com", {})
    for each in (one, other):
        await allow(api, each)
    return Pair(one, other, await customer_of(database, one), await customer_of(database, other))


async def merge(house: House, pair: Pair) -> None:
    found_by = [identifier(IdentifierKind.EMAIL, each.email) for each in (pair.one, pair.other)]
    await merges.merge(house.database, await house.keys(), OPERATOR, (found_by[0], found_by[1]))


@asynccontextmanager
async def held(monkeypatch: pytest.MonkeyPatch, name: str) -> AsyncIterator[asyncio.Event]:
    """Let whoever appends to the ledger wait, once it has, until the block ends; the event says that it has."""
    entered, go_on = asyncio.Event(), asyncio.Event()
    really = getattr(ledger, name)

    async def slowly(connection: Connection, *words: Any) -> Any:
        async with connection.transaction():  # releases are entered by a statement alone
            done = await really(connection, *words)
            if not go_on.is_set():
                entered.set()
                await go_on.wait()
        return done

    monkeypatch.setattr(ledger, name, slowly)
    yield entered
    go_on.set()


async def ask(api: Api, person: Person) -> dict[str, Any]:
    return await api.post("/v1/releases", "recommender", question(person))


async def withdraw(api: Api, person: Person) -> dict[str, Any]:
    return await api.post(f"/v1/customers/{person.at_shop}/consents", "shop", NO)


async def test_a_release_of_one_side_waits_for_a_withdrawal_on_the_other_and_is_then_denied(
    api: Api, house: House, pair: Pair, database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await merge(house, pair)
    async with held(monkeypatch, "append") as entered:
        withdrawn = asyncio.create_task(withdraw(api, pair.other))
        await entered.wait()
        asked = asyncio.create_task(ask(api, pair.one))
        await until_blocked(database_url)
    assert (await asked)["decision"] == "deny"
    await withdrawn
    assert await outcomes(database, pair.one_id) == ["consent", "consent", "deny"]


async def test_without_the_bump_of_both_a_release_would_follow_a_withdrawal(
    api: Api, house: House, pair: Pair, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The arrangement above sees the fault: the same race, with a bump that forgets who is linked."""
    alone = customers.SQL["bump"].replace("WHERE r.customer = ANY($1::uuid[])", "WHERE false")
    monkeypatch.setitem(customers.SQL, "bump", alone)
    monkeypatch.setitem(customers.SQL, "linked", "SELECT id FROM customer WHERE false AND $1::uuid[] IS NULL")
    await merge(house, pair)
    async with held(monkeypatch, "append") as entered:
        withdrawn = asyncio.create_task(withdraw(api, pair.other))
        await entered.wait()
        assert (await ask(api, pair.one))["decision"] == "permit"
    await withdrawn
    assert await outcomes(database, pair.one_id) == ["consent", "permit"]


async def test_a_merge_waits_for_a_release_that_is_being_entered_and_comes_after_it(
    api: Api, house: House, pair: Pair, database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await withdraw(api, pair.other)
    async with held(monkeypatch, "append_unchanged") as entered:
        asked = asyncio.create_task(ask(api, pair.one))
        await entered.wait()
        merging = asyncio.create_task(merge(house, pair))
        await until_blocked(database_url)
        assert not merging.done()
    assert (await asked)["decision"] == "permit"
    await merging
    assert (await ask(api, pair.one))["decision"] == "deny"
    async with database.connection() as connection:
        kinds = "SELECT array_agg(kind ORDER BY number) FROM queue WHERE customer = $1"
        assert (await connection.fetchval(kinds, pair.one_id))[-3:] == ["release", "merge", "release"]


async def test_a_release_decided_before_a_merge_waits_for_it_and_is_then_denied(
    api: Api, house: House, pair: Pair, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await withdraw(api, pair.other)
    async with held(monkeypatch, "append_all") as entered:
        merging = asyncio.create_task(merge(house, pair))
        await entered.wait()
        asked = asyncio.create_task(ask(api, pair.one))
        await until_blocked(database_url)
    assert (await asked)["decision"] == "deny"
    await merging


async def test_a_withdrawal_that_waited_for_a_merge_reaches_both_sides(
    api: Api, house: House, pair: Pair, database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When it began they were two; when it is recorded they are one, and each has a new version."""
    async with held(monkeypatch, "append_all") as entered:
        merging = asyncio.create_task(merge(house, pair))
        await entered.wait()
        withdrawn = asyncio.create_task(withdraw(api, pair.other))
        await until_blocked(database_url)
    await asyncio.gather(merging, withdrawn)
    async with database.connection() as connection:
        status = "SELECT array_agg(DISTINCT status) FROM consent WHERE customer = ANY($1) AND channel = 'web'"
        assert await connection.fetchval(status, [pair.one_id, pair.other_id]) == ["withdrawn"]
        instants = "SELECT count(DISTINCT changed_at) FROM customer WHERE id = ANY($1)"
        assert await connection.fetchval(instants, [pair.one_id, pair.other_id]) == 1
    assert (await ask(api, pair.one))["decision"] == "deny"


# --- disowning ---


async def disown(house: House, keyring: Keyring, customer: CustomerId) -> None:
    me = CustomerCaller(customer, proven=True)
    (hers,) = await identifiers.identifiers(house.database, keyring, me)
    await identifiers.disown(house.database, keyring, me, hers.reference)


def by_email(person: Person) -> dict[str, Any]:
    return {**question(person), "customer": {"email": person.email}}


async def test_a_release_by_an_identifier_waits_for_it_to_be_disowned_and_finds_nobody(
    api: Api, house: House, pair: Pair, keyring: Keyring, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with held(monkeypatch, "append") as entered:
        disowning = asyncio.create_task(disown(house, keyring, pair.one_id))
        await entered.wait()
        asked = asyncio.create_task(api.post("/v1/releases", "recommender", by_email(pair.one)))
        await until_blocked(database_url)
    answer = await asked
    assert (answer["decision"], answer.get("customer")) == ("deny", None)
    assert {each["reason"] for each in answer["withheld"]} == {"no-permission"}
    await disowning


async def test_an_identifier_disowned_since_it_found_her_releases_nothing(
    api: Api, house: House, pair: Pair, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found and read in one instant, she has a new version when the release is to be entered."""
    really = facts.ask

    async def then_disowned(connection: Connection, inquiries: Sequence[facts.Inquiry]) -> list[str]:
        told = await really(connection, inquiries)
        monkeypatch.setattr(facts, "ask", really)
        await disown(house, keyring, pair.one_id)
        return told

    monkeypatch.setattr(facts, "ask", then_disowned)
    answer = await api.post("/v1/releases", "recommender", by_email(pair.one))
    assert (answer["decision"], answer["released"]) == ("deny", {})

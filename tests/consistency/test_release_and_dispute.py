"""Arranged races: a release and a dispute of the same customer, in both orders, and what sees the fault."""

import asyncio
from typing import Any

import pytest

from service.crypto.keyring import Keyring
from service.database import Database
from service.storage import ledger
from tests.conftest import Api, Person
from tests.consistency.test_merge_and_release import held
from tests.striking import SEEN, Her, her, seen
from tests.waiting import until_blocked

ORDER = seen("order-7", "art")


@pytest.fixture
async def abbies(api: Api, abbie: Person, database: Database, keyring: Keyring) -> Her:
    """Abbie, of whom something was seen that is about to be disputed."""
    abbies = await her(api, abbie, database, keyring)
    await abbies.say(ORDER)
    return abbies


async def ask(abbies: Her) -> dict[str, Any]:
    return await abbies.release("recommender", "personalise.recommendations", "web", SEEN)


async def test_a_release_decided_before_a_dispute_waits_for_it_and_is_then_withheld(
    abbies: Her, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with held(monkeypatch, "append") as entered:
        disputed = asyncio.create_task(abbies.dispute_item(ORDER))
        await entered.wait()
        asked = asyncio.create_task(ask(abbies))
        await until_blocked(database_url)
    answer = await asked
    assert (answer["released"], [each["reason"] for each in answer["withheld"]]) == ({}, ["disputed"])
    assert (await disputed)["received_by"] == []


async def test_a_dispute_waits_for_a_release_that_is_being_entered_and_knows_of_it(
    abbies: Her, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with held(monkeypatch, "append_unchanged") as entered:
        asked = asyncio.create_task(ask(abbies))
        await entered.wait()
        disputed = asyncio.create_task(abbies.dispute_item(ORDER))
        await until_blocked(database_url)
        assert not disputed.done()
    assert SEEN in (await asked)["released"]
    assert (await disputed)["received_by"] == ["recommender"]


async def test_without_the_lock_a_release_would_follow_a_dispute(abbies: Her, monkeypatch: pytest.MonkeyPatch) -> None:
    """The arrangement above sees the fault: the same race, on a statement with its lock taken out."""
    unlocked = ledger.SQL["append_unchanged"].replace("FOR SHARE SKIP LOCKED", "")
    monkeypatch.setitem(ledger.SQL, "append_unchanged", unlocked)
    async with held(monkeypatch, "append") as entered:
        disputed = asyncio.create_task(abbies.dispute_item(ORDER))
        await entered.wait()
        assert SEEN in (await ask(abbies))["released"]
    await disputed

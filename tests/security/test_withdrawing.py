"""Withdrawing needs no secret of ours (P5): no key, no policies, one call, any reach, as often as one likes."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from service.app import House
from service.database import opened
from service.model.identifiers import identifier
from service.model.words import IdentifierKind
from service.usecases import access, merges
from tests.conftest import OPERATOR, Api, Person, Template, allow, enrol
from tests.security.conftest import ask, assert_denied, assert_problem, door_of, fresh_process

STANDS = "SELECT purpose, channel, status FROM consent"
UNREADABLE = "UPDATE publication SET bundle = 'unreadable'"
Process = Callable[[], AbstractAsyncContextManager[Api]]


@pytest.fixture
async def hers(api: Api, zephyrine: Person, house: House) -> str:
    """Her own token; she allows recommendations on the web, and the newsletter."""
    await allow(api, zephyrine, "market.newsletter", "email")
    found_by = identifier(IdentifierKind.EMAIL, zephyrine.email)
    return (await access.make_customer_token(house.database, await house.keys(), OPERATOR, found_by, 60)).text


@pytest.fixture
def keyless(database_url: str, template: Template, tmp_path: Path) -> Process:
    """A process whose root key is away."""
    return lambda: fresh_process(database_url, template, tmp_path / "away.key")


@pytest.fixture
def sound(database_url: str, template: Template) -> Process:
    """A process with its root key."""
    return lambda: fresh_process(database_url, template)


async def stands(owner: asyncpg.Connection) -> dict[str, str]:
    return {f"{row['purpose']}/{row['channel']}": row["status"] for row in await owner.fetch(STANDS)}


NEWSLETTER, PICKS = "market.newsletter/email", "personalise.recommendations/web"


async def test_one_call_ends_everything_while_no_key_and_no_policy_can_be_used(
    zephyrine: Person, hers: str, owner: asyncpg.Connection, keyless: Process, sound: Process
) -> None:
    bundle = await owner.fetchval("SELECT bundle FROM publication")
    await owner.execute(UNREADABLE)
    async with keyless() as broken:
        assert_problem(await ask(broken, zephyrine), 503, "keys-unavailable")
        done = [await broken.post("/v1/me/withdrawals", hers, {"all": "everything"}) for _ in range(2)]
    assert all("receipt" not in each for each in done)
    assert await stands(owner) == {NEWSLETTER: "withdrawn", PICKS: "withdrawn"}
    await owner.execute("UPDATE publication SET bundle = $1", bundle)
    async with sound() as mended:
        assert_denied(await ask(mended, zephyrine), "withdrawn")
        # And the receipts follow when the keys are back.
        for each in done:
            receipt = await mended.call("GET", f"/v1/me/receipts/{each['entry']}", hers)
            assert receipt.status_code == 200, receipt.text


@pytest.mark.parametrize(
    ("body", "ended"),
    [
        ({"purpose": "personalise.recommendations", "channel": "web"}, {PICKS}),
        ({"purpose": "market.newsletter"}, {NEWSLETTER}),
        ({"all": "marketing"}, {NEWSLETTER}),
        ({"all": "everything"}, {NEWSLETTER, PICKS}),
    ],
    ids=["one channel", "one purpose", "all marketing", "everything"],
)
async def test_each_reach_needs_no_key(
    body: dict[str, Any], ended: set[str], hers: str, owner: asyncpg.Connection, keyless: Process
) -> None:
    async with keyless() as broken:
        await broken.post("/v1/me/withdrawals", hers, body)
    stood = await stands(owner)
    assert {spot for spot in (NEWSLETTER, PICKS) if stood[spot] == "withdrawn"} == ended


async def test_a_browser_that_asks_not_to_share_is_heard_and_does_not_keep_her_from_withdrawing(
    hers: str, owner: asyncpg.Connection, keyless: Process
) -> None:
    await owner.execute(UNREADABLE)
    async with keyless() as broken:
        headers = {"sec-gpc": "1"}
        done = await broken.call("POST", "/v1/me/withdrawals", hers, {"all": "everything"}, headers=headers)
    assert done.status_code == 200, done.text
    assert set((await stands(owner)).values()) == {"withdrawn"}
    assert await owner.fetchval("SELECT said_no FROM restrictions") == ["may_share"]


@pytest.mark.parametrize(
    "choice",
    [
        {"choice": "marketing", "value": "no"},
        {"choice": "processing", "value": "no"},
        {"choice": "pause", "value": "2999-01-01T00:00:00Z"},
        {"choice": "objection", "value": "raised", "purpose": "prevent.fraud"},
    ],
    ids=lambda choice: str(choice["choice"]),
)
async def test_what_only_takes_away_needs_no_key_and_no_policies(
    choice: dict[str, Any], hers: str, owner: asyncpg.Connection, keyless: Process
) -> None:
    await owner.execute(UNREADABLE)
    async with keyless() as broken:
        await broken.post("/v1/me/choices", hers, choice)
    assert await owner.fetchval("SELECT cardinality(said_no) FROM restrictions") == 1


async def test_a_withdrawal_without_policies_reaches_what_stands_on_the_other_side_of_a_merged_person(
    api: Api, zephyrine: Person, hers: str, house: House, owner: asyncpg.Connection, sound: Process
) -> None:
    bo = await enrol(api, "bo@example.com", {})
    found_by = [identifier(IdentifierKind.EMAIL, person.email) for person in (zephyrine, bo)]
    await merges.merge(house.database, await house.keys(), OPERATOR, (found_by[0], found_by[1]))
    token = await access.make_customer_token(house.database, await house.keys(), OPERATOR, found_by[1], 60)
    await owner.execute(UNREADABLE)
    async with sound() as broken:
        await broken.post("/v1/me/withdrawals", token.text, {"purpose": "market.newsletter"})
        assert (await stands(owner))[NEWSLETTER] == "withdrawn"
        await broken.post("/v1/me/withdrawals", token.text, {"all": "everything"})
    assert set((await stands(owner)).values()) == {"withdrawn"}


async def test_a_withdrawal_whose_evidence_cannot_be_sealed_is_a_withdrawal(
    api: Api, zephyrine: Person, hers: str, owner: asyncpg.Connection
) -> None:
    await owner.execute("UPDATE evidence_key SET wrapped = sha256(wrapped)")
    no = {"purpose": "personalise.recommendations", "answer": "withdrawn", "evidence": "call-17"}
    await api.post("/v1/me/consents", hers, no)
    assert (await stands(owner))[PICKS] == "withdrawn"
    yes = {"purpose": "personalise.recommendations", "answer": "given", "channel": "web", "notice": 2}
    answer = await api.call("POST", "/v1/me/consents", hers, {**yes, "evidence": "scan-4711"})
    assert_problem(answer, 500, "integrity")


async def test_a_receipt_key_that_does_not_open_keeps_nothing_but_receipts_back(
    zephyrine: Person, hers: str, owner: asyncpg.Connection, sound: Process
) -> None:
    await owner.execute("UPDATE wrapped_key SET wrapped = sha256(wrapped) WHERE role = 'receipt'")
    async with sound() as started:
        assert (await ask(started, zephyrine)).json()["decision"] == "permit"
        done = await started.post("/v1/me/withdrawals", hers, {"all": "everything"})
    assert "receipt" not in done


async def test_who_asks_for_her_past_takes_no_connection_from_who_withdraws(
    hers: str, owner: asyncpg.Connection, database_url: str, template: Template
) -> None:
    async with (
        opened(database_url, connections=1) as database,
        door_of(House(database, template.root_key_file), template) as narrow,
    ):
        answer = await narrow.call("GET", "/v1/me/permissions", hers)
    assert answer.status_code == 200, answer.text


async def test_without_policies_a_no_to_what_never_stood_is_not_made_up(
    hers: str, owner: asyncpg.Connection, sound: Process
) -> None:
    await owner.execute(UNREADABLE)
    async with sound() as broken:
        answer = await broken.call("POST", "/v1/me/withdrawals", hers, {"purpose": "no.such"})
    assert_problem(answer, 503, "policies-unavailable")

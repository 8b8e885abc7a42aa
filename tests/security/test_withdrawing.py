"""Withdrawing needs no secret of ours (P5): no key, no policies, one call, any reach, as often as one likes."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from service.app import House
from service.model.identifiers import identifier
from service.model.words import IdentifierKind
from service.usecases import access
from tests.conftest import OPERATOR, Api, Person, Template, allow
from tests.security.conftest import ask, assert_denied, assert_problem, fresh_process

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


async def test_a_browser_that_asks_not_to_share_does_not_keep_her_from_withdrawing(
    hers: str, owner: asyncpg.Connection, keyless: Process
) -> None:
    await owner.execute(UNREADABLE)
    async with keyless() as broken:
        headers = {"sec-gpc": "1"}
        done = await broken.call("POST", "/v1/me/withdrawals", hers, {"all": "everything"}, headers=headers)
    assert done.status_code == 200, done.text
    assert set((await stands(owner)).values()) == {"withdrawn"}


async def test_without_policies_a_no_to_what_never_stood_is_not_made_up(
    hers: str, owner: asyncpg.Connection, sound: Process
) -> None:
    await owner.execute(UNREADABLE)
    async with sound() as broken:
        answer = await broken.call("POST", "/v1/me/withdrawals", hers, {"purpose": "no.such"})
    assert_problem(answer, 503, "policies-unavailable")

"""Withdrawing needs no secret of ours (P5): no key, no policies, one call, any reach, as often as one likes."""

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

STANDS = "SELECT purpose, channel, status FROM consent ORDER BY purpose, channel"


@pytest.fixture
async def hers(zephyrine: Person, house: House) -> str:
    """Her own token."""
    found_by = identifier(IdentifierKind.EMAIL, zephyrine.email)
    return (await access.make_customer_token(house.database, await house.keys(), OPERATOR, found_by, 60)).text


async def stands(owner: asyncpg.Connection) -> set[tuple[str, str, str]]:
    return {tuple(row) for row in await owner.fetch(STANDS)}


async def test_one_call_ends_everything_while_no_key_and_no_policy_can_be_used(
    api: Api,
    zephyrine: Person,
    hers: str,
    owner: asyncpg.Connection,
    database_url: str,
    template: Template,
    tmp_path: Path,
) -> None:
    await allow(api, zephyrine, "market.newsletter", "email")
    bundle = await owner.fetchval("SELECT bundle FROM publication")
    await owner.execute("UPDATE publication SET bundle = 'unreadable'")
    async with fresh_process(database_url, template, tmp_path / "away.key") as broken:
        assert_problem(await ask(broken, zephyrine), 503, "keys-unavailable")
        for _ in range(2):
            done = await broken.call("POST", "/v1/me/withdrawals", hers, {"all": "everything"})
            assert done.status_code == 200, done.text
            assert "receipt" not in done.json()
    assert await stands(owner) == {
        ("market.newsletter", "email", "withdrawn"),
        ("personalise.recommendations", "web", "withdrawn"),
    }
    await owner.execute("UPDATE publication SET bundle = $1", bundle)
    async with fresh_process(database_url, template) as mended:
        assert_denied(await ask(mended, zephyrine), "withdrawn")
        # And the receipt follows when the keys are back.
        receipt = await mended.call("GET", f"/v1/me/receipts/{done.json()['entry']}", hers)
        assert receipt.status_code == 200, receipt.text


REACHES: list[tuple[dict[str, Any], set[tuple[str, str, str]]]] = [
    (
        {"purpose": "personalise.recommendations", "channel": "web"},
        {("market.newsletter", "email", "given"), ("personalise.recommendations", "web", "withdrawn")},
    ),
    (
        {"purpose": "market.newsletter"},
        {("market.newsletter", "email", "withdrawn"), ("personalise.recommendations", "web", "given")},
    ),
]


@pytest.mark.parametrize(("body", "then"), REACHES, ids=["one channel", "one purpose"])
async def test_each_reach_needs_no_key(
    body: dict[str, Any],
    then: set[tuple[str, str, str]],
    api: Api,
    zephyrine: Person,
    hers: str,
    owner: asyncpg.Connection,
    database_url: str,
    template: Template,
    tmp_path: Path,
) -> None:
    await allow(api, zephyrine, "market.newsletter", "email")
    async with fresh_process(database_url, template, tmp_path / "away.key") as keyless:
        done = await keyless.call("POST", "/v1/me/withdrawals", hers, body)
        assert done.status_code == 200, done.text
    assert await stands(owner) == then


async def test_a_browser_that_asks_not_to_share_does_not_keep_her_from_withdrawing(
    zephyrine: Person, hers: str, owner: asyncpg.Connection, database_url: str, template: Template, tmp_path: Path
) -> None:
    await owner.execute("UPDATE publication SET bundle = 'unreadable'")
    async with fresh_process(database_url, template, tmp_path / "away.key") as broken:
        body, headers = {"all": "everything"}, {"sec-gpc": "1"}
        done = await broken.call("POST", "/v1/me/withdrawals", hers, body, headers=headers)
        assert done.status_code == 200, done.text


async def test_without_policies_a_no_to_what_never_stood_is_not_made_up(
    zephyrine: Person, hers: str, owner: asyncpg.Connection, database_url: str, template: Template
) -> None:
    await owner.execute("UPDATE publication SET bundle = 'unreadable'")
    async with fresh_process(database_url, template) as broken:
        answer = await broken.call("POST", "/v1/me/withdrawals", hers, {"purpose": "no.such"})
        assert_problem(answer, 503, "policies-unavailable")

"""A no while releases ask for three times what a process can give: it is never refused, and never waits for them."""

import asyncio
import time
from collections import Counter
from pathlib import Path

import pytest

from service.app import House
from service.database import opened
from service.policy.engine import Policies
from tests.conftest import PROOF, Template, own_database
from tests.consistency.load import CHANNEL, PURPOSE, Customer, Town, town_of
from tests.consistency.processes import KeptConnection, Process, serving
from tests.security.conftest import door_of
from tests.test_cli import shell_with

BUSY = 64
"""Askers without a pause that keep one process wholly busy (docs/performance.md)."""
LIMIT = 1.0
"""Seconds that 99 of 100 withdrawals may take."""


@pytest.mark.parametrize("seconds", [3, pytest.param(60, marks=pytest.mark.soak)])
async def test_a_withdrawal_is_acknowledged_whatever_is_asked_besides(
    seconds: float, server: str, template: Template, policies: Policies, tmp_path: Path
) -> None:
    async with own_database(server, template) as url, opened(url) as database:
        api = door_of(House(database, template.root_key_file), template)
        async with api as door:
            town = await town_of(door, template, policies, 4)
        environment = shell_with(DATABASE_URL=url, KEYS=str(template.root_key_file)).environment
        process = Process(environment, tmp_path / "serve.log")
        with serving(process):
            ended, statuses = asyncio.Event(), Counter[int]()
            asking = [asyncio.ensure_future(_ask(town, process.port, ended, statuses)) for _ in range(3 * BUSY)]
            took = await _withdraw(town, town.customers[0], process.port, seconds)
            ended.set()
            await asyncio.gather(*asking)
    slow = sorted(took)[len(took) * 99 // 100]
    print(f"{len(took)} withdrawals, p99 {slow:.2f} s; releases by status: {dict(statuses)}")  # noqa: T201
    assert statuses[200] > len(took)
    assert set(statuses) <= {200, 503}
    assert seconds < LIMIT * 10 or slow < LIMIT


async def _ask(town: Town, port: int, ended: asyncio.Event, statuses: "Counter[int]") -> None:
    """Ask about somebody else than who withdraws, without a pause."""
    connection, turn = KeptConnection(port), 0
    while not ended.is_set():
        who = town.customers[1 + turn % (len(town.customers) - 1)]
        body = {
            "customer": {"id": who.at_recommender},
            "purpose": PURPOSE,
            "channel": CHANNEL,
            "attributes": ["first_name", "favourite_genres"],
        }
        statuses[(await connection.post("/v1/releases", town.key("recommender"), body)).status] += 1
        turn += 1
    connection.close()


async def _withdraw(town: Town, who: Customer, port: int, seconds: float) -> list[float]:
    """Withdraw and consent in turn; returns how long each withdrawal took until it was acknowledged."""
    connection, took = KeptConnection(port), list[float]()
    no = {"purpose": PURPOSE, "answer": "withdrawn", "channel": CHANNEL}
    yes = {"purpose": PURPOSE, "answer": "given", "channel": CHANNEL, "notice": town.notice, **PROOF}
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        start = time.monotonic()
        answer = await connection.post(f"/v1/customers/{who.at_shop}/consents", town.key("shop"), no)
        took.append(time.monotonic() - start)
        assert answer.status == 200, answer
        await connection.post(f"/v1/customers/{who.at_shop}/consents", town.key("shop"), yes)
    connection.close()
    return took

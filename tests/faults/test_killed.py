"""``kill -9`` of whatever runs, under load: nothing acknowledged is lost, and nothing happens twice (P3, P4, P6)."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from service.crypto.random import random_number
from tests.consistency.history import History, inversions, stale, unentered
from tests.consistency.load import driven, ledger, told
from tests.consistency.processes import Process, serving
from tests.faults.conftest import Company

TWICE = "SELECT actor FROM consent_event WHERE actor <> '' GROUP BY actor HAVING count(DISTINCT entry) > 1"
AWAY = 0.3
"""Seconds that the database is gone."""


@pytest.mark.parametrize("kills", [1, pytest.param(20, marks=pytest.mark.soak)])
async def test_whatever_is_killed_nothing_acknowledged_is_lost_and_nothing_happens_twice(
    kills: int, company: Company
) -> None:
    processes = [company.process("one"), company.process("other")]
    with serving(*processes):
        history = await driven(company.town, [each.port for each in processes], _killing(kills, company, processes))
    owner = await company.owner()
    lines = await ledger(owner)
    told(f"{kills} kills of a process and of PostgreSQL", history, lines)
    assert any(act.sent > 1 for act in history.acts), "nothing had to be sent again, so this shows little"
    assert unentered(history, lines) == []
    assert await owner.fetch(TWICE) == []
    assert (stale(history), inversions(lines)) == ([], [])
    await owner.close()


def _killing(kills: int, company: Company, processes: list[Process]) -> Callable[[History], Awaitable[None]]:
    async def kill(history: History) -> None:
        for number in range(kills):
            await _grown(history)
            victim = processes[number % len(processes)]
            victim.kill()
            victim.start()
            await _grown(history)
            company.cluster.kill()
            await asyncio.sleep(AWAY)
            company.cluster.start()
        await _grown(history)

    return kill


async def _grown(history: History) -> None:
    """Wait until everybody is served again, and then a moment that nobody can foresee."""
    decisions, acts = len(history.decisions), len(history.acts)
    async with asyncio.timeout(60):
        while len(history.decisions) < decisions + 20 or len(history.acts) < acts + 4:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    await asyncio.sleep(random_number(200) / 1000)

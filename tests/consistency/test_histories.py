"""Several processes, customers who keep changing their minds, and what was seen from outside (P1, P2, P3)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import asyncpg
import pytest
from msgspec import Struct

from service.app import House
from service.database import opened
from service.policy.engine import Policies
from tests.conftest import Owner, Template, as_superuser, own_database
from tests.consistency.history import History, inversions, late, stale, unentered
from tests.consistency.known_bad import VARIANTS
from tests.consistency.load import SLACK, Town, driven, for_a_while, ledger, told, town_of
from tests.consistency.processes import Process, serving
from tests.security.conftest import door_of
from tests.test_cli import free_port, shell_with

PEOPLE = 4


class Site(Struct, frozen=True):
    """A database, and the ports that serve it: honest ones, and for each variant one that has a guard less."""

    owner: Owner
    town: Town
    honest: list[int]
    bad: dict[str, int]
    another: Callable[[str], Process]
    """Returns one more that is honest, not yet started."""


@pytest.fixture(scope="module")
async def site(
    server: str, template: Template, policies: Policies, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    """Everything that the tests below need, started once: processes take seconds."""
    logs = tmp_path_factory.mktemp("logs")
    async with AsyncExitStack() as leaving:
        url = await leaving.enter_async_context(own_database(server, template))
        environment = shell_with(DATABASE_URL=url, KEYS=str(template.root_key_file)).environment

        def another(name: str) -> Process:
            return Process(environment, logs / f"{name}.log")

        honest = [another("one"), another("other")]
        bad = {variant: free_port() for variant in VARIANTS}
        command = ["tests.consistency.known_bad", *(f"{variant}:{port}" for variant, port in bad.items())]
        known_bad = Process(environment, logs / "known-bad.log", command, [*bad.values()])
        leaving.enter_context(serving(*honest, known_bad))
        house = House(await leaving.enter_async_context(opened(url)), template.root_key_file)
        api = await leaving.enter_async_context(door_of(house, template))
        owner = await asyncpg.connect(as_superuser(url))
        leaving.push_async_callback(owner.close)
        town = await town_of(api, template, policies, PEOPLE)
        yield Site(owner, town, [each.port for each in honest], bad, another)


@pytest.mark.parametrize(("seconds", "more"), [(5, ""), pytest.param(60, "ab", marks=pytest.mark.soak)])
async def test_whatever_process_is_asked_no_decision_overlooks_a_withdrawal(
    seconds: float, more: str, site: Site
) -> None:
    await site.owner.execute("DELETE FROM queue")
    others = [site.another(name) for name in more]
    with serving(*others):
        ports = [*site.honest, *(each.port for each in others)]
        history = await driven(site.town, ports, for_a_while(seconds))
    lines = await ledger(site.owner)
    told(f"{seconds} s, {len(ports)} processes", history, lines)
    assert any(each.permits for each in history.decisions)
    assert stale(history) == []
    assert late(history, SLACK) == []
    assert inversions(lines) == []
    assert unentered(history, lines) == []


@pytest.mark.parametrize("variant", VARIANTS)
async def test_the_same_load_shows_what_is_wrong_with_a_gate_that_lacks_a_guard(variant: str, site: Site) -> None:
    await site.owner.execute("DELETE FROM queue")

    async def caught(history: History) -> None:
        async with asyncio.timeout(60):
            while not await found(history):  # noqa: ASYNC110
                await asyncio.sleep(0.2)

    async def found(history: History) -> bool:
        if variant == "cache":
            return bool(stale(history))
        return bool(inversions(await ledger(site.owner)))

    assert await found(await driven(site.town, [site.honest[0], site.bad[variant]], caught))

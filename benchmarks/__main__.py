"""``make bench``: a release beside the yardsticks, in alternating rounds on one machine."""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from rich.console import Console
from rich.table import Table

from benchmarks import company
from benchmarks.load import Call, Load, drive
from service.database import opened
from service.embedded import reset, running
from service.migrating import migrate
from service.process import ending_with
from service.rootkey import make_root_key
from service.schema import shipped
from service.settings import leave_to_children
from service.usecases import access, keys, policies

SERVICE_PORT, YARDSTICK_PORT = 8471, 8472
CUSTOMERS = 1000
console = Console(highlight=False)


def main() -> None:
    """Measure and print."""
    quick = _options().quick
    rounds, seconds = (1, 2) if quick else (5, 6)
    with TemporaryDirectory() as home, running(Path(home)) as urls, ExitStack() as servers:
        migrate(urls.migrate)
        key, known = asyncio.run(furnish(urls.app, Path(home), 100 if quick else CUSTOMERS))
        leave_to_children(urls.app)
        servers.enter_context(served(SERVICE_PORT, [sys.executable, "-m", "service", "serve"], Path(home)))
        servers.enter_context(served(YARDSTICK_PORT, _yardsticks(), Path(home)))
        calls = calls_of(key, known)
        measured = _rounds(calls, rounds, seconds, Path(home))
    reset(Path(home))
    _print(measured, rounds, seconds)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks")
    parser.add_argument("--quick", action="store_true", help="one short round, to see that everything works")
    return parser.parse_args()


async def furnish(url: str, home: Path, count: int) -> tuple[str, list[str]]:
    """Set the company up; returns the recommender's API key and its ids of the customers."""
    root = make_root_key(home / "root.key")
    async with opened(url) as database:
        await keys.make(database, root, company.OPERATOR)
        keyring = await keys.open_keys(database, root)
        await policies.publish(database, keyring, company.OPERATOR, shipped("policies"))
        in_force = await policies.Library(database).current()
        with console.status(f"Bringing in {count} customers ..."):
            known = await company.bring_in(database, keyring, in_force, count)
        made = await access.make_api_key(database, keyring, in_force, company.OPERATOR, company.SERVICE)
    return made.text, known


def _yardsticks() -> list[str]:
    options = "--interface asgi --factory --loop uvloop --runtime-mode st --no-ws --http 1 --log-level warning"
    program = "benchmarks.yardsticks:application"
    return [sys.executable, "-m", "granian", *options.split(), "--port", str(YARDSTICK_PORT), program]


def calls_of(key: str, known: list[str]) -> list[Call]:
    """Return what is measured: the yardsticks, and a release."""
    service, other = f"http://127.0.0.1:{SERVICE_PORT}", f"http://127.0.0.1:{YARDSTICK_PORT}"
    asked = [json.dumps(company.question(customer, list(company.VALUES))) for customer in known]
    return [
        Call("litestar hello world", f"{other}/hello", "GET", [""], "world"),
        Call("litestar + one select", f"{other}/select", "GET", [""], "world"),
        Call("release of 10 attributes", f"{service}/v1/releases", "POST", asked, '"decision":"permit"', key),
    ]


@contextmanager
def served(port: int, command: list[str], home: Path) -> Iterator[None]:
    """Run a server for the length of a block."""
    environment = {**os.environ, "BYLEAVE_PORT": str(port), "BYLEAVE_HOME": str(home)}  # noqa: TID251  handed on
    server = subprocess.Popen(command, env=environment, preexec_fn=ending_with(os.getpid()))  # noqa: S603, PLW1509
    try:
        for _ in range(200):
            try:
                httpx.get(f"http://127.0.0.1:{port}/health/live")
                break
            except httpx.TransportError:
                time.sleep(0.05)
        yield
    finally:
        server.terminate()
        server.wait()


def _rounds(calls: list[Call], rounds: int, seconds: int, folder: Path) -> dict[str, list[Load]]:
    """Drive every call in turn, round after round; the first short round only warms up."""
    for call in calls:
        drive(call, 1, folder)
    measured: dict[str, list[Load]] = {call.name: [] for call in calls}
    for number in range(rounds):
        for call in calls:
            with console.status(f"Round {number + 1} of {rounds}: {call.name}"):
                measured[call.name].append(drive(call, seconds, folder))
    return measured


def _print(measured: dict[str, list[Load]], rounds: int, seconds: int) -> None:
    medians = {name: statistics.median(each.per_second for each in loads) for name, loads in measured.items()}
    hello, select = list(medians.values())[:2]
    table = Table("", "requests/s", "p50 ms", "p99 ms", "x hello", "x select", box=None, padding=(0, 2))
    for name, loads in measured.items():
        table.add_row(
            name,
            f"{medians[name]:.0f}",
            f"{statistics.median(each.p50 for each in loads):.1f}",
            f"{statistics.median(each.p99 for each in loads):.1f}",
            f"{medians[name] / hello:.2f}",
            f"{medians[name] / select:.2f}",
        )
    console.print(table)
    packages = ", ".join(f"{name} {version(name)}" for name in ("litestar", "granian", "asyncpg", "msgspec", "cedarpy"))
    console.print(
        f"Medians of {rounds} rounds of {seconds} s, 64 connections, one worker each, PostgreSQL 18. {packages}"
    )


if __name__ == "__main__":
    main()

"""``make bench``: every goal of the hot path, measured in one run on one machine.

It prints how each measure went and one table at the end, and leaves the ratios in ``benchmarks/latest.json``.
"""

import argparse
import os
import platform
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

from msgspec import Struct
from rich.console import Console

from benchmarks import goals, history, importing, portal, rates, scale, sealing, withdrawals
from benchmarks.found import Found
from benchmarks.scene import Scene, standing

CUSTOMERS = 1000
LATEST = Path(__file__).with_name("latest.json")
PACKAGES = ("litestar", "fastapi", "sqlalchemy", "granian", "uvloop", "asyncpg", "msgspec", "cedarpy", "cryptography")
console = Console(highlight=False)


class Length(Struct, frozen=True, kw_only=True):
    """How long a run looks."""

    rounds: int
    seconds: int
    withdrawals: int
    entries: int
    reads: int
    pages: int
    sizes: tuple[int, ...]
    backlog: int
    rows: int


FULL = Length(
    rounds=5,
    seconds=6,
    withdrawals=500,
    entries=100_000,
    reads=1_000_000,
    pages=100,
    sizes=(10_000, 100_000, 1_000_000),
    backlog=200_000,
    rows=20_000,
)
QUICK = Length(
    rounds=1,
    seconds=2,
    withdrawals=50,
    entries=1_000,
    reads=10_000,
    pages=10,
    sizes=(1_000, 2_000, 5_000),
    backlog=30_000,
    rows=1_000,
)


def main() -> None:
    """Measure and print."""
    quick = _options().quick
    length = QUICK if quick else FULL
    found = list(_measured(length))
    values = {key: value for each in found for key, value in each.values.items()}
    console.print(goals.table(values))
    console.print(_conditions(length), soft_wrap=True)
    if quick:
        console.print("A short look: sizes, histories and rounds are a fraction of what the goals are about.")
    goals.keep(values, LATEST)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks")
    parser.add_argument("--quick", action="store_true", help="one short round, to see that everything works")
    return parser.parse_args()


def _measured(length: Length) -> Iterator[Found]:
    with standing(CUSTOMERS) as scene:
        for measure in _on(scene, length):
            yield _told(measure)
    yield _told(lambda: sealing.measure(length.backlog, 3 * length.seconds))
    yield _told(lambda: importing.measure(length.rows))


def _on(scene: Scene, length: Length) -> list[Callable[[], Found]]:
    """Return what is measured on one scene; last what fills it."""
    return [
        lambda: rates.measure(scene, length.rounds, length.seconds),
        lambda: withdrawals.measure(scene, length.withdrawals),
        lambda: history.measure(scene, length.entries, length.rounds, length.seconds),
        lambda: portal.measure(scene, length.reads, length.pages),
        lambda: scale.measure(scene, length.sizes, length.rounds, length.seconds),
    ]


def _told(measure: Callable[[], Found]) -> Found:
    found = measure()
    for line in found.said:
        console.print(line, soft_wrap=True)
    console.print()
    return found


def _conditions(length: Length) -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"Medians of {length.rounds} rounds of {length.seconds} s in turn; one worker, 64 connections, wrk on the same "
        f"machine; {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, PostgreSQL 18 "
        f"with fsync and synchronous_commit on; {packages}. Load when it ended: {os.getloadavg()[0]:.1f}."
    )


if __name__ == "__main__":
    main()

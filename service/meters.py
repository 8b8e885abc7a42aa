"""What one process counts, and how it leaves its counts where another adds them up. Never anything about a customer.

Counting is plain arithmetic on plain numbers, because it is done for every release. Once a second a process writes
its numbers into a file of its own; ``service/metrics.py`` reads those of all and tells Prometheus.
"""

import asyncio
import os
import time
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
import structlog
from msgspec import Struct

PAUSE = 1.0
"""Seconds from one writing to the next, and so the age that a count may have."""
LEFT = ".meters"
SECONDS = (0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1.0, 2.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
log = structlog.get_logger()


class Spread(Struct):
    """How often a measure fell up to each bound, and above the last of them."""

    bounds: tuple[float, ...]
    counts: list[int]
    total: float = 0.0

    def observe(self, value: float) -> None:
        """Count one measure."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def add(self, other: "Spread") -> None:
        """Count what another process measured, by the same bounds."""
        self.counts = [one + more for one, more in zip(self.counts, other.counts, strict=True)]
        self.total += other.total


def _within(bounds: tuple[float, ...]) -> Spread:
    return Spread(bounds, [0] * (len(bounds) + 1))


class Meters(Struct, kw_only=True):
    """The counts of one process since it began. Every label is a word of the catalogue or of ours."""

    releases: dict[tuple[str, str, str, str], int] = msgspec.field(default_factory=dict)
    """By kind (``release`` or ``check``), service, purpose and outcome."""
    refusals: dict[str, int] = msgspec.field(default_factory=dict)
    """By code."""
    release_seconds: Spread = msgspec.field(default_factory=lambda: _within(SECONDS))
    """From a request of a release or a decision to its answer."""
    withdrawal_seconds: Spread = msgspec.field(default_factory=lambda: _within(SECONDS))
    """From a no to its commit."""
    read_batch: Spread = msgspec.field(default_factory=lambda: _within(SIZES))
    """How many requests shared one read of the facts."""
    commit_batch: Spread = msgspec.field(default_factory=lambda: _within(SIZES))
    """How many entries shared one commit."""
    policy_failures: int = 0
    """How often published policies could not be used."""
    waiting: int = 0
    """How many releases wait for a read or a commit just now."""
    keys_open: int = 0
    """How many versions of the epoch key are open just now."""

    @staticmethod
    def now() -> float:
        """Return an instant, in seconds, to measure from; nothing is decided by it."""
        return time.perf_counter()

    def released(self, label: tuple[str, str, str, str], began: float) -> None:
        """Count a release, or a check, that was asked for at an instant and is answered now."""
        self.releases[label] = self.releases.get(label, 0) + 1
        self.release_seconds.observe(self.now() - began)

    def withdrawn(self, began: float) -> None:
        """Count a no that was said at an instant and is committed now."""
        self.withdrawal_seconds.observe(self.now() - began)

    def refused(self, code: str) -> None:
        """Count a refusal."""
        self.refusals[code] = self.refusals.get(code, 0) + 1


METERS = Meters()
"""The counts of this process. As its log, it has one."""


@asynccontextmanager
async def left_in(folder: Path, waiting: Callable[[], int] = lambda: 0) -> AsyncIterator[None]:
    """Leave the counts of this process in a folder, again and again for the length of a block and at its end.

    ``waiting``: how many releases wait just now.
    """
    leaving = asyncio.create_task(_leave_for_ever(folder, waiting))
    try:
        yield
    finally:
        leaving.cancel()
        with suppress(asyncio.CancelledError):
            await leaving
        await _leave(folder)


async def _leave_for_ever(folder: Path, waiting: Callable[[], int]) -> None:
    while True:
        METERS.waiting = waiting()
        await _leave(folder)
        await asyncio.sleep(PAUSE)


async def _leave(folder: Path) -> None:
    """Write the counts, whole or not at all."""
    counts = msgspec.msgpack.encode(METERS)
    try:
        await asyncio.to_thread(_write, folder / f"{os.getpid()}{LEFT}", counts)
    except OSError as error:  # whoever asks for data gets an answer all the same
        log.error("alarm: counts cannot be left for the metrics", fault=type(error).__name__)  # noqa: TRY400  no traceback


def _write(file: Path, counts: bytes) -> None:
    new = file.with_suffix(".new")
    new.write_bytes(counts)
    new.rename(file)


def together(folder: Path) -> Meters:
    """Return the sum of what all processes left in a folder; of those that are gone only what they had counted."""
    every, keys_open = Meters(), []
    for process, left in _left(folder):
        _add(every, left)
        if Path(f"/proc/{process}").exists():
            every.waiting += left.waiting
            keys_open.append(left.keys_open)
    # Of open keys the fewest: a process that lacks one is what somebody has to know.
    every.keys_open = min(keys_open, default=0)
    return every


def _left(folder: Path) -> Iterator[tuple[str, Meters]]:
    for file in folder.glob(f"*{LEFT}"):
        yield file.stem, msgspec.msgpack.decode(file.read_bytes(), type=Meters)


def _add(every: Meters, left: Meters) -> None:
    for label, count in left.releases.items():
        every.releases[label] = every.releases.get(label, 0) + count
    for code, count in left.refusals.items():
        every.refusals[code] = every.refusals.get(code, 0) + count
    every.release_seconds.add(left.release_seconds)
    every.withdrawal_seconds.add(left.withdrawal_seconds)
    every.read_batch.add(left.read_batch)
    every.commit_batch.add(left.commit_batch)
    every.policy_failures += left.policy_failures

"""``make bench-ledger``: how fast the sequencer takes entries into the log, and how long they wait while it is busy.

First releases are driven as hard as they go, beside a worker as an operator runs it: how many came in, how long the
oldest of each batch had waited. Then a backlog is put into the queue and taken by a sequencer that does nothing else.
"""

import asyncio
import statistics
import time
from pathlib import Path

from msgspec import Struct, structs
from rich.console import Console

from benchmarks.found import Found
from benchmarks.load import drive
from benchmarks.scene import sealed_beside, standing
from service.crypto.keyring import RootKey
from service.database import opened
from service.rootkey import read_root_key
from service.settings import Urls
from service.usecases import sequencing
from service.usecases.sequencing import Desk
from service.worker.sequencer import MOST, PATIENCE

BACKLOG, CUSTOMERS, SECONDS = 200_000, 200, 20
FEW = 16
"""Connections: as many as keep the service busy, and none waiting so long that it is turned away."""
FILL = """
INSERT INTO queue (id, customer, kind, actor, at, purpose, channel, outcome, released, refused, commitment, key,
                   content)
SELECT 'ent_' || lpad(number::text, 26, '0'),
       ('00000000-0000-4000-8000-' || lpad((random() * 20000)::integer::text, 12, '0'))::uuid,
       'release', 'service:recommender', clock_timestamp(), 'personalise.recommendations', 'web',
       CASE WHEN random() < 0.3 THEN 'deny' ELSE 'partial' END, '{favourite_genres,first_name}', '{birth_year}',
       sha256(number::text::bytea), 'abcdefghijklmnop', decode(repeat('ab', 512), 'hex')
  FROM generate_series(1, $1::integer) AS number
"""
LAGS = """
SELECT coalesce(sum(size - coalesce(prev_size, 0)), 0)::bigint AS entries,
       coalesce(extract(epoch FROM percentile_disc(0.5) WITHIN GROUP (ORDER BY lag)), 0)::float AS middle,
       coalesce(extract(epoch FROM percentile_disc(0.99) WITHIN GROUP (ORDER BY lag)), 0)::float AS late
  FROM checkpoint
 WHERE size > $1
"""
console = Console(highlight=False)


class Lag(Struct, frozen=True):
    """What was signed while releases were driven, and how many seconds the oldest of a batch had waited."""

    entries: int
    middle: float
    late: float


def measure(backlog: int, seconds: int) -> Found:
    """Measure releases while a worker seals, releases alone, and a sequencer alone."""
    with standing(CUSTOMERS) as scene:
        release = structs.replace(scene.release(scene.company.known), connections=FEW)
        with sealed_beside(scene.home):
            drive(release, 2, scene.home)
            before = _caught_up(scene.urls)
            beside = drive(release, seconds, scene.home)
            time.sleep(1)
            lag = asyncio.run(_lag(scene.urls, before))
        alone = drive(scene.release(scene.company.known), seconds, scene.home)
        seen = scene.home / "bench.seen"
        rates = asyncio.run(_sealed(scene.urls, read_root_key(scene.home / "root.key"), seen, backlog))
    sealed, under_load = statistics.median(rates), beside.per_second
    lags = f"{lag.entries} entries in {seconds} s, lag p50 {lag.middle:.2f} s, p99 of batches {lag.late:.2f} s"
    said = (
        f"{sealed:.0f} entries/s sealed from a backlog of {backlog}; {alone.per_second:.0f} releases/s alone.",
        f"{under_load:.0f} releases/s while a worker seals: {lags}.",
    )
    return Found({"sequencer_vs_release": sealed / alone.per_second}, said)


def main() -> None:
    """Measure and print."""
    found = measure(BACKLOG, SECONDS)
    for line in found.said:
        console.print(line, soft_wrap=True)
    console.print(f"{found.values['sequencer_vs_release']:.2f} entries sealed for each release.")


def _caught_up(urls: Urls) -> int:
    """Wait until the worker took what had waited for it; returns how many entries are signed."""
    for _ in range(100):
        before = asyncio.run(_signed(urls))
        if before:
            return before
        time.sleep(0.1)
    raise SystemExit("the worker signs nothing")


async def _signed(urls: Urls) -> int:
    async with opened(urls.app) as database, database.connection() as connection:
        size: int = await connection.fetchval("SELECT coalesce(max(size), 0) FROM checkpoint")
    return size


async def _lag(urls: Urls, before: int) -> Lag:
    async with opened(urls.app) as database, database.connection() as connection:
        row = await connection.fetchrow(LAGS, before)
    assert row is not None  # noqa: S101  an aggregate
    return Lag(row["entries"], row["middle"], row["late"])


async def _sealed(urls: Urls, root: RootKey, seen: Path, backlog: int) -> list[float]:
    """Take a backlog into the log; returns the entries a second of each full batch."""
    rates: list[float] = []
    async with opened(urls.sequencer, 2, PATIENCE * 10) as database, database.connection() as connection:
        await connection.execute(FILL, backlog)
        await sequencing.lead(connection)
        desk = Desk(lambda: root, None, seen)
        place = await sequencing.begin(connection, desk)
        while True:
            began = time.perf_counter()
            sealed = await sequencing.seal(connection, place, MOST)
            place = sealed.place
            if not sealed.count:
                return rates
            sequencing.remember(desk, place)
            if sealed.count == MOST:
                rates.append(sealed.count / (time.perf_counter() - began))


if __name__ == "__main__":
    main()

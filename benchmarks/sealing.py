"""``make bench-ledger``: how fast the sequencer takes entries into the log, and how long they wait while it is busy.

First releases are driven as hard as they go, beside a worker as an operator runs it: how many came in, how long the
oldest of each batch had waited. Then a backlog is put into the queue and taken by a sequencer that does nothing else.
"""

import asyncio
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct
from rich.console import Console
from rich.table import Table

from benchmarks.__main__ import SERVICE_PORT, calls_of, furnish, served
from benchmarks.load import drive
from service.crypto.keyring import RootKey
from service.database import opened
from service.embedded import reset, running
from service.migrating import migrate
from service.rootkey import read_root_key
from service.settings import Urls, leave_to_children
from service.usecases import sequencing
from service.usecases.sequencing import Desk
from service.worker.sequencer import MOST, PATIENCE

BACKLOG, CUSTOMERS, SECONDS = 200_000, 1_000, 20
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


def main() -> None:
    """Measure and print."""
    with TemporaryDirectory() as folder, running(Path(folder)) as urls:
        home = Path(folder)
        migrate(urls.migrate)
        key, known = asyncio.run(furnish(urls.app, home, CUSTOMERS))
        leave_to_children(urls.app, urls.sequencer)
        with (
            served(SERVICE_PORT, [sys.executable, "-m", "service", "serve"], home),
            served(SERVICE_PORT, [sys.executable, "-m", "service", "worker"], home),
        ):
            release = calls_of(key, known)[-1]
            drive(release, 2, home, FEW)
            before = asyncio.run(_signed(urls))
            load = drive(release, SECONDS, home, FEW)
            time.sleep(1)
            lag = asyncio.run(_lag(urls, before))
        rates = asyncio.run(_sealed(urls, read_root_key(home / "root.key"), home / "bench.seen"))
    reset(home)
    _print(load.per_second, lag, statistics.median(rates))


async def _signed(urls: Urls) -> int:
    async with opened(urls.app) as database, database.connection() as connection:
        size: int = await connection.fetchval("SELECT coalesce(max(size), 0) FROM checkpoint")
    return size


async def _lag(urls: Urls, before: int) -> Lag:
    async with opened(urls.app) as database, database.connection() as connection:
        row = await connection.fetchrow(LAGS, before)
    assert row is not None  # noqa: S101  an aggregate
    return Lag(row["entries"], row["middle"], row["late"])


async def _sealed(urls: Urls, root: RootKey, seen: Path) -> list[float]:
    """Take a backlog into the log; returns the entries a second of each full batch."""
    rates: list[float] = []
    async with opened(urls.sequencer, 2, PATIENCE * 10) as database, database.connection() as connection:
        await connection.execute(FILL, BACKLOG)
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


def _print(releases: float, lag: Lag, sealed: float) -> None:
    table = Table("", "", "x releases", box=None, padding=(0, 2))
    table.add_row("releases/s while a worker seals", f"{releases:.0f}", "1.00")
    table.add_row("entries/s sealed from a backlog", f"{sealed:.0f}", f"{sealed / releases:.2f}")
    table.add_row("lag under that load, p50 and p99 of batches, s", f"{lag.middle:.2f}, {lag.late:.2f}", "")
    console.print(table)
    console.print(
        f"{lag.entries} entries signed under load in {SECONDS} s; a backlog of {BACKLOG} in batches of {MOST}."
    )


if __name__ == "__main__":
    main()

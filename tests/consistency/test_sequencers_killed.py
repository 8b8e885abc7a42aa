"""Sequencers killed with ``kill -9`` under load: nothing acknowledged is lost, and every signed root is right."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from service.crypto.merkle import Frontier, leaf_hash
from service.crypto.notes import Checkpoint, Verifier, open_checkpoint
from service.crypto.random import random_number
from service.database import Database
from service.model.callers import WorkerCaller
from service.model.ledger import LookedUp, entry
from service.storage import ledger
from tests.conftest import Owner, Template, as_superuser, in_role

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
WRITERS = 8


@pytest.mark.parametrize("kills", [4, pytest.param(100, marks=pytest.mark.soak)])
async def test_nothing_acknowledged_is_lost_and_no_root_is_bad(
    kills: int, database: Database, database_url: str, template: Template, tmp_path: Path
) -> None:
    owner = await asyncpg.connect(as_superuser(database_url))
    workers = [_worker(database_url, template, tmp_path / name) for name in ("one", "other")]
    try:
        async with _load(database) as acknowledged:
            for _ in range(kills):
                await _grown(owner)
                await asyncio.sleep(random_number(200) / 1000)
                victim = random_number(3) - 1
                workers[victim].kill()
                workers[victim].wait()
                await _grown(owner)
                workers[victim] = _worker(database_url, template, tmp_path / ("one", "other")[victim])
        await _settled(owner)
        assert len(acknowledged) > 50 * kills
        await _assert_whole(owner, set(acknowledged))
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
        await owner.close()


async def test_a_sequencer_that_goes_by_a_cursor_loses_entries_under_the_same_load(
    database: Database, database_url: str
) -> None:
    owner, seen, last = await asyncpg.connect(as_superuser(database_url)), set[str](), 0
    async with _load(database) as acknowledged:
        for _ in range(200):
            for row in await owner.fetch("SELECT number, id FROM queue WHERE number > $1 ORDER BY number", last):
                last = row["number"]
                seen.add(row["id"])
            if set(acknowledged[:-WRITERS]) - seen:
                break
            await asyncio.sleep(0.02)
    await owner.close()
    assert set(acknowledged[:-WRITERS]) - seen, "the load does not show what it should show"


def _worker(database_url: str, template: Template, home: Path) -> "subprocess.Popen[bytes]":
    environment = {
        "PATH": os.environ["PATH"],  # noqa: TID251  for the child
        "BYLEAVE_DATABASE_URL": database_url,
        "BYLEAVE_SEQUENCER_URL": in_role(database_url, "byleave_sequencer"),
        "BYLEAVE_KEYS": str(template.root_key_file),
        "BYLEAVE_HOME": str(home),
    }
    home.mkdir(exist_ok=True)
    with (home / "worker.log").open("ab") as log:
        return subprocess.Popen([sys.executable, "-m", "service", "worker"], env=environment, stdout=log, stderr=log)


@asynccontextmanager
async def _load(database: Database) -> AsyncIterator[list[str]]:
    """Enter acts from several connections at once, each committed a little after its number was drawn."""
    acknowledged: list[str] = []
    ended = asyncio.Event()

    async def write() -> None:
        while not ended.is_set():
            line = entry(ledger.new_entry_id(NOON), None, WorkerCaller(), NOON, LookedUp("nothing", "load"))
            async with database.transaction() as connection:
                await ledger.append(connection, None, line)
                await asyncio.sleep(random_number(12) / 1000)
            acknowledged.append(line.id)

    writers = [asyncio.create_task(write()) for _ in range(WRITERS)]
    try:
        yield acknowledged
    finally:
        ended.set()
        await asyncio.gather(*writers)


async def _grown(owner: Owner) -> None:
    """Wait until more was signed than now."""
    before = await owner.fetchval("SELECT coalesce(max(size), 0) FROM checkpoint")
    async with asyncio.timeout(60):
        while await owner.fetchval("SELECT coalesce(max(size), 0) FROM checkpoint") == before:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def _settled(owner: Owner) -> None:
    async with asyncio.timeout(60):
        while await owner.fetchval("SELECT EXISTS (SELECT FROM queue)"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def _assert_whole(owner: Owner, acknowledged: set[str]) -> None:
    kept = [row["id"] for row in await owner.fetch("SELECT id FROM body")]
    assert acknowledged <= set(kept)
    entries = await owner.fetch("SELECT position, commitment FROM entry ORDER BY position")
    assert [row["position"] for row in entries] == list(range(len(kept)))
    leaves = [leaf_hash(row["commitment"]) for row in entries]
    public = await owner.fetchval("SELECT public FROM ledger_key")
    frontier, before = Frontier(), None
    for row in await owner.fetch("SELECT size, prev_size, origin, note FROM checkpoint ORDER BY size"):
        frontier, _ = frontier.extended(leaves[frontier.size : row["size"]])
        signed = Checkpoint(row["origin"], row["size"], frontier.root())
        assert open_checkpoint(row["note"], Verifier(row["origin"], public)) == signed
        assert row["prev_size"] == before
        before = row["size"]
    assert frontier.size == len(kept)

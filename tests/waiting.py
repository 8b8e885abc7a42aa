"""Waiting until somebody waits: races are arranged, not hoped for, however slow the machine is."""

import asyncio

import asyncpg

from tests.conftest import Owner, as_superuser

PATIENCE = 30.0
"""Seconds after which nobody will wait for anybody any more."""
BLOCKED = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0
"""
# Not pg_stat_activity: inside a transaction that stays as it was when first looked at.
BLOCKED_BY_ME = "SELECT pid FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"


async def until_blocked(url: str, count: int = 1) -> None:
    """Wait until so many sessions of a database wait for another's lock."""
    watcher = await asyncpg.connect(as_superuser(url))
    try:
        async with asyncio.timeout(PATIENCE):
            while await watcher.fetchval(BLOCKED) < count:  # noqa: ASYNC110  the server tells nobody
                await asyncio.sleep(0.01)
    finally:
        await watcher.close()


async def blocked_by(holder: Owner) -> int:
    """Wait until somebody waits for this connection, which may be in a transaction, and return who."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found: int | None = await holder.fetchval(BLOCKED_BY_ME)
            if found is not None:
                return found
            await asyncio.sleep(0.005)

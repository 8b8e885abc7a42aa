"""One customer with a long history in the ledger beside one with a short: each asked about again and again."""

import asyncio
from collections.abc import Mapping

import asyncpg

from benchmarks.company import Known
from benchmarks.found import Found
from benchmarks.load import in_turn
from benchmarks.scene import Scene
from service.storage.statements import statements

SQL = statements(__file__)
SHORT = 10


def measure(scene: Scene, long: int, rounds: int, seconds: int) -> Found:
    """Measure both in turn."""
    quiet, busy = scene.company.known[:2]
    asyncio.run(fill(scene.superuser_url, {quiet: SHORT, busy: long}))
    calls = [scene.release([quiet], "short history"), scene.release([busy], "long history")]
    short, lengthy = in_turn(calls, rounds, seconds, scene.home)
    rates = f"{short.middle.per_second:.0f}/s with {SHORT} entries, {lengthy.middle.per_second:.0f}/s with {long}"
    return Found({"history_100k_vs_10": short.per_second_against(lengthy)}, (f"Releases of one customer: {rates}.",))


async def fill(url: str, wanted: Mapping[Known, int]) -> None:
    """Give customers so many entries in the ledger, as the sequencer leaves them."""
    connection = await asyncpg.connect(url)
    try:
        for known, entries in wanted.items():
            await connection.execute(SQL["fill"], known.customer, entries)
        await connection.execute("VACUUM (ANALYZE) entry, body, use_line")
    finally:
        await connection.close()

"""A release beside hello world while more and more customers are stored; those who are asked about stay the same.

The others are filled in by SQL. No foreign key is looked at meanwhile, which only a superuser may ask for.
"""

import asyncio
import time
from collections.abc import Sequence

import asyncpg

from benchmarks.found import Found
from benchmarks.load import in_turn
from benchmarks.scene import LITESTAR, Scene, hello, yardstick
from service.storage.statements import statements

SQL = statements(__file__)
TABLES = ("customer", "customer_key", "evidence_key", "restrictions", "consent", "fact", "pairwise", "identifier")


def measure(scene: Scene, sizes: Sequence[int], rounds: int, seconds: int) -> Found:
    """Fill up to each size and measure there, by the hello world of the same moment."""
    costs, said, stored = list[float](), list[str](), len(scene.company.known)
    with yardstick(LITESTAR, scene.home) as litestar:
        calls = [hello(litestar), scene.release(scene.company.known)]
        for size in sizes:
            took = asyncio.run(_fill(scene, stored, size))
            least, release = in_turn(calls, rounds, seconds, scene.home)
            costs.append(least.per_second_against(release))
            said.append(
                f"{size} customers, {took:.0f} s to fill in: {release.middle.per_second:.0f} releases/s, "
                f"hello world {costs[-1]:.2f} times as many."
            )
            stored = size
    return Found({"scale_1m_vs_10k": costs[-1] / costs[0]}, tuple(said))


async def _fill(scene: Scene, stored: int, size: int) -> float:
    """Fill in customers until so many are stored; returns the seconds that it took."""
    began = time.perf_counter()
    connection = await asyncpg.connect(scene.superuser_url)
    try:
        await connection.execute("SET session_replication_role = 'replica'")
        await connection.execute(SQL["fillers"])
        await connection.execute(SQL["next"], stored, size)
        for table in TABLES:
            await connection.execute(SQL[table], scene.company.known[0].customer)
        await connection.execute(f"VACUUM (ANALYZE) {', '.join(TABLES)}")
        # What would be written in the middle of the measure is written before it.
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()
    return time.perf_counter() - began

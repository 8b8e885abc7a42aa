"""Forgetting what has run its time, so much at a time that no statement takes long: one that does is given up."""

from collections.abc import Awaitable, Callable

from service.database import Connection, Database

AT_ONCE = 5_000
"""Rows that are forgotten in one transaction."""


async def forget_all(database: Database, forget: Callable[[Connection, int], Awaitable[int]]) -> int:
    """Forget until nothing is due; ``forget``: forgets so many rows at most, and says how many it did."""
    forgotten = 0
    while True:
        async with database.transaction() as connection:
            found = await forget(connection, AT_ONCE)
        forgotten += found
        if found < AT_ONCE:
            return forgotten

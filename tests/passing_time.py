"""The database's time: put forward, what ends by itself is seen to end, with nothing stored being touched."""

from datetime import timedelta
from urllib.parse import urlsplit

import asyncpg

from tests.conftest import Owner

CLOCK = """
CREATE OR REPLACE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
$$ SELECT pg_catalog.clock_timestamp() + interval '{seconds} seconds' $$
"""
ENDING = """
SELECT pg_sleep_until(date_bin('15 minutes', now(), begin) + interval '15 minutes')
  FROM (VALUES (timestamptz '2000-01-01 00:00Z')) AS stretches (begin)
 WHERE date_bin('15 minutes', now() + interval '10 seconds', begin) > date_bin('15 minutes', now(), begin)
"""


async def early_in_a_quarter(connection: Owner) -> None:
    """Wait if a quarter of an hour is about to end: what is counted by the hour or the quarter then falls into one."""
    await connection.execute(ENDING)


class Clock:
    """The clock of one test's database. It has to be there before anybody connects."""

    def __init__(self, superuser_url: str) -> None:
        self._url = superuser_url
        self._ahead = timedelta()

    async def install(self) -> None:
        """Let every connection that is made from now on ask this clock."""
        name = urlsplit(self._url).path.removeprefix("/")
        await self._execute(ENDING)  # tries are counted by the quarter
        await self._execute(CLOCK.format(seconds=0), f"ALTER DATABASE {name} SET search_path = public, pg_catalog")

    async def later(self, **time: float) -> None:
        """Let so much time pass."""
        self._ahead += timedelta(**time)
        await self._execute(CLOCK.format(seconds=self._ahead.total_seconds()))

    async def _execute(self, *statements: str) -> None:
        connection = await asyncpg.connect(self._url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

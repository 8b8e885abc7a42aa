"""The database's time, put forward: what ends by itself is then seen to end, with nothing stored being touched."""

from datetime import timedelta
from urllib.parse import urlsplit

import asyncpg

CLOCK = """
CREATE OR REPLACE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
$$ SELECT pg_catalog.clock_timestamp() + interval '{seconds} seconds' $$
"""


class Clock:
    """The clock of one test's database. It has to be there before anybody connects."""

    def __init__(self, superuser_url: str) -> None:
        self._url = superuser_url
        self._ahead = timedelta()

    async def install(self) -> None:
        """Let every connection that is made from now on ask this clock."""
        name = urlsplit(self._url).path.removeprefix("/")
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

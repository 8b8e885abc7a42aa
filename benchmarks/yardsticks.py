"""What we compare with: the least that a web framework does, and the least that a database look-up adds."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from litestar import Litestar, get
from msgspec import Struct

from service.settings import read_settings


class Greeting(Struct, frozen=True):
    """What both answer."""

    hello: str


@get("/hello")
async def hello() -> Greeting:
    """Answer a constant."""
    return Greeting("world")


@get("/select")
async def select() -> Greeting:
    """Answer what one indexed select found, through the stock pool."""
    async with POOL[0].acquire() as connection:
        row = await connection.fetchrow("SELECT status FROM consent WHERE customer = $1", *NOBODY)
    return Greeting("world" if row is None else row["status"])


POOL: "list[asyncpg.Pool[asyncpg.Record]]" = []
NOBODY = ("00000000-0000-0000-0000-000000000000",)


@asynccontextmanager
async def _pool(_: Litestar) -> AsyncIterator[None]:
    settings = read_settings()
    async with asyncpg.create_pool(settings.database_url, max_size=settings.connections) as pool:
        POOL.append(pool)
        yield


def application() -> Litestar:
    """Return both on one server."""
    return Litestar([hello, select], lifespan=[_pool], openapi_config=None, logging_config=None)

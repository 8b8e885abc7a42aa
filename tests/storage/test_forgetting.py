"""What has run its time is forgotten in small steps, and all of it."""

from collections.abc import Awaitable, Callable
from functools import partial

import asyncpg
import pytest

from service.database import Connection, Database
from service.storage import access, forgetting, idempotency, message_links, rates, sessions, signins, strikes
from service.storage.forgetting import forget_all

Forget = Callable[[Connection, int], Awaitable[int]]


@pytest.mark.parametrize("rows", [0, 4, 5, 12])
async def test_all_that_is_due_goes_and_no_more_at_once_than_may(
    rows: int, database: Database, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "AT_ONCE", 5)
    await owner.execute(
        "INSERT INTO idempotent_write (key, digest, answer, written_at) "
        "SELECT sha256(n::text::bytea), sha256('a'), '', now() - interval '25 hours' FROM generate_series(1, $1) AS n",
        rows,
    )
    await owner.execute("INSERT INTO idempotent_write (key, digest, answer) VALUES (sha256('b'), sha256('b'), '')")
    steps = []

    async def forget(connection: Connection, most: int) -> int:
        steps.append(await idempotency.forget(connection, 24, most))
        return steps[-1]

    assert await forget_all(database, forget) == rows
    assert (sum(steps), max(steps) <= 5) == (rows, True)
    assert await owner.fetchval("SELECT count(*) FROM idempotent_write") == 1


@pytest.mark.parametrize(
    "forget",
    [
        access.forget_tokens,
        lambda connection, most: idempotency.forget(connection, 24, most),
        message_links.forget_ended,
        rates.forget,
        sessions.forget,
        signins.forget,
        strikes.forget_old,
    ],
)
async def test_where_nothing_is_due_nothing_goes(forget: Forget, database: Database) -> None:
    assert await forget_all(database, partial(forget)) == 0

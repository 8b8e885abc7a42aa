"""A write that has one effect however often it is repeated under its idempotency key."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from msgspec import Struct

from service.database import Database
from service.model.attempts import Attempt
from service.storage import idempotency
from service.storage.forgetting import forget_all

Answer = TypeVar("Answer", bound=Struct)
HOURS = 24
"""How long a key is remembered."""


async def once(
    database: Database,
    attempt: Attempt | None,
    kind: type[Answer],
    write: Callable[[Database], Awaitable[Answer]],
) -> Answer:
    """Do a write, or return what it answered the first time.

    The key and the effect are committed together: the write runs in the transaction that remembers it. Raises
    StillRunningError while the first attempt runs, KeyReusedError when the body is another one.
    """
    if attempt is None:
        return await write(database)
    async with database.transaction() as connection:
        kept = await idempotency.begin(connection, attempt)
        if kept is not None:
            return msgspec.json.decode(kept, type=kind)
        answer = await write(database.within(connection))
        await idempotency.keep(connection, attempt, msgspec.json.encode(answer))
    return answer


async def forget_old_keys(database: Database) -> int:
    """Forget keys that were used longer ago than anybody repeats; returns how many."""
    return await forget_all(database, lambda connection, most: idempotency.forget(connection, HOURS, most))

"""Writes that were done under an idempotency key, and what they answered: ids, versions and entries only."""

import hashlib
import hmac

from service.crypto.framing import framed
from service.database import Connection
from service.errors import KeyReusedError, StillRunningError
from service.model.attempts import Attempt
from service.storage.statements import statements, written

SQL = statements(__file__)
CORNER = 0x0B20  # our corner of the advisory locks


async def begin(connection: Connection, attempt: Attempt) -> bytes | None:
    """Return what the write answered if it was done before; raises StillRunningError and KeyReusedError."""
    if not await connection.fetchval(SQL["begin"], CORNER, _name(attempt)):
        raise StillRunningError
    kept = await connection.fetchrow(SQL["kept"], _name(attempt))
    if kept is None:
        return None
    if not hmac.compare_digest(kept["digest"], _digest(attempt)):
        raise KeyReusedError
    answer: bytes = kept["answer"]
    return answer


async def keep(connection: Connection, attempt: Attempt, answer: bytes) -> None:
    """Keep what a write answered, in the transaction of that write."""
    await connection.execute(SQL["keep"], _name(attempt), _digest(attempt), answer)


async def forget(connection: Connection, hours: int, most: int) -> int:
    """Forget writes that nobody repeats any more; returns how many."""
    return written(await connection.execute(SQL["forget"], hours, most))


def _name(attempt: Attempt) -> bytes:
    """Return under what it is kept: a key is its caller's and its operation's own."""
    return hashlib.sha256(framed(["idempotency", attempt.caller, attempt.operation, attempt.key])).digest()


def _digest(attempt: Attempt) -> bytes:
    """Return a fingerprint of the body that tells nothing to who does not know the key, which is not kept."""
    return hmac.digest(attempt.key.encode(), attempt.body, hashlib.sha256)

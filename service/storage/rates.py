"""How often something was tried in a stretch of time. Of whom or whence is a keyed hash, gone when the time is."""

from collections.abc import Sequence

from service.crypto.keyring import Keyring
from service.database import Connection
from service.model.signin import Limit
from service.storage.statements import statements, written

SQL = statements(__file__)


async def count(connection: Connection, keyring: Keyring, what: Sequence[str], limit: Limit) -> int:
    """Count one more, if there is room, and return 0; else write nothing, and return in how many seconds there is."""
    subject = keyring.mac(["rate", *what, int(limit.span.total_seconds())]).digest
    wait: int = await connection.fetchval(SQL["count"], subject, limit.span, limit.times)
    return wait


async def forget(connection: Connection, most: int) -> int:
    """Forget what was counted in stretches that have passed; returns how many."""
    return written(await connection.execute(SQL["forget"], most))

"""How often something was tried in a stretch of time. Of whom or whence is a keyed hash, gone when the time is."""

from collections.abc import Mapping, Sequence

from service.crypto.keyring import Keyring
from service.database import Connection
from service.model.signin import Limit
from service.storage.statements import statements

SQL = statements(__file__)


async def count(connection: Connection, keyring: Keyring, tried: Mapping[tuple[str, str], Sequence[Limit]]) -> int:
    """Count one more of each thing that was tried; returns in how many seconds there is room again, 0 if there is."""
    limits = {
        keyring.mac(["rate", *what, limit.span.seconds + limit.span.days * 86_400]).digest: limit
        for what, each in tried.items()
        for limit in each
    }
    rows = await connection.fetch(SQL["count"], list(limits), [each.span for each in limits.values()])
    return max((max(1, row["wait"]) for row in rows if row["times"] > limits[row["subject"]].times), default=0)


async def forget(connection: Connection) -> None:
    """Forget what was counted in a stretch that has passed."""
    await connection.execute(SQL["forget"])

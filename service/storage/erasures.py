"""What can be forgotten: bodies of entries, counts of use, and the keys that open them. Never an entry of the log."""

from service.database import Connection
from service.model.words import CustomerId, EntryId
from service.storage.statements import statements

SQL = statements(__file__)


async def waits(connection: Connection, customer: CustomerId) -> bool:
    """Whether an entry of hers is not in the log yet."""
    found: bool = await connection.fetchval(SQL["waits"], customer)
    return found


async def destroy_key(connection: Connection, customer: CustomerId) -> None:
    """Delete her evidence key: what it sealed cannot be read any more."""
    await connection.execute(SQL["destroy_key"], customer)


async def forget(connection: Connection, customer: CustomerId, erasure: EntryId, most: int) -> list[int]:
    """Delete bodies of hers, at most so many, and every count of use; returns their positions, ascending."""
    await connection.execute(SQL["forget_uses"], customer)
    rows = await connection.fetch(SQL["forget_bodies"], customer, erasure, most)
    return sorted(row["position"] for row in rows)

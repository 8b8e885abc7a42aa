"""How often somebody may try to get in: by network, by address, in a session, and everybody together.

The network is counted first, in a transaction by itself, so that what it has too much of is taken from nobody else.
Then either all is counted that a try counts for, or nothing. No stranger keeps her out for longer than a quarter of an
hour.
"""

from collections.abc import Iterable

from service.crypto.keyring import Keyring
from service.database import Connection, Database
from service.errors import TooManyTriesError
from service.model.signin import (
    BY_ADDRESS,
    BY_NETWORK,
    BY_ONE_NETWORK,
    BY_SESSION,
    CODES,
    LINKS,
    LINKS_BY_ONE_NETWORK,
    OVERALL,
    Limit,
    Session,
)
from service.storage import rates


async def from_network(database: Database, keyring: Keyring, network: str) -> None:
    """Count one more try from a network by itself, whatever becomes of it; raises TooManyTriesError."""
    async with database.transaction() as connection:
        await _count(connection, keyring, [(("network", network), BY_NETWORK)])


async def to_sign_in(connection: Connection, keyring: Keyring, network: str, address: bytes) -> bool:
    """Count a letter by which somebody signs in; returns whether it may have a code, or a link alone."""
    to = address.hex()
    each = [(("address", to, network), BY_ONE_NETWORK), (("address", to), BY_ADDRESS), (("overall",), OVERALL)]
    await _count(connection, keyring, each)
    if not await rates.count(connection, keyring, ("address", to), CODES):
        return True
    await _count(connection, keyring, [(("link", to, network), LINKS_BY_ONE_NETWORK), (("link", to), LINKS)])
    return False


async def in_session(connection: Connection, keyring: Keyring, session: Session, added: bytes | None = None) -> None:
    """Count a code that is asked for by whoever is in; ``added``: to an address that is not known to be hers."""
    each: list[tuple[tuple[str, ...], Limit]]
    each = [(("session", session.id), BY_SESSION), (("session", session.id), CODES), (("overall",), OVERALL)]
    if added is not None:
        each += [(("added", added.hex()), BY_ADDRESS), (("added", added.hex()), CODES)]
    await _count(connection, keyring, each)


async def _count(connection: Connection, keyring: Keyring, tried: Iterable[tuple[tuple[str, ...], Limit]]) -> None:
    """Count one more of each; raises TooManyTriesError, so that nothing of this transaction is counted."""
    for what, limit in tried:
        wait = await rates.count(connection, keyring, what, limit)
        if wait:
            raise TooManyTriesError(retry=wait)

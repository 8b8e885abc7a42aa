"""What everybody may have of the ledger: its newest checkpoint, the tiles of its tree, who signs it, how it gets on."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from service.crypto.merkle import MOST, Tile, bundle, leaf_hash
from service.crypto.notes import Verifier
from service.database import Database
from service.errors import IntegrityError, NothingSignedError, UnknownTileError
from service.model.progress import Progress
from service.storage import log

MOST_COUNTED = 10_000
"""Of what waits; it is also what the sequencer takes at once."""
CHECKPOINTS = 1_000
"""Of which the lag is told: a hundred seconds or more."""


class Published(Struct, frozen=True):
    """What is signed by now, and the keys that prove the signatures of all that ever was, the newest first."""

    name: str
    size: int
    note: str
    signed_at: datetime
    verifiers: Sequence[str]


async def checkpoint(database: Database) -> str:
    """Return the newest checkpoint, or raise NothingSignedError."""
    async with database.connection() as connection:
        head = await log.head(connection)
    if head is None:
        raise NothingSignedError
    return head.note


async def published(database: Database) -> Published | None:
    """Return what is signed by now, None before anything was."""
    async with database.snapshot() as connection:
        head = await log.head(connection)
        if head is None:
            return None
        names, keys = await log.names(connection), await log.public_keys(connection)
        signed_at = await log.signed_at(connection, head.size)
    verifiers = [Verifier(name, key.x).text for name in reversed(names) for key in reversed(keys)]
    return Published(head.origin, head.size, head.note, signed_at, verifiers)


async def tile(database: Database, wanted: Tile) -> bytes:
    """Return a tile of the tree that the newest checkpoint signs, of each width that the tree ever had.

    Whoever reads goes by a checkpoint of his own: a tile that was partial then is served when it is full, too. Raises
    UnknownTileError for a tile that reaches further.
    """
    if wanted.size > MOST:
        raise UnknownTileError
    async with database.connection() as connection:
        row = await log.tile(connection, wanted.stored)
    if wanted.size > row.size:
        raise UnknownTileError
    if len(row.hashes) != wanted.width:
        raise IntegrityError("a part of the ledger is missing")
    if wanted.level == "entries":
        return bundle(row.hashes)
    return b"".join(map(leaf_hash, row.hashes) if wanted.level == 0 else row.hashes)


async def progress(database: Database) -> Progress:
    """Return how the sequencer does, wherever it runs: only what the database says."""
    async with database.connection() as connection:
        return await log.progress(connection, MOST_COUNTED, CHECKPOINTS)

"""The log itself: entries in their places, the nodes of their tree, the checkpoints. Only the sequencer writes it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from service.crypto.keyring import WrappedKey
from service.crypto.merkle import Node, Run, Span, leaf_hash, needed
from service.crypto.signing import PublicKey
from service.database import Connection
from service.model.facts import Sealed
from service.model.progress import Progress
from service.model.words import CustomerId, EntryId
from service.storage.statements import statements

SQL = statements(__file__)
LOCK = 0x1ED6E2
"""The number of the lock that the one sequencer holds, within this database."""


class Head(Struct, frozen=True):
    """The newest checkpoint, as it was signed."""

    size: int
    origin: str
    root: bytes
    note: str


class Taken(Struct, frozen=True):
    """What a batch put into the log, and how long the oldest of it had waited."""

    positions: Sequence[int]
    commitments: Sequence[bytes]
    lag: timedelta


class Row(Struct, frozen=True):
    """Hashes that stand side by side, as far as there are any, and the size of the log that is signed."""

    hashes: Sequence[bytes]
    size: int


class Waiting(Struct, frozen=True):
    """An entry of a customer that waits unsealed for keys."""

    number: int
    id: EntryId
    customer: CustomerId
    content: bytes

    def __repr__(self) -> str:  # it is about somebody
        return f"Waiting({self.number!r})"


async def lead(connection: Connection) -> bool:
    """Become the one sequencer for as long as this connection lasts, if there is none."""
    found: bool = await connection.fetchval(SQL["lead"], LOCK)
    return found


async def head(connection: Connection) -> Head | None:
    """Return the newest checkpoint."""
    row = await connection.fetchrow(SQL["head"])
    return None if row is None else Head(row["size"], row["origin"], row["root"], row["note"])


async def length(connection: Connection) -> int:
    """Return how many entries there are, by the last position."""
    last: int | None = await connection.fetchval(SQL["last"])
    return 0 if last is None else last + 1


async def hashes(connection: Connection, spans: Iterable[Span]) -> Mapping[tuple[int, int], bytes]:
    """Return all that the roots of these spans need, in one read; what is missing is not there."""
    runs: list[Run] = needed(spans)
    levels, starts = [run.level for run in runs], [run.start for run in runs]
    rows = await connection.fetch(SQL["runs"], levels, starts, [run.start + run.count for run in runs])
    return {(row["level"], row["index"]): leaf_hash(row["hash"]) if row["level"] == 0 else row["hash"] for row in rows}


async def take(connection: Connection, size: int, most: int) -> Taken:
    """Take what waits, at most so much, into a log of this size."""
    rows = await connection.fetch(SQL["take"], size, most)
    lag = rows[0]["lag"] if rows else timedelta()
    return Taken([row["position"] for row in rows], [row["commitment"] for row in rows], lag)


async def put(connection: Connection, nodes: Iterable[Node], head: Head, before: int | None, lag: timedelta) -> None:
    """Keep what is complete of the tree, and the checkpoint that follows the one of size ``before``."""
    await connection.executemany(SQL["put_node"], [(each.level, each.index, each.hash) for each in nodes])
    await connection.execute(SQL["put_checkpoint"], head.size, before, head.origin, head.root, head.note, lag)


async def unsealed(connection: Connection, after: int, most: int) -> list[Waiting]:
    """Return what waits for keys beyond a number, oldest first."""
    rows = await connection.fetch(SQL["unsealed"], after, most)
    return [Waiting(row["number"], row["id"], row["customer"], row["content"]) for row in rows]


async def seal(connection: Connection, sealed: Iterable[tuple[int, str, Sealed]]) -> None:
    """Put in the place of what waited: its number, the id of the key, and what the key sealed."""
    await connection.executemany(SQL["seal"], [(number, key, content.data) for number, key, content in sealed])


async def keys(connection: Connection) -> list[tuple[WrappedKey, PublicKey]]:
    """Return every key that ever signed checkpoints, oldest first, and its public half."""
    return [
        (
            WrappedKey("ledger", row["version"], row["root"], Sealed(row["wrapped"]), row["proof"]),
            PublicKey(row["public"]),
        )
        for row in await connection.fetch(SQL["keys"])
    ]


async def public_keys(connection: Connection) -> list[PublicKey]:
    """Return what proves the signatures of checkpoints, oldest first."""
    return [PublicKey(row["public"]) for row in await connection.fetch(SQL["public_keys"])]


async def tile(connection: Connection, run: Run) -> Row:
    """Return hashes side by side, all of one instant; of level 0 what the entries are committed to."""
    level, start, stop = run.level, run.start, run.start + run.count
    if level:
        row = await connection.fetchrow(SQL["tile"], level, start, stop)
    else:
        row = await connection.fetchrow(SQL["tile_of_entries"], start, stop)
    return Row(row["hashes"], row["size"] or 0)  # type: ignore[index]  # a SELECT without FROM has one row


async def signed_at(connection: Connection, size: int) -> datetime:
    """Return when the checkpoint of a size was signed."""
    at: datetime = await connection.fetchval(SQL["signed_at"], size)
    return at


async def progress(connection: Connection, most: int, checkpoints: int) -> Progress:
    """Return how the sequencer does: its lag over so many checkpoints; no more than ``most`` that wait are counted."""
    row = await connection.fetchrow(SQL["progress"], most, checkpoints)
    return Progress(row["size"] or 0, row["age"], row["lags"], row["waiting"], row["unsealed"], row["oldest"])  # type: ignore[index]  # as above


async def names(connection: Connection) -> list[str]:
    """Return under which names heads were signed, oldest first."""
    return [row["origin"] for row in await connection.fetch(SQL["names"])]


async def put_key(connection: Connection, key: WrappedKey, public: PublicKey) -> None:
    """Store a wrapped key, and its public half for everybody."""
    await connection.execute(SQL["put_key"], key.version, key.root, key.wrapped.data, key.proof, public.x)

"""Taking what waits into the log, and signing its head: what the one sequencer does, and proves before it signs."""

from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from service.crypto.entries import content_of, seal_content
from service.crypto.keyring import Keyring, RootKey, make_key, open_key
from service.crypto.merkle import EMPTY, Frontier, Span, frontier_of, leaf_hash
from service.crypto.notes import Checkpoint, Verifier, checkpoint_text, open_checkpoint, signed_note
from service.crypto.signing import public_key
from service.database import Connection
from service.errors import LedgerRefusedError
from service.model.callers import WorkerCaller
from service.model.ledger import Act, KeysMade, Resumed, entry
from service.seen import Seen, read_seen, write_seen
from service.storage import customers, evidence, ledger, log

FIRST_NAME = "byleave.localhost/ledger"
"""What a log is called that nobody gave a name."""
AT_ONCE = 500
"""So many entries that waited for keys are sealed in one transaction."""


class Signer(Struct, frozen=True):
    """Who signs: under which name, with which key."""

    name: str
    seed: bytes

    def __repr__(self) -> str:
        return f"Signer({self.name!r})"

    @property
    def verifier(self) -> Verifier:
        """What proves its signatures."""
        return Verifier(self.name, public_key(self.seed).x)


class Desk(Struct, frozen=True):
    """What the sequencer on this host works with: the root key, the name that the operator gave, what was seen."""

    root: Callable[[], RootKey]
    name: str | None
    seen: Path


class Place(Struct, frozen=True):
    """Where the sequencer stands: who signs, and the right edge of the tree that was signed."""

    signer: Signer
    frontier: Frontier


class Looked(Struct, frozen=True):
    """What came of a look at what waits for keys: how many still wait of those, and beyond which number others do."""

    left: int
    further: int | None


class Batch(Struct, frozen=True):
    """What a batch came to: where the sequencer stands now, how many entries it took, the seconds the oldest waited."""

    place: Place
    count: int
    lag: float


async def lead(connection: Connection) -> bool:
    """Become the one sequencer for as long as this connection lasts, if there is none."""
    return await log.lead(connection)


async def begin(connection: Connection, desk: Desk) -> Place:
    """Prove the log as it stands, and return where to go on.

    Raises LedgerRefusedError if it is not what was signed, or if this host has seen more of it than is there.
    """
    async with connection.transaction():
        head, seen = await log.head(connection), read_seen(desk.seen)
        name = head.origin if head is not None else desk.name or FIRST_NAME
        signer = Signer(name, await _seed(connection, desk.root(), first=head is None))
        frontier = await _frontier(connection, signer, head)
        names = await log.names(connection)
        lost = await _lost(connection, name, names, frontier, seen)
        if lost is not None:
            return await _resume(connection, desk, Place(signer, frontier), names, lost)
        if desk.name not in {None, name}:
            raise LedgerRefusedError(f"the ledger is called {name}, and no ledger changes its name")
        return Place(signer, frontier)


async def seal(connection: Connection, place: Place, most: int) -> Batch:
    """Take the next entries into the log and sign its new head, all in one transaction; there may be none."""
    signer, frontier = place.signer, place.frontier
    async with connection.transaction():
        head = await log.head(connection)
        if (frontier.size, frontier.root()) != ((0, EMPTY) if head is None else (head.size, head.root)):
            raise LedgerRefusedError("somebody else wrote the log")
        taken = await log.take(connection, frontier.size, most)
        if not taken.positions:
            return Batch(place, 0, 0.0)
        grown, complete = frontier.extended(map(leaf_hash, taken.commitments))
        if taken.positions != list(range(frontier.size, grown.size)):
            raise LedgerRefusedError("the new entries do not stand side by side")
        before = None if head is None else head.size
        await log.put(connection, complete, _signed(signer, grown), before, taken.lag)
    return Batch(Place(signer, grown), len(taken.positions), taken.lag.total_seconds())


async def waits(connection: Connection) -> bool:
    """Whether anything waits for keys."""
    return bool(await log.unsealed(connection, 0, 1))


async def seal_waiting(connection: Connection, keyring: Keyring, after: int = 0) -> Looked:
    """Seal some of what was entered while no key was there, beyond a number: those that cannot be hold nobody back."""
    async with connection.transaction():
        waiting = await log.unsealed(connection, after, AT_ONCE)
        keys = await evidence.keys_for(connection, keyring, {each.customer for each in waiting})
        sealed = [
            (each.number, key.id, seal_content(key, each.customer, each.id, content_of(each.content)))
            for each in waiting
            if (key := keys[each.customer]) is not None
        ]
        await log.seal(connection, sealed)
    return Looked(len(waiting) - len(sealed), waiting[-1].number if len(waiting) == AT_ONCE else None)


def remember(desk: Desk, place: Place) -> None:
    """Keep on this host how far the log was signed."""
    write_seen(desk.seen, _seen_at(place))


async def watch(connection: Connection, desk: Desk) -> None:
    """Keep on this host, which stands by, how far another signed."""
    head, keys, seen = await log.head(connection), await log.public_keys(connection), read_seen(desk.seen)
    if head is None or not keys:
        return
    if seen is not None and seen.origin == head.origin and seen.size >= head.size:
        return
    if seen is not None and seen.origin not in await log.names(connection):
        return  # that log is not here at all; whoever leads next must say so
    if open_checkpoint(head.note, Verifier(head.origin, keys[-1].x)) == Checkpoint(head.origin, head.size, head.root):
        write_seen(desk.seen, Seen(head.origin, head.size, head.root.hex()))


async def _seed(connection: Connection, root: RootKey, *, first: bool) -> bytes:
    """Return the key that signs, made before anything is signed; one that is gone is never replaced in silence."""
    keys = await log.keys(connection)
    if keys:
        wrapped, public = keys[-1]
        seed = open_key(root, wrapped)
        if public_key(seed) != public:
            raise LedgerRefusedError("the ledger's public key is not that of its private key")
        return seed
    if not first:
        raise LedgerRefusedError("the ledger's key is gone")
    made = make_key(root, "ledger", 1)
    seed = open_key(root, made)
    await log.put_key(connection, made, public_key(seed))
    await _enter(connection, KeysMade(keys=["ledger.1"]))
    return seed


async def _frontier(connection: Connection, signer: Signer, head: log.Head | None) -> Frontier:
    """Return the right edge of what is stored, if that is what was signed."""
    size = await log.length(connection)
    if head is None and not size:
        return Frontier()
    if head is None or head.size != size:
        raise LedgerRefusedError(f"there are {size} entries, and {0 if head is None else head.size} were signed")
    if open_checkpoint(head.note, signer.verifier) != Checkpoint(head.origin, size, head.root):
        raise LedgerRefusedError("the newest checkpoint is not signed by us")
    stored = await _root(connection, size)
    if stored is None or stored.root() != head.root:
        raise LedgerRefusedError("the entries do not have the root that was signed")
    return stored


async def _root(connection: Connection, size: int) -> Frontier | None:
    """Return the right edge of the first entries, None where something of it is missing."""
    try:
        return frontier_of(size, await log.hashes(connection, [Span(0, size)]))
    except KeyError:
        return None


async def _lost(
    connection: Connection, name: str, names: Sequence[str], frontier: Frontier, seen: Seen | None
) -> Seen | None:
    """Return what this host has seen and the database has not; raises LedgerRefusedError where the two disagree."""
    if seen is None or not seen.size or (seen.origin != name and seen.origin in names):
        return None  # nothing, or a log that ended, and went on under this name
    if seen.origin != name or seen.size > frontier.size:
        return seen
    then = await _root(connection, seen.size)
    if then is None or then.root().hex() != seen.root:
        raise LedgerRefusedError(f"the first {seen.size} entries are not those that this host saw signed")
    return None


async def _resume(connection: Connection, desk: Desk, place: Place, names: Sequence[str], lost: Seen) -> Place:
    """Go on under another name, and say so in the log, or raise LedgerRefusedError where no new name was given.

    A name that a log ever had is not new: what was signed under it is kept by others, and it would fork.
    """
    renamed = None
    if desk.name is not None and desk.name not in names:
        renamed = Place(Signer(desk.name, place.signer.seed), place.frontier)
    if renamed is not None and lost == _seen_at(renamed):
        return renamed  # it was said already, and then nothing was signed
    if renamed is None or renamed.signer.name == lost.origin:
        raise LedgerRefusedError(
            f"{desk.seen} has seen {lost.size} entries of {lost.origin}, and the database holds "
            f"{place.frontier.size}: restore a newer backup, or go on under a new name (docs/ledger.md)"
        )
    await _enter(connection, Resumed(lost.origin, lost.size, lost.root))
    return renamed


def _seen_at(place: Place) -> Seen:
    return Seen(place.signer.name, place.frontier.size, place.frontier.root().hex())


def _signed(signer: Signer, frontier: Frontier) -> log.Head:
    """Sign a head, and look once more whether what was signed can be read as that."""
    size, root = frontier.size, frontier.root()
    note = signed_note(checkpoint_text(signer.name, size, root), signer.name, signer.seed)
    if open_checkpoint(note, signer.verifier) != Checkpoint(signer.name, size, root):
        raise LedgerRefusedError("the checkpoint does not verify")
    return log.Head(size, signer.name, root, note)


async def _enter(connection: Connection, act: Act) -> None:
    now = await customers.clock(connection)
    await ledger.append(connection, None, entry(ledger.new_entry_id(now), None, WorkerCaller(), now, act))

"""The ledger as a file that can be verified elsewhere: everything of one instant, in the form of ``model.export``."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any

import msgspec

from service.crypto.entries import stored_content
from service.crypto.keyring import Keyring, OpenKey
from service.crypto.notes import Verifier, is_name
from service.database import Connection, Database
from service.errors import IntegrityError, KeysUnavailableError
from service.model.callers import OperatorCaller
from service.model.export import FORMAT, Consent, End, Entry, Head, Limits, Line, Signed, Waiting
from service.model.ledger import Exported, entry
from service.model.words import CustomerId
from service.storage import customers, evidence, exports, ledger, log
from service.storage.exports import Stored

Write = Callable[[bytes], None]
Keys = dict[CustomerId, OpenKey | None]
Placed = tuple[tuple[int, int], Line]
"""A line, and its place: how large the log is then, and entries before checkpoints."""
ENCODER = msgspec.json.Encoder()


async def export_sealed(database: Database, write: Write) -> End:
    """Write the ledger without what entries say: enough to prove the log, and nothing personal but how much there is.

    What is about nobody is opened. Returns what was written.
    """
    async with database.snapshot() as connection:
        await exports.be_patient(connection)
        return await _Export(connection, None, write).run()


async def export_opened(database: Database, keyring: Keyring, caller: OperatorCaller, write: Write) -> End:
    """Write the ledger with what entries say about whom, and what stands of everybody; returns what was written.

    Before the first byte it is an entry itself, with the caller's reason: after the snapshot, so not in the export.
    """
    async with database.snapshot() as connection:
        await exports.be_patient(connection)
        head = await log.head(connection)
        async with database.transaction() as entering:
            now = await customers.clock(entering)
            act = Exported(0 if head is None else head.size, caller.reason)
            await ledger.append(entering, None, entry(ledger.new_entry_id(now), None, caller, now, act))
        return await _Export(connection, keyring, write).run()


class _Export:
    """One export on its way, from one snapshot. Without a keyring it is sealed."""

    def __init__(self, connection: Connection, keyring: Keyring | None, write: Write) -> None:
        self._connection = connection
        self._keyring = keyring
        self._write = write
        self._counted: Counter[type] = Counter()

    async def run(self) -> End:
        """Write all of it."""
        self._put([await self._head()])
        await self._log()
        async for stored in exports.waiting(self._connection):
            keys = await self._keys(stored)
            self._put([Waiting(each.commitment, **_told(each, keys)) for each in stored])
        if self._keyring is not None:
            async for consents in exports.standing(self._connection):
                self._put(consents)
            async for limits in exports.restrictions(self._connection):
                self._put(limits)
        end = End(*(self._counted[each] for each in (Entry, Signed, Waiting, Consent, Limits)))
        self._put([end])
        return end

    async def _head(self) -> Head:
        # What is no name cannot have signed anything; whoever put it there is found out by the checkpoints.
        names = [name for name in await log.names(self._connection) if is_name(name)]
        keys = await log.public_keys(self._connection)
        return Head(
            format=FORMAT,
            opened=self._keyring is not None,
            names=names,
            keys=[Verifier(name, key.x).text for name in names for key in keys],
            at=await customers.clock(self._connection),
        )

    async def _log(self) -> None:
        """Write the entries, and each checkpoint right after the last entry that it covers."""
        size = 0
        while stored := await exports.entries(self._connection, size - 1):
            before, size = size, stored[-1].position + 1
            keys = await self._keys(stored)
            placed: list[Placed] = [((each.position + 1, 0), _entry(each, keys)) for each in stored]
            placed += await self._checkpoints(before, size)
            self._put([line for _, line in sorted(placed, key=itemgetter(0))])
        # There are none, unless entries were taken away below them.
        self._put([line for _, line in await self._checkpoints(size, None)])

    async def _checkpoints(self, after: int, to: int | None) -> list[Placed]:
        return [((size, 1), Signed(note)) for size, note in await exports.checkpoints(self._connection, after, to)]

    async def _keys(self, stored: Sequence[Stored]) -> Keys | None:
        """Return the keys that open what is sealed; None where it stays sealed."""
        if self._keyring is None:
            return None
        about = {each.customer for each in stored if each.customer is not None}
        return await evidence.keys_of(self._connection, self._keyring, about)

    def _put(self, lines: Iterable[Line]) -> None:
        made = list(lines)
        self._counted.update(map(type, made))
        self._write(ENCODER.encode_lines(made))


def _entry(stored: Stored, keys: Keys | None) -> Entry:
    gone = stored.content is None and stored.erased is None
    told = _told(stored, keys)
    return Entry(stored.commitment, **told, position=stored.position, erased=stored.erased, missing=gone)


def _told(stored: Stored, keys: Keys | None) -> dict[str, Any]:
    """Return what may be told of what an entry says: of what is about nobody everything."""
    if stored.content is None or stored.id is None or (keys is None and stored.customer is not None):
        return {}
    about = {"id": stored.id, "customer": stored.customer}
    key = None if keys is None or stored.customer is None else keys.get(stored.customer)
    try:
        content = stored_content(key, stored.customer, stored.id, stored.key, stored.content)
        return about | {"seed": content.seed, "body": content.body.decode()}
    except (IntegrityError, KeysUnavailableError, UnicodeDecodeError):
        return about | {"unreadable": True}

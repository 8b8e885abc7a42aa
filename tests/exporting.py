"""Exporting and verifying in tests: what the real sequencer took in, with whoever has the database in between."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from service.crypto.keyring import Keyring
from service.crypto.notes import Verifier
from service.database import Database
from service.model.callers import OperatorCaller
from service.model.export import AnyLine, Entry
from service.storage import log
from service.usecases import sequencing
from service.usecases.exports import export_opened, export_sealed
from service.usecases.sequencing import Desk
from service.usecases.verification import Kept, Verification
from tests.sealing import at_the_log, take_all

AUDITOR = OperatorCaller("auditor", "the yearly audit")


class Ledger(Struct, frozen=True):
    """The ledger of one test."""

    url: str
    database: Database
    keyring: Keyring
    desk: Desk

    async def seal(self, most: int = 3) -> None:
        """Take in all that waits, so many entries under each checkpoint."""
        async with at_the_log(self.url) as connection:
            await sequencing.seal_waiting(connection, self.keyring)
            await take_all(connection, self.desk, most)

    async def key(self) -> Verifier:
        """The public key, as it is published."""
        async with self.database.connection() as connection:
            (public,) = await log.public_keys(connection)
            (name, *_) = await log.names(connection)
        return Verifier(name, public.x)

    async def checkpoint(self) -> str:
        """The newest checkpoint, as somebody might keep it."""
        async with self.database.connection() as connection:
            head = await log.head(connection)
        assert head is not None
        return head.note

    async def export(self, *, opened: bool = True) -> bytes:
        """Return an export."""
        said: list[bytes] = []
        if opened:
            await export_opened(self.database, self.keyring, AUDITOR, said.append)
        else:
            await export_sealed(self.database, said.append)
        return b"".join(said)

    async def findings(self, *kept: str, opened: bool = True) -> list[str]:
        """Verify an export of now with the key that was published; returns what was found."""
        return findings(await self.export(opened=opened), [await self.key()], kept)


def findings(exported: bytes, pinned: Sequence[Verifier] = (), kept: Sequence[str] = ()) -> list[str]:
    """Verify an export; returns what was found."""
    labelled = [Kept(f"kept-{number}", note) for number, note in enumerate(kept, start=1)]
    return list(map(str, Verification(pinned, labelled).read(exported.splitlines(keepends=True))))


def lines_of(exported: bytes) -> list[AnyLine]:
    """Return the lines of an export, read."""
    return [msgspec.json.decode(line, type=AnyLine) for line in exported.splitlines()]


def entries_of(exported: bytes) -> list[Entry]:
    """Return the entries of an export, read."""
    return [line for line in lines_of(exported) if isinstance(line, Entry)]

"""Entries of the ledger, each shown to the customer whom it is about, with the proof that it is in the log."""

import asyncio

from msgspec import Struct

from service.crypto.keyring import Keyring
from service.database import Database
from service.errors import UnknownEntryError
from service.model.callers import CustomerCaller
from service.model.words import EntryId
from service.storage import bodies, proofs

PAUSE = 0.1
"""Seconds from one look for a proof to the next."""


class Shown(Struct, frozen=True):
    """All of an entry: who has it can check it without us. ``proof``: None while it waits for the log."""

    entry: EntryId
    body: bytes
    opening: bytes
    commitment: bytes
    proof: str | None

    def __repr__(self) -> str:  # what it says is hers
        return f"Shown({self.entry!r})"


async def shown(database: Database, keyring: Keyring, caller: CustomerCaller, id_: EntryId, wait: float) -> Shown:
    """Return an entry of hers, exactly as it was committed to; wait so many seconds for its proof.

    Raises UnknownEntryError for one about somebody else, or nobody, as for none at all.
    """
    clock = asyncio.get_running_loop().time
    until = clock() + wait
    found = await _look(database, keyring, caller, id_)
    while found.proof is None and clock() < until:
        await asyncio.sleep(PAUSE)
        found = await _look(database, keyring, caller, id_)
    return found


async def _look(database: Database, keyring: Keyring, caller: CustomerCaller, id_: EntryId) -> Shown:
    async with database.connection() as connection:
        opened = await bodies.one(connection, keyring, caller.customer, id_)
        if opened is None:
            raise UnknownEntryError
        content, proof = opened.content, None
        if opened.position is not None:
            proof = await proofs.proof_of(connection, opened.position, content.commitment, content.opening)
    return Shown(id_, content.body, content.opening, content.commitment, proof)

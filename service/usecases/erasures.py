"""Destroying what the ledger and the record of consent say of a customer, so that the tree still verifies."""

from msgspec import Struct

from service.crypto.entries import positions_digest
from service.database import Database
from service.errors import LedgerBehindError
from service.model.callers import Caller
from service.model.ledger import Erased, entry
from service.model.words import CustomerId
from service.storage import customers, erasures, ledger

AT_ONCE = 10_000
"""Bodies that go in one transaction, with one entry."""


class Destroyed(Struct, frozen=True):
    """How many bodies went, and by how many entries that is accounted for."""

    bodies: int
    entries: int


async def destroy_evidence(database: Database, caller: Caller, customer: CustomerId) -> Destroyed:
    """Destroy a customer's evidence key, then every body and every count of use of hers.

    From the first commit on nothing of it can be read; run again, it goes on where it broke off. It needs the rights of
    the sequencer's database role. Raises LedgerBehindError while entries of hers wait to be taken into the log.
    """
    bodies = entries = 0
    while True:
        async with database.transaction() as connection:
            # What was decided before is decided again, and what is sealed from here on is under another key.
            change = await customers.bump(connection, customer)
            if await erasures.waits(connection, customer):
                raise LedgerBehindError
            await erasures.destroy_key(connection, customer)
            id_ = ledger.new_entry_id(change.now)
            positions = await erasures.forget(connection, customer, id_, AT_ONCE)
            if positions:
                act = Erased(bodies=len(positions), positions=positions_digest(positions))
                await ledger.append(connection, None, entry(id_, None, caller, change.now, act))
        bodies, entries = bodies + len(positions), entries + bool(positions)
        if len(positions) < AT_ONCE:
            return Destroyed(bodies, entries)

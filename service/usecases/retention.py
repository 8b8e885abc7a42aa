"""Ending what has run its time: each attribute is kept as long as the catalogue says, and not a day longer."""

from collections.abc import Mapping

from service.database import Database
from service.model.callers import WorkerCaller
from service.model.ledger import Outlived, entry
from service.model.words import AttributeId, CustomerId
from service.policy.engine import Policies
from service.storage import customers, facts, ledger

AT_ONCE = 200
"""Customers looked for at a time; each is ended in a transaction of her own."""


async def end_outlived_facts(database: Database, policies: Policies) -> int:
    """Delete every fact older than its attribute may be kept; returns how many customers it concerned.

    Any number of workers may do this at the same time: a fact goes once and is entered once.
    """
    kept = {id_: attribute.retention_days for id_, attribute in policies.catalogue.attributes.items()}
    ended = 0
    while True:
        async with database.connection() as connection:
            concerned = await facts.outlived(connection, kept, AT_ONCE)
        for customer in concerned:
            ended += await _end(database, customer, kept)
        if len(concerned) < AT_ONCE:
            return ended


async def _end(database: Database, customer: CustomerId, kept: Mapping[AttributeId, int]) -> bool:
    async with database.transaction() as connection:
        # The lock first: of two workers the second then finds nothing, and enters nothing.
        await customers.line_up(connection, [customer])
        gone = await facts.delete_outlived(connection, customer, kept)
        if not gone:
            return False
        change = await customers.bump(connection, customer)
        act = Outlived(facts=sorted({f"{attribute}#{provenance}" for attribute, provenance in gone}))
        line = entry(ledger.new_entry_id(change.now), customer, WorkerCaller(), change.now, act)
        await ledger.append(connection, line)
    return True

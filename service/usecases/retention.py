"""Ending what has run its time: facts are kept and consents hold as long as the catalogue says, not a day longer."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

from service.crypto.keyring import Keyring
from service.database import Connection, Database
from service.errors import UnavailableError
from service.model.callers import WorkerCaller, actor
from service.model.consent import Answer
from service.model.facts import Standing
from service.model.ledger import Expired, Outlived, entry
from service.model.words import Acting, AttributeId, CustomerId, EntryId, Method, PolicyVersion, Status
from service.policy.engine import Policies
from service.storage import consents, customers, facts, ledger, publications, strikes
from service.storage.forgetting import forget_all

AT_ONCE = 200
"""Customers looked for at a time; each is ended in a transaction of her own."""


async def end_outlived_facts(database: Database, keyring: Keyring | None, policies: Policies) -> int:
    """Delete every fact older than its attribute may be kept; returns how many customers it concerned.

    Any number of workers may do this at the same time: a fact goes once and is entered once.
    """
    kept = {id_: attribute.retention_days for id_, attribute in policies.catalogue.attributes.items()}

    async def concerned(connection: Connection) -> list[CustomerId]:
        return await facts.outlived(connection, kept, AT_ONCE)

    return await _each(database, concerned, lambda customer: _end(database, keyring, customer, kept))


async def end_expired_consents(database: Database, keyring: Keyring | None) -> int:
    """Say of every consent that has run its time that it has; returns how many customers it concerned.

    A decision looks at the date itself and needs no worker; this makes the end an event, once, however many do it.
    No policies need be usable for it, only named: which were in force is part of the event.
    """

    async def concerned(connection: Connection) -> list[CustomerId]:
        return await consents.expired(connection, AT_ONCE)

    return await _each(database, concerned, lambda customer: _expire(database, keyring, customer))


async def forget_struck_facts(database: Database) -> int:
    """Delete what was struck out longer ago than it can be brought back; returns how many facts. Blocks stay.

    Nobody reads these facts, so no decision changes, and what the act was is in the ledger already.
    """
    return await forget_all(database, strikes.forget_old)


async def _each(
    database: Database,
    concerned: Callable[[Connection], Awaitable[list[CustomerId]]],
    end: Callable[[CustomerId], Awaitable[bool]],
) -> int:
    """End something of every customer concerned, a transaction each; returns of how many.

    What is wrong with one keeps none of the others from what is due, and is raised after them.
    """
    ended, fault = 0, None
    while fault is None:
        async with database.connection() as connection:
            found = await concerned(connection)
        for customer in found:
            try:
                ended += await end(customer)
            except UnavailableError:
                raise
            except Exception as error:  # noqa: BLE001  such as of a row that somebody changed
                fault = error
        if len(found) < AT_ONCE:
            break
    if fault is not None:
        raise fault
    return ended


async def _end(
    database: Database, keyring: Keyring | None, customer: CustomerId, kept: Mapping[AttributeId, int]
) -> bool:
    async with database.transaction() as connection:
        # The lock first: of two workers the second then finds nothing, and enters nothing.
        await customers.line_up(connection, [customer])
        gone = await facts.delete_outlived(connection, customer, kept)
        if not gone:
            return False
        change = await customers.bump(connection, customer)
        act = Outlived(facts=sorted({f"{attribute}#{provenance}" for attribute, provenance in gone}))
        line = entry(ledger.new_entry_id(change.now), customer, WorkerCaller(), change.now, act)
        await ledger.append(connection, keyring, line)
    return True


async def _expire(database: Database, keyring: Keyring | None, customer: CustomerId) -> bool:
    async with database.transaction() as connection:
        await customers.line_up(connection, [customer])
        over = await consents.expired_of(connection, customer)
        if not over:
            return False
        change = await customers.bump(connection, customer)
        in_force = await publications.current_version(connection)
        id_ = ledger.new_entry_id(change.now)
        ends = [_end_of(yes, change.now, id_, in_force) for yes in over]
        await consents.take_in(connection, None, [(customer, end) for end in ends])
        act = Expired(spots=[f"{yes.purpose}/{yes.channel}" for yes in over])
        await ledger.append(connection, keyring, entry(id_, customer, WorkerCaller(), change.now, act, ends))
    return True


def _end_of(yes: Standing, now: datetime, entry_id: EntryId, in_force: PolicyVersion) -> Answer:
    return Answer(
        purpose=yes.purpose,
        channel=yes.channel,
        status=Status.EXPIRED,
        notice=yes.notice,
        explicit=yes.explicit,
        method=Method.SYSTEM,
        actor="",
        given_at=yes.expires_at or now,
        recorded_at=now,
        recorder=actor(WorkerCaller()),
        policy_version=in_force,
        entry=entry_id,
        acting=Acting.WORKER,
    )

"""Evidence keys: one for each customer, which seals what proves her consents and what her ledger says."""

from collections.abc import Iterable

import structlog

from service.crypto.keyring import Keyring, OpenKey
from service.database import Connection
from service.errors import IntegrityError, KeysUnavailableError
from service.model.facts import CustomerKey, Sealed
from service.model.words import CustomerId
from service.storage.statements import execute_for_all, statements

SQL = statements(__file__)
log = structlog.get_logger()


async def key_of(connection: Connection, customer: CustomerId) -> CustomerKey | None:
    """Return the key of a customer, None where nothing was sealed yet or it was destroyed."""
    row = await connection.fetchrow(SQL["keys"], [customer])
    return None if row is None else CustomerKey(row["id"], row["epoch"], Sealed(row["wrapped"]))


async def keys_of(
    connection: Connection, keyring: Keyring, customers: Iterable[CustomerId]
) -> dict[CustomerId, OpenKey | None]:
    """Return the keys that these customers have, open; None, and an alarm, for one that does not open."""
    rows = await connection.fetch(SQL["keys"], list(customers))
    return {
        row["customer"]: _opened(keyring, row["customer"], CustomerKey(row["id"], row["epoch"], Sealed(row["wrapped"])))
        for row in rows
    }


async def keys_for(
    connection: Connection, keyring: Keyring, customers: Iterable[CustomerId]
) -> dict[CustomerId, OpenKey | None]:
    """Return the keys of these customers, open, and make those that are missing.

    None for one that does not open, and for whom there is not: a forged entry of nobody's holds up only itself.
    """
    wanted = set(customers)
    found = await keys_of(connection, keyring, wanted)
    missing = sorted(wanted - found.keys())
    if not missing:
        return found
    # Under her lock: whoever changes her holds that already, and would else wait for our key while we wait for him.
    there = [row["id"] for row in await connection.fetch(SQL["hold"], missing)]
    made = {customer: keyring.new_evidence_key(customer) for customer in there}
    rows = [(customer, key.id, key.epoch, key.wrapped.data) for customer, (key, _) in made.items()]
    await execute_for_all(connection, SQL["put"], rows)
    # Another transaction may have been first; then its key is there, and ours is not.
    return dict.fromkeys(missing) | found | await keys_of(connection, keyring, missing)


def _opened(keyring: Keyring, customer: CustomerId, key: CustomerKey) -> OpenKey | None:
    try:
        return keyring.open_evidence_key(customer, key)
    except (IntegrityError, KeysUnavailableError) as error:
        log.error("alarm: an evidence key does not open", customer=str(customer), code=error.code)  # noqa: TRY400  no traceback
        return None

"""Letting callers in: API keys of services, tokens of customers."""

from datetime import timedelta

from service.crypto.credentials import Credential, new_api_key, new_customer_token, read_credential
from service.crypto.keyring import Keyring
from service.database import Connection, Database
from service.errors import UnauthenticatedError, UnknownCustomerError, UnknownServiceError
from service.model.callers import CustomerCaller, OperatorCaller, ServiceCaller
from service.model.identifiers import Identifier
from service.model.ledger import CredentialChanged, LookedUp, entry
from service.model.words import ServiceId
from service.policy.engine import Policies
from service.storage import access, customers, ledger
from service.storage.forgetting import forget_all

LIVE_KEYS = 2
"""So that a service can move from one key to the next without a gap."""


async def service_caller(database: Database, keyring: Keyring | None, presented: str) -> ServiceCaller:
    """Return the service whose API key this is; raises UnauthenticatedError.

    Without a keyring the caller is not proven: enough to record a no, not enough to receive anything.
    """
    credential = read_credential(presented)
    if credential is None:
        raise UnauthenticatedError
    async with database.connection() as connection:
        found = await access.service_of(connection, credential)
    if found is None:
        raise UnauthenticatedError
    service, mac = found
    proven = keyring is not None and access.authentic_credential(keyring, service, credential, mac)
    return ServiceCaller(service, credential.id, proven=proven)


async def customer_caller(database: Database, keyring: Keyring | None, presented: str) -> CustomerCaller:
    """Return the customer whose token this is; raises UnauthenticatedError. Proven as a service is."""
    credential = read_credential(presented)
    if credential is None:
        raise UnauthenticatedError
    async with database.connection() as connection:
        found = await access.customer_of(connection, keyring, credential)
    if found is None:
        raise UnauthenticatedError
    customer, proven = found
    return CustomerCaller(customer, proven=proven)


async def make_api_key(
    database: Database, keyring: Keyring, policies: Policies, caller: OperatorCaller, service: ServiceId
) -> Credential:
    """Make an API key for a service; of its older ones only the newest goes on working."""
    if service not in policies.catalogue.services:
        raise UnknownServiceError
    made = new_api_key()
    async with database.transaction() as connection:
        await access.hold(connection, service)
        for old in (await access.live(connection, service))[: 1 - LIVE_KEYS]:
            await _end(connection, caller, service, old)
        await access.put(connection, keyring, service, made)
        await _enter(connection, caller, CredentialChanged(service, made.id, "made"))
    return made


async def revoke_api_keys(
    database: Database, caller: OperatorCaller, service: ServiceId, only: str | None = None
) -> int:
    """End every API key of a service, or the ``only`` one of this id, now; returns how many there were."""
    async with database.transaction() as connection:
        await access.hold(connection, service)
        ending = [key for key in await access.live(connection, service) if only in (None, key)]
        for key in ending:
            await _end(connection, caller, service, key)
    return len(ending)


async def api_keys(database: Database) -> list[access.StoredCredential]:
    """Return every API key ever made, without the keys."""
    async with database.connection() as connection:
        return await access.all_credentials(connection)


async def make_customer_token(
    database: Database, keyring: Keyring, caller: OperatorCaller, found_by: Identifier, minutes: int
) -> Credential:
    """Make a token with which a customer speaks for herself for some minutes."""
    made = new_customer_token()
    async with database.transaction() as connection:
        customer = await customers.by_identifier(connection, keyring, found_by.kind, keyring.index_of(found_by))
        if customer is None:
            raise UnknownCustomerError
        now = await customers.clock(connection)
        await access.put_token(connection, keyring, customer, made, now + timedelta(minutes=minutes))
        act = LookedUp(what="token", reason=caller.reason)
        await ledger.append(connection, keyring, entry(ledger.new_entry_id(now), customer, caller, now, act))
    return made


async def _end(connection: Connection, caller: OperatorCaller, service: ServiceId, key: str) -> None:
    await access.revoke(connection, key)
    await _enter(connection, caller, CredentialChanged(service, key, "revoked"))


async def _enter(connection: Connection, caller: OperatorCaller, act: CredentialChanged) -> None:
    now = await customers.clock(connection)
    await ledger.append(connection, None, entry(ledger.new_entry_id(now), None, caller, now, act))


async def forget_old_tokens(database: Database) -> int:
    """Forget the customer tokens whose time has run; returns how many."""
    return await forget_all(database, access.forget_tokens)

"""Who may come in: API keys of services and tokens of customers, kept as digests."""

from datetime import datetime
from typing import TypeAlias

import structlog
from msgspec import Struct

from service.crypto.credentials import Credential, credential_parts, token_parts
from service.crypto.keyring import Keyring, Mac
from service.database import Connection
from service.errors import UnauthenticatedError
from service.model.callers import CustomerCaller, MessageCaller, ServiceCaller, Speaker
from service.model.words import CustomerId, ServiceId
from service.storage.statements import statements, written

SQL = statements(__file__)
log = structlog.get_logger()
CORNER = 0x0B1F  # our corner of the advisory locks


class StoredCredential(Struct, frozen=True):
    """An API key as it lies in the database."""

    service: ServiceId
    id: str
    created_at: datetime
    revoked_at: datetime | None


StoredKey: TypeAlias = tuple[ServiceId, bytes, int, bytes]
"""Of a working API key: whose it is, its digest, the version and the bytes of its MAC."""


def admitted(keyring: Keyring, presented: Credential, stored: StoredKey | None) -> ServiceCaller:
    """Return the service that presents its API key; raises UnauthenticatedError."""
    if stored is None or not presented.matches(stored[1]):
        raise UnauthenticatedError
    service, _, version, mac = stored
    if not authentic_credential(keyring, service, presented, Mac(version, mac)):
        log.error("alarm: a credential does not carry our MAC", caller=f"service:{service}")
        raise UnauthenticatedError
    return ServiceCaller(service, presented.id, proven=True)


async def service_of(connection: Connection, presented: Credential) -> tuple[ServiceId, Mac] | None:
    """Return whose API key this is, if it still works, with the MAC to be checked before any data leaves."""
    row = await connection.fetchrow(SQL["credential"], presented.id)
    if row is None or not presented.matches(row["digest"]):
        return None
    return ServiceId(row["service"]), Mac(row["mac_version"], row["mac"])


def authentic_credential(keyring: Keyring, service: ServiceId, presented: Credential, mac: Mac) -> bool:
    """Whether we, and not somebody at the database, gave this key to this service."""
    return keyring.authentic_again(mac, tuple(credential_parts(service, presented.id, presented.digest)))


async def customer_of(
    connection: Connection, keyring: Keyring | None, presented: Credential
) -> tuple[CustomerId, bool] | None:
    """Return whose token this is, if its time has not run, and whether we, and nobody at the database, made it."""
    row = await connection.fetchrow(SQL["token"], presented.digest)
    if row is None:
        return None
    parts = token_parts(row["customer"], presented.digest, row["expires_at"])
    proven = keyring is not None and keyring.authentic(Mac(row["mac_version"], row["mac"]), parts)
    return row["customer"], proven


async def hold(connection: Connection, service: ServiceId) -> None:
    """Changes to one service's keys come one after the other."""
    await connection.execute(SQL["hold"], CORNER, service)


def refuse_unproven(caller: Speaker) -> None:
    """Raise UnauthenticatedError for a credential that somebody at the database, and not we, may have made."""
    if isinstance(caller, ServiceCaller | CustomerCaller | MessageCaller) and not caller.proven:
        raise UnauthenticatedError


async def refuse_ended(connection: Connection, caller: Speaker) -> None:
    """Raise UnauthenticatedError for a service whose API key was ended since it was let in.

    A request may take its time to arrive; what counts is the moment at which it is acted on.
    """
    if isinstance(caller, ServiceCaller) and not await connection.fetchval(SQL["is_live"], caller.key):
        raise UnauthenticatedError


async def live(connection: Connection, service: ServiceId) -> list[str]:
    """Return the ids of a service's working keys, oldest first."""
    return [row["id"] for row in await connection.fetch(SQL["live"], service)]


async def all_credentials(connection: Connection) -> list[StoredCredential]:
    """Return every key ever made, without the keys."""
    rows = await connection.fetch(SQL["all"])
    return [StoredCredential(ServiceId(r["service"]), r["id"], r["created_at"], r["revoked_at"]) for r in rows]


async def put(connection: Connection, keyring: Keyring, service: ServiceId, made: Credential) -> None:
    """Store an API key's digest under our MAC."""
    mac = keyring.mac(credential_parts(service, made.id, made.digest))
    await connection.execute(SQL["put"], made.id, service, made.digest, mac.version, mac.digest)


async def revoke(connection: Connection, key: str) -> None:
    """End an API key."""
    await connection.execute(SQL["revoke"], key)


async def put_token(
    connection: Connection, keyring: Keyring, customer: CustomerId, made: Credential, expires_at: datetime
) -> None:
    """Store a customer's token under our MAC."""
    mac = keyring.mac(token_parts(customer, made.digest, expires_at))
    await connection.execute(SQL["put_token"], made.digest, customer, expires_at, mac.version, mac.digest)


async def forget_tokens(connection: Connection, most: int) -> int:
    """Forget tokens whose time has run; returns how many."""
    return written(await connection.execute(SQL["forget_tokens"], most))

"""Customers: their keys, their restrictions, by what they are found, and how each service knows them."""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from service.crypto.envelope import seal
from service.crypto.framing import Part
from service.crypto.keyring import Keyring, OpenKey, restriction_parts
from service.crypto.random import random_word
from service.database import Connection
from service.errors import UnknownCustomerError
from service.model.facts import CustomerKey, Restrictions, Sealed
from service.model.identifiers import NORMALISATION, Identifier
from service.model.words import CustomerId, IdentifierKind, PairwiseId, ServiceId
from service.storage.statements import statements

SQL = statements(__file__)
LANES = 0x0B1E  # our corner of the advisory locks


class Change(Struct, frozen=True):
    """A customer's new version, and the instant at which it came to be."""

    version: int
    now: datetime


async def by_pairwise(connection: Connection, service: ServiceId, id_: PairwiseId) -> CustomerId | None:
    """Return the customer whom this service knows by this id."""
    found: CustomerId | None = await connection.fetchval(SQL["by_pairwise"], service, id_)
    return found


async def by_identifier(connection: Connection, kind: IdentifierKind, digest: bytes) -> CustomerId | None:
    """Return the one customer whom an identifier finds; nobody when it is shared."""
    rows = await connection.fetch(SQL["by_identifier"], kind, digest)
    return rows[0]["customer"] if len(rows) == 1 else None


async def hold(connection: Connection, digests: Iterable[bytes]) -> None:
    """Until this transaction ends, nobody else claims these identifiers."""
    for lane in sorted({digest[0] for digest in digests}):
        await connection.execute(SQL["hold"], LANES, lane)


async def claims(
    connection: Connection, wanted: Iterable[tuple[IdentifierKind, bytes]]
) -> dict[tuple[IdentifierKind, bytes], set[CustomerId]]:
    """Return who claims each identifier; one that nobody claims is left out."""
    pairs = list(wanted)
    rows = await connection.fetch(SQL["claims"], [str(k) for k, _ in pairs], [d for _, d in pairs])
    found: dict[tuple[IdentifierKind, bytes], set[CustomerId]] = {}
    for row in rows:
        found.setdefault((IdentifierKind(row["kind"]), row["digest"]), set()).add(row["customer"])
    return found


async def clock(connection: Connection) -> datetime:
    """Return the database's time."""
    now: datetime = await connection.fetchval(SQL["clock"])
    return now


async def bump(connection: Connection, customer: CustomerId) -> Change:
    """Begin a change of a customer: nothing else about her changes until this transaction ends."""
    row = await connection.fetchrow(SQL["bump"], customer)
    if row is None:
        raise UnknownCustomerError
    return Change(row["version"], row["now"])


async def create(connection: Connection, keyring: Keyring, customer: CustomerId) -> OpenKey:
    """Create a customer with a key of her own; returns it, open."""
    wrapped, key = keyring.new_customer_key(customer)
    await connection.execute(SQL["create"], customer)
    await connection.execute(SQL["put_key"], customer, wrapped.id, wrapped.epoch, wrapped.wrapped.data)
    return key


async def open_key(connection: Connection, keyring: Keyring, customer: CustomerId) -> OpenKey:
    """Return a customer's key, open; raises UnknownCustomerError when it is gone."""
    row = await connection.fetchrow(SQL["key"], customer)
    if row is None:
        raise UnknownCustomerError
    return keyring.open_customer_key(customer, CustomerKey(row["id"], row["epoch"], Sealed(row["wrapped"])))


async def put_restrictions(
    connection: Connection, keyring: Keyring, customer: CustomerId, limits: Restrictions
) -> None:
    """Store what a customer forbids, under our MAC."""
    mac = keyring.mac(restriction_parts(customer, limits))
    values = [getattr(limits, name) for name in limits.__struct_fields__]
    await connection.execute(SQL["put_restrictions"], customer, *values, mac.version, mac.digest)


async def put_identifier(
    connection: Connection,
    keyring: Keyring,
    customer: CustomerId,
    key: OpenKey,
    found_by: Identifier,
) -> None:
    """Let a customer be found by an identifier, which is kept sealed."""
    digest = keyring.index_of(found_by)
    labels: list[Part] = ["identifier", customer, found_by.kind, digest, NORMALISATION, key.id]
    sealed = seal(key.key, found_by.value.encode(), labels)
    await connection.execute(SQL["put_identifier"], customer, found_by.kind, digest, key.id, sealed.data)


async def pairwise_id(connection: Connection, customer: CustomerId, service: ServiceId) -> PairwiseId:
    """Return how this service knows this customer, making the id the first time."""
    await connection.execute(SQL["put_pairwise"], customer, service, f"byc_{random_word(16)}")
    return PairwiseId(await connection.fetchval(SQL["pairwise"], customer, service))

"""Customers: their keys, their restrictions, by what they are found, and how each service knows them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from msgspec import Struct

from service.crypto.envelope import seal
from service.crypto.framing import Part
from service.crypto.keyring import (
    Keyring,
    Mac,
    OpenKey,
    claim_parts,
    identifier_labels,
    pairwise_parts,
    restriction_parts,
)
from service.crypto.random import random_number, random_word
from service.database import Connection, Record
from service.errors import IntegrityError, UnknownCustomerError
from service.model.callers import CustomerCaller, MessageCaller, OperatorCaller, ServiceCaller, Speaker
from service.model.choices import less
from service.model.facts import CustomerKey, Restrictions, Sealed, restrictions_from
from service.model.identifiers import Identifier
from service.model.words import CustomerId, IdentifierKind, PairwiseId, ServiceId
from service.storage.statements import execute_for_all, statements

SQL = statements(__file__)
FIRST_VERSION = 2**40
"""Below this; what is left of 64 bits is more than anybody's changes."""
LANES = 0x0B1E  # our corner of the advisory locks
log = structlog.get_logger()


class Change(Struct, frozen=True):
    """A customer's new version, and the instant at which it came to be."""

    version: int
    now: datetime
    others: tuple[CustomerId, ...] = ()
    """Who is the same person and changed with her, as the database has it: enough to record a no."""


class Claim(Struct, frozen=True):
    """That an identifier is a customer's, or, once she disowned it, that it is not."""

    customer: CustomerId
    kind: IdentifierKind
    digest: bytes
    key: str
    sealed: Sealed
    since: datetime
    verified_at: datetime | None
    disowned_at: datetime | None

    def __repr__(self) -> str:
        return f"Claim({self.kind!r})"

    @property
    def found(self) -> tuple[IdentifierKind, bytes]:
        """By what it is found."""
        return self.kind, self.digest


async def by_pairwise(
    connection: Connection, keyring: Keyring | None, service: ServiceId, id_: PairwiseId
) -> CustomerId | None:
    """Return the customer whom this service knows by this id.

    Without a keyring the link is taken as the database has it: enough to record a no, never to release.
    """
    row = await connection.fetchrow(SQL["by_pairwise"], service, id_)
    if row is None:
        return None
    customer: CustomerId = row["customer"]
    return customer if keyring is None or _ours(keyring, row, pairwise_parts(customer, service, id_)) else None


async def by_pairwise_ids(
    connection: Connection, keyring: Keyring, service: ServiceId, ids: Iterable[PairwiseId]
) -> dict[PairwiseId, CustomerId]:
    """Return which customers this service knows by these ids; what leads to nobody is left out."""
    rows = await connection.fetch(SQL["by_pairwise_ids"], service, list(ids))
    return {
        PairwiseId(row["id"]): CustomerId(row["customer"])
        for row in rows
        if _ours(keyring, row, pairwise_parts(row["customer"], service, row["id"]))
    }


async def by_identifier(
    connection: Connection, keyring: Keyring, kind: IdentifierKind, digest: bytes
) -> CustomerId | None:
    """Return the one customer whom an identifier finds; nobody when it is shared."""
    rows = await connection.fetch(SQL["by_identifier"], kind, digest)
    if len(rows) != 1:
        return None
    customer: CustomerId = rows[0]["customer"]
    parts = claim_parts(customer, kind, digest, rows[0]["verified_at"])
    return customer if _ours(keyring, rows[0], parts) else None


async def whom(
    connection: Connection,
    keyring: Keyring | None,
    caller: Speaker,
    customer: PairwiseId | Identifier | CustomerId | None,
) -> CustomerId:
    """Return the customer whom a caller means: herself, or whom a service or an operator names.

    Raises UnknownCustomerError. Without a keyring links are taken as the database has them; see ``by_pairwise``.
    """
    found: CustomerId | None = None
    match caller, customer:
        case ((CustomerCaller() | MessageCaller()), _):
            return caller.customer
        case OperatorCaller(), UUID():
            return CustomerId(customer)
        case OperatorCaller(), Identifier() if keyring is not None:
            found = await by_identifier(connection, keyring, customer.kind, keyring.index_of(customer))
        case ServiceCaller(), str():
            found = await by_pairwise(connection, keyring, caller.service, customer)
    if found is None:
        raise UnknownCustomerError
    return found


async def hold(connection: Connection, digests: Iterable[bytes]) -> None:
    """Until this transaction ends, nobody else claims these identifiers."""
    await connection.execute(SQL["hold"], LANES, sorted({digest[0] for digest in digests}))


async def claims(
    connection: Connection, keyring: Keyring, wanted: Iterable[tuple[IdentifierKind, bytes]]
) -> dict[tuple[IdentifierKind, bytes], set[CustomerId]]:
    """Return who claims each identifier, two at most; one that nobody claims is left out."""
    pairs = list(wanted)
    rows = await connection.fetch(SQL["claims"], [str(k) for k, _ in pairs], [d for _, d in pairs])
    return _claims(keyring, rows)


def _claims(keyring: Keyring, rows: Iterable[Record]) -> dict[tuple[IdentifierKind, bytes], set[CustomerId]]:
    found: dict[tuple[IdentifierKind, bytes], set[CustomerId]] = {}
    for row in rows:
        kind, digest, customer = IdentifierKind(row["kind"]), row["digest"], row["customer"]
        if _ours(keyring, row, claim_parts(customer, kind, digest, row["verified_at"])):
            found.setdefault((kind, digest), set()).add(customer)
    return found


async def claimants(
    connection: Connection, keyring: Keyring, wanted: Iterable[tuple[IdentifierKind, bytes]]
) -> dict[tuple[IdentifierKind, bytes], set[CustomerId]]:
    """Return everybody who claims each identifier, however many: whom a no reaches."""
    pairs = list(wanted)
    rows = await connection.fetch(SQL["claimants"], [str(k) for k, _ in pairs], [d for _, d in pairs])
    return _claims(keyring, rows)


async def clock(connection: Connection) -> datetime:
    """Return the database's time."""
    now: datetime = await connection.fetchval(SQL["clock"])
    return now


async def bump(connection: Connection, customer: CustomerId) -> Change:
    """Begin a change of a customer and of whoever is linked to her: until this transaction ends nobody else does."""
    changed, others = await _bumped(connection, {customer})
    if customer not in changed:
        raise UnknownCustomerError
    mine = changed[customer]
    return Change(mine["version"], mine["now"], tuple(sorted(others - {customer})))


async def _bumped(connection: Connection, asked: set[CustomerId]) -> tuple[dict[CustomerId, Record], set[CustomerId]]:
    """Bump customers and whoever is linked to them; returns what became of each, and who that is."""
    wanted = asked
    while True:
        changed = {row["id"]: row for row in await connection.fetch(SQL["bump"], list(wanted))}
        others = await linked(connection, asked)
        if others <= changed.keys() | wanted:
            return changed, others
        # A merge that was committed while we waited for it joined more to them than we saw: once more, with all.
        wanted = asked | others


async def create(connection: Connection, keyring: Keyring, customer: CustomerId) -> OpenKey:
    """Create a customer with a key of her own; returns it, open."""
    wrapped, key = keyring.new_customer_key(customer)
    await _create(connection, {customer: wrapped})
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
    await connection.execute(SQL["put_restrictions"], *_restrictions_row(keyring, customer, limits))


async def put_identifier(
    connection: Connection,
    keyring: Keyring,
    customer: CustomerId,
    key: OpenKey,
    found_by: Identifier,
    verified_at: datetime | None = None,
) -> None:
    """Let a customer be found by an identifier, which is kept sealed; one that she disowned stays as it is."""
    row = _identifier_row(keyring, customer, key, found_by, verified_at)
    await execute_for_all(connection, SQL["put_identifier"], [row])
    if verified_at is not None:
        _, kind, digest, _, _, _, *mac = row
        await connection.execute(SQL["verify_identifier"], customer, kind, digest, verified_at, *mac)


async def disown(connection: Connection, keyring: Keyring, claim: Claim, now: datetime) -> None:
    """Put an identifier out of use for a customer, and keep that she did."""
    mac = keyring.mac(claim_parts(claim.customer, *claim.found, claim.verified_at, now))
    await connection.execute(SQL["disown"], claim.customer, *claim.found, now, mac.version, mac.digest)


async def pairwise_id(connection: Connection, keyring: Keyring, customer: CustomerId, service: ServiceId) -> PairwiseId:
    """Return how this service knows this customer, making the id the first time."""
    made = PairwiseId(f"byc_{random_word(16)}")
    mac = keyring.mac(pairwise_parts(customer, service, made))
    await connection.execute(SQL["put_pairwise"], customer, service, made, mac.version, mac.digest)
    row = await connection.fetchrow(SQL["pairwise"], customer, service)
    found = own_id(keyring, customer, service, None if row is None else tuple(row.values()))
    if found is None:
        raise IntegrityError("an id that was just made is gone")
    return found


def own_id(keyring: Keyring, customer: CustomerId, service: ServiceId, row: Sequence[Any] | None) -> PairwiseId | None:
    """Return a service's id of a customer from its row; raises IntegrityError for one that is not ours."""
    if row is None:
        return None
    id_, version, digest = row
    if not keyring.authentic(Mac(version, digest), pairwise_parts(customer, service, id_)):
        raise IntegrityError("a service's id of a customer does not carry our MAC")
    return PairwiseId(id_)


# --- many customers at once: the same statements, sent together ---


async def line_up(connection: Connection, customers: Iterable[CustomerId]) -> set[CustomerId]:
    """Until this transaction ends, nothing about these customers changes and no release of them is entered.

    Returns them and whoever is linked to them.
    """
    held: set[CustomerId] = set()
    wanted = set(customers)
    while wanted:
        held |= {row["id"] for row in await connection.fetch(SQL["line_up"], list(wanted))} | wanted
        # A merge that was committed while we waited for it joined more to them than we saw.
        wanted = await linked(connection, held) - held
    return held


async def linked(connection: Connection, customers: Iterable[CustomerId]) -> set[CustomerId]:
    """Return who is linked to these customers, as the database has it: to hold them off, never to permit."""
    return {row["id"] for row in await connection.fetch(SQL["linked"], list(customers))}


async def open_keys(
    connection: Connection, keyring: Keyring, customers: Iterable[CustomerId]
) -> dict[CustomerId, OpenKey]:
    """Return the customers' keys, open; one that is gone, or does not open, is left out."""
    opened: dict[CustomerId, OpenKey] = {}
    for row in await connection.fetch(SQL["keys"], list(customers)):
        wrapped = CustomerKey(row["id"], row["epoch"], Sealed(row["wrapped"]))
        try:
            opened[row["customer"]] = keyring.open_customer_key(row["customer"], wrapped)
        except IntegrityError:
            log.error("alarm: a customer's key does not open", customer=str(row["customer"]))  # noqa: TRY400  no traceback
    return opened


async def identifiers_of(connection: Connection, customers: Iterable[CustomerId]) -> list[Claim]:
    """Return every identifier that these customers ever had, as the database has it, the disowned ones too."""
    return [_claim(row) for row in await connection.fetch(SQL["identifiers_of"], list(customers))]


async def proven_identifiers(connection: Connection, keyring: Keyring, customer: CustomerId) -> list[Claim]:
    """Return the identifiers that a customer has, as far as they carry our MAC."""
    claims = [(row, _claim(row)) for row in await connection.fetch(SQL["identifiers_of"], [customer])]
    return [each for row, each in claims if each.disowned_at is None and _ours(keyring, row, _claim_parts(each))]


async def bump_all(connection: Connection, customers: Iterable[CustomerId]) -> dict[CustomerId, Change]:
    """Begin a change of customers and of whoever is linked to them; returns what became of each of them."""
    changed, _ = await _bumped(connection, set(customers))
    return {customer: Change(row["version"], row["now"]) for customer, row in changed.items()}


async def create_all(
    connection: Connection, keyring: Keyring, limits: Mapping[CustomerId, Restrictions]
) -> dict[CustomerId, OpenKey]:
    """Create customers with these restrictions, each with a key of her own; returns the keys, open."""
    made = {customer: keyring.new_customer_key(customer) for customer in limits}
    await _create(connection, {customer: wrapped for customer, (wrapped, _) in made.items()})
    await put_all_restrictions(connection, keyring, limits)
    return {customer: key for customer, (_, key) in made.items()}


async def restrictions_of(
    connection: Connection, keyring: Keyring, customers: Iterable[CustomerId]
) -> dict[CustomerId, Restrictions]:
    """Return what customers forbid; one whose row is gone, or does not carry our MAC, is left out.

    What was said while no key was there counts, and is in what is put back.
    Whoever rewrites restrictions starts from here, so that what was tampered with never gets a MAC of ours.
    """
    found: dict[CustomerId, Restrictions] = {}
    for row in await connection.fetch(SQL["restrictions_of"], list(customers)):
        limits = restrictions_from(*(row[name] for name in Restrictions.__struct_fields__))
        left = less(limits, row["said_no"])
        if _ours(keyring, row, restriction_parts(row["customer"], limits)) and left is not None:
            found[row["customer"]] = left
    return found


async def put_all_restrictions(
    connection: Connection, keyring: Keyring, limits: Mapping[CustomerId, Restrictions]
) -> None:
    """Store what customers forbid, under our MAC."""
    rows = [_restrictions_row(keyring, customer, each) for customer, each in limits.items()]
    await connection.executemany(SQL["put_restrictions"], rows)


async def put_identifiers(
    connection: Connection, keyring: Keyring, found_by: Iterable[tuple[CustomerId, OpenKey, Identifier]]
) -> None:
    """Let customers be found by identifiers, which are kept sealed."""
    await execute_for_all(connection, SQL["put_identifier"], [_identifier_row(keyring, *each) for each in found_by])


async def _create(connection: Connection, keys: Mapping[CustomerId, CustomerKey]) -> None:
    await execute_for_all(connection, SQL["create"], [(customer, random_number(FIRST_VERSION)) for customer in keys])
    rows = [(customer, key.id, key.epoch, key.wrapped.data) for customer, key in keys.items()]
    await execute_for_all(connection, SQL["put_key"], rows)


def _restrictions_row(keyring: Keyring, customer: CustomerId, limits: Restrictions) -> list[object]:
    mac = keyring.mac(restriction_parts(customer, limits))
    return [customer, *(getattr(limits, name) for name in limits.__struct_fields__), mac.version, mac.digest]


def _identifier_row(
    keyring: Keyring, customer: CustomerId, key: OpenKey, found_by: Identifier, verified_at: datetime | None = None
) -> list[object]:
    kind, digest = found_by.kind, keyring.index_of(found_by)
    sealed = seal(key.key, found_by.value.encode(), identifier_labels(customer, kind, digest, key.id))
    mac = keyring.mac(claim_parts(customer, kind, digest, verified_at))
    return [customer, kind, digest, key.id, sealed.data, verified_at, mac.version, mac.digest]


def _claim(row: Record) -> Claim:
    return Claim(
        row["customer"],
        IdentifierKind(row["kind"]),
        row["digest"],
        row["key"],
        Sealed(row["sealed"]),
        row["since"],
        row["verified_at"],
        row["disowned_at"],
    )


def _claim_parts(claim: Claim) -> list[Part]:
    return claim_parts(claim.customer, *claim.found, claim.verified_at, claim.disowned_at)


def _ours(keyring: Keyring, row: Record, parts: list[Part]) -> bool:
    """Whether a row carries our MAC: whom an id leads to, and what she forbids, is not the database's to say."""
    ours = keyring.authentic(Mac(row["mac_version"], row["mac"]), parts)
    if not ours:
        log.error("alarm: a row of a customer does not carry our MAC", what=parts[0])
    return ours

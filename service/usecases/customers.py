"""Enrolling customers, and taking in facts about them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from msgspec import Struct

from service.crypto.keyring import Keyring, OpenKey
from service.crypto.random import random_bytes
from service.database import Connection, Database
from service.errors import (
    IdentifierTakenError,
    NotGrantedError,
    UnknownAttributeError,
    UnknownCustomerError,
    WrongKindError,
)
from service.model.callers import ServiceCaller
from service.model.facts import restrictions_at_enrolment
from service.model.identifiers import Identifier
from service.model.ledger import Contributed, Enrolled, entry
from service.model.words import AgeBand, AttributeId, CustomerId, EntryId, PairwiseId, Provenance
from service.policy.engine import Policies
from service.storage import customers, facts, ledger

CLOCKS_DIFFER = timedelta(minutes=5)
"""By how much another system's clock may be ahead of ours."""


class Changed(Struct, frozen=True):
    """What every write answers: ids, the version and the entry."""

    customer: PairwiseId
    version: int
    entry: EntryId


class Claim(Struct, frozen=True):
    """A fact as a service says it; its repr hides the value."""

    attribute: AttributeId
    provenance: Provenance
    value: bytes
    as_of: datetime | None

    def __repr__(self) -> str:
        return f"Claim({self.attribute!r}, {self.provenance!r})"


async def enrol(
    database: Database,
    keyring: Keyring,
    policies: Policies,
    caller: ServiceCaller,
    found_by: Sequence[Identifier],
    age_band: AgeBand,
) -> Changed:
    """Enrol a customer, or recognise her by her identifiers; answers the same in both cases.

    Raises IdentifierTakenError when the identifiers lead to several customers: two people are never merged silently.
    """
    if caller.service not in policies.catalogue.services:
        raise NotGrantedError("this service is no longer in the catalogue")
    digests = {keyring.index_of(each): each for each in found_by}
    async with database.transaction() as connection:
        await customers.hold(connection, digests)
        claims = await customers.claims(connection, [(each.kind, digest) for digest, each in digests.items()])
        customer = _one_of({frozenset(who) for who in claims.values()}, every=len(claims) == len(digests))
        new = customer is None
        customer, key = await _customer(connection, keyring, customer, age_band)
        change = await customers.bump(connection, customer)
        for each in found_by:
            await customers.put_identifier(connection, keyring, customer, key, each)
        pairwise = await customers.pairwise_id(connection, customer, caller.service)
        act = Enrolled(identifiers=sorted({each.kind for each in found_by}), new=new)
        id_ = ledger.new_entry_id(change.now)
        await ledger.append(connection, entry(id_, customer, caller, change.now, act))
    return Changed(pairwise, change.version, id_)


async def contribute(
    database: Database,
    keyring: Keyring,
    policies: Policies,
    caller: ServiceCaller,
    customer: PairwiseId,
    claims: Sequence[Claim],
) -> Changed:
    """Store facts about a customer, sealed, as far as this service may say them."""
    values = [_checked(policies, caller, index, claim) for index, claim in enumerate(claims)]
    async with database.transaction() as connection:
        found = await customers.by_pairwise(connection, caller.service, customer)
        if found is None:
            raise UnknownCustomerError
        key = await customers.open_key(connection, keyring, found)
        change = await customers.bump(connection, found)
        for index, (claim, value) in enumerate(zip(claims, values, strict=True)):
            fact = facts.NewFact(
                claim.attribute, claim.provenance, caller.service, _as_of(claim, change.now, index), value
            )
            await facts.put(connection, found, key, fact, change.version)
        act = Contributed(facts=sorted({f"{claim.attribute}#{claim.provenance}" for claim in claims}))
        id_ = ledger.new_entry_id(change.now)
        await ledger.append(connection, entry(id_, found, caller, change.now, act))
    return Changed(customer, change.version, id_)


def _one_of(claimed_by: set[frozenset[CustomerId]], *, every: bool) -> CustomerId | None:
    """Return the one customer that the identifiers find, None for a new one."""
    sole = {next(iter(who)) for who in claimed_by if len(who) == 1}
    shared = any(len(who) > 1 for who in claimed_by)
    if len(sole) > 1:
        raise IdentifierTakenError("the identifiers belong to different customers")
    if not sole and shared and every:
        raise IdentifierTakenError("the identifiers are shared by several customers; send one that is hers alone")
    return next(iter(sole), None)


async def _customer(
    connection: Connection, keyring: Keyring, customer: CustomerId | None, age_band: AgeBand
) -> tuple[CustomerId, OpenKey]:
    if customer is not None:
        return customer, await customers.open_key(connection, keyring, customer)
    customer = CustomerId(UUID(bytes=random_bytes(16), version=4))
    key = await customers.create(connection, keyring, customer)
    await customers.put_restrictions(connection, keyring, customer, restrictions_at_enrolment(age_band))
    return customer, key


def _checked(policies: Policies, caller: ServiceCaller, index: int, claim: Claim) -> bytes:
    """Return the value in its stored form, if the attribute exists, the service may say it and the value fits."""
    attribute = policies.catalogue.attributes.get(claim.attribute)
    if attribute is None:
        raise UnknownAttributeError(pointer=f"/facts/{index}/attribute")
    service = policies.catalogue.services.get(caller.service)
    if service is None or not service.may_contribute(claim.attribute, claim.provenance):
        raise NotGrantedError(
            "this service may not say this with this provenance", pointer=f"/facts/{index}/provenance"
        )
    try:
        return attribute.canonical(claim.value)
    except msgspec.ValidationError:
        raise WrongKindError(f"expected {attribute.kind}", pointer=f"/facts/{index}/value") from None


def _as_of(claim: Claim, now: datetime, index: int) -> datetime:
    if claim.as_of is not None and claim.as_of > now + CLOCKS_DIFFER:
        raise WrongKindError("a fact cannot be from the future", pointer=f"/facts/{index}/as_of")
    return now if claim.as_of is None else min(claim.as_of, now)

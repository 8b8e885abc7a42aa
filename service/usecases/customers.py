"""Enrolling customers, and taking in facts about them."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import Struct

from service.crypto.keyring import Keyring, OpenKey
from service.crypto.random import random_bytes
from service.database import Connection, Database
from service.errors import (
    IdentifierTakenError,
    IntegrityError,
    NotGrantedError,
    SuppressedError,
    UnknownAttributeError,
    UnknownFactError,
    WrongKindError,
)
from service.model.callers import ServiceCaller, actor
from service.model.catalogue import Service
from service.model.choices import Age, Chosen, at_once
from service.model.clocks import CLOCKS_DIFFER
from service.model.consent import Answer
from service.model.facts import CERTAIN, fact_name, kind_of, restrictions_at_enrolment, with_age_band
from service.model.identifiers import Identifier, recognised
from service.model.ledger import Contributed, Enrolled, entry
from service.model.strikes import kept_out
from service.model.suppression import Found, Recording, Suppression, bearing, forgotten
from service.model.words import (
    Acting,
    AgeBand,
    AttributeId,
    CustomerId,
    EntryId,
    IdentifierKind,
    Method,
    PairwiseId,
    Provenance,
)
from service.policy.engine import Policies
from service.storage import access, choices, consents, customers, facts, ledger, strikes, suppressions

DIFFERENT = "the identifiers belong to different customers"
"""Also what is said of one that she disowned, so that nobody learns that she did."""


class Changed(Struct, frozen=True):
    """What every write answers: ids, the version and the entry; of facts also the places of those not kept."""

    customer: PairwiseId
    version: int
    entry: EntryId
    not_kept: list[int] = []


class Parent(Struct, frozen=True):
    """A fact of the same customer that another was inferred from."""

    attribute: str
    provenance: Provenance
    source: str

    @property
    def name(self) -> str:
        """Its name among her facts."""
        return fact_name(self.attribute, self.provenance, self.source)


class Claim(Struct, frozen=True):
    """A fact as a service says it; its repr hides the value."""

    attribute: AttributeId
    provenance: Provenance
    value: bytes
    as_of: datetime | None
    source: str = ""
    """The service's own word for where it comes from, such as an order."""
    confidence: int = CERTAIN
    derived_from: tuple[Parent, ...] = ()

    def __repr__(self) -> str:
        return f"Claim({self.attribute!r}, {self.provenance!r})"


class Newcomer(Struct, frozen=True):
    """Who is to be enrolled. ``verified``: kinds of identifiers of which the service has verified whose they are."""

    found_by: Sequence[Identifier]
    age_band: AgeBand = AgeBand.UNKNOWN
    verified: Sequence[IdentifierKind] = ()

    def __repr__(self) -> str:
        return "Newcomer()"

    @property
    def kinds(self) -> set[IdentifierKind]:
        """Of which kinds her identifiers are."""
        return {each.kind for each in self.found_by}


async def enrol(
    database: Database, keyring: Keyring, policies: Policies, caller: ServiceCaller, who: Newcomer
) -> Changed:
    """Enrol a customer, or recognise her by her identifiers; answers the same in both cases.

    To one who is known only a service that verifies identifiers of a kind adds one; any other is not told that nothing
    was added, for that would tell it that she is known. Of one who is known, a ``minor`` tightens what holds and an
    ``adult`` hardly ever opens it: see ``with_age_band``. One who said no before she was anybody here is refused what
    she refused. Raises IdentifierTakenError when the identifiers lead to several customers, or one of them was
    disowned: two people are never merged silently; SuppressedError for one who asked to be forgotten.
    """
    service = policies.catalogue.services.get(caller.service)
    if service is None:
        raise NotGrantedError("this service is no longer in the catalogue")
    _refuse_unverifiable(service, who)
    asked = {(each.kind, keyring.index_of(each)): each for each in who.found_by}
    async with database.transaction() as connection:
        await access.refuse_ended(connection, caller)
        await customers.hold(connection, [digest for _, digest in asked])
        known = await _recognised(connection, keyring, asked.keys())
        left_alone = await _left_alone(connection, asked.keys(), known)
        customer, key = await _customer(connection, keyring, known, who.age_band)
        change = await customers.bump(connection, customer)
        aged = await _aged(connection, keyring, (customer, *change.others), who.age_band, service) if known else []
        hers = await _hers(connection, customer, asked)
        mine = [each for found, each in asked.items() if not known or found in hers or each.kind in service.identifies]
        for each in mine:
            verified_at = change.now if each.kind in who.verified else None
            await customers.put_identifier(connection, keyring, customer, key, each, verified_at)
        pairwise = await customers.pairwise_id(connection, keyring, customer, caller.service)
        word = _Word(caller, policies, change.now, who.age_band, left_alone)
        id_ = ledger.new_entry_id(change.now)
        refused = await _refuse(connection, keyring, word, customer, id_)
        act = Enrolled(
            identifiers=sorted({each.kind for each in mine}),
            new=not known,
            restrictions=["age_band"] if customer in aged else [],
            refused=_spots(refused),
            verified=sorted(set(who.verified)),
        )
        believed = customer in aged or (not known and who.age_band is not AgeBand.UNKNOWN)
        chosen = await _believe(connection, word, customer, id_) if believed else []
        await ledger.append(connection, keyring, entry(id_, customer, caller, change.now, act, [*chosen, *refused]))
        for other in change.others:
            await _spread(connection, keyring, word, other, aged=other in aged)
    return Changed(pairwise, change.version, id_)


async def contribute(
    database: Database,
    keyring: Keyring,
    policies: Policies,
    caller: ServiceCaller,
    customer: PairwiseId,
    claims: Sequence[Claim],
) -> Changed:
    """Store facts about a customer, sealed, as far as this service may say them.

    What she said was not her, and what was built on that, is not kept; nor is what is older than what is there.
    """
    values = [_checked(policies, caller, index, claim) for index, claim in enumerate(claims)]
    async with database.transaction() as connection:
        await access.refuse_ended(connection, caller)
        found = await customers.whom(connection, keyring, caller, customer)
        key = await customers.open_key(connection, keyring, found)
        change = await customers.bump(connection, found)
        new = [
            _fact(caller, change.now, index, claim, value)
            for index, (claim, value) in enumerate(zip(claims, values, strict=True))
        ]
        blocks = await strikes.blocks(connection, (found, *change.others))
        fence = strikes.Fence(keyring, blocks, policies.catalogue.attributes)
        # What a release hands over of a merged person may be of any side, and so is what is built on it.
        dated = await facts.dated(connection, (found, *change.others), _attributes_of(claims))
        live = {name for _, name in dated}
        _refuse_unknown_parents(claims, live | {each.label.name for each in new}, fence)
        out = {*(kept_out([each.label for each in new], live, fence) if fence else ())}
        out |= {index for index, each in enumerate(new) if dated.get((found, each.label.name), each.as_of) > each.as_of}
        kept = [each for index, each in enumerate(new) if index not in out]
        await facts.put_all(connection, [(found, key, each, change.version) for each in kept])
        act = Contributed(facts=sorted({kind_of(each.attribute, each.provenance) for each in kept}))
        id_ = ledger.new_entry_id(change.now)
        await ledger.append(connection, keyring, entry(id_, found, caller, change.now, act))
    return Changed(customer, change.version, id_, sorted(out))


def _fact(caller: ServiceCaller, now: datetime, index: int, claim: Claim, value: bytes) -> facts.NewFact:
    lineage = tuple(sorted(each.name for each in claim.derived_from))
    source, as_of = _source(caller, claim), _as_of(claim, now, index)
    return facts.NewFact(claim.attribute, claim.provenance, source, as_of, value, claim.confidence, lineage)


def _source(caller: ServiceCaller, claim: Claim) -> str:
    """Return whose word it is, and where that service says it comes from."""
    return f"{caller.service}/{claim.source}" if claim.source else caller.service


def _attributes_of(claims: Sequence[Claim]) -> set[AttributeId]:
    """Return the attributes that are spoken of, and those of what that was built on."""
    parents = {AttributeId(parent.attribute) for claim in claims for parent in claim.derived_from}
    return parents | {claim.attribute for claim in claims}


def _refuse_unknown_parents(claims: Sequence[Claim], known: set[str], fence: strikes.Fence) -> None:
    """Refuse lineage that leads nowhere, for then an inference could not be taken back with what it rests on.

    Of what was struck out nobody is told that it is not there: what rests on it is not kept, and that is all.
    """
    for index, claim in enumerate(claims):
        for place, parent in enumerate(claim.derived_from):
            if parent.name not in known and fence.knows(parent.name) is None:
                raise UnknownFactError(pointer=f"/facts/{index}/derived_from/{place}")


async def _left_alone(
    connection: Connection, asked: Collection[Found], customer: CustomerId | None
) -> list[Suppression]:
    """Return what was refused by whoever surely has these identifiers; raises SuppressedError."""
    hers = await customers.identifiers_of(connection, [customer] if customer else [])
    shown = {*asked, *(each.found for each in hers if each.disowned_at is None)}
    found = await suppressions.among(connection, shown)
    if forgotten(each for these in found.values() for each in these):
        raise SuppressedError
    return bearing((each for these in found.values() for each in these), shown)


class _Word(Struct, frozen=True):
    """What a service says of somebody and when, and what she refused before she was anybody here."""

    caller: ServiceCaller
    policies: Policies
    now: datetime
    age_band: AgeBand
    left_alone: Sequence[Suppression]

    def __repr__(self) -> str:
        return "_Word()"


async def _spread(connection: Connection, keyring: Keyring, word: _Word, other: CustomerId, *, aged: bool) -> None:
    """Let it hold for whoever is linked to her, too, with an entry of its own where that changes anything."""
    id_ = ledger.new_entry_id(word.now)
    refused = await _refuse(connection, keyring, word, other, id_)
    chosen = await _believe(connection, word, other, id_) if aged else []
    if refused or aged:
        limits = ["age_band"] if aged else []
        act = Enrolled(identifiers=[], new=False, restrictions=limits, refused=_spots(refused))
        await ledger.append(connection, keyring, entry(id_, other, word.caller, word.now, act, [*chosen, *refused]))


async def _refuse(
    connection: Connection, keyring: Keyring, word: _Word, customer: CustomerId, id_: EntryId
) -> list[Answer]:
    recording = Recording(actor(word.caller), word.now, word.policies.version, id_)
    return await consents.refuse_left_alone(
        connection, keyring, word.policies.catalogue, customer, word.left_alone, recording
    )


async def _believe(connection: Connection, word: _Word, customer: CustomerId, id_: EntryId) -> list[Chosen]:
    """Record an age band that is believed as the choice that it counts as, and return that."""
    by, acting = actor(word.caller), Acting.CONTROLLER
    chosen = at_once(Age(word.age_band), by, word.now, id_, method=Method.API, acting=acting)
    await choices.record(connection, customer, chosen)
    return [chosen]


def _spots(answers: Iterable[Answer]) -> list[str]:
    return [f"{each.purpose}/{each.channel}" for each in answers]


def _refuse_unverifiable(service: Service, who: Newcomer) -> None:
    if IdentifierKind.DEVICE in who.kinds and len(who.found_by) > 1:
        raise WrongKindError("a device stands alone: it says of nobody who she is", pointer="/identifiers/device")
    for index, kind in enumerate(who.verified):
        if kind not in service.identifies:
            raise NotGrantedError("this service does not verify identifiers of this kind", pointer=f"/verified/{index}")
        if kind not in who.kinds:
            raise WrongKindError("none of the identifiers is of this kind", pointer=f"/verified/{index}")


async def _hers(connection: Connection, customer: CustomerId, asked: Collection[Found]) -> set[Found]:
    """Return which of these identifiers she has; raises IdentifierTakenError if she disowned one of them."""
    claims = [each for each in await customers.identifiers_of(connection, [customer]) if each.found in asked]
    if any(each.disowned_at is not None for each in claims):
        raise IdentifierTakenError(DIFFERENT)
    return {each.found for each in claims}


async def _recognised(connection: Connection, keyring: Keyring, asked: Collection[Found]) -> CustomerId | None:
    """Return the one customer whom the identifiers find, None for a new one."""
    claims = await customers.claims(connection, keyring, asked)
    sole = {next(iter(who)) for who in claims.values() if len(who) == 1}
    if len(sole) > 1:
        raise IdentifierTakenError(DIFFERENT)
    if not sole and len(claims) == len(asked):
        raise IdentifierTakenError("the identifiers are shared by several customers; send one that is hers alone")
    claimed = await customers.identifiers_of(connection, sole)
    owned = {(each.customer, *each.found) for each in claimed if each.disowned_at is None}
    return recognised({each: claims.get(each, set()) for each in asked}, owned)


async def _customer(
    connection: Connection, keyring: Keyring, customer: CustomerId | None, age_band: AgeBand
) -> tuple[CustomerId, OpenKey]:
    if customer is not None:
        return customer, await customers.open_key(connection, keyring, customer)
    customer = CustomerId(UUID(bytes=random_bytes(16), version=4))
    key = await customers.create(connection, keyring, customer)
    await customers.put_restrictions(connection, keyring, customer, restrictions_at_enrolment(age_band))
    return customer, key


async def _aged(
    connection: Connection, keyring: Keyring, person: Sequence[CustomerId], said: AgeBand, service: Service
) -> list[CustomerId]:
    """Let somebody's word on a customer's age have its effect; returns on whom it had one.

    ``person``: the customer, then whoever is linked to her. What tightens holds for all of them.
    """
    if said is AgeBand.UNKNOWN:
        return []
    concerned = person if said is AgeBand.MINOR else person[:1]
    held = await customers.restrictions_of(connection, keyring, concerned)
    if held.keys() != set(concerned):
        raise IntegrityError("a customer's restrictions are gone or do not carry our MAC")
    told = {each: with_age_band(limits, said, may_open=service.may_open) for each, limits in held.items()}
    changed = {each: limits for each, limits in told.items() if limits != held[each]}
    await customers.put_all_restrictions(connection, keyring, changed)
    return list(changed)


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
    if claim.derived_from and claim.provenance is not Provenance.INFERRED:
        raise WrongKindError("only what is inferred is derived from something", pointer=f"/facts/{index}/derived_from")
    try:
        return attribute.canonical(claim.value)
    except msgspec.ValidationError:
        raise WrongKindError(f"expected {attribute.kind}", pointer=f"/facts/{index}/value") from None


def _as_of(claim: Claim, now: datetime, index: int) -> datetime:
    if claim.as_of is not None and claim.as_of > now + CLOCKS_DIFFER:
        raise WrongKindError("a fact cannot be from the future", pointer=f"/facts/{index}/as_of")
    return now if claim.as_of is None else min(claim.as_of, now)

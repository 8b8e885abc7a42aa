"""The main job: hand over what the customer allows, and nothing else.

The order is the point: read the facts, decide, enter the decision in the ledger only if the facts still hold, and
only then open what was permitted.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

import msgspec
import structlog
from msgspec import Struct

from service.crypto.keyring import Keyring, OpenKey, open_sealed
from service.crypto.random import sortable_id
from service.database import Connection, Database
from service.errors import (
    FactsChangedError,
    IntegrityError,
    KeysUnavailableError,
    NotGrantedError,
    ServiceError,
    TooLateError,
    UnknownAttributeError,
    UnknownPurposeError,
)
from service.model.callers import ServiceCaller
from service.model.decision import Decision, Permit, nothing_but
from service.model.facts import CustomerKey, Facts, SealedFact
from service.model.identifiers import Identifier
from service.model.ledger import Aborted, Checked, Entry, Released, entry
from service.model.situation import Asked, told
from service.model.words import (
    AttributeId,
    Basis,
    Channel,
    CustomerId,
    EntryId,
    PairwiseId,
    PolicyVersion,
    PurposeId,
    Status,
)
from service.policy.decide import decide
from service.policy.engine import ENGINE_ERROR, Policies
from service.storage import access, customers, evidence, facts, ledger

ATTEMPTS = 3
"""How often a request is decided when its facts change meanwhile."""
log = structlog.get_logger()

FRESH = 2.0
"""Seconds after reading the facts within which data must leave (promise P2)."""


class Gate(Struct, frozen=True):
    """What a release may touch. ``monotonic`` is this worker's own clock, which nobody sets."""

    database: Database
    keyring: Keyring
    policies_at: Callable[[PolicyVersion], Awaitable[Policies]]
    monotonic: Callable[[], float]
    heed: Callable[[ServiceCaller, CustomerId], Awaitable[object]]
    """Records, in a transaction of its own, that she wants nothing shared."""


class Wanted(Struct, frozen=True):
    """What a service asks for. ``hand_over``: values too, not only the decision.

    ``gpc``: her browser sent the service the Global Privacy Control.
    """

    customer: PairwiseId | Identifier
    purpose: PurposeId
    channel: Channel
    attributes: tuple[AttributeId, ...]
    hand_over: bool
    gpc: bool = False


class Handed(Struct, frozen=True):
    """One opened value on its way out; its repr hides it."""

    fact: SealedFact
    value: msgspec.Raw

    def __repr__(self) -> str:
        return f"Handed({self.fact.attribute!r})"


class Answer(Struct, frozen=True):
    """What a service is told. For a customer it cannot find, or may learn nothing about, the last four are None."""

    id: str
    decision: Decision
    released: Mapping[AttributeId, Handed]
    entry: EntryId
    customer: PairwiseId | None = None
    version: int | None = None
    consent: Status | None = None
    notice: int | None = None
    overruled: datetime | None = None
    """Since when her yes to this stands that her wish to have nothing shared overrules."""


class Decided(Struct, frozen=True):
    """A decision, with the facts it was made on."""

    snapshot: facts.Snapshot
    policies: Policies
    decision: Decision
    since: float


async def release(gate: Gate, caller: ServiceCaller, wanted: Wanted) -> Answer:
    """Decide, enter and hand over.

    Raises UnknownPurposeError, UnknownAttributeError, NotGrantedError (nothing is entered), or an UnavailableError
    or IntegrityError, in which case no data leaves.
    """
    for _ in range(ATTEMPTS):
        decided = await _heeding(gate, caller, wanted, await _decide(gate, caller, wanted))
        try:
            line, pairwise = await _enter(gate, caller, wanted, decided)
        except FactsChangedError:
            continue
        released = await _open(gate, caller, decided, line) if wanted.hand_over else {}
        return _answer(caller, wanted, decided, line, pairwise, released)
    raise FactsChangedError


async def _heeding(gate: Gate, caller: ServiceCaller, wanted: Wanted, decided: Decided) -> Decided:
    """Record a signal that says something new, now that nothing of the request is refused, and decide on that."""
    about = decided.snapshot.facts
    if not wanted.gpc or about.customer is None or about.restrictions is None or not about.restrictions.may_share:
        return decided
    await gate.heed(caller, about.customer)
    return await _decide(gate, caller, wanted)


async def _decide(gate: Gate, caller: ServiceCaller, wanted: Wanted) -> Decided:
    since, asked = gate.monotonic(), Asked(caller.service, wanted.purpose, wanted.channel, wanted.gpc)
    async with gate.database.connection() as connection:
        customer = await _find(connection, gate.keyring, caller, wanted.customer)
        await access.refuse_ended(connection, caller)
        snapshot = await facts.read(connection, gate.keyring, customer, asked, wanted.attributes)
    policies = await gate.policies_at(snapshot.publication.version)
    _refuse_what_no_policy_judges(policies, asked, wanted.attributes)
    decision = decide(policies, asked, wanted.attributes, snapshot.facts)
    if any(each.reason == ENGINE_ERROR for each in decision.withheld):
        log.error("alarm: the policy engine failed, which is a no", purpose=wanted.purpose, version=policies.version)
    return Decided(snapshot, policies, decision, since)


async def _find(
    connection: Connection, keyring: Keyring, caller: ServiceCaller, who: PairwiseId | Identifier
) -> CustomerId | None:
    if isinstance(who, Identifier):
        return await customers.by_identifier(connection, keyring, who.kind, keyring.index_of(who))
    return await customers.by_pairwise(connection, keyring, caller.service, who)


def _refuse_what_no_policy_judges(policies: Policies, asked: Asked, attributes: tuple[AttributeId, ...]) -> None:
    catalogue = policies.catalogue
    if asked.purpose not in catalogue.purposes:
        raise UnknownPurposeError(pointer="/purpose")
    service = catalogue.services.get(asked.service)
    use = None if service is None else service.uses.get(asked.purpose)
    if use is None or asked.channel not in use.channels:
        raise NotGrantedError("this service has no grant for this purpose on this channel", pointer="/purpose")
    for index, attribute in enumerate(attributes):
        if attribute not in catalogue.attributes:
            raise UnknownAttributeError(pointer=f"/attributes/{index}")


async def _enter(
    gate: Gate, caller: ServiceCaller, wanted: Wanted, decided: Decided
) -> tuple[Entry, PairwiseId | None]:
    """Commit the entry, durably and only if the facts still hold."""
    about = decided.snapshot.facts
    line = entry(ledger.new_entry_id(about.now), about.customer, caller, about.now, _act(wanted, decided))
    async with gate.database.transaction() as connection:
        if about.customer is None:
            await ledger.append(connection, None, line)
            return line, None
        ground = ledger.Ground(about.version, decided.snapshot.publication.sequence, caller.key)
        key = await _evidence_key(connection, gate.keyring, about.customer, decided.snapshot.evidence)
        await ledger.append_if_unchanged(connection, key, line, ground)
        # She may have disowned the identifier between being found by it and being read; from here on she cannot.
        if isinstance(wanted.customer, Identifier):
            await _refuse_moved(connection, gate.keyring, caller, wanted.customer, about.customer)
        if decided.snapshot.pairwise is None and decided.decision.permits:
            return line, await customers.pairwise_id(connection, gate.keyring, about.customer, caller.service)
    return line, decided.snapshot.pairwise


async def _evidence_key(
    connection: Connection, keyring: Keyring, customer: CustomerId, stored: CustomerKey | None
) -> OpenKey:
    """Return what seals the entry: without it nothing leaves."""
    if stored is not None:
        return keyring.open_evidence_key(customer, stored)
    key = (await evidence.keys_for(connection, keyring, [customer]))[customer]
    if key is None:
        raise IntegrityError("an evidence key does not open")
    return key


async def _refuse_moved(
    connection: Connection, keyring: Keyring, caller: ServiceCaller, who: Identifier, customer: CustomerId
) -> None:
    """Raise FactsChangedError if an identifier no longer finds the customer who was decided on."""
    if await _find(connection, keyring, caller, who) != customer:
        raise FactsChangedError


def _act(wanted: Wanted, decided: Decided) -> Released:
    decision, about = decided.decision, decided.snapshot.facts
    kind = Released if wanted.hand_over else Checked
    return kind(
        decision=sortable_id("dec", about.now),
        purpose=wanted.purpose,
        channel=wanted.channel,
        outcome=decision.outcome,
        released=[permit.fact.attribute for permit in decision.permits],
        withheld={each.attribute: each.reason for each in decision.withheld},
        policy_version=decision.policy_version,
        version=about.version,
    )


async def _open(gate: Gate, caller: ServiceCaller, decided: Decided, line: Entry) -> dict[AttributeId, Handed]:
    """Open what was permitted. If that fails the ledger says that nothing left after all."""
    try:
        opened = _opened(gate.keyring, decided)
        _refuse_stale(gate, decided)
    except Exception as error:
        act = Aborted(entry=line.id, reason=error.code if isinstance(error, ServiceError) else ServiceError.code)
        async with gate.database.transaction() as connection:
            now = await customers.clock(connection)
            aborted = entry(ledger.new_entry_id(now), line.customer, caller, now, act)
            await ledger.append(connection, gate.keyring, aborted)
        raise
    return opened


def _refuse_stale(gate: Gate, decided: Decided) -> None:
    if gate.monotonic() - decided.since > FRESH:
        raise TooLateError


def _opened(keyring: Keyring, decided: Decided) -> dict[AttributeId, Handed]:
    permits, wrapped = decided.decision.permits, decided.snapshot.keys
    owners = {permit.customer for permit in permits}
    if not owners <= wrapped.keys():
        raise KeysUnavailableError("the customer's key is gone")
    keys = {owner: keyring.open_customer_key(owner, wrapped[owner]) for owner in owners}
    return {permit.fact.attribute: _handed(keys[permit.customer], permit) for permit in permits}


def _handed(key: OpenKey, permit: Permit) -> Handed:
    return Handed(permit.fact, msgspec.Raw(open_sealed(key, permit)))


def _answer(
    caller: ServiceCaller,
    wanted: Wanted,
    decided: Decided,
    line: Entry,
    pairwise: PairwiseId | None,
    released: dict[AttributeId, Handed],
) -> Answer:
    about, decision = decided.snapshot.facts, decided.decision
    act = line.act
    assert isinstance(act, Released)  # noqa: S101  made by _act
    if _tells_nothing(wanted, about, decision):
        refusal = nothing_but("no-permission", wanted.attributes, decision.policy_version)
        return Answer(act.decision, refusal, {}, line.id)
    standing = _consent(decided.policies, wanted, about)
    return Answer(
        id=act.decision,
        decision=decision,
        released=released,
        entry=line.id,
        customer=pairwise,
        version=about.version,
        consent=standing[0],
        notice=standing[1],
        overruled=_overruled(decided, caller, wanted),
    )


def _overruled(decided: Decided, caller: ServiceCaller, wanted: Wanted) -> datetime | None:
    """Return since when her yes to this stands, where she also wants nothing shared and this service is outside."""
    about, catalogue = decided.snapshot.facts, decided.policies.catalogue
    shares = about.restrictions is not None and about.restrictions.may_share and not wanted.gpc
    if shares or about.standing is None or not about.standing.status_at(about.now).valid:
        return None
    return about.standing.decided_at if catalogue.services[caller.service].third_party else None


def _tells_nothing(wanted: Wanted, about: Facts, decision: Decision) -> bool:
    """Whether the answer must not tell an unknown customer from one who allows nothing."""
    asked_by_identifier = isinstance(wanted.customer, Identifier)
    return about.customer is None or (asked_by_identifier and not decision.permits)


def _consent(policies: Policies, wanted: Wanted, about: Facts) -> tuple[Status | None, int | None]:
    if policies.catalogue.purposes[wanted.purpose].basis is not Basis.CONSENT:
        return None, None
    return told(about)

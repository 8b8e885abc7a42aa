"""The main job: hand over what the customer allows, and nothing else.

The order is the point: read the facts, decide, enter the decision in the ledger only if the facts still hold, and
only then open what was permitted.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TypeVar

import msgspec
import structlog
from msgspec import Struct, structs

from service.batches import Batches, Sizes
from service.crypto.credentials import Credential
from service.crypto.keyring import Keyring, OpenKey, open_sealed
from service.database import Database
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
from service.meters import METERS
from service.model.callers import ServiceCaller
from service.model.decision import Decision, nothing_but
from service.model.facts import Facts, SealedFact
from service.model.identifiers import Identifier
from service.model.ledger import Aborted, Checked, Entry, Released, entry
from service.model.limits import Limits
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
Result = TypeVar("Result")
FRESH = 2.0
"""Seconds after reading the facts within which data must leave (promise P2)."""
READING = Sizes(most=32, away=2, room=2_000)
ENTERING = Sizes(most=64, away=1, room=2_000)
"""So that the database works at some batches while this process works at others: in one large batch each would wait for
the other. What may wait is what is answered within a second or so."""
log = structlog.get_logger()


class Rails:
    """What concurrent releases have in common: one read for all that wait, and one commit."""

    def __init__(self, database: Database) -> None:
        self.reading = Batches(partial(_asking, database), READING)
        self.entering = Batches(partial(_entering, database), ENTERING)

    @property
    def waiting(self) -> int:
        """How many releases wait to be read or entered."""
        return self.reading.waiting + self.entering.waiting


async def _asking(database: Database, inquiries: Sequence[facts.Inquiry]) -> list[str]:
    METERS.read_batch.observe(len(inquiries))
    async with database.connection() as connection:
        return await facts.ask(connection, inquiries)


async def _entering(database: Database, entries: Sequence[ledger.Ready]) -> list[bool]:
    METERS.commit_batch.observe(len(entries))
    async with database.connection() as connection:
        return await ledger.append_unchanged(connection, entries)


class Gate(Struct, frozen=True):
    """What a release may touch. ``monotonic`` is this worker's own clock, which nobody sets."""

    rails: Rails
    database: Database
    keyring: Keyring
    policies_at: Callable[[PolicyVersion], Awaitable[Policies]]
    monotonic: Callable[[], float]
    heed: Callable[[ServiceCaller, CustomerId], Awaitable[object]]
    """Records, in a transaction of its own, that she wants nothing shared."""
    limits: Limits = msgspec.field(default_factory=Limits)
    lane: str = ""
    """Beside what else of the same service it waits in turn: many at once hold up only themselves."""


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

    caller: ServiceCaller
    snapshot: facts.Snapshot
    policies: Policies
    decision: Decision
    since: float


class Settled(Struct, frozen=True):
    """A decision that is entered in the ledger; nothing is opened yet."""

    decided: Decided
    line: Entry
    pairwise: PairwiseId | None
    began: float
    """By the clock of the meters."""


async def release(gate: Gate, presented: Credential, wanted: Wanted) -> Answer:
    """Decide, enter and hand over to the service that presents its API key.

    Raises UnauthenticatedError, UnknownPurposeError, UnknownAttributeError, NotGrantedError, TooManyRequestsError
    (nothing is entered), or an UnavailableError or IntegrityError, in which case no data leaves.
    """
    return await _hand_over(gate, wanted, await _settle(gate, presented, wanted))


def _take(gate: Gate, decided: Decided) -> None:
    """Count a release towards what the service may have in a minute."""
    caller, catalogue = decided.caller, decided.policies.catalogue
    per_minute = catalogue.services[caller.service].per_minute
    if per_minute is not None:
        gate.limits.take(caller.service, per_minute, gate.monotonic())


def _label(wanted: Wanted, decided: Decided) -> tuple[str, str, str, str]:
    kind = "release" if wanted.hand_over else "check"
    return kind, decided.caller.service, wanted.purpose, decided.decision.outcome


async def release_many(gate: Gate, presented: Credential, wanted: Sequence[Wanted]) -> list[Answer | ServiceError]:
    """Release for each of many customers as if she alone had been asked about; in their order, answers or refusals.

    Raises what all of them are refused for, where that is one and the same.
    """
    many = structs.replace(gate, lane="many")
    settled = await asyncio.gather(*(_or_refusal(_settle(many, presented, each)) for each in wanted))
    # Only now, when none has to be waited for, so that what is opened leaves at once (P2).
    done: list[Answer | ServiceError] = []
    for asked, each in zip(wanted, settled, strict=True):
        done.append(each if isinstance(each, ServiceError) else await _or_refusal(_hand_over(many, asked, each)))
        if len(done) % READING.most == 0:
            await asyncio.sleep(0)  # who asks for one customer is answered in between
    refusals = [each for each in done if isinstance(each, ServiceError)]
    if len(refusals) == len(done) and len({(each.code, each.pointer) for each in refusals}) == 1:
        raise refusals[0]
    return done


async def _or_refusal(act: Awaitable[Result]) -> Result | ServiceError:
    try:
        return await act
    except ServiceError as error:
        return error


async def _settle(gate: Gate, presented: Credential, wanted: Wanted) -> Settled:
    began = METERS.now()
    for attempt in range(ATTEMPTS):
        first = await _decide(gate, presented, wanted)
        if not attempt:
            _take(gate, first)
        decided = await _heeding(gate, presented, wanted, first)
        key, pairwise = await _ready(gate, decided)
        line = _line(wanted, decided)
        if await _enter(gate, decided, ledger.ready(line, key, _ground(decided))):
            return Settled(decided, line, pairwise, began)
    raise FactsChangedError


async def _hand_over(gate: Gate, wanted: Wanted, settled: Settled) -> Answer:
    decided, line = settled.decided, settled.line
    released = await _open(gate, decided, line) if wanted.hand_over else {}
    METERS.released(_label(wanted, decided), settled.began)
    return _answer(wanted, decided, line, settled.pairwise, released)


async def _heeding(gate: Gate, presented: Credential, wanted: Wanted, decided: Decided) -> Decided:
    """Record a signal that says something new, now that nothing of the request is refused, and decide on that."""
    about = decided.snapshot.facts
    if not wanted.gpc or about.customer is None or about.restrictions is None or not about.restrictions.may_share:
        return decided
    await gate.heed(decided.caller, about.customer)
    return await _decide(gate, presented, wanted)


async def _decide(gate: Gate, presented: Credential, wanted: Wanted) -> Decided:
    since, inquiry = gate.monotonic(), _inquiry(gate.keyring, presented, wanted)
    told = facts.told_by(await gate.rails.reading.ask(presented.id + gate.lane, inquiry))
    caller = access.admitted(gate.keyring, presented, told.credential)
    snapshot = facts.snapshot_of(gate.keyring, inquiry, told)
    policies, asked = await gate.policies_at(snapshot.publication.version), _asked(caller, wanted)
    _refuse_what_no_policy_judges(policies, asked, wanted.attributes)
    decision = decide(policies, asked, wanted.attributes, snapshot.facts)
    if any(each.reason == ENGINE_ERROR for each in decision.withheld):
        log.error("alarm: the policy engine failed, which is a no", purpose=wanted.purpose, version=policies.version)
    return Decided(caller, snapshot, policies, decision, since)


def _asked(caller: ServiceCaller, wanted: Wanted) -> Asked:
    return Asked(caller.service, wanted.purpose, wanted.channel, wanted.gpc)


def _inquiry(keyring: Keyring, presented: Credential, wanted: Wanted) -> facts.Inquiry:
    who = wanted.customer
    return facts.Inquiry(
        key=presented.id,
        pairwise=None if isinstance(who, Identifier) else who,
        found_by=(who.kind, keyring.index_of(who)) if isinstance(who, Identifier) else (None, None),
        purpose=wanted.purpose,
        channel=wanted.channel,
        attributes=wanted.attributes,
    )


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


async def _ready(gate: Gate, decided: Decided) -> tuple[OpenKey | None, PairwiseId | None]:
    """Return what seals her entries, and how this service knows her, making either the first time."""
    snapshot, customer = decided.snapshot, decided.snapshot.facts.customer
    key, pairwise = None, snapshot.pairwise
    if customer is None:
        return None, None
    if snapshot.evidence is not None:
        key = gate.keyring.open_evidence_key(customer, snapshot.evidence)
    if key is not None and (pairwise is not None or not decided.decision.permits):
        return key, pairwise
    async with gate.database.transaction() as connection:
        if key is None:
            key = (await evidence.keys_for(connection, gate.keyring, [customer]))[customer]
        if pairwise is None and decided.decision.permits:
            pairwise = await customers.pairwise_id(connection, gate.keyring, customer, decided.caller.service)
    if key is None:
        raise IntegrityError("an evidence key does not open")
    return key, pairwise


def _ground(decided: Decided) -> ledger.Ground:
    snapshot = decided.snapshot
    return ledger.Ground(snapshot.facts.version, snapshot.publication.sequence, decided.caller.key)


async def _enter(gate: Gate, decided: Decided, line: ledger.Ready) -> bool:
    """Commit the entry, durably and only if the facts still hold; returns whether they did."""
    if await gate.rails.entering.ask(decided.caller.key + gate.lane, line):
        return True
    if line.customer is None:
        return False
    # Something changed, or she is being changed at this very moment: only the end of that tells.
    async with gate.database.transaction() as connection:
        return await ledger.append_after_changes(connection, line)


def _line(wanted: Wanted, decided: Decided) -> Entry:
    about = decided.snapshot.facts
    id_ = ledger.new_entry_id(about.now)
    return entry(id_, about.customer, decided.caller, about.now, _act(id_, wanted, decided))


def _act(id_: EntryId, wanted: Wanted, decided: Decided) -> Released:
    decision, about = decided.decision, decided.snapshot.facts
    kind = Released if wanted.hand_over else Checked
    return kind(
        decision=f"dec_{id_.partition('_')[2]}",  # one decision, one entry
        purpose=wanted.purpose,
        channel=wanted.channel,
        outcome=decision.outcome,
        released=[permit.fact.attribute for permit in decision.permits],
        withheld={each.attribute: each.reason for each in decision.withheld},
        policy_version=decision.policy_version,
        version=about.version,
    )


async def _open(gate: Gate, decided: Decided, line: Entry) -> dict[AttributeId, Handed]:
    """Open what was permitted. If that fails the ledger says that nothing left after all."""
    try:
        opened = _opened(gate.keyring, decided)
        _refuse_stale(gate, decided)
    except Exception as error:
        act = Aborted(entry=line.id, reason=error.code if isinstance(error, ServiceError) else ServiceError.code)
        async with gate.database.transaction() as connection:
            now = await customers.clock(connection)
            aborted = entry(ledger.new_entry_id(now), line.customer, decided.caller, now, act)
            await ledger.append(connection, gate.keyring, aborted)
        raise
    return opened


def _refuse_stale(gate: Gate, decided: Decided) -> None:
    if gate.monotonic() - decided.since > FRESH:
        raise TooLateError


def _opened(keyring: Keyring, decided: Decided) -> dict[AttributeId, Handed]:
    released: dict[AttributeId, Handed] = {}
    for owner in {permit.customer for permit in decided.decision.permits}:
        if owner not in decided.snapshot.keys:
            raise KeysUnavailableError("the customer's key is gone")
        key = keyring.open_customer_key(owner, decided.snapshot.keys[owner])
        hers = [permit for permit in decided.decision.permits if permit.customer == owner]
        for permit, value in zip(hers, open_sealed(key, hers), strict=True):
            released[permit.fact.attribute] = Handed(permit.fact, msgspec.Raw(value))
    return released


def _answer(
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
        overruled=_overruled(decided, wanted),
    )


def _overruled(decided: Decided, wanted: Wanted) -> datetime | None:
    """Return since when her yes to this stands, where she also wants nothing shared and this service is outside."""
    about, catalogue = decided.snapshot.facts, decided.policies.catalogue
    shares = about.restrictions is not None and about.restrictions.may_share and not wanted.gpc
    if shares or about.standing is None or not about.standing.status_at(about.now).valid:
        return None
    return about.standing.decided_at if catalogue.services[decided.caller.service].third_party else None


def _tells_nothing(wanted: Wanted, about: Facts, decision: Decision) -> bool:
    """Whether the answer must not tell an unknown customer from one who allows nothing."""
    asked_by_identifier = isinstance(wanted.customer, Identifier)
    return about.customer is None or (asked_by_identifier and not decision.permits)


def _consent(policies: Policies, wanted: Wanted, about: Facts) -> tuple[Status | None, int | None]:
    if policies.catalogue.purposes[wanted.purpose].basis is not Basis.CONSENT:
        return None, None
    return told(about)

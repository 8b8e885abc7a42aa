"""What was allowed at an instant, and why: from the events, by the policies that were in force then."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from service.crypto.keyring import Keyring
from service.database import Connection, Database
from service.errors import WrongKindError
from service.model.callers import CustomerCaller, OperatorCaller
from service.model.choices import replay as replay_choices
from service.model.consent import Ground, Spot, grounds
from service.model.decision import Decision
from service.model.facts import Facts, Restrictions, Sealed, SealedFact, Side
from service.model.identifiers import Identifier
from service.model.ledger import LookedUp, entry
from service.model.situation import Asked, everybody
from service.model.words import AttributeId, Basis, CustomerId, EntryId, PolicyVersion, PurposeId, Status
from service.policy.decide import decide
from service.policy.engine import Policies
from service.storage import customers, ledger, past

PoliciesAt = Callable[[PolicyVersion], Awaitable[Policies]]


class Question(Struct, frozen=True, kw_only=True):
    """Of which instant (None: now), and of which purpose if not of all."""

    at: datetime | None = None
    purpose: PurposeId | None = None


class Answered(Struct, frozen=True):
    """How she had answered: the status, the notice, and the entry of the answer that stood."""

    status: Status
    notice: int | None = None
    entry: EntryId | None = None


class Allowed(Struct, frozen=True):
    """What one service would have been told for one purpose on one channel, of facts that were known and fresh.

    ``answered``: for a purpose that rests on consent.
    """

    asked: Asked
    decision: Decision
    answered: Answered | None


class Then(Struct, frozen=True, kw_only=True):
    """What held at an instant: her choices, and what each service was allowed."""

    at: datetime
    policies: PolicyVersion | None
    limits: Restrictions
    allowed: list[Allowed]


async def allowed_to_herself(
    database: Database, policies_at: PoliciesAt, caller: CustomerCaller, question: Question
) -> Then:
    """Return what was allowed of a customer, for her own eyes."""
    async with database.connection() as connection:
        read = await _read(connection, caller.customer, question)
    return await _then(policies_at, read, question)


async def allowed(
    database: Database,
    keyring: Keyring,
    policies_at: PoliciesAt,
    caller: OperatorCaller,
    found_by: Identifier,
    question: Question,
) -> Then:
    """Return what was allowed of a customer, for an operator: that is a look at her, and stands in her ledger."""
    async with database.transaction() as connection:
        customer = await customers.whom(connection, keyring, caller, found_by)
        read = await _read(connection, customer, question)
        now = await customers.clock(connection)
        act = LookedUp(what=f"allowed at {read.at.isoformat()}", reason=caller.reason)
        await ledger.append(connection, keyring, entry(ledger.new_entry_id(now), customer, caller, now, act))
    return await _then(policies_at, read, question)


class _Side(Struct, frozen=True):
    """What one side of a person had answered and chosen."""

    stands: Mapping[Spot, Ground]
    limits: Restrictions

    def side(self, spot: Spot) -> Side:
        """Return what bears on decisions at one spot."""
        ground = self.stands.get(spot)
        return Side(None if ground is None else ground.standing, self.limits)


class _Read(Struct, frozen=True):
    """What a decision of that instant rests on; without policies nothing was allowed, nor before she was known."""

    customer: CustomerId
    at: datetime
    sides: Sequence[_Side]
    policies: PolicyVersion | None
    known: bool


async def _read(connection: Connection, customer: CustomerId, question: Question) -> _Read:
    now = await past.now(connection)
    at = question.at or now
    if at > now:
        raise WrongKindError("what will be allowed is not known", pointer="/at")
    person = [customer, *await past.linked(connection, customer, at)]
    answers, choices = await past.answers(connection, person, at), await past.choices(connection, person, at)
    sides = [_Side(grounds(answers.get(each, [])), replay_choices(choices.get(each, []))) for each in person]
    enrolled = await past.enrolled_at(connection, customer)
    known = enrolled is not None and enrolled <= at
    return _Read(customer, at, sides, await past.policies(connection, at), known)


async def _then(policies_at: PoliciesAt, read: _Read, question: Question) -> Then:
    """Decide as it was decided then. No connection is held meanwhile: to fetch policies takes one."""
    limits = read.sides[0].limits
    if read.policies is None or not read.known:
        return Then(at=read.at, policies=read.policies, limits=limits, allowed=[])
    policies = await policies_at(read.policies)
    found = list(_allowed(policies, read, question.purpose))
    return Then(at=read.at, policies=read.policies, limits=limits, allowed=found)


def _allowed(policies: Policies, read: _Read, purpose: PurposeId | None) -> Iterator[Allowed]:
    for asked in everybody(policies.catalogue):
        if purpose is not None and asked.purpose != purpose:
            continue
        ground = read.sides[0].stands.get(Spot(asked.purpose, asked.channel))
        use = policies.catalogue.services[asked.service].uses[asked.purpose]
        known = {each: _as_if_known(policies, each, read.at) for each in map(AttributeId, use.attributes)}
        mine, *others = [each.side(Spot(asked.purpose, asked.channel)) for each in read.sides]
        facts = Facts(read.customer, 0, read.at, mine.standing, mine.restrictions, known, tuple(others))
        consented = policies.catalogue.purposes[asked.purpose].basis is Basis.CONSENT
        decision = decide(policies, asked, list(known), facts)
        yield Allowed(asked, decision, _answered(ground, read.at) if consented else None)


def _answered(ground: Ground | None, at: datetime) -> Answered:
    if ground is None:
        return Answered(Status.UNKNOWN)
    return Answered(ground.standing.status_at(at), ground.standing.notice or None, ground.answer.entry)


def _as_if_known(policies: Policies, attribute: AttributeId, at: datetime) -> tuple[SealedFact, ...]:
    """Return a fact of every kind that there may be, of that very moment: what is asked is what was allowed."""
    return tuple(
        SealedFact(attribute, provenance, "", at, 0, "", Sealed(b""))
        for provenance in policies.catalogue.attributes[attribute].provenances
    )

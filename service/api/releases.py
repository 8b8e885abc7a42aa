"""``/v1/releases`` and ``/v1/decisions``: may this service use these attributes, and what are they."""

from datetime import UTC, datetime
from typing import Annotated, Any

from litestar import Request, post
from litestar.di import NamedDependency
from msgspec import Meta, Struct

from service.api.actions import Actions
from service.api.bodies import read_body
from service.api.described import described
from service.api.limits import keep_within
from service.api.wire import HER, AttributeWord, CustomerWord, Instant, OneCustomer, PurposeWord, Who
from service.errors import (
    FactsChangedError,
    NotGrantedError,
    TooLateError,
    UnknownAttributeError,
    UnknownPurposeError,
    WrongKindError,
)
from service.model.callers import ServiceCaller
from service.model.decision import Obligation, Outcome, Withheld
from service.model.words import AttributeId, Channel, Provenance, PurposeId, Status
from service.usecases.releases import Answer, Handed, Wanted

REFUSALS = (UnknownPurposeError, UnknownAttributeError, NotGrantedError, FactsChangedError, TooLateError)


class Signals(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What her browser sent to the service with the visit that this is about."""

    gpc: bool = False
    """Global Privacy Control: nothing is sold or shared, now and, if she is known, from now on."""


class Question(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which attributes of which customer, for what, on which channel."""

    customer: OneCustomer
    purpose: PurposeWord
    channel: Channel
    attributes: Annotated[
        list[AttributeWord], Meta(min_length=1, max_length=100, extra_json_schema={"uniqueItems": True})
    ]
    signals: Signals = Signals()


class Value(Struct, frozen=True, kw_only=True):
    """One released attribute."""

    value: Any
    provenance: Provenance
    source: str
    as_of: Instant
    confidence: int
    """In percent."""

    def __repr__(self) -> str:  # the value is hers
        return f"Value({self.provenance!r})"


class Consent(Struct, frozen=True, omit_defaults=True):
    """The consent that the decision rests on, and the notice it was given to."""

    status: Status
    notice: int | None = None


class Conflict(Struct, frozen=True):
    """She said yes to this once, and wants nothing shared with outside companies; the no wins."""

    given: Instant


class Decided(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A decision. ``customer``, ``version`` and ``consent`` are absent when nothing may be told about her."""

    decision: Outcome
    id: str
    purpose: str
    channel: Channel
    permitted: list[str]
    withheld: list[Withheld]
    obligations: list[Obligation]
    policy_version: str
    entry: str
    customer: CustomerWord | None = None
    consent: Consent | None = None
    version: int | None = None
    conflict: Conflict | None = None


class Released(Decided, frozen=True, kw_only=True, omit_defaults=True):
    """A decision with the values of what was permitted."""

    released: dict[str, Value]


EXAMPLE_QUESTION = Question(
    customer=Who(id=HER),
    purpose="personalise.recommendations",
    channel=Channel.WEB,
    attributes=["first_name", "favourite_genres", "birth_year"],
)
EXAMPLE: dict[str, Any] = {
    "decision": Outcome.PARTIAL,
    "id": "dec_01K9Z6V7W8X9Y0Z1A2B3C4D5E6",
    "purpose": "personalise.recommendations",
    "channel": Channel.WEB,
    "permitted": ["first_name", "favourite_genres"],
    "withheld": [Withheld(AttributeId("birth_year"), "demographic", "forbid.demographic")],
    "obligations": [Obligation("delete-after", 1)],
    "policy_version": "sha256:" + "0" * 64,
    "entry": "ent_01K9Z6V7W8X9Y0Z1A2B3C4D5E6",
    "customer": HER,
    "consent": Consent(Status.GIVEN, 1),
    "version": 42,
}
AS_OF = datetime(2026, 11, 2, 10, tzinfo=UTC)


def _told(value: object) -> Value:
    return Value(value=value, provenance=Provenance.VOLUNTEERED, source="shop", as_of=AS_OF, confidence=100)


EXAMPLE_VALUES = {
    "first_name": _told("Abbie"),
    "favourite_genres": _told(["crime", "travel"]),
}


@post(
    "/v1/releases",
    status_code=200,
    opt=described(
        caller="service",
        body=Question,
        body_example=EXAMPLE_QUESTION,
        answer=Released,
        limited=True,
        example=Released(**EXAMPLE, released=EXAMPLE_VALUES),
        refusals=REFUSALS,
    ),
)
async def release(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], caller: NamedDependency[ServiceCaller]
) -> Released:
    """Release the attributes that the customer allows for this purpose, and say why others are withheld."""
    await keep_within(request, actions, caller, 1)
    wanted = _wanted(await read_body(request, Question), hand_over=True)
    answer = await actions.release(caller, wanted)
    values: dict[str, Value] = {attribute: _value(handed) for attribute, handed in answer.released.items()}
    return Released(**_decided(wanted, answer), released=values)


@post(
    "/v1/decisions",
    status_code=200,
    opt=described(
        caller="service",
        body=Question,
        body_example=EXAMPLE_QUESTION,
        answer=Decided,
        limited=True,
        example=Decided(**EXAMPLE),
        refusals=REFUSALS,
    ),
)
async def decision(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], caller: NamedDependency[ServiceCaller]
) -> Decided:
    """Decide as a release would, without values; recorded as a check."""
    await keep_within(request, actions, caller, 1)
    wanted = _wanted(await read_body(request, Question), hand_over=False)
    return Decided(**_decided(wanted, await actions.release(caller, wanted)))


def _value(handed: Handed) -> Value:
    fact = handed.fact
    return Value(
        value=handed.value,
        provenance=fact.provenance,
        source=fact.source,
        as_of=fact.as_of,
        confidence=fact.confidence,
    )


def _wanted(question: Question, *, hand_over: bool) -> Wanted:
    for index, attribute in enumerate(question.attributes):
        if attribute in question.attributes[:index]:
            raise WrongKindError("an attribute stands twice", pointer=f"/attributes/{index}")
    return Wanted(
        customer=question.customer.reference("/customer"),
        purpose=PurposeId(question.purpose),
        channel=question.channel,
        attributes=tuple(map(AttributeId, question.attributes)),
        hand_over=hand_over,
        gpc=question.signals.gpc,
    )


def _decided(wanted: Wanted, answer: Answer) -> dict[str, Any]:
    decided = answer.decision
    return {
        "decision": decided.outcome,
        "id": answer.id,
        "purpose": wanted.purpose,
        "channel": wanted.channel,
        "permitted": [permit.fact.attribute for permit in decided.permits],
        "withheld": list(decided.withheld),
        "obligations": list(decided.obligations),
        "policy_version": decided.policy_version,
        "entry": answer.entry,
        "customer": answer.customer,
        "consent": None if answer.consent is None else Consent(answer.consent, answer.notice),
        "version": answer.version,
        "conflict": None if answer.overruled is None else Conflict(answer.overruled),
    }

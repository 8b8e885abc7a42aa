"""``/v1/releases`` and ``/v1/decisions``: may this service use these attributes, and what are they."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, TypeVar

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from msgspec import Meta, Struct

from service.actions import Actions
from service.api.bodies import Body, decode_plain, refuse_other_media
from service.api.callers import presented
from service.api.described import described
from service.api.problems import Problem, problem_of, refused
from service.api.wire import HER, AttributeWord, CustomerWord, Instant, OneCustomer, PurposeWord, Who
from service.errors import (
    FactsChangedError,
    NotGrantedError,
    OverloadedError,
    ServiceError,
    TooLateError,
    TooManyRequestsError,
    UnknownAttributeError,
    UnknownPurposeError,
    WrongKindError,
)
from service.model.decision import Obligation, Outcome, Withheld
from service.model.words import AttributeId, Channel, Provenance, PurposeId, Status
from service.usecases.releases import Answer, Handed, Wanted

Meant = TypeVar("Meant")
REFUSALS = (
    UnknownPurposeError,
    UnknownAttributeError,
    NotGrantedError,
    TooManyRequestsError,
    FactsChangedError,
    TooLateError,
    OverloadedError,
)


Attributes = Annotated[list[AttributeWord], Meta(min_length=1, max_length=100, extra_json_schema={"uniqueItems": True})]


class Signals(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What her browser sent to the service with the visit that this is about."""

    gpc: bool = False
    """Global Privacy Control: nothing is sold or shared, now and, if she is known, from now on."""


class Question(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Which attributes of which customer, for what, on which channel."""

    customer: OneCustomer
    purpose: PurposeWord
    channel: Channel
    attributes: Attributes
    signals: Signals = Signals()


class Questions(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Which attributes of which customers, for what, on which channel."""

    customers: Annotated[list[OneCustomer], Meta(min_length=1, max_length=500)]
    purpose: PurposeWord
    channel: Channel
    attributes: Attributes


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


class Each(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of one customer: an answer, or why there is none for her now."""

    answer: Released | None = None
    problem: Problem | None = None


class ReleasedToMany(Struct, frozen=True):
    """For each customer what a release of hers alone would answer, in the order in which they were asked for."""

    answers: list[Each]


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


EXAMPLE_RELEASED = Released(**EXAMPLE, released=EXAMPLE_VALUES)


class Heard(Struct, frozen=True):
    """What a request says: two of its headers, and how its body is had."""

    authorization: str
    content_type: str
    body: Callable[[], Awaitable[bytes]]

    def __repr__(self) -> str:  # a credential, and perhaps somebody's address
        return "Heard()"


async def released(actions: Actions, heard: Heard) -> Released:
    """Release what one customer allows."""
    key, wanted = await _read(actions, heard, Question, partial(_wanted, hand_over=True))
    return _released(wanted, await actions.release(key, wanted))


async def decided(actions: Actions, heard: Heard) -> Decided:
    """Decide on one customer."""
    key, wanted = await _read(actions, heard, Question, partial(_wanted, hand_over=False))
    return Decided(**_decided(wanted, await actions.release(key, wanted)))


async def released_to_many(actions: Actions, heard: Heard) -> ReleasedToMany:
    """Release what each of many customers allows."""
    key, wanted = await _read(actions, heard, Questions, _wanted_of_many)
    answers = await actions.release_many(key, wanted)
    return ReleasedToMany([_each(*each) for each in zip(wanted, answers, strict=True)])


@post(
    "/v1/releases",
    status_code=200,
    opt=described(
        caller="service",
        body=Question,
        body_example=EXAMPLE_QUESTION,
        answer=Released,
        example=EXAMPLE_RELEASED,
        refusals=REFUSALS,
    ),
)
async def release(request: Request[Any, Any, Any], actions: NamedDependency[Actions]) -> Released:
    """Release the attributes that the customer allows for this purpose, and say why others are withheld."""
    return await released(actions, _hear(request))


@post(
    "/v1/decisions",
    status_code=200,
    opt=described(
        caller="service",
        body=Question,
        body_example=EXAMPLE_QUESTION,
        answer=Decided,
        example=Decided(**EXAMPLE),
        refusals=REFUSALS,
    ),
)
async def decision(request: Request[Any, Any, Any], actions: NamedDependency[Actions]) -> Decided:
    """Decide as a release would, without values; recorded as a check."""
    return await decided(actions, _hear(request))


@post(
    "/v1/releases/batch",
    status_code=200,
    opt=described(
        caller="service",
        body=Questions,
        body_example=Questions(
            customers=[Who(id=HER), Who(email="bo@example.com")],
            purpose=EXAMPLE_QUESTION.purpose,
            channel=EXAMPLE_QUESTION.channel,
            attributes=EXAMPLE_QUESTION.attributes,
        ),
        answer=ReleasedToMany,
        example=ReleasedToMany([Each(answer=EXAMPLE_RELEASED), Each(problem=problem_of(FactsChangedError()))]),
        refusals=REFUSALS,
    ),
)
async def release_to_many(request: Request[Any, Any, Any], actions: NamedDependency[Actions]) -> ReleasedToMany:
    """Release for up to 500 customers; each is decided, and entered, on her own."""
    return await released_to_many(actions, _hear(request))


def _hear(request: Request[Any, Any, Any]) -> Heard:
    said = request.headers
    return Heard(said.get("authorization", ""), said.get("content-type", ""), request.body)


async def _read(actions: Actions, heard: Heard, kind: type[Body], meant: Callable[[Body], Meant]) -> tuple[str, Meant]:
    """Return the API key that is presented, and what is wanted."""
    key = presented(heard.authorization)
    try:
        refuse_other_media(heard.content_type)
        return key, meant(decode_plain(await heard.body(), kind))
    except (ServiceError, HTTPException):
        # Who may not come in is not told what is wrong with what he brings.
        await actions.service_caller(key)
        raise


def _each(wanted: Wanted, answer: Answer | ServiceError) -> Each:
    if isinstance(answer, ServiceError):
        return Each(problem=refused(answer, "/v1/releases/batch").problem)
    return Each(answer=_released(wanted, answer))


def _released(wanted: Wanted, answer: Answer) -> Released:
    values: dict[str, Value] = {attribute: _value(handed) for attribute, handed in answer.released.items()}
    return Released(**_decided(wanted, answer), released=values)


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
    return Wanted(
        customer=question.customer.reference("/customer"),
        purpose=PurposeId(question.purpose),
        channel=question.channel,
        attributes=_attributes(question.attributes),
        hand_over=hand_over,
        gpc=question.signals.gpc,
    )


def _wanted_of_many(questions: Questions) -> list[Wanted]:
    attributes = _attributes(questions.attributes)
    return [
        Wanted(
            customer=customer.reference(f"/customers/{index}"),
            purpose=PurposeId(questions.purpose),
            channel=questions.channel,
            attributes=attributes,
            hand_over=True,
        )
        for index, customer in enumerate(questions.customers)
    ]


def _attributes(asked: Sequence[str]) -> tuple[AttributeId, ...]:
    if len(set(asked)) != len(asked):
        twice = next(index for index, attribute in enumerate(asked) if attribute in asked[:index])
        raise WrongKindError("an attribute stands twice", pointer=f"/attributes/{twice}")
    return tuple(map(AttributeId, asked))


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

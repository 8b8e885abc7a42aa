"""``/v1/customers/{id}/consents`` for services, ``/v1/me/consents`` for the customer herself."""

from datetime import UTC, datetime
from typing import Any, Literal

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct, structs

from service.api.actions import Actions
from service.api.attempts import attempt_of
from service.api.bodies import instant, read_body
from service.api.described import described
from service.api.wire import Instant, NoticeNumber, PurposeWord, Staff, customer_in_path
from service.errors import (
    NotConsentBasedError,
    NotGrantedError,
    NoticeSupersededError,
    UnknownChannelError,
    UnknownCustomerError,
    UnknownNoticeError,
    UnknownPurposeError,
)
from service.model.callers import CustomerCaller, ServiceCaller
from service.model.words import Channel, Method, PurposeId, Status
from service.usecases.consents import Acknowledged, Record, Said

A_YES_NAMES_CHANNEL_AND_NOTICE = {
    "if": {"properties": {"answer": {"const": "given"}}},
    "then": {
        "required": ["channel", "notice"],
        "properties": {"channel": {"type": "string"}, "notice": {"type": "integer"}},
    },
}
REFUSALS = (
    UnknownPurposeError,
    UnknownChannelError,
    UnknownNoticeError,
    NoticeSupersededError,
    NotConsentBasedError,
)


class HerAnswer(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Her own answer. A yes names a channel and the notice she read; a no without a channel means all of them."""

    purpose: PurposeWord
    answer: Literal["given", "refused", "withdrawn"]
    channel: Channel | None = None
    notice: NoticeNumber | None = None
    explicit: bool = False


class AnswerElsewhere(HerAnswer, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """An answer captured elsewhere: also how, by which member of staff, and when."""

    method: Literal["api", "phone", "paper", "counter"] = "api"
    actor: Staff | None = None
    given_at: Instant | None = None


class Stands(Struct, frozen=True, omit_defaults=True):
    """What stands now for a purpose on a channel."""

    purpose: str
    channel: Channel
    status: Status
    notice: int | None = None
    explicit: bool = False
    decided_at: Instant | None = None
    expires_at: Instant | None = None


class Event(Struct, frozen=True):
    """One answer of the history."""

    purpose: str
    channel: Channel
    status: Status
    notice: int | None
    explicit: bool
    method: Method
    recorded_by: str
    given_at: Instant
    recorded_at: Instant
    entry: str


class Recorded(Struct, frozen=True):
    """An answer was recorded; this is what stands."""

    purpose: str
    standing: list[Stands]
    version: int
    entry: str


class Consents(Struct, frozen=True):
    """What stands, and the latest hundred answers, newest first."""

    standing: list[Stands]
    history: list[Event]


AT = datetime(2026, 11, 2, 10, tzinfo=UTC)
ENTRY = "ent_01K9Z6V7W8X9Y0Z1A2B3C4D5E6"
RECOMMENDATIONS = "personalise.recommendations"
EXAMPLE_RECORDED = Recorded(
    RECOMMENDATIONS, [Stands(purpose=RECOMMENDATIONS, channel=Channel.WEB, status=Status.GIVEN)], 43, ENTRY
)
EXAMPLE_CONSENTS = Consents(
    [Stands(RECOMMENDATIONS, Channel.WEB, Status.GIVEN, 1, decided_at=AT)],
    [Event(RECOMMENDATIONS, Channel.WEB, Status.GIVEN, 1, False, Method.PORTAL, "customer", AT, AT, ENTRY)],
)
EXAMPLE_ANSWER: dict[str, Any] = {
    "purpose": RECOMMENDATIONS,
    "answer": "given",
    "channel": Channel.WEB,
    "notice": 1,
}


@post(
    "/v1/customers/{customer:str}/consents",
    status_code=200,
    opt=described(
        caller="service",
        body=AnswerElsewhere,
        writes=True,
        body_rule=A_YES_NAMES_CHANNEL_AND_NOTICE,
        body_example=AnswerElsewhere(**EXAMPLE_ANSWER, method="counter", actor="till-4"),
        answer=Recorded,
        example=EXAMPLE_RECORDED,
        refusals=(*REFUSALS, UnknownCustomerError, NotGrantedError),
    ),
)
async def record(
    request: Request[Any, Any, Any],
    customer: FromPath[str],
    actions: NamedDependency[Actions],
    caller: NamedDependency[ServiceCaller],
) -> Recorded:
    """Record an answer captured elsewhere: a yes if this service records the purpose, a no always."""
    body = await read_body(request, AnswerElsewhere)
    said = structs.replace(
        _said(body, Method(body.method)),
        customer=customer_in_path(customer),
        actor=body.actor or "",
        given_at=None if body.given_at is None else instant(body.given_at, "/given_at"),
    )
    return _recorded(body.purpose, await actions.record_consent(caller, said, await attempt_of(request, caller)))


@get(
    "/v1/customers/{customer:str}/consents",
    opt=described(caller="service", answer=Consents, example=EXAMPLE_CONSENTS, refusals=(UnknownCustomerError,)),
)
async def read(
    customer: FromPath[str], actions: NamedDependency[Actions], caller: NamedDependency[ServiceCaller]
) -> Consents:
    """Return standing and history, as far as this service's purposes go."""
    return _consents(await actions.read_consents(caller, customer_in_path(customer)))


@post(
    "/v1/me/consents",
    status_code=200,
    opt=described(
        caller="customer",
        body=HerAnswer,
        writes=True,
        body_rule=A_YES_NAMES_CHANNEL_AND_NOTICE,
        body_example=HerAnswer(**EXAMPLE_ANSWER),
        answer=Recorded,
        example=EXAMPLE_RECORDED,
        refusals=REFUSALS,
    ),
)
async def answer_as_customer(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], me: NamedDependency[CustomerCaller]
) -> Recorded:
    """Give, refuse or withdraw consent; a no takes effect at once."""
    body = await read_body(request, HerAnswer)
    attempt = await attempt_of(request, me)
    return _recorded(body.purpose, await actions.record_consent(me, _said(body, Method.PORTAL), attempt))


@get("/v1/me/consents", opt=described(caller="customer", answer=Consents, example=EXAMPLE_CONSENTS))
async def read_as_customer(actions: NamedDependency[Actions], me: NamedDependency[CustomerCaller]) -> Consents:
    """Return what she allows and what she answered before."""
    return _consents(await actions.read_consents(me, None))


def _said(body: HerAnswer, method: Method) -> Said:
    return Said(
        purpose=PurposeId(body.purpose),
        status=Status(body.answer),
        method=method,
        channel=body.channel,
        notice=body.notice,
        explicit=body.explicit,
    )


def _recorded(purpose: str, done: Acknowledged) -> Recorded:
    standing = [Stands(purpose, channel, status) for channel, status in done.standing]
    return Recorded(purpose, standing, done.version, done.entry)


def _consents(record: Record) -> Consents:
    standing = [
        Stands(s.purpose, s.channel, now, s.notice or None, s.explicit, s.decided_at, s.expires_at)
        for s, now in record.standing
    ]
    history = [
        Event(
            e.purpose,
            e.channel,
            e.status,
            e.notice or None,
            e.explicit,
            e.method,
            e.recorder,
            e.given_at,
            e.recorded_at,
            e.entry,
        )
        for e in record.history
    ]
    return Consents(standing, history)

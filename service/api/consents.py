"""``/v1/customers/{id}/consents`` for services, ``/v1/me/consents`` for the customer herself."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta, Struct, structs

from service.actions import Actions
from service.api.attempts import attempt_of
from service.api.bodies import instant, read_body, read_query
from service.api.described import described
from service.api.wire import (
    SNAPSHOT,
    Instant,
    NoticeNumber,
    PageQuery,
    PurposeWord,
    Receipt,
    SnapshotWord,
    Staff,
    customer_in_path,
)
from service.errors import (
    BadCursorError,
    BadSnapshotError,
    MissingFieldError,
    NotConsentBasedError,
    NotGrantedError,
    NothingToRenewError,
    NoticeSupersededError,
    SnapshotExpiredError,
    UnknownChannelError,
    UnknownCustomerError,
    UnknownNoticeError,
    UnknownPurposeError,
)
from service.model.callers import CustomerCaller, ServiceCaller
from service.model.consent import Answer
from service.model.words import Acting, Channel, Method, PurposeId, Status
from service.usecases import records
from service.usecases.consents import Acknowledged, Said
from service.usecases.records import Record

Where = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        pattern=r"^[A-Za-z0-9._:/-]+(?!\n)$",
        description="Where the proof lies, such as the number of a scan; no personal data. It is kept sealed.",
        examples=["scans/2026/4711"],
    ),
]
A_YES: dict[str, Any] = {"properties": {"answer": {"enum": ["given", "renewed"]}}}
BY_SNAPSHOT = {"required": ["snapshot"], "properties": {"snapshot": {"type": "string"}}}
BY_EVIDENCE = {"required": ["evidence"], "properties": {"evidence": {"type": "string"}}}
BY_EVIDENCE_ELSEWHERE = {
    "required": ["evidence", "method"],
    "properties": {"evidence": {"type": "string"}, "method": {"type": "string"}},
}
NAMED = {
    "required": ["channel", "notice"],
    "properties": {"channel": {"type": "string"}, "notice": {"type": "integer"}},
}
A_YES_IS_PROVEN = {"if": A_YES, "then": {**NAMED, "anyOf": [BY_SNAPSHOT, BY_EVIDENCE]}}
A_YES_ELSEWHERE_IS_PROVEN = {"if": A_YES, "then": {**NAMED, "anyOf": [BY_SNAPSHOT, BY_EVIDENCE_ELSEWHERE]}}
REFUSALS = (
    UnknownPurposeError,
    UnknownChannelError,
    UnknownNoticeError,
    NoticeSupersededError,
    NotConsentBasedError,
    NothingToRenewError,
    BadSnapshotError,
    SnapshotExpiredError,
)


class HerAnswer(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Her own answer. A yes names a channel and the notice she read; a no without a channel means all of them.

    ``snapshot``: what `notices/served` gave when the notice was shown; a yes without one needs ``evidence``.
    ``deferred``: she will answer later; it undoes nothing. ``renewed``: a further yes, before or after one has ended.
    """

    purpose: PurposeWord
    answer: Literal["given", "renewed", "refused", "withdrawn", "deferred"]
    channel: Channel | None = None
    notice: NoticeNumber | None = None
    explicit: bool = False
    snapshot: SnapshotWord | None = None
    evidence: Where | None = None

    def __repr__(self) -> str:  # where the proof lies may name her
        return f"{type(self).__name__}({self.purpose!r}, {self.answer!r})"


class AnswerElsewhere(HerAnswer, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """An answer captured elsewhere: also how, when, who spoke for her if not she herself, and which one of them."""

    method: Annotated[
        Literal["api", "phone", "paper", "counter"] | None,
        Meta(description="By which road it came to you; a yes without a snapshot must say it."),
    ] = None
    acting: Annotated[Literal["herself", "staff"], Meta(description="Who spoke: she herself, or staff for her.")] = (
        "herself"
    )
    actor: Annotated[
        Staff | None, Meta(description="Which member of staff or till took it; a code of yours, no name.")
    ] = None
    given_at: Annotated[Instant | None, Meta(description="When she said it, if not now.")] = None


class Stands(Struct, frozen=True, omit_defaults=True):
    """What stands now for a purpose on a channel."""

    purpose: str
    channel: Channel
    status: Status
    notice: int | None = None
    explicit: bool = False
    decided_at: Instant | None = None
    expires_at: Instant | None = None


class Event(Struct, frozen=True, omit_defaults=True):
    """One answer of the history."""

    purpose: Annotated[str, Meta(description="What it was about.")]
    channel: Channel
    status: Annotated[Status, Meta(description="What she said, or what became of it.")]
    notice: Annotated[int | None, Meta(description="The version of the notice that was answered; null where none was.")]
    explicit: Annotated[bool, Meta(description="Whether it was said in so many words, as special categories need.")]
    method: Method
    recorded_by: Annotated[str, Meta(description="Who recorded it: herself, a service, an operator, the worker.")]
    given_at: Annotated[Instant, Meta(description="When it was said.")]
    recorded_at: Annotated[Instant, Meta(description="When it was recorded, and took effect.")]
    entry: Annotated[str, Meta(description="The entry of the act in the ledger.")]
    acting: Acting = Acting.HERSELF
    expires_at: Annotated[Instant | None, Meta(description="When a yes ends by itself.")] = None
    language: Annotated[str | None, Meta(description="In which language the notice was on the screen.")] = None
    layout: Annotated[str | None, Meta(description="The service's name for the arrangement of the page.")] = None
    digest: Annotated[str | None, Meta(description="SHA-256 of the notice that was on the screen, hexadecimal.")] = None
    evidence: Annotated[str | None, Meta(description="For herself: where else the proof lies.")] = None

    def __repr__(self) -> str:  # where the proof lies may name her
        return f"Event({self.entry!r})"


class Recorded(Struct, frozen=True, omit_defaults=True):
    """An answer was recorded; this is what stands, and a signed receipt.

    ``receipt``: absent where it follows later, and for a service that neither uses nor records the purpose.
    """

    standing: list[Stands]
    version: int
    entry: str
    receipt: Receipt | None = None


class Consents(Struct, frozen=True):
    """What stands, and the latest hundred answers, newest first."""

    standing: list[Stands]
    history: list[Event]


class History(Struct, frozen=True, omit_defaults=True):
    """A page of answers, newest first. ``next`` is the cursor of the page after it."""

    history: list[Event]
    next: str | None = None


AT = datetime(2026, 11, 2, 10, tzinfo=UTC)
ENTRY = "ent_01K9Z6V7W8X9Y0Z1A2B3C4D5E6"
RECOMMENDATIONS = "personalise.recommendations"
EXAMPLE_RECORDED = Recorded([Stands(purpose=RECOMMENDATIONS, channel=Channel.WEB, status=Status.GIVEN)], 43, ENTRY)
EXAMPLE_EVENT = Event(RECOMMENDATIONS, Channel.WEB, Status.GIVEN, 1, False, Method.PORTAL, "customer", AT, AT, ENTRY)
EXAMPLE_CONSENTS = Consents([Stands(RECOMMENDATIONS, Channel.WEB, Status.GIVEN, 1, decided_at=AT)], [EXAMPLE_EVENT])
EXAMPLE_HISTORY = History([EXAMPLE_EVENT])
EXAMPLE_ANSWER: dict[str, Any] = {
    "purpose": RECOMMENDATIONS,
    "answer": "given",
    "channel": Channel.WEB,
    "notice": 1,
    "snapshot": SNAPSHOT,
}


@post(
    "/v1/customers/{customer:str}/consents",
    status_code=200,
    opt=described(
        caller="service",
        body=AnswerElsewhere,
        writes=True,
        body_rule=A_YES_ELSEWHERE_IS_PROVEN,
        body_example=AnswerElsewhere(**EXAMPLE_ANSWER, method="counter", actor="till-4", evidence="scans/2026/4711"),
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
    if Status(body.answer).valid and body.snapshot is None and body.method is None:
        raise MissingFieldError("a yes without a snapshot says by which method it was captured", pointer="/method")
    said = structs.replace(
        _said(body, Method(body.method or "api")),
        customer=customer_in_path(customer),
        acting=Acting(body.acting),
        actor=body.actor or "",
        given_at=None if body.given_at is None else instant(body.given_at, "/given_at"),
    )
    done = await actions.record_consent(caller, said, await attempt_of(request, caller))
    return recorded(done, await actions.receipt_after(caller, done.entry, customer_in_path(customer)))


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
        body_rule=A_YES_IS_PROVEN,
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
    done = await actions.record_consent(me, _said(body, Method.PORTAL), attempt)
    return recorded(done, await actions.receipt_after(me, done.entry, None))


@get("/v1/me/consents", opt=described(caller="customer", answer=Consents, example=EXAMPLE_CONSENTS))
async def read_as_customer(actions: NamedDependency[Actions], me: NamedDependency[CustomerCaller]) -> Consents:
    """Return what she allows and what she answered before."""
    return _consents(await actions.read_consents(me, None))


@get(
    "/v1/customers/{customer:str}/consents/history",
    opt=described(
        caller="service",
        answer=History,
        example=EXAMPLE_HISTORY,
        query=PageQuery,
        refusals=(UnknownCustomerError, BadCursorError),
    ),
)
async def history(
    request: Request[Any, Any, Any],
    customer: FromPath[str],
    actions: NamedDependency[Actions],
    caller: NamedDependency[ServiceCaller],
) -> History:
    """Return every answer, as far as this service's purposes go, page by page."""
    query = read_query(request, PageQuery)
    return _history(await actions.consent_history(caller, customer_in_path(customer), query.cursor, query.limit))


@get(
    "/v1/me/consents/history",
    opt=described(
        caller="customer", answer=History, example=EXAMPLE_HISTORY, query=PageQuery, refusals=(BadCursorError,)
    ),
)
async def history_as_customer(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], me: NamedDependency[CustomerCaller]
) -> History:
    """Return every answer she ever gave, page by page, with where the proof of each lies."""
    query = read_query(request, PageQuery)
    return _history(await actions.consent_history(me, None, query.cursor, query.limit))


def recorded(done: Acknowledged, receipt: str | None) -> Recorded:
    """Say what was recorded."""
    standing = [Stands(each.purpose, each.channel, each.status) for each in done.standing]
    return Recorded(standing, done.version, done.entry, receipt)


def _said(body: HerAnswer, method: Method) -> Said:
    return Said(
        purpose=PurposeId(body.purpose),
        status=Status(body.answer),
        method=method,
        channel=body.channel,
        notice=body.notice,
        explicit=body.explicit,
        snapshot=body.snapshot or "",
        evidence=body.evidence or "",
    )


def _consents(record: Record) -> Consents:
    standing = [
        Stands(s.purpose, s.channel, now, s.notice or None, s.explicit, s.decided_at, s.expires_at)
        for s, now in record.standing
    ]
    return Consents(standing, [_event(answer) for answer in record.history])


def _history(page: records.History) -> History:
    return History([_event(past.answer, past.evidence) for past in page.answers], page.next)


def _event(answer: Answer, evidence: str | None = None) -> Event:
    shown = answer.shown
    return Event(
        purpose=answer.purpose,
        channel=answer.channel,
        status=answer.status,
        notice=answer.notice or None,
        explicit=answer.explicit,
        method=answer.method,
        recorded_by=answer.recorder,
        given_at=answer.given_at,
        recorded_at=answer.recorded_at,
        entry=answer.entry,
        acting=answer.acting,
        expires_at=answer.expires_at,
        language=None if shown is None else shown.language,
        layout=None if shown is None else shown.layout,
        digest=None if shown is None else shown.digest,
        evidence=evidence,
    )

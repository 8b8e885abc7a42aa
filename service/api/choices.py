"""``/v1/me/choices`` for the customer herself, ``/v1/customers/{id}/choices`` for services: choices beyond purposes."""

import re
from collections.abc import Iterator
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
from service.api.wire import AttributeWord, Instant, PageQuery, PurposeWord, Receipt, Staff, customer_in_path
from service.errors import (
    BadCursorError,
    DemandedByLawError,
    MissingFieldError,
    NotGrantedError,
    NotInterestBasedError,
    UnknownAttributeError,
    UnknownCustomerError,
    UnknownPurposeError,
    WrongKindError,
)
from service.model.callers import CustomerCaller, ServiceCaller
from service.model.choices import (
    FLAG,
    LIFTED,
    NO,
    NONE,
    RAISED,
    YES,
    Bar,
    Choice,
    Kind,
    Objection,
    Pause,
    Strike,
    choice_from,
)
from service.model.facts import Restrictions
from service.model.quiet_hours import WRITTEN
from service.model.words import AgeBand, Channel, Method, Provenance
from service.usecases.choices import Choices, Conflict, Said, Taken

Value = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=80,
        description=(
            "`yes` or `no`; of an objection and of what is not to be used `raised` or `lifted`; "
            "of a pause when it ends, or `none`; "
            "of quiet hours `22:00-07:00 Europe/Berlin`, or `none`; of an age band `minor`."
        ),
        examples=[NO],
    ),
]
TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})"


def _rule(kinds: list[str], value: dict[str, Any]) -> dict[str, Any]:
    return {"if": {"properties": {"choice": {"enum": kinds}}}, "then": {"properties": {"value": value}}}


def _names(field: str, *kinds: Kind) -> dict[str, Any]:
    """Say that choices of these kinds name this, and no others do."""
    return {
        "if": {"properties": {"choice": {"enum": [str(kind) for kind in kinds]}}},
        "then": {"required": [field], "properties": {field: {"type": "string"}}},
        "else": {"properties": {field: {"type": "null"}}},
    }


MADE_HERE = Literal[
    "processing",
    "marketing",
    "profiling",
    "sharing",
    "observed",
    "acquired",
    "inferred",
    "demographic",
    "more-than-told",
    "objection",
    "pause",
    "quiet-hours",
    "age-band",
    "do-not-use",
]
"""All kinds but those by which facts are struck out: these are acts of their own, at ``/v1/me/disputes``."""
NAMES_A_PURPOSE = (Kind.OBJECTION, Kind.DO_NOT_USE)
NAMES_AN_ATTRIBUTE = (Kind.DO_NOT_USE,)
EACH_KIND_HAS_ITS_VALUES = {
    "allOf": [
        _rule([str(kind) for kind in FLAG], {"enum": [YES, NO]}),
        _rule([Kind.OBJECTION.value, Kind.DO_NOT_USE.value], {"enum": [RAISED, LIFTED]}),
        _rule([Kind.PAUSE.value], {"anyOf": [{"const": NONE}, {"pattern": f"^{TIME}$"}]}),
        _rule([Kind.QUIET_HOURS.value], {"anyOf": [{"const": NONE}, {"pattern": f"^{WRITTEN.pattern}$"}]}),
        _rule([Kind.AGE_BAND.value], {"const": AgeBand.MINOR.value}),
        _names("purpose", *NAMES_A_PURPOSE),
        _names("attribute", *NAMES_AN_ATTRIBUTE),
    ]
}
REFUSALS = (UnknownPurposeError, UnknownAttributeError, NotInterestBasedError, DemandedByLawError)


class HerChoice(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """One choice. An objection names the purpose; an age band is here only ever ``minor``.

    ``do-not-use`` names an attribute, and the purpose or the kind of purposes that it is kept out of.
    """

    choice: MADE_HERE
    value: Value
    purpose: PurposeWord | None = None
    attribute: AttributeWord | None = None

    def __repr__(self) -> str:  # what she chose is hers
        return f"{type(self).__name__}({self.choice!r})"


class ChoiceElsewhere(HerChoice, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """A choice captured elsewhere: also how, by which member of staff, and when."""

    method: Literal["api", "phone", "paper", "counter"] = "api"
    actor: Staff | None = None
    given_at: Instant | None = None


class Overruled(Struct, frozen=True):
    """A yes to something that an outside company gets, while she wants nothing shared; the no wins."""

    purpose: str
    channel: Channel
    given: Instant


class ChoiceRecorded(Struct, frozen=True, omit_defaults=True):
    """A choice was recorded, what it overrules, and a signed receipt. Where that is absent it follows later."""

    choice: Kind
    value: str
    version: int
    entry: str
    purpose: str | None = None
    attribute: str | None = None
    conflicts: list[Overruled] = []
    receipt: Receipt | None = None

    def __repr__(self) -> str:  # what she chose is hers
        return f"{type(self).__name__}({self.choice!r})"


class Holds(Struct, frozen=True, omit_defaults=True):
    """What holds for one kind of choice. A dispute says of which kind of fact: by attribute and provenance."""

    choice: Kind
    value: str
    purpose: str | None = None
    attribute: str | None = None
    provenance: Provenance | None = None

    def __repr__(self) -> str:  # what she chose is hers
        return f"{type(self).__name__}({self.choice!r})"


class ChoiceMade(Struct, frozen=True, omit_defaults=True):
    """One choice of the history."""

    choice: Kind
    value: str
    method: Method
    recorded_by: str
    given_at: Instant
    recorded_at: Instant
    entry: str
    purpose: str | None = None
    attribute: str | None = None
    provenance: Provenance | None = None

    def __repr__(self) -> str:  # what she chose is hers
        return f"{type(self).__name__}({self.choice!r})"


class HerChoices(Struct, frozen=True, omit_defaults=True):
    """What holds beside her consents, what it overrules, and a page of choices, newest first."""

    holds: list[Holds]
    conflicts: list[Overruled]
    history: list[ChoiceMade]
    no_sharing_since: Instant | None = None
    """Since when nothing may be shared with outside companies, where that is so."""
    next: str | None = None
    """The cursor of the page after it."""


AT = datetime(2026, 11, 2, 10, tzinfo=UTC)
ENTRY = "ent_01K9Z6V7W8X9Y0Z1A2B3C4D5E6"
EXAMPLE_RECORDED = ChoiceRecorded(Kind.MARKETING, NO, 43, ENTRY)
EXAMPLE_CHOICES = HerChoices(
    [Holds(Kind.MARKETING, NO), Holds(Kind.OBJECTION, RAISED, "prevent.fraud")],
    [Overruled("market.newsletter", Channel.EMAIL, AT)],
    [ChoiceMade(Kind.MARKETING, NO, Method.PORTAL, "customer", AT, AT, ENTRY)],
    AT,
)


@post(
    "/v1/customers/{customer:str}/choices",
    status_code=200,
    opt=described(
        caller="service",
        body=ChoiceElsewhere,
        writes=True,
        body_rule=EACH_KIND_HAS_ITS_VALUES,
        body_example=ChoiceElsewhere(choice="marketing", value=NO, method="phone", actor="staff-7"),
        answer=ChoiceRecorded,
        example=EXAMPLE_RECORDED,
        refusals=(*REFUSALS, UnknownCustomerError, NotGrantedError),
    ),
)
async def record_choice(
    request: Request[Any, Any, Any],
    customer: FromPath[str],
    actions: NamedDependency[Actions],
    caller: NamedDependency[ServiceCaller],
) -> ChoiceRecorded:
    """Record a choice captured elsewhere, if it only takes away: whatever opens something is hers to say."""
    body = await read_body(request, ChoiceElsewhere)
    said = structs.replace(
        _said(body, Method(body.method)),
        customer=customer_in_path(customer),
        actor=body.actor or "",
        given_at=None if body.given_at is None else instant(body.given_at, "/given_at"),
    )
    taken = await actions.choose(caller, said, await attempt_of(request, caller))
    return _recorded(said.choice, taken, await actions.receipt_after(caller, taken.entry, said.customer))


@post(
    "/v1/me/choices",
    status_code=200,
    opt=described(
        caller="customer",
        body=HerChoice,
        writes=True,
        body_rule=EACH_KIND_HAS_ITS_VALUES,
        body_example=HerChoice(choice="marketing", value=NO),
        answer=ChoiceRecorded,
        example=EXAMPLE_RECORDED,
        refusals=REFUSALS,
    ),
)
async def choose(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], me: NamedDependency[CustomerCaller]
) -> ChoiceRecorded:
    """Object, restrict, pause, or open; what takes away holds at once, for every service."""
    said = _said(await read_body(request, HerChoice), Method.PORTAL)
    taken = await actions.choose(me, said, await attempt_of(request, me))
    return _recorded(said.choice, taken, await actions.receipt_after(me, taken.entry, None))


@get(
    "/v1/me/choices",
    opt=described(
        caller="customer", answer=HerChoices, example=EXAMPLE_CHOICES, query=PageQuery, refusals=(BadCursorError,)
    ),
)
async def read_choices(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], me: NamedDependency[CustomerCaller]
) -> HerChoices:
    """Return what holds beside her consents, what it overrules, and what she chose before, page by page."""
    query = read_query(request, PageQuery)
    found = await actions.read_choices(me, query.cursor, query.limit)
    return HerChoices(
        list(_holds(found)),
        [_overruled(each) for each in found.conflicts],
        [
            ChoiceMade(
                each.choice.kind,
                _value(each.choice),
                each.method,
                each.recorder,
                each.given_at,
                each.recorded_at,
                each.entry,
                *_about(each.choice),
            )
            for each in found.history
        ],
        found.no_sharing_since,
        found.next,
    )


def _said(body: HerChoice, method: Method) -> Said:
    return Said(choice=_choice(body), method=method)


def _choice(body: HerChoice) -> Choice:
    """Return the choice of a body, or refuse a value that its kind does not have."""
    kind = Kind(body.choice)
    _refuse_misnamed(kind, body)
    if kind is Kind.PAUSE and body.value != NONE and not re.fullmatch(TIME, body.value):
        raise WrongKindError("expected a time or none", pointer="/value")
    if kind is Kind.AGE_BAND and body.value != AgeBand.MINOR:
        raise WrongKindError("expected minor: an adult is enrolled as one", pointer="/value")
    try:
        found = choice_from(kind, " ".join(each for each in (body.attribute, body.purpose, body.value) if each))
    except ValueError:
        raise WrongKindError(f"no value of {body.choice}", pointer="/value") from None
    if isinstance(found, Pause) and found.until is not None:
        return Pause(instant(found.until, "/value"))
    return found


def _refuse_misnamed(kind: Kind, body: HerChoice) -> None:
    """Refuse a choice that does not name what its kind names, or names what it does not."""
    named = {"purpose": (body.purpose, NAMES_A_PURPOSE), "attribute": (body.attribute, NAMES_AN_ATTRIBUTE)}
    for field, (value, kinds) in named.items():
        if kind in kinds and value is None:
            raise MissingFieldError(f"this choice names the {field}", pointer=f"/{field}")
        if kind not in kinds and value is not None:
            raise WrongKindError(f"this choice names no {field}", pointer=f"/{field}")


def _recorded(choice: Choice, taken: Taken, receipt: str | None) -> ChoiceRecorded:
    conflicts = [_overruled(each) for each in taken.conflicts]
    purpose, attribute, _ = _about(choice)
    return ChoiceRecorded(
        choice.kind, _value(choice), taken.version, taken.entry, purpose, attribute, conflicts, receipt
    )


def _holds(found: Choices) -> Iterator[Holds]:
    limits: Restrictions = found.limits
    yield from (Holds(kind, YES if getattr(limits, field) else NO) for kind, field in FLAG.items())
    yield from (Holds(Kind.OBJECTION, RAISED, purpose) for purpose in limits.objections)
    yield from (_raised(choice_from(Kind.DO_NOT_USE, f"{each} {RAISED}")) for each in limits.barred)
    yield from (_raised(choice_from(Kind.DISPUTE, f"{each} {RAISED}")) for each in limits.disputed)
    paused = limits.paused_until is not None and limits.paused_until > found.now
    yield Holds(Kind.PAUSE, Pause(limits.paused_until if paused else None).value)
    yield Holds(Kind.QUIET_HOURS, limits.quiet_hours or NONE)
    yield Holds(Kind.AGE_BAND, limits.age_band)


def _value(choice: Choice) -> str:
    return choice.value.rpartition(" ")[2] if isinstance(choice, Objection | Bar | Strike) else choice.value


def _about(choice: Choice) -> tuple[str | None, str | None, Provenance | None]:
    """Return the purpose, the attribute and the provenance that a choice names."""
    match choice:
        case Objection():
            return choice.purpose, None, None
        case Bar():
            return choice.purpose, choice.attribute, None
        case Strike():
            return None, choice.attribute, choice.provenance
        case _:
            return None, None, None


def _raised(choice: Choice) -> Holds:
    return Holds(choice.kind, RAISED, *_about(choice))


def _overruled(conflict: Conflict) -> Overruled:
    return Overruled(conflict.purpose, Channel(conflict.channel), conflict.since)

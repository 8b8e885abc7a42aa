"""``/v1/me/use``: who used a customer's data or looked at it, by hour, and line by line what was entered."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta, Struct

from service.actions import Actions
from service.api.bodies import instant, read_query
from service.api.described import described
from service.api.wire import LINE, AttributeWord, Cursor, Instant, Limit, PageQuery, PurposeWord
from service.errors import BadCursorError, UnknownUseError
from service.model.callers import CustomerCaller
from service.model.ledger import Aborted, Checked, LookedUp, UseKind
from service.model.words import AttributeId, PurposeId
from service.usecases.uses import Filter, Line, Used

ServiceWord = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        pattern=r"^[a-z0-9.-]+(?!\n)$",
        description="Only what this service did.",
        examples=["recommender"],
    ),
]
Since = Annotated[
    datetime,
    Meta(
        tz=True,
        description="Not what came before this time. A line counts if any part of its hour does.",
        examples=["2026-01-01T00:00:00Z"],
    ),
]
Until = Annotated[
    datetime,
    Meta(
        tz=True,
        description="Only what came before this time. A line counts if any part of its hour does.",
        examples=["2027-01-01T00:00:00Z"],
    ),
]
RefusedOnly = Annotated[bool, Meta(description="Only what was refused, in part or altogether.", examples=[False])]
PeopleOnly = Annotated[bool, Meta(description="Only what a member of staff looked at.", examples=[False])]
By = Annotated[str, Meta(description="Who: a service, or an operator.")]
Outcome = Annotated[str | None, Meta(description="The decision: permit, partial or deny.")]


class UseQuery(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which uses to show."""

    service: ServiceWord | None = None
    purpose: PurposeWord | None = None
    refused: RefusedOnly = False
    people: PeopleOnly = False
    attribute: AttributeWord | None = None
    since: Since | None = None
    until: Until | None = None
    cursor: Cursor | None = None
    limit: Limit = 50


class HourOfUse(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What somebody did alike within an hour, and how often; no entry was opened for it."""

    line: Annotated[str, Meta(description="By this word its entries are opened: `GET /v1/me/use/{line}`.")]
    hour: Annotated[Instant, Meta(description="When the hour began.")]
    kind: UseKind
    by: By
    times: int
    purpose: str | None = None
    channel: str | None = None
    outcome: Outcome = None
    released: Annotated[list[str], Meta(description="The attributes that left; of a check, that would have.")] = []
    refused: Annotated[list[str], Meta(description="What was asked for and did not leave.")] = []


class Uses(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A page, newest first. ``next`` is the cursor of the page after it.

    For an ``attribute`` some thousand lines are looked through at once: a page may hold fewer than its limit, or none,
    and still have a next.
    """

    uses: list[HourOfUse]
    covers_since: Annotated[Instant, Meta(description="Since when she is known here; the list begins with it.")]
    covered_until: Annotated[
        Instant, Meta(description="Whatever was entered before this time is in the list; the rest follows in seconds.")
    ]
    next: str | None = None


class Refused(Struct, frozen=True):
    """An attribute that was asked for and not released, and why."""

    attribute: str
    reason: str


class Use(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One time that somebody asked for her data, or looked at it."""

    at: Annotated[Instant, Meta(description="When.")]
    kind: UseKind
    by: By
    entry: Annotated[str, Meta(description="Its entry in the ledger.")]
    purpose: str | None = None
    channel: str | None = None
    outcome: Outcome = None
    released: Annotated[list[str], Meta(description="The attributes that left; of a check, that would have.")] = []
    refused: Annotated[list[Refused], Meta(description="What was asked for and did not leave.")] = []
    of_entry: Annotated[
        str | None, Meta(description="For `aborted`: the entry of the release after which no data left.")
    ] = None
    reason: Annotated[str | None, Meta(description="Why an operator looked, or why a release was aborted.")] = None

    def __repr__(self) -> str:  # why somebody looked at her is hers
        return f"Use({self.entry!r})"


class UsesOfLine(Struct, frozen=True, omit_defaults=True):
    """A page of the entries of one line, newest first. ``next`` is the cursor of the page after it."""

    uses: list[Use]
    next: str | None = None


AT = datetime(2026, 11, 2, 10, 20, tzinfo=UTC)
EXAMPLE_LINE = "AAGWb3JkcyBvZiBsaW5lcyBhcmUgc2lnbmVkIGJ5IHVzAAAAAAAAAAc0"
EXAMPLE_USES = Uses(
    uses=[
        HourOfUse(
            line=EXAMPLE_LINE,
            hour=datetime(2026, 11, 2, 10, tzinfo=UTC),
            kind="release",
            by="service:recommender",
            times=3,
            purpose="personalise.recommendations",
            channel="web",
            outcome="partial",
            released=["favourite_genres"],
            refused=["birth_year"],
        )
    ],
    covers_since=datetime(2026, 1, 5, 9, 30, tzinfo=UTC),
    covered_until=datetime(2026, 11, 2, 10, 59, 50, tzinfo=UTC),
)
EXAMPLE_OF_LINE = UsesOfLine(
    [
        Use(
            at=AT,
            kind="release",
            by="service:recommender",
            entry="ent_01K9Z6V7W8X9Y0Z1A2B3C4D5E6",
            purpose="personalise.recommendations",
            channel="web",
            outcome="partial",
            released=["favourite_genres"],
            refused=[Refused("birth_year", "demographic")],
        )
    ]
)


@get(
    "/v1/me/use",
    opt=described(caller="customer", answer=Uses, example=EXAMPLE_USES, query=UseQuery, refusals=(BadCursorError,)),
)
async def use(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], me: NamedDependency[CustomerCaller]
) -> Uses:
    """Return who asked for her data or looked at it, by hour: for what, how often, what was released and refused."""
    query = read_query(request, UseQuery)
    wanted = Filter(
        actor=None if query.service is None else f"service:{query.service}",
        purpose=None if query.purpose is None else PurposeId(query.purpose),
        refused_only=query.refused,
        people_only=query.people,
        attribute=None if query.attribute is None else AttributeId(query.attribute),
        since=None if query.since is None else instant(query.since, "/since"),
        until=None if query.until is None else instant(query.until, "/until"),
    )
    page = await actions.uses(me, wanted, query.cursor, query.limit)
    return Uses(
        uses=[_hour(each) for each in page.lines],
        covers_since=page.covers.since,
        covered_until=page.covers.until,
        next=page.next,
    )


@get(
    "/v1/me/use/{line:str}",
    opt=described(
        caller="customer",
        answer=UsesOfLine,
        example=EXAMPLE_OF_LINE,
        query=PageQuery,
        refusals=(BadCursorError, UnknownUseError),
    ),
)
async def use_of_line(
    request: Request[Any, Any, Any],
    line: FromPath[str],
    actions: NamedDependency[Actions],
    me: NamedDependency[CustomerCaller],
) -> UsesOfLine:
    """Return each entry of one line, opened: when, what was released, what was refused and why."""
    query = read_query(request, PageQuery)
    if not re.fullmatch(LINE, line):
        raise UnknownUseError
    page = await actions.uses_of_line(me, line, query.cursor, query.limit)
    return UsesOfLine([_use(each) for each in page.uses], page.next)


def _hour(line: Line) -> HourOfUse:
    use = line.use
    return HourOfUse(
        line=line.word,
        hour=use.hour,
        kind=use.kind,
        by=use.actor,
        times=use.times,
        purpose=use.purpose or None,
        channel=use.channel or None,
        outcome=use.outcome or None,
        released=use.released,
        refused=use.refused,
    )


def _use(line: Used) -> Use:
    act = line.act
    match act:
        case Aborted():
            return Use(
                at=line.at, kind="aborted", by=line.actor, entry=line.entry, of_entry=act.entry, reason=act.reason
            )
        case LookedUp():
            return Use(at=line.at, kind="look-up", by=line.actor, entry=line.entry, reason=act.reason)
    return Use(
        at=line.at,
        kind="check" if isinstance(act, Checked) else "release",
        by=line.actor,
        entry=line.entry,
        purpose=act.purpose,
        channel=act.channel,
        outcome=act.outcome,
        released=act.released,
        refused=[Refused(attribute, reason) for attribute, reason in act.withheld.items()],
    )

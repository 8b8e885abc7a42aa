"""``/v1/me/facts`` and ``/v1/me/use``: what a customer sees of herself."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from litestar import Request, get
from litestar.di import NamedDependency
from msgspec import Meta, Struct

from service.api.actions import Actions
from service.api.bodies import instant, read_query
from service.api.described import described
from service.api.wire import Cursor, Instant, Limit, PageQuery, PurposeWord
from service.errors import BadCursorError
from service.model.callers import CustomerCaller
from service.model.ledger import Aborted, Checked, LookedUp
from service.model.words import Channel, Provenance, PurposeId
from service.usecases.hers import Filter, Known, Used

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
    datetime, Meta(tz=True, description="Not what came before this time.", examples=["2026-01-01T00:00:00Z"])
]
Until = Annotated[
    datetime, Meta(tz=True, description="Only what came before this time.", examples=["2027-01-01T00:00:00Z"])
]
RefusedOnly = Annotated[bool, Meta(description="Only what was refused, in part or altogether.", examples=[False])]


class Usable(Struct, frozen=True):
    """Who may use a fact now, for what, and on which channels."""

    service: str
    purpose: str
    channels: list[Channel]


class HerFact(Struct, frozen=True, kw_only=True):
    """One thing that is known about her."""

    attribute: str
    title: str
    value: Any
    provenance: Provenance
    source: str
    as_of: Instant
    confidence: int
    """In percent."""
    derived_from: list[str]
    """The facts that it was inferred from, each as attribute#provenance@source."""
    kept_until: Instant | None
    usable: list[Usable]

    def __repr__(self) -> str:  # the value is hers
        return f"HerFact({self.attribute!r})"


class Facts(Struct, frozen=True, omit_defaults=True):
    """A page of what is known about her, by attribute. ``next`` is the cursor of the page after it."""

    facts: list[HerFact]
    next: str | None = None


class UseQuery(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which uses to show."""

    service: ServiceWord | None = None
    purpose: PurposeWord | None = None
    refused: RefusedOnly = False
    since: Since | None = None
    until: Until | None = None
    cursor: Cursor | None = None
    limit: Limit = 50


class Refused(Struct, frozen=True):
    """An attribute that was asked for and not released, and why."""

    attribute: str
    reason: str


class Use(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One time that somebody asked for her data, or looked at it."""

    at: Annotated[Instant, Meta(description="When.")]
    kind: Literal["release", "check", "aborted", "look-up"]
    by: Annotated[str, Meta(description="Who: a service, or an operator.")]
    entry: Annotated[str, Meta(description="Its entry in the ledger.")]
    purpose: str | None = None
    channel: str | None = None
    outcome: Annotated[str | None, Meta(description="The decision: permit, partial or deny.")] = None
    released: Annotated[list[str], Meta(description="The attributes that left; of a check, that would have.")] = []
    refused: Annotated[list[Refused], Meta(description="What was asked for and did not leave.")] = []
    of_entry: Annotated[
        str | None, Meta(description="For `aborted`: the entry of the release after which no data left.")
    ] = None
    reason: Annotated[str | None, Meta(description="Why an operator looked, or why a release was aborted.")] = None


class Uses(Struct, frozen=True, omit_defaults=True):
    """A page, newest first. ``next`` is the cursor of the page after it."""

    uses: list[Use]
    next: str | None = None


AT = datetime(2026, 11, 2, 10, tzinfo=UTC)
EXAMPLE_FACTS = Facts(
    [
        HerFact(
            attribute="favourite_genres",
            title="Favourite genres",
            value=["crime", "travel"],
            provenance=Provenance.VOLUNTEERED,
            source="shop",
            as_of=AT,
            confidence=100,
            derived_from=[],
            kept_until=datetime(2028, 11, 1, 10, tzinfo=UTC),
            usable=[Usable("recommender", "personalise.recommendations", [Channel.WEB])],
        )
    ]
)
EXAMPLE_USES = Uses(
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
    "/v1/me/facts",
    opt=described(caller="customer", answer=Facts, example=EXAMPLE_FACTS, query=PageQuery, refusals=(BadCursorError,)),
)
async def facts(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], me: NamedDependency[CustomerCaller]
) -> Facts:
    """Return what is known about her, where it comes from, and who may use it now."""
    query = read_query(request, PageQuery)
    known = await actions.known(me, query.cursor, query.limit)
    return Facts([_fact(each) for each in known.facts], known.next)


@get(
    "/v1/me/use",
    opt=described(caller="customer", answer=Uses, example=EXAMPLE_USES, query=UseQuery, refusals=(BadCursorError,)),
)
async def use(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], me: NamedDependency[CustomerCaller]
) -> Uses:
    """Return who asked for her data, when and for what, what was released, what was refused and why."""
    query = read_query(request, UseQuery)
    wanted = Filter(
        actor=None if query.service is None else f"service:{query.service}",
        purpose=None if query.purpose is None else PurposeId(query.purpose),
        refused_only=query.refused,
        since=None if query.since is None else instant(query.since, "/since"),
        until=None if query.until is None else instant(query.until, "/until"),
    )
    page = await actions.used(me, wanted, query.cursor, query.limit)
    return Uses([_use(each) for each in page.uses], page.next)


def _fact(known: Known) -> HerFact:
    fact = known.fact
    return HerFact(
        attribute=fact.attribute,
        title=known.title,
        value=known.value,
        provenance=fact.provenance,
        source=fact.source,
        as_of=fact.as_of,
        confidence=fact.confidence,
        derived_from=list(fact.derived_from),
        kept_until=known.kept_until,
        usable=[Usable(service, purpose, list(on)) for (service, purpose), on in known.usable.items()],
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

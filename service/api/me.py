"""``/v1/me/facts``: what is known about a customer, for herself."""

from datetime import UTC, datetime
from typing import Any

from litestar import Request, get
from litestar.di import NamedDependency
from msgspec import Struct

from service.actions import Actions
from service.api.bodies import read_query
from service.api.described import described
from service.api.wire import Instant, PageQuery
from service.errors import BadCursorError
from service.model.callers import CustomerCaller
from service.model.catalogue import Catalogue
from service.model.translation import Language
from service.model.words import Channel, Provenance
from service.usecases.hers import Known


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


class FactsQuery(PageQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which page, and in which language; what is not translated is in that of the catalogue."""

    language: Language | None = None


class Facts(Struct, frozen=True, omit_defaults=True):
    """A page of what is known about her, by attribute. ``next`` is the cursor of the page after it."""

    facts: list[HerFact]
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


@get(
    "/v1/me/facts",
    opt=described(caller="customer", answer=Facts, example=EXAMPLE_FACTS, query=FactsQuery, refusals=(BadCursorError,)),
)
async def facts(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], me: NamedDependency[CustomerCaller]
) -> Facts:
    """Return what is known about her, where it comes from, and who may use it now."""
    query = read_query(request, FactsQuery)
    known = await actions.known(me, query.cursor, query.limit)
    told = (await actions.catalogue()).told_in(query.language or "")
    return Facts([_fact(told, each) for each in known.facts], known.next)


def _fact(told: Catalogue, known: Known) -> HerFact:
    fact, catalogued = known.fact, told.attributes.get(known.fact.attribute)
    return HerFact(
        attribute=fact.attribute,
        title=known.title if catalogued is None else catalogued.title,
        value=known.value,
        provenance=fact.provenance,
        source=fact.source,
        as_of=fact.as_of,
        confidence=fact.confidence,
        derived_from=list(fact.derived_from),
        kept_until=known.kept_until,
        usable=[Usable(service, purpose, list(on)) for (service, purpose), on in known.usable.items()],
    )

"""``/v1/me/simulations``: what a service would see of a customer now, and if she chose otherwise."""

from typing import Annotated, Any

from litestar import Request, get
from litestar.di import NamedDependency
from msgspec import Meta, Struct

from service.actions import Actions
from service.api.bodies import read_query
from service.api.described import described
from service.api.wire import PurposeWord
from service.errors import NotGrantedError, UnknownPurposeError
from service.model.callers import CustomerCaller
from service.model.situation import Asked
from service.model.suppositions import Answer, Supposed
from service.model.words import Channel, Provenance, PurposeId, ServiceId
from service.usecases import simulations

Service = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        pattern=r"^[a-z0-9.-]+(?!\n)$",
        description="The service that would ask.",
        examples=["recommender"],
    ),
]
SupposedAnswer = Annotated[
    Answer,
    Meta(
        description="What if she said this to the purpose on the channel. `explicit`: a yes in so many words, without "
        "which no data of a special category is used.",
        examples=["yes"],
    ),
]
OnlyTold = Annotated[bool, Meta(description="What if only what she told us were used, or more.", examples=[True])]
Paused = Annotated[bool, Meta(description="What if she paused everything, or no more.", examples=[False])]


class SimulationQuery(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What would be asked, and what she supposes."""

    service: Service
    purpose: PurposeWord
    channel: Channel
    answer: SupposedAnswer | None = None
    only_told: OnlyTold | None = None
    paused: Paused | None = None


class SeenAttribute(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One attribute: what would be seen of it, or why nothing.

    The value is absent where another side of a merged person knows it.
    """

    attribute: str
    seen: bool
    value: Any = None
    provenance: Provenance | None = None
    source: str | None = None
    reason: str | None = None
    policy: str | None = None

    def __repr__(self) -> str:  # the value is hers
        return f"SeenAttribute({self.attribute!r})"


class Simulation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a release would say now; ``then``: as she supposes, and ``differences`` what would be seen otherwise."""

    service: str
    purpose: str
    channel: Channel
    now: list[SeenAttribute]
    then: list[SeenAttribute] = []
    differences: list[str] = []


GENRES = SeenAttribute(
    attribute="favourite_genres", seen=True, value=["crime"], provenance=Provenance.VOLUNTEERED, source="shop"
)
GUESSES = SeenAttribute(attribute="guessed_genres", seen=False, reason="only-what-i-told-you", policy="forbid.inferred")
EXAMPLE = Simulation(
    service="recommender", purpose="personalise.recommendations", channel=Channel.WEB, now=[GENRES, GUESSES]
)


@get(
    "/v1/me/simulations",
    opt=described(
        caller="customer",
        answer=Simulation,
        example=EXAMPLE,
        query=SimulationQuery,
        refusals=(UnknownPurposeError, NotGrantedError),
    ),
)
async def simulation(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], me: NamedDependency[CustomerCaller]
) -> Simulation:
    """Return what a service would see of her now, attribute by attribute, and what if she chose otherwise.

    It is the decision of a release, which is not made: nothing is handed over, and nothing is entered.
    """
    query = read_query(request, SimulationQuery)
    asked = Asked(ServiceId(query.service), PurposeId(query.purpose), query.channel)
    supposed = Supposed(answer=query.answer, only_told=query.only_told, paused=query.paused)
    found = await actions.simulate(me, asked, supposed)
    return Simulation(
        service=query.service,
        purpose=query.purpose,
        channel=query.channel,
        now=[_seen(each) for each in found.now],
        then=[_seen(each) for each in found.then or ()],
        differences=[str(each) for each in found.differences],
    )


def _seen(each: simulations.Seen) -> SeenAttribute:
    if each.fact is None:
        no = each.withheld
        assert no is not None  # noqa: S101  what is not seen is withheld
        return SeenAttribute(attribute=each.attribute, seen=False, reason=no.reason, policy=no.policy)
    fact = each.fact
    return SeenAttribute(
        attribute=each.attribute, seen=True, value=each.value, provenance=fact.provenance, source=fact.source
    )

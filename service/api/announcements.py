"""``/v1/announcements``: what a service should hear of without having asked."""

from datetime import UTC, datetime
from typing import Any, Literal

from litestar import Request, get
from litestar.di import NamedDependency
from msgspec import Struct

from service.actions import Actions
from service.api.bodies import read_query
from service.api.described import described
from service.api.wire import HER, CustomerWord, Instant, PageQuery
from service.errors import BadCursorError
from service.model.callers import ServiceCaller
from service.model.words import Channel


class Announcement(Struct, frozen=True, kw_only=True):
    """``renewal-due``: this consent ends within 30 days, so she may be asked again."""

    kind: Literal["renewal-due"]
    customer: CustomerWord
    purpose: str
    channel: Channel
    expires_at: Instant
    at: Instant


class Announcements(Struct, frozen=True):
    """Oldest first. ``next``: where to go on, now or when asking again later."""

    announcements: list[Announcement]
    next: str


EXAMPLE = Announcements(
    [
        Announcement(
            kind="renewal-due",
            customer=HER,
            purpose="personalise.recommendations",
            channel=Channel.WEB,
            expires_at=datetime(2026, 12, 2, 10, tzinfo=UTC),
            at=datetime(2026, 11, 2, 10, tzinfo=UTC),
        )
    ],
    "AAAAAAAAACoAAQ",
)


@get(
    "/v1/announcements",
    opt=described(caller="service", answer=Announcements, example=EXAMPLE, query=PageQuery, refusals=(BadCursorError,)),
)
async def announcements(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], caller: NamedDependency[ServiceCaller]
) -> Announcements:
    """Return what was announced about customers whom this service knows, for its purposes, as far as it still holds.

    Of a customer whom it comes to know only after its cursor has passed what was announced of her, it never hears that.
    """
    query = read_query(request, PageQuery)
    page = await actions.announced(caller, query.cursor, query.limit)
    told = [
        Announcement(
            kind="renewal-due",
            customer=each.customer,
            purpose=each.spot.purpose,
            channel=each.spot.channel,
            expires_at=each.expires_at,
            at=each.at,
        )
        for each in page.announcements
    ]
    return Announcements(told, page.next)

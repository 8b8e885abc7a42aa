"""``/v1/links``: links for messages, by which whoever gets one can say no without signing in."""

from datetime import UTC, datetime
from typing import Annotated, Any

from litestar import Request, post
from litestar.di import NamedDependency
from msgspec import Meta, Struct

from service.actions import Actions
from service.api.bodies import read_body
from service.api.described import described
from service.api.problems import Problem, problem_of
from service.api.wire import HER, CustomerWord, Instant, PurposeWord
from service.errors import (
    NotConsentBasedError,
    NotGrantedError,
    UnknownChannelError,
    UnknownCustomerError,
    UnknownPurposeError,
    WrongKindError,
)
from service.model.callers import ServiceCaller
from service.model.consent import Spot
from service.model.words import Channel, PairwiseId, PurposeId
from service.usecases.message_links import Address

MOST = 500
ONE_CLICK = "List-Unsubscribe=One-Click"
"""The value of ``List-Unsubscribe-Post``, and what a mail program then posts (RFC 8058)."""


class LinksWanted(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """For whom links are wanted, by this service's own ids, and what the messages are about."""

    customers: Annotated[
        list[CustomerWord], Meta(min_length=1, max_length=MOST, extra_json_schema={"uniqueItems": True})
    ]
    purpose: PurposeWord
    channel: Channel


class Link(Struct, frozen=True):
    """A link, and the two headers with which a mail program shows a button for it (RFC 8058).

    The headers must be covered by the message's DKIM signature. The link is the same for every message of a month.
    """

    url: str
    ends_at: Instant
    list_unsubscribe: str
    list_unsubscribe_post: str

    def __repr__(self) -> str:  # whoever has the link can say no for her
        return "Link()"


class LinkOfOne(Struct, frozen=True, omit_defaults=True):
    """The link of one customer, or why there is none."""

    customer: CustomerWord
    link: Link | None = None
    problem: Problem | None = None


class Links(Struct, frozen=True):
    """A link for each customer, in the order in which they were named."""

    links: list[LinkOfOne]


EXAMPLE_URL = "https://privacy.example.com/n/" + "n5xw23lfmfwgk3lbnzqxgzltoq" * 2
EXAMPLE = Links(
    [
        LinkOfOne(HER, Link(EXAMPLE_URL, datetime(2027, 12, 1, tzinfo=UTC), f"<{EXAMPLE_URL}>", ONE_CLICK)),
        LinkOfOne("byc_" + "a" * 26, problem=problem_of(UnknownCustomerError())),
    ]
)


@post(
    "/v1/links",
    status_code=200,
    opt=described(
        caller="service",
        body=LinksWanted,
        body_example=LinksWanted(customers=[HER], purpose="research.panel", channel=Channel.EMAIL),
        answer=Links,
        example=EXAMPLE,
        refusals=(UnknownPurposeError, UnknownChannelError, NotConsentBasedError, NotGrantedError),
    ),
)
async def message_links(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], caller: NamedDependency[ServiceCaller]
) -> Links:
    """Make links by which up to 500 customers can stop messages, with one press and without signing in.

    Whoever has such a link can only say no with it. Made again it is the same link, so nothing need be kept.
    """
    body = await read_body(request, LinksWanted)
    if len(set(body.customers)) != len(body.customers):
        raise WrongKindError("a customer stands twice", pointer="/customers")
    wanted = [PairwiseId(each) for each in body.customers]
    made = await actions.make_message_links(caller, Spot(PurposeId(body.purpose), body.channel), wanted)
    return Links([_link(each, made.get(each)) for each in wanted])


def _link(customer: PairwiseId, made: Address | None) -> LinkOfOne:
    if made is None:
        return LinkOfOne(customer, problem=problem_of(UnknownCustomerError()))
    return LinkOfOne(customer, Link(made.url, made.ends_at, f"<{made.url}>", ONE_CLICK))

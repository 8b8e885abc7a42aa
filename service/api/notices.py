"""``.../notices/served`` and ``.../prompts``: asking a customer, with proof of what she was shown."""

from datetime import UTC, datetime
from typing import Annotated, Any

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta, Struct, structs

from service.actions import Actions
from service.api.attempts import attempt_of
from service.api.bodies import read_body, read_query
from service.api.described import described
from service.api.wire import SNAPSHOT, CustomerWord, Instant, NoticeNumber, PurposeWord, customer_in_path
from service.errors import (
    MissingFieldError,
    NotConsentBasedError,
    NotGrantedError,
    NoticeSupersededError,
    UnknownChannelError,
    UnknownCustomerError,
    UnknownNoticeError,
    UnknownPurposeError,
)
from service.model.callers import CustomerCaller, ServiceCaller
from service.model.catalogue import Notice as CataloguedNotice
from service.model.prompts import Prompt as Asked
from service.model.prompts import Reason
from service.model.translation import Language
from service.model.words import Channel, PairwiseId, PurposeId
from service.usecases.notices import Served as ServedNow
from service.usecases.notices import Serving

Layout = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=48,
        pattern=r"^[a-z0-9][a-z0-9.-]*(?!\n)$",
        description="Your name for the arrangement of the page: where the notice stands, and the buttons under it.",
        examples=["checkout-3"],
    ),
]
Where = Annotated[Channel, Meta(description="On which channel she would be asked.", examples=["web"])]
REFUSALS = (
    UnknownPurposeError,
    UnknownChannelError,
    UnknownNoticeError,
    NoticeSupersededError,
    NotConsentBasedError,
)


class HerPage(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What is about to be shown. Without a version, the notice in force; no other may be shown."""

    purpose: PurposeWord
    channel: Channel
    language: Language
    layout: Layout
    version: NoticeNumber | None = None


class Page(HerPage, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What a service is about to show; ``customer``: to whom, where that is known yet."""

    customer: CustomerWord | None = None


class Words(Struct, frozen=True, kw_only=True):
    """The notice, word for word. ``digest``: SHA-256 of the text, hexadecimal."""

    purpose: str
    version: int
    language: str
    digest: str
    title: str
    text: str


class Served(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Show these words, keep the snapshot, and send it with the answer before it expires."""

    snapshot: str
    notice: Words
    expires_at: Instant
    entry: str
    version: int | None = None
    """The customer's, where she was named."""


class PromptQuery(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where and in which language she would be asked."""

    channel: Where
    language: Language


class Ask(Struct, frozen=True, kw_only=True):
    """The words to ask in. ``material``: whether this notice asks for more than the one before."""

    title: str
    text: str
    benefit: str
    consequence: str
    notice: int
    language: str
    digest: str
    material: bool


class Prompt(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether to ask for one purpose, and why or why not. The words are there when she is to be asked."""

    purpose: str
    ask: bool
    reason: Reason
    words: Ask | None = None


class Prompts(Struct, frozen=True):
    """One for each purpose that rests on consent, is offered on the channel, and may be asked for by the caller."""

    prompts: list[Prompt]


AT = datetime(2026, 11, 2, 10, 30, tzinfo=UTC)
RECOMMENDATIONS = "personalise.recommendations"
TITLE, TEXT = "Recommendations", "May we use the genres you like to suggest books?"
EXAMPLE_PAGE: dict[str, Any] = {
    "purpose": RECOMMENDATIONS,
    "channel": Channel.WEB,
    "language": "en",
    "layout": "checkout-3",
}
EXAMPLE_SERVED = Served(
    snapshot=SNAPSHOT,
    notice=Words(purpose=RECOMMENDATIONS, version=2, language="en", digest="0" * 64, title=TITLE, text=TEXT),
    expires_at=AT,
    entry="ent_01K9Z6V7W8X9Y0Z1A2B3C4D5E6",
    version=43,
)
EXAMPLE_PROMPTS = Prompts(
    [
        Prompt(
            purpose=RECOMMENDATIONS,
            ask=True,
            reason=Reason.NEW_SCOPE,
            words=Ask(
                title=TITLE,
                text=TEXT,
                benefit="Suggestions that fit you.",
                consequence="You see the same suggestions as everybody.",
                notice=2,
                language="en",
                digest="0" * 64,
                material=True,
            ),
        ),
        Prompt(purpose="research.panel", ask=False, reason=Reason.REFUSED_RECENTLY),
    ]
)


@post(
    "/v1/notices/served",
    status_code=200,
    opt=described(
        caller="service",
        body=Page,
        writes=True,
        body_example=Page(**EXAMPLE_PAGE),
        answer=Served,
        example=EXAMPLE_SERVED,
        refusals=(*REFUSALS, UnknownCustomerError, NotGrantedError),
    ),
)
async def serve(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], caller: NamedDependency[ServiceCaller]
) -> Served:
    """Say that a notice is about to be shown; the snapshot proves later what was on the screen."""
    body = await read_body(request, Page)
    customer = None if body.customer is None else PairwiseId(body.customer)
    wanted = structs.replace(_serving(body), customer=customer)
    return _served(*await actions.serve(caller, wanted, await attempt_of(request, caller)))


@post(
    "/v1/me/notices/served",
    status_code=200,
    opt=described(
        caller="customer",
        body=HerPage,
        writes=True,
        body_example=HerPage(**EXAMPLE_PAGE),
        answer=Served,
        example=EXAMPLE_SERVED,
        refusals=REFUSALS,
    ),
)
async def serve_as_customer(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], me: NamedDependency[CustomerCaller]
) -> Served:
    """Say that a notice is about to be shown to her."""
    wanted = _serving(await read_body(request, HerPage))
    return _served(*await actions.serve(me, wanted, await attempt_of(request, me)))


@get(
    "/v1/customers/{customer:str}/prompts",
    opt=described(
        caller="service",
        answer=Prompts,
        example=EXAMPLE_PROMPTS,
        query=PromptQuery,
        refusals=(UnknownCustomerError, MissingFieldError),
    ),
)
async def prompts(
    request: Request[Any, Any, Any],
    customer: FromPath[str],
    actions: NamedDependency[Actions],
    caller: NamedDependency[ServiceCaller],
) -> Prompts:
    """Return whether this service should ask her now for what it records, in which words, or why not."""
    query = read_query(request, PromptQuery)
    asked = await actions.prompts(caller, customer_in_path(customer), query.channel, query.language)
    return Prompts([_prompt(each) for each in asked])


@get(
    "/v1/me/prompts",
    opt=described(
        caller="customer", answer=Prompts, example=EXAMPLE_PROMPTS, query=PromptQuery, refusals=(MissingFieldError,)
    ),
)
async def prompts_as_customer(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], me: NamedDependency[CustomerCaller]
) -> Prompts:
    """Return what she should be asked now, in which words, or why not."""
    query = read_query(request, PromptQuery)
    asked = await actions.prompts(me, None, query.channel, query.language)
    return Prompts([_prompt(each) for each in asked])


def _serving(body: HerPage) -> Serving:
    return Serving(
        purpose=PurposeId(body.purpose),
        channel=body.channel,
        language=body.language,
        layout=body.layout,
        version=body.version,
    )


def _served(done: ServedNow, notice: CataloguedNotice) -> Served:
    return Served(
        snapshot=done.snapshot,
        notice=_words(notice),
        expires_at=done.said.expires_at,
        entry=done.entry,
        version=done.version,
    )


def _words(notice: CataloguedNotice) -> Words:
    return Words(
        purpose=notice.purpose,
        version=notice.version,
        language=notice.language,
        digest=notice.digest,
        title=notice.title,
        text=notice.text,
    )


def _prompt(asked: Asked) -> Prompt:
    return Prompt(purpose=asked.purpose.id, ask=asked.ask, reason=asked.reason, words=_ask(asked))


def _ask(asked: Asked) -> Ask | None:
    if asked.words is None:
        return None
    return Ask(
        title=asked.words.title,
        text=asked.words.text,
        benefit=asked.purpose.benefit,
        consequence=asked.purpose.consequence,
        notice=asked.words.version,
        language=asked.words.language,
        digest=asked.words.digest,
        material=asked.words.material,
    )

"""``/v1/me/disputes``: that was not me. And one fact said anew, or deleted; each of them can be undone."""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from msgspec import Meta, Struct

from service.actions import Actions
from service.api.attempts import attempt_of
from service.api.bodies import instant, read_body, read_query
from service.api.described import described
from service.api.wire import AttributeWord, EntryWord, Instant, PageQuery, Receipt, SourceWord
from service.errors import (
    BadCursorError,
    NothingToUndoError,
    NotTellableError,
    UnknownAttributeError,
    UnknownDisputeError,
    UnknownFactError,
)
from service.model.callers import CustomerCaller
from service.model.strikes import Answer, Label, Manner, Recipient, Selection
from service.model.words import AttributeId, EntryId, Provenance
from service.usecases.strikes import Done, Item, Past

Category = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        pattern=r"^[a-z0-9_-]+(?!\n)$",
        description="A topic: a category of the catalogue's attributes.",
        examples=["taste"],
    ),
]


class WhichFacts(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Which facts are meant: all that are like this in every respect that is said, and at least one is."""

    attribute: AttributeWord | None = None
    category: Category | None = None
    provenance: Provenance | None = None
    source: SourceWord | None = None
    since: Instant | None = None
    """Facts of this time or later."""
    until: Instant | None = None
    """Facts of this time or earlier."""


class OneFact(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One fact, by its name."""

    attribute: AttributeWord
    provenance: Provenance
    source: SourceWord


class Corrected(OneFact, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One fact, by its name, and what is right instead."""

    value: msgspec.Raw

    def __repr__(self) -> str:  # the value is hers
        return f"Corrected({self.attribute!r})"


class Which(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which act is meant: by its entry."""

    entry: EntryWord


class Why(Which, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Why something was not her, if she likes to say it."""

    answer: Answer


class FactLabel(Struct, frozen=True, kw_only=True):
    """A fact without its value."""

    attribute: str
    provenance: Provenance
    source: str
    as_of: Instant
    derived_from: list[str]


class Had(Struct, frozen=True, omit_defaults=True):
    """A service that had received some of it, and when it was told."""

    service: str
    attributes: list[str]
    told: Instant | None = None


class Meant(Struct, frozen=True):
    """What a dispute would strike out: what is meant, and what was built on that. Nothing is changed yet."""

    meant: list[FactLabel]
    built_on: list[FactLabel]
    received_by: list[Had]


class StruckOut(Struct, frozen=True, omit_defaults=True):
    """That it is out of use: how much, which services had any of it, and until when it can be brought back.

    ``receipt``: signed; where it is absent it follows later.
    """

    version: int
    entry: str
    meant: int
    built_on: int
    received_by: list[str]
    undo_until: Instant
    receipt: Receipt | None = None


class TakenBack(Struct, frozen=True):
    """That it was undone, and how many facts are where they were."""

    version: int
    entry: str
    restored: int


class Noted(Struct, frozen=True):
    """That her answer is recorded."""

    version: int
    entry: str


class HerDispute(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One time that she struck something out. ``facts``: what of it can still be brought back."""

    entry: str
    manner: Manner
    at: Instant
    meant: int
    built_on: int
    undo_until: Instant
    facts: list[FactLabel]
    received_by: list[Had]
    answer: Answer | None = None
    undone: Instant | None = None


class HerDisputes(Struct, frozen=True, omit_defaults=True):
    """A page of what she struck out, newest first. ``next`` is the cursor of the page after it."""

    disputes: list[HerDispute]
    next: str | None = None


AT = datetime(2026, 11, 2, 10, tzinfo=UTC)
LATER = datetime(2026, 12, 2, 10, tzinfo=UTC)
ENTRY = "ent_01K9Z6V7W8X9Y0Z1A2B3C4D5E6"
SEEN = FactLabel(
    attribute="browsed_genres", provenance=Provenance.OBSERVED, source="shop/order-10482", as_of=AT, derived_from=[]
)
GUESSED = FactLabel(
    attribute="guessed_genres",
    provenance=Provenance.INFERRED,
    source="recommender",
    as_of=AT,
    derived_from=["browsed_genres#observed@shop/order-10482"],
)
EXAMPLE_MEANT = Meant([SEEN], [GUESSED], [Had("recommender", ["browsed_genres"])])
EXAMPLE_STRUCK = StruckOut(43, ENTRY, 1, 1, ["recommender"], LATER)
EXAMPLE_DISPUTES = HerDisputes(
    [
        HerDispute(
            entry=ENTRY,
            manner=Manner.DISPUTE,
            at=AT,
            meant=1,
            built_on=1,
            undo_until=LATER,
            facts=[SEEN, GUESSED],
            received_by=[Had("recommender", ["browsed_genres"])],
            answer=Answer.GIFT,
        )
    ]
)
ONE = OneFact(attribute="browsed_genres", provenance=Provenance.OBSERVED, source="shop/order-10482")
RIGHT = Corrected(
    attribute="postcode_area", provenance=Provenance.OBSERVED, source="shop", value=msgspec.Raw(b'"YO21"')
)


@get(
    "/v1/me/disputes/reach",
    opt=described(
        caller="customer",
        answer=Meant,
        example=EXAMPLE_MEANT,
        query=WhichFacts,
        refusals=(UnknownAttributeError,),
    ),
)
async def reach(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], me: NamedDependency[CustomerCaller]
) -> Meant:
    """Return what a dispute would strike out, and everything that was built on it; without values."""
    found = await actions.reach(me, _selection(read_query(request, WhichFacts)))
    return Meant(_labels(found.named), _labels(found.built_on), [_had(each) for each in found.recipients])


@post(
    "/v1/me/disputes",
    status_code=200,
    opt=described(
        caller="customer",
        body=WhichFacts,
        body_rule={"minProperties": 1},
        writes=True,
        body_example=WhichFacts(source="shop/order-10482"),
        answer=StruckOut,
        example=EXAMPLE_STRUCK,
        refusals=(UnknownAttributeError, UnknownFactError),
    ),
)
async def dispute(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], me: NamedDependency[CustomerCaller]
) -> StruckOut:
    """Say that it was not her: at once nobody uses it, nor what was built on it, and it cannot come in again."""
    selection = _selection(await read_body(request, WhichFacts))
    return await _struck_out(actions, me, await actions.dispute(me, selection, await attempt_of(request, me)))


@get(
    "/v1/me/disputes",
    opt=described(
        caller="customer", answer=HerDisputes, example=EXAMPLE_DISPUTES, query=PageQuery, refusals=(BadCursorError,)
    ),
)
async def disputes(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], me: NamedDependency[CustomerCaller]
) -> HerDisputes:
    """Return what she disputed, corrected and deleted, newest first, and who is told of it."""
    query = read_query(request, PageQuery)
    page = await actions.disputes(me, query.cursor, query.limit)
    return HerDisputes([_dispute(each) for each in page.strikes], page.next)


@post(
    "/v1/me/disputes/undo",
    status_code=200,
    opt=described(
        caller="customer",
        body=Which,
        writes=True,
        body_example=Which(entry=ENTRY),
        answer=TakenBack,
        example=TakenBack(44, ENTRY, 2),
        refusals=(UnknownDisputeError, NothingToUndoError),
    ),
)
async def undo(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], me: NamedDependency[CustomerCaller]
) -> TakenBack:
    """Undo a dispute, a correction or a deletion: everything is just as it was, as long as it is kept."""
    body = await read_body(request, Which)
    done = await actions.undo_dispute(me, EntryId(body.entry), await attempt_of(request, me))
    return TakenBack(done.version, done.entry, done.restored)


@post(
    "/v1/me/disputes/answer",
    status_code=200,
    opt=described(
        caller="customer",
        body=Why,
        writes=True,
        body_example=Why(entry=ENTRY, answer=Answer.GIFT),
        answer=Noted,
        example=Noted(44, ENTRY),
        refusals=(UnknownDisputeError,),
    ),
)
async def explain(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], me: NamedDependency[CustomerCaller]
) -> Noted:
    """Say why it was not her. Nobody has to, and nothing depends on it."""
    body = await read_body(request, Why)
    done = await actions.explain_dispute(me, EntryId(body.entry), body.answer, await attempt_of(request, me))
    return Noted(done.version, done.entry)


@post(
    "/v1/me/facts/correct",
    status_code=200,
    opt=described(
        caller="customer",
        body=Corrected,
        writes=True,
        body_example=RIGHT,
        answer=StruckOut,
        example=EXAMPLE_STRUCK,
        refusals=(UnknownAttributeError, UnknownFactError, NotTellableError),
    ),
)
async def correct(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], me: NamedDependency[CustomerCaller]
) -> StruckOut:
    """Say a fact anew. What she had told is replaced; what others say is disputed, and her word stands beside it."""
    body = await read_body(request, Corrected)
    done = await actions.correct(me, _item(body), bytes(body.value), await attempt_of(request, me))
    return await _struck_out(actions, me, done)


@post(
    "/v1/me/facts/delete",
    status_code=200,
    opt=described(
        caller="customer",
        body=OneFact,
        writes=True,
        body_example=ONE,
        answer=StruckOut,
        example=EXAMPLE_STRUCK,
        refusals=(UnknownFactError,),
    ),
)
async def delete(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], me: NamedDependency[CustomerCaller]
) -> StruckOut:
    """Delete one fact and what was built on it; for ten minutes it can be undone."""
    item = _item(await read_body(request, OneFact))
    return await _struck_out(actions, me, await actions.delete_fact(me, item, await attempt_of(request, me)))


async def _struck_out(actions: Actions, me: CustomerCaller, done: Done) -> StruckOut:
    return StruckOut(
        done.version,
        done.entry,
        done.named,
        done.built_on,
        list(done.recipients),
        done.kept,
        await actions.receipt_after(me, done.entry, None),
    )


def _selection(which: WhichFacts) -> Selection:
    return Selection(
        attribute=None if which.attribute is None else AttributeId(which.attribute),
        category=which.category,
        provenance=which.provenance,
        source=which.source,
        since=None if which.since is None else instant(which.since, "/since"),
        until=None if which.until is None else instant(which.until, "/until"),
    )


def _item(which: OneFact) -> Item:
    return Item(AttributeId(which.attribute), which.provenance, which.source)


def _labels(labels: list[Label]) -> list[FactLabel]:
    return [
        FactLabel(
            attribute=each.attribute,
            provenance=each.provenance,
            source=each.source,
            as_of=each.as_of,
            derived_from=list(each.derived_from),
        )
        for each in labels
    ]


def _had(recipient: Recipient) -> Had:
    return Had(recipient.service, recipient.attributes, recipient.told_at)


def _dispute(past: Past) -> HerDispute:
    strike = past.strike
    return HerDispute(
        entry=strike.entry,
        manner=strike.kind,
        at=strike.at,
        meant=strike.named,
        built_on=strike.built_on,
        undo_until=strike.kept,
        facts=_labels([each.label for each in past.struck]),
        received_by=[_had(each) for each in past.recipients],
        answer=Answer(strike.answer) if strike.answer else None,
        undone=strike.undone_at,
    )

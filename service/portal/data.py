"""``/data``: what is known about her, where it comes from, who used it; and that it was not her, is wrong, or goes."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from msgspec import Struct

from service.actions import Actions
from service.errors import UnknownFactError, WrongKindError
from service.model.catalogue import Attribute, Catalogue, ValueKind
from service.model.choices import Bar
from service.model.facts import HERSELF, PREFERENCE, SealedFact, bar_parts
from service.model.strikes import Answer, Selection
from service.model.words import AttributeId, Basis, EntryId, Method, Provenance
from service.portal.forms import read_form
from service.portal.pages import page as shown
from service.portal.pages import see
from service.portal.signin import noted
from service.portal.visit import SHOWS, Visit
from service.refusals import status_of
from service.usecases import choices
from service.usecases.hers import Known
from service.usecases.sessions import refuse_weak
from service.usecases.strikes import Item, Past

PAGE, ONE, SEVERAL = "/data", "/data/fact", "/data/several"
MOST = 20
"""Facts on a page: with more of them it would be long to read and slow to load."""
LAST = 10
"""Acts of striking out that are shown."""
NAME = re.compile(r"[^a-z0-9]+")
DIGITS = re.compile(r"[0-9]{1,18}")
SURE, FAIRLY, HARDLY = 90, 60, 30
PER_CENT = {SURE: "sure", FAIRLY: "fairly", HARDLY: "hardly"}


class Which(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which facts a form or an address means."""

    attribute: str = ""
    category: str = ""
    provenance: Provenance | None = None
    source: str = ""
    since: date | None = None
    until: date | None = None

    @property
    def item(self) -> Item:
        """The one fact that it means; raises UnknownFactError where it means none."""
        if not self.attribute or self.provenance is None or not self.source:
            raise UnknownFactError
        return Item(AttributeId(self.attribute), self.provenance, self.source)

    def selection(self, visit: Visit) -> Selection:
        """Return what it means; days are those of her own clock."""
        return Selection(
            attribute=AttributeId(self.attribute) if self.attribute else None,
            category=self.category or None,
            provenance=self.provenance,
            source=self.source or None,
            since=None if self.since is None else _begin_of(self.since, visit),
            until=None if self.until is None else _end_of(self.until, visit),
        )

    @property
    def fields(self) -> dict[str, str]:
        """What a form sends that means the same."""
        return {name: str(getattr(self, name) or "") for name in self.__struct_fields__}


class Corrected(Which, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fact, and what is right instead; its repr hides that."""

    value: list[str] = []

    def __repr__(self) -> str:
        return "Corrected()"


class Barring(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an attribute is not to be used for any more, or is to be again."""

    attribute: str
    purpose: str
    answer: Literal["yes", "stop"]
    provenance: Provenance
    source: str


class Undoing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which act is to be undone, or why it was not her."""

    entry: str
    answer: Answer | None = None


class Told(Struct, frozen=True):
    """One fact as the page shows it; its repr hides the value."""

    known: Known
    attribute: Attribute | None
    value: list[str]
    hidden: bool
    """Whether its value can say something about her health or the like, and she has not asked to see it."""

    @property
    def fact(self) -> SealedFact:
        """Its labels."""
        return self.known.fact

    @property
    def id(self) -> str:
        """Its place on the page."""
        return place_of(self.fact.name)

    @property
    def fields(self) -> dict[str, str]:
        """What a form sends that means it."""
        return fields_of(self.fact.name)

    @property
    def sure(self) -> str:
        """How sure it is, by a word of our own."""
        return next((word for limit, word in PER_CENT.items() if self.fact.confidence >= limit), "guess")

    @property
    def purposes(self) -> list[str]:
        """For which purposes it may be used now."""
        return sorted({purpose for _, purpose in self.known.usable})

    @property
    def tellable(self) -> bool:
        """Whether she can say it herself."""
        return self.attribute is not None and Provenance.VOLUNTEERED in self.attribute.provenances

    @property
    def many(self) -> bool:
        """Whether it is several things."""
        return self.attribute is not None and self.attribute.kind is ValueKind.TEXTS

    def __repr__(self) -> str:
        return f"Told({self.fact.name!r})"


class Topic(Struct, frozen=True):
    """What is known of one topic."""

    category: str
    facts: list[Told]


@get(PAGE)
async def page(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[str]:
    """Return what is known, topic by topic."""
    said = request.query_params
    source = said.get("source") or None
    found = await actions.known(visit.her, said.get("cursor") or None, MOST, source)
    catalogue = visit.told
    past = await actions.disputes(visit.her, None, LAST)
    limits = (await actions.read_choices(visit.her, None, 1)).limits
    return shown(
        visit,
        "data.html",
        found=found,
        topics=_topics(catalogue, found.facts),
        more_than_told=limits.more_than_told,
        used=await actions.used_by_attribute(visit.her),
        past=past.strikes,
        just=_just(visit, past.strikes),
        source=source,
        categories=sorted({each.category for each in catalogue.attributes.values()}),
        catalogue=catalogue,
        herself=HERSELF,
        of_name=fields_of,
        place_of=place_of,
    )


@get(ONE)
async def one(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[str]:
    """Return one fact with all that she can do about it, and everything that was built on it."""
    which = _asked(request)
    special = request.query_params.get("show") == "special"
    if special:
        refuse_weak(visit.her)
    return await _fact(actions, visit, which.item, special=special)


@get(SEVERAL)
async def several(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[str]:
    """Return what she would leave out by one press: the list comes first."""
    which = _asked(request)
    found = await actions.reach(visit.her, which.selection(visit))
    return shown(
        visit,
        "several.html",
        which=which,
        reach=found,
        catalogue=visit.told,
        herself=HERSELF,
        of_name=fields_of,
        place_of=place_of,
    )


@post(f"{PAGE}/dispute")
async def dispute(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[None]:
    """Strike out what was not her: one fact, or all that she saw in the list."""
    form = await read_form(request, visit, Which)
    done = await actions.dispute(visit.her, form.selection(visit), None)
    return see(PAGE, "disputed", at="just", entry=done.entry)


@post(f"{PAGE}/correct", opt={SHOWS: True})
async def correct(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[Any]:
    """Say a fact anew; what it cannot be stays in its field, beside what it can."""
    form = await read_form(request, visit, Corrected)
    attribute = visit.told.attributes.get(form.item.attribute)
    if attribute is None:
        raise UnknownFactError
    try:
        done = await actions.correct(visit.her, form.item, written(attribute, form.value), None)
    except WrongKindError as error:
        noted(request, error)
        return await _fact(actions, visit, form.item, wrong=form.value)
    return see(PAGE, "corrected", at="just", entry=done.entry)


@post(f"{PAGE}/delete")
async def delete(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[None]:
    """Delete one fact, and what was built on it."""
    form = await read_form(request, visit, Which)
    done = await actions.delete_fact(visit.her, form.item, None)
    return see(PAGE, "deleted", at="just", entry=done.entry)


@post(f"{PAGE}/bar")
async def bar(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[None]:
    """Keep an attribute out of a purpose or a kind of purposes, or let it in again."""
    form = await read_form(request, visit, Barring)
    raised = form.answer == "stop"
    choice = Bar(AttributeId(form.attribute), form.purpose, raised)
    done = await actions.choose(visit.her, choices.Said(choice=choice, method=Method.PORTAL), None)
    where = {"attribute": form.attribute, "provenance": form.provenance, "source": form.source}
    return see(ONE, "barred" if raised else "unbarred", at="bars", entry=done.entry, **where)


@post(f"{PAGE}/undo")
async def undo(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[None]:
    """Bring back what she struck out, just as it was."""
    form = await read_form(request, visit, Undoing)
    done = await actions.undo_dispute(visit.her, EntryId(form.entry), None)
    return see(PAGE, "brought-back", at="past", entry=done.entry)


@post(f"{PAGE}/why")
async def why(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[None]:
    """Note why it was not her; who does not know is shown where she is signed in."""
    form = await read_form(request, visit, Undoing)
    if form.answer is None:
        raise WrongKindError
    await actions.explain_dispute(visit.her, EntryId(form.entry), form.answer, None)
    if form.answer is Answer.UNKNOWN:
        return see("/me", "look-around", at="sessions")
    return see(PAGE, "noted", at="past")


def fields_of(name: str) -> dict[str, str]:
    """Return what a form sends that means the fact of this name."""
    kind, _, source = name.partition("@")
    attribute, _, provenance = kind.partition("#")
    return {"attribute": attribute, "provenance": provenance, "source": source}


def place_of(name: str) -> str:
    """Return where a fact stands on the page."""
    return f"f-{NAME.sub('-', name.lower())}"


def written(attribute: Attribute, said: Sequence[str]) -> bytes:
    """Return what a form says as a value of an attribute; raises WrongKindError for what it cannot be."""
    if not said:
        raise WrongKindError
    if attribute.kind is ValueKind.TEXTS:
        return json.dumps([each.strip() for text in said for each in text.split(",") if each.strip()]).encode()
    [text] = said if len(said) == 1 else [None]
    if text is None:
        raise WrongKindError
    if attribute.kind is ValueKind.BOOLEAN:
        return b"true" if text == "yes" else b"false"
    if attribute.kind is ValueKind.INTEGER:
        if not DIGITS.fullmatch(text):
            raise WrongKindError
        return str(int(text)).encode()
    return json.dumps(text).encode()


async def _fact(
    actions: Actions, visit: Visit, item: Item, *, special: bool = False, wrong: Sequence[str] | None = None
) -> Response[str]:
    """Return the page of one fact; ``wrong``: what she said that it cannot be."""
    found = await actions.fact(visit.her, f"{item.attribute}#{item.provenance}@{item.source}")
    catalogue = visit.told
    return shown(
        visit,
        "fact.html",
        status=200 if wrong is None else status_of(WrongKindError),
        each=_told(catalogue, found.facts[0], special=special),
        wrong=wrong,
        reach=await actions.reach(visit.her, item.selection),
        used=await actions.used_by_attribute(visit.her),
        barred=[purpose for attribute, purpose in map(bar_parts, found.barred) if attribute == item.attribute],
        barrable=_barrable(catalogue, item.attribute),
        catalogue=catalogue,
        herself=HERSELF,
        of_name=fields_of,
        place_of=place_of,
    )


def _asked(request: Request[Any, Any, Any]) -> Which:
    """Return what an address means; what was left empty in a form means nothing."""
    known = set(Which.__struct_fields__)
    said = {name: value for name, value in request.query_params.items() if name in known and value}
    try:
        return msgspec.convert(said, Which, strict=False)
    except msgspec.ValidationError:
        raise WrongKindError from None


def _begin_of(day: date, visit: Visit) -> datetime:
    """Return the first instant of a day."""
    try:
        return datetime.combine(day, time(), visit.zone).astimezone(UTC)
    except OverflowError:  # where she is the first of all days begins before any clock of the database
        return datetime.min.replace(tzinfo=UTC)


def _end_of(day: date, visit: Visit) -> datetime:
    """Return the last instant of a day."""
    try:
        return datetime.combine(day + timedelta(days=1), time(), visit.zone) - timedelta(microseconds=1)
    except OverflowError:
        raise WrongKindError(pointer="/until") from None


def _topics(catalogue: Catalogue, known: Sequence[Known]) -> list[Topic]:
    found: dict[str, list[Told]] = {}
    for each in known:
        told = _told(catalogue, each, special=False)
        found.setdefault("" if told.attribute is None else told.attribute.category, []).append(told)
    return [
        Topic(category, sorted(facts, key=lambda each: (each.fact.attribute, PREFERENCE[each.fact.provenance])))
        for category, facts in sorted(found.items())
    ]


def _told(catalogue: Catalogue, known: Known, *, special: bool) -> Told:
    attribute = catalogue.attributes.get(known.fact.attribute)
    hidden = (attribute is None or attribute.special) and not special
    return Told(known, attribute, [] if hidden else _in_words(known.value), hidden)


def _in_words(value: msgspec.Raw) -> list[str]:
    said = msgspec.json.decode(bytes(value), type=str | int | bool | list[str])
    if isinstance(said, list):
        return said
    return [{True: "yes", False: "no"}[said] if isinstance(said, bool) else str(said)]


def _just(visit: Visit, past: Sequence[Past]) -> Past | None:
    """Return what she has just struck out."""
    return next((each for each in past if each.strike.entry == visit.entry and each.strike.undone_at is None), None)


def _barrable(catalogue: Catalogue, attribute: AttributeId) -> Mapping[str, str]:
    """Return what an attribute can be kept out of: purposes that use it and that no law demands, by their titles."""
    return {
        id_: each.title
        for id_, each in catalogue.purposes.items()
        if attribute in each.attributes and each.basis is not Basis.LEGAL_OBLIGATION
    }


ROUTES = [page, one, several, dispute, correct, delete, bar, undo, why]

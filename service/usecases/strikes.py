"""That was not me: striking facts out with all that was built on them, saying them anew, and taking it back.

What is struck out is gone for every release from the moment this commits, like what a withdrawal takes away; it lies
apart, sealed once more, so that it can be brought back just as it was. A block keeps the same from coming in again.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from msgspec import Struct, structs

from service.crypto.cursors import LAST, cursor, position_of
from service.crypto.framing import Part
from service.crypto.keyring import Keyring, OpenKey
from service.crypto.random import random_bytes
from service.database import Connection, Database
from service.errors import (
    IntegrityError,
    MissingFieldError,
    NothingToUndoError,
    NotTellableError,
    UnknownAttributeError,
    UnknownDisputeError,
    UnknownFactError,
    WrongKindError,
)
from service.model.callers import CustomerCaller, actor
from service.model.catalogue import Attribute, Catalogue
from service.model.choices import Choice as AnyChoice
from service.model.choices import Chosen, Kind, at_once, restrictions_after, takes_away
from service.model.choices import Strike as Choice
from service.model.facts import HERSELF, fact_name
from service.model.ledger import Act, Explained, Restored, entry
from service.model.ledger import Struck as Entered
from service.model.strikes import (
    KEPT,
    KEPT_SHORTLY,
    Answer,
    Label,
    Manner,
    Recipient,
    Selection,
    Strike,
    Struck,
    kept_out,
    label_of,
)
from service.model.words import AttributeId, CustomerId, EntryId, Method, Provenance, ServiceId
from service.policy.engine import Policies
from service.storage import access, choices, customers, facts, ledger, strikes

A_DAY = timedelta(days=1)
A_MOMENT = timedelta(microseconds=1)


class Item(Struct, frozen=True):
    """One fact, by its name."""

    attribute: AttributeId
    provenance: Provenance
    source: str

    @property
    def selection(self) -> Selection:
        """What means this fact and no other."""
        return Selection(attribute=self.attribute, provenance=self.provenance, source=self.source)


class Done(Struct, frozen=True):
    """That something was struck out: how much, which services had it, and until when it can be brought back."""

    version: int
    entry: EntryId
    named: int
    built_on: int
    recipients: list[ServiceId]
    kept: datetime


class Undone(Struct, frozen=True):
    """That it was taken back, and how many facts are where they were."""

    version: int
    entry: EntryId
    restored: int


class Explanation(Struct, frozen=True):
    """That her answer is recorded."""

    version: int
    entry: EntryId


class Reach(Struct, frozen=True):
    """What a selection means, what was built on that, and which services had any of it."""

    named: list[Label]
    built_on: list[Label]
    recipients: list[Recipient]


class Past(Struct, frozen=True):
    """One time that she struck something out, what of it can be brought back, and who is to be told."""

    strike: Strike
    struck: list[Struck]
    recipients: list[Recipient]


class Page(Struct, frozen=True):
    """A page of what she struck out, newest first, and the cursor of the next."""

    strikes: list[Past]
    next: str | None


async def reach(database: Database, policies: Policies, caller: CustomerCaller, selection: Selection) -> Reach:
    """Return what a dispute would strike out, and change nothing. Of a merged person her own side is shown."""
    _refuse_misfits(policies.catalogue, selection)
    async with database.connection() as connection:
        _refuse_other_times(selection, await customers.clock(connection))
        person = await _person(connection, caller.customer)
        known = {each: await facts.of_customer(connection, each) for each in person}
        found, *_ = strikes.taken(_NOT_YET, known, selection, policies.catalogue.attributes)
        had = await strikes.reached(connection, person, {fact.attribute for fact in found.everything})
    return Reach([label_of(each) for each in found.named], [label_of(each) for each in found.built_on], had)


async def dispute(
    database: Database, keyring: Keyring, policies: Policies, caller: CustomerCaller, selection: Selection
) -> Done:
    """Strike out what was not her, and all that was built on it, for good and for every service.

    Raises UnknownFactError for one fact that is not there; of several it keeps out what may yet come.
    """
    access.refuse_unproven(caller)
    _refuse_misfits(policies.catalogue, selection)
    async with database.transaction() as connection:
        act = await _begin(connection, policies, caller, Manner.DISPUTE, selection, KEPT)
        _refuse_other_times(selection, act.change.now)
        return await _everywhere(connection, keyring, act)


async def correct(
    database: Database, keyring: Keyring, policies: Policies, caller: CustomerCaller, item: Item, value: bytes
) -> Done:
    """Say a fact anew: what she had told is replaced, anything else is disputed, and her own word stands beside it.

    Raises UnknownFactError, NotTellableError for what nobody may tell us, WrongKindError for a value.
    """
    access.refuse_unproven(caller)
    said = _tellable(policies.catalogue, item, value)
    told = item.provenance is Provenance.VOLUNTEERED
    async with database.transaction() as connection:
        await access.refuse_ended(connection, caller)
        lasting = KEPT_SHORTLY if told else KEPT
        act = await _begin(connection, policies, caller, Manner.CORRECTION, item.selection, lasting)
        done = await _everywhere(connection, keyring, act)
        key = await customers.open_key(connection, keyring, caller.customer)
        await _set_aside(connection, key, act, fact_name(item.attribute, Provenance.VOLUNTEERED, HERSELF))
        new = facts.NewFact(item.attribute, Provenance.VOLUNTEERED, HERSELF, act.change.now, said)
        await facts.put_all(connection, [(caller.customer, key, new, act.change.version)])
        return done


async def delete(database: Database, keyring: Keyring, policies: Policies, caller: CustomerCaller, item: Item) -> Done:
    """Delete a fact and what was built on it; for ten minutes it can be brought back. Raises UnknownFactError."""
    access.refuse_unproven(caller)
    async with database.transaction() as connection:
        act = await _begin(connection, policies, caller, Manner.DELETION, item.selection, KEPT_SHORTLY)
        return await _everywhere(connection, keyring, act)


async def undo(
    database: Database, keyring: Keyring, policies: Policies, caller: CustomerCaller, entry_id: EntryId
) -> Undone:
    """Bring back what an act struck out, just as it was, and keep it out no more.

    What another act of hers keeps out stays out. Raises UnknownDisputeError, NothingToUndoError.
    """
    access.refuse_unproven(caller)
    async with database.transaction() as connection:
        await access.refuse_ended(connection, caller)
        change = await customers.bump(connection, caller.customer)
        made = await strikes.one(connection, caller.customer, entry_id)
        if made is None:
            raise UnknownDisputeError
        _refuse_undone(made, change.now)
        await _refuse_said_since(connection, made)
        undoing = _Undoing(caller, change, (caller.customer, *change.others), policies.catalogue)
        sides = await strikes.of_act(connection, undoing.person, made.id)
        for side in sides:
            await strikes.undo(connection, side, change.now)
        done = {side.customer: await _take_back(connection, keyring, undoing, side) for side in sides}
    return Undone(change.version, *done[caller.customer])


async def explain(
    database: Database, keyring: Keyring, caller: CustomerCaller, entry_id: EntryId, said: Answer
) -> Explanation:
    """Record what she says of why something was not her. Nothing depends on it. Raises UnknownDisputeError."""
    async with database.transaction() as connection:
        change = await customers.bump(connection, caller.customer)
        made = await strikes.one(connection, caller.customer, entry_id)
        if made is None or made.kind is not Manner.DISPUTE:
            raise UnknownDisputeError
        await strikes.answer(connection, made, said)
        id_ = ledger.new_entry_id(change.now)
        line = entry(id_, caller.customer, caller, change.now, Explained(entry_id))
        await ledger.append(connection, keyring, line)
    return Explanation(change.version, id_)


async def listed(database: Database, keyring: Keyring, caller: CustomerCaller, after: str | None, most: int) -> Page:
    """Return what she struck out, newest first, and what of it can be brought back."""
    about: list[Part] = ["strikes", caller.customer]
    before = LAST if after is None else position_of(keyring, after, about)
    async with database.snapshot() as connection:
        found = await strikes.listed(connection, caller.customer, before, most + 1)
        ids = [each.id for each in found[:most]]
        struck = await strikes.struck(connection, [caller.customer], ids)
        told = await strikes.recipients(connection, caller.customer, ids)
    page = [Past(e, [s for s in struck if s.strike == e.id], told.get(e.id, [])) for e in found[:most]]
    return Page(page, cursor(keyring, found[most - 1].sequence, about) if len(found) > most else None)


# --- striking out ---------------------------------------------------------------------------------------------

_NOT_YET = (UUID(int=0), datetime.min)  # noqa: DTZ901  what is only looked at is no act


class _Act(Struct, frozen=True):
    """One act of striking out, on every side of a person."""

    id: UUID
    caller: CustomerCaller
    change: customers.Change
    manner: Manner
    selection: Selection
    kept: datetime
    catalogue: Catalogue

    @property
    def disputes(self) -> bool:
        """Whether it says that something was not her, which keeps it out for good; else only what is not newer."""
        return self.manner is Manner.DISPUTE or (
            self.manner is Manner.CORRECTION and self.selection.provenance is not Provenance.VOLUNTEERED
        )

    def chosen(self, kinds: Sequence[str], id_: EntryId) -> list[Chosen]:
        """Return the choices that it counts as, for her history and her receipt."""
        said = [Kind(self.manner)]
        if self.disputes and self.manner is not Manner.DISPUTE:
            said.append(Kind.DISPUTE)
        return [_chosen(self.caller, Choice(kind, each, True), self.change.now, id_) for kind in said for each in kinds]


async def _begin(
    connection: Connection,
    policies: Policies,
    caller: CustomerCaller,
    manner: Manner,
    selection: Selection,
    lasting: timedelta,
) -> _Act:
    change = await customers.bump(connection, caller.customer)
    id_ = UUID(bytes=random_bytes(16), version=4)
    return _Act(id_, caller, change, manner, selection, change.now + lasting, policies.catalogue)


async def _everywhere(connection: Connection, keyring: Keyring, act: _Act) -> Done:
    """Strike out on every side of a person: who she is there too, it was not."""
    customer, others = act.caller.customer, act.change.others
    known = {each: await facts.of_customer(connection, each) for each in (customer, *others)}
    sides = strikes.taken((act.id, act.kept), known, act.selection, act.catalogue.attributes)
    if act.selection.item is not None and not sides[0].named:
        raise UnknownFactError
    attributes = {fact.attribute for side in sides for fact in side.everything}
    had = await strikes.reached(connection, [customer, *others], attributes)
    mine, *_ = [await _strike(connection, keyring, act, side, had) for side in sides]
    named, built_on = len(sides[0].named), len(sides[0].built_on)
    return Done(act.change.version, mine, named, built_on, [each.service for each in had], act.kept)


async def _strike(
    connection: Connection, keyring: Keyring, act: _Act, side: strikes.Taken, had: Sequence[Recipient]
) -> EntryId:
    """Strike out on one side, keep it out there, and enter it."""
    customer, now = side.customer, act.change.now
    id_ = ledger.new_entry_id(now)
    key = await customers.open_key(connection, keyring, customer)
    await strikes.strike(connection, key, side)
    until = None if act.disputes else now - A_MOMENT  # what she says in its place is of now
    await strikes.block(connection, keyring, side, act.selection, act.catalogue.attributes, until)
    made = Strike(
        sequence=0,
        id=act.id,
        customer=customer,
        kind=act.manner,
        entry=id_,
        at=now,
        version=act.change.version,
        kinds=side.kinds,
        named=len(side.named),
        built_on=len(side.built_on),
        disputes=act.disputes,
        kept=act.kept,
        answer="",
        undone_at=None,
    )
    await strikes.put(connection, made)
    await strikes.put_recipients(connection, side, had)
    chosen = act.chosen(side.kinds, id_)
    await _hold(connection, keyring, customer, chosen)
    what = Entered(act.manner, made.named, made.built_on, side.kinds, act.selection.says)
    await _enter(connection, keyring, act.caller, (customer, id_, now), what, chosen)
    return id_


async def _set_aside(connection: Connection, key: OpenKey, act: _Act, name: str) -> None:
    """Lay apart what stands where her new word will, so that it comes back with the undo."""
    customer = act.caller.customer
    there = [fact for fact in await facts.of_customer(connection, customer) if fact.name == name]
    await strikes.strike(connection, key, strikes.Taken(act.id, customer, there, [], act.kept))


async def _hold(connection: Connection, keyring: Keyring, customer: CustomerId, chosen: Sequence[Chosen]) -> None:
    """Let choices hold: in the row under our MAC, or beside it where that cannot be proven and they take away."""
    await choices.record_all(connection, [(customer, each) for each in chosen])
    proven = (await customers.restrictions_of(connection, keyring, [customer])).get(customer)
    if proven is None:
        await _say_no(connection, customer, [each.choice for each in chosen if each.choice.kind is Kind.DISPUTE])
        return
    after = proven
    for each in chosen:
        after = restrictions_after(after, each.choice)
    if after != proven:
        await customers.put_restrictions(connection, keyring, customer, after)


async def _say_no(connection: Connection, customer: CustomerId, disputes: Sequence[AnyChoice]) -> None:
    """Let disputes hold beside a row that cannot be proven, and lift none there."""
    if not all(takes_away(each) for each in disputes):
        raise IntegrityError("a customer's restrictions are gone or do not carry our MAC")
    for each in disputes:
        await choices.say_no(connection, customer, each)


async def _enter(
    connection: Connection,
    keyring: Keyring,
    caller: CustomerCaller,
    of: tuple[CustomerId, EntryId, datetime],
    what: Act,
    chosen: Sequence[Chosen],
) -> None:
    customer, id_, now = of
    await ledger.append(connection, keyring, entry(id_, customer, caller, now, what, chosen))


def _chosen(caller: CustomerCaller, choice: Choice, now: datetime, id_: EntryId) -> Chosen:
    return at_once(choice, actor(caller), now, id_, method=Method.PORTAL)


# --- taking it back -------------------------------------------------------------------------------------------


class _Undoing(Struct, frozen=True):
    caller: CustomerCaller
    change: customers.Change
    person: Sequence[CustomerId]
    catalogue: Catalogue


async def _take_back(connection: Connection, keyring: Keyring, undoing: _Undoing, made: Strike) -> tuple[EntryId, int]:
    """Take an act back on one side; returns its entry and how many facts are back."""
    customer, now = made.customer, undoing.change.now
    key = await customers.open_key(connection, keyring, customer)
    id_ = ledger.new_entry_id(now)
    struck = await strikes.struck(connection, [customer], [made.id])
    if made.kind is Manner.CORRECTION:
        for attribute in {each.fact.attribute for each in struck if each.named}:
            await strikes.withdraw_told(connection, made, attribute, HERSELF)
    still = await _still_out(connection, keyring, undoing, customer, struck)
    acts = await strikes.of_ids(connection, undoing.person, set(still.values()))
    for index, by in still.items():
        # Of a merged person the other act may have found nothing on this side yet.
        nothing = structs.replace(acts[by], customer=customer, entry=id_, kinds=[], named=0, built_on=0)
        await strikes.put(connection, nothing)
        await strikes.hand_over(connection, keyring, struck[index], by)
    back = [each for index, each in enumerate(struck) if index not in still]
    await strikes.restore(connection, key, made, back)
    chosen = await _lifted(connection, undoing, made, id_)
    await _hold(connection, keyring, customer, chosen)
    kinds = sorted({each.label.kind for each in back})
    await _enter(
        connection, keyring, undoing.caller, (customer, id_, now), Restored(made.entry, len(back), kinds), chosen
    )
    return id_, len(back)


async def _still_out(
    connection: Connection, keyring: Keyring, undoing: _Undoing, customer: CustomerId, struck: Sequence[Struck]
) -> dict[int, UUID]:
    """Return what another act of hers keeps out."""
    blocks = await strikes.blocks(connection, undoing.person)
    fence = strikes.Fence(keyring, blocks, undoing.catalogue.attributes)
    if not fence:
        return {}
    live = {fact.name for fact in await facts.of_customer(connection, customer)}
    return kept_out([each.label for each in struck], live, fence)


async def _lifted(connection: Connection, undoing: _Undoing, made: Strike, id_: EntryId) -> list[Chosen]:
    """Return that what was said is said no more, but for what she still disputes otherwise."""
    still = await strikes.still_disputed(connection, made.customer, made.id)
    now, caller = undoing.change.now, undoing.caller
    said = [Choice(Kind(made.kind), each, False) for each in made.kinds if Kind(made.kind) is not Kind.DISPUTE]
    said += [Choice(Kind.DISPUTE, each, False) for each in made.kinds if made.disputes and each not in still]
    return [_chosen(caller, each, now, id_) for each in said]


def _refuse_undone(made: Strike, now: datetime) -> None:
    """Refuse what was undone already, and what is there no more; of what was not her the block can always go."""
    if made.undone_at is not None:
        raise NothingToUndoError("it was undone already")
    if not made.disputes and made.kept <= now:
        raise NothingToUndoError("it is not kept any more")


async def _refuse_said_since(connection: Connection, made: Strike) -> None:
    """Refuse to bring back what she corrected before she said something newer: that would stand beside it."""
    if made.kind is Manner.CORRECTION and await strikes.told_since(connection, made, HERSELF):
        raise NothingToUndoError("something newer was said since; undo that first")


# --- what cannot be -------------------------------------------------------------------------------------------


async def _person(connection: Connection, customer: CustomerId) -> list[CustomerId]:
    return [customer, *await customers.linked(connection, [customer])]


def _refuse_misfits(catalogue: Catalogue, selection: Selection) -> None:
    """Refuse a selection that says nothing, or names what is not in the catalogue."""
    if not selection.says:
        raise MissingFieldError("say at least in one respect what is meant", pointer="")
    if selection.attribute is not None and selection.attribute not in catalogue.attributes:
        raise UnknownAttributeError(pointer="/attribute")
    categories = {each.category for each in catalogue.attributes.values()}
    if selection.category is not None and selection.category not in categories:
        raise UnknownAttributeError("no attribute is of this category", pointer="/category")


def _refuse_other_times(selection: Selection, now: datetime) -> None:
    """Refuse a time in which nothing can have been known; the day that it is somewhere on earth has not ended."""
    for name, at in (("since", selection.since), ("until", selection.until)):
        if at is not None and at > now + A_DAY:
            raise WrongKindError("no fact is from the future", pointer=f"/{name}")
    if selection.since is not None and selection.until is not None and selection.until < selection.since:
        raise WrongKindError("it ends before it begins", pointer="/until")


def _tellable(catalogue: Catalogue, item: Item, value: bytes) -> bytes:
    """Return a value in its stored form, if she may tell it."""
    attribute: Attribute | None = catalogue.attributes.get(item.attribute)
    if attribute is None:
        raise UnknownAttributeError(pointer="/attribute")
    if Provenance.VOLUNTEERED not in attribute.provenances:
        raise NotTellableError(pointer="/attribute")
    try:
        return attribute.canonical(value)
    except msgspec.ValidationError:
        raise WrongKindError(f"expected {attribute.kind}", pointer="/value") from None

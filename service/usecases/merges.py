"""Merging two customers who are one person, and parting them again as they were."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from msgspec import Struct, structs

from service.crypto.keyring import Keyring
from service.crypto.random import random_bytes
from service.database import Connection, Database
from service.errors import (
    AlreadyLinkedError,
    IntegrityError,
    StandsAloneError,
    UnknownCustomerError,
    UnknownLinkError,
)
from service.model.callers import OperatorCaller, actor
from service.model.choices import Chosen, Kind, at_once, restrictions_after
from service.model.choices import Strike as Choice
from service.model.facts import HERSELF, Restrictions
from service.model.identifiers import Identifier
from service.model.ledger import LookedUp, Merged, Struck, Unmerged, entry
from service.model.links import Link, Person, pairs, persons
from service.model.strikes import KEPT, Selection, Strike, kept_out, label_of
from service.model.words import Acting, CustomerId, EntryId, IdentifierKind, Method
from service.storage import choices, customers, facts, ledger, links, strikes

Two = frozenset[CustomerId]


class Made(Struct, frozen=True):
    """A merge or its end, and how many customers it concerned."""

    link: UUID
    concerned: int


async def merge(
    database: Database, keyring: Keyring, caller: OperatorCaller, found_by: tuple[Identifier, Identifier]
) -> Made:
    """Say that two customers are one person. Each keeps what is hers; decisions rest on both, and the darker counts.

    Raises UnknownCustomerError, AlreadyLinkedError, StandsAloneError for a device, IntegrityError when it is not
    proven what each forbids.
    """
    async with database.transaction() as connection:
        await customers.hold(connection, [keyring.index_of(each) for each in found_by])
        one, other = [await _found(connection, keyring, each) for each in found_by]
        lined_up = await customers.line_up(connection, {one, other})
        limits = await _limits(connection, keyring, lined_up)
        sides = _person(limits, one), _person(limits, other)
        if sides[0] == sides[1]:
            raise AlreadyLinkedError
        await _refuse_devices(connection, lined_up)
        now = await _change(connection, lined_up)
        new = [_link(two, caller, now, said=two == {one, other}) for two in _across(*sides)]
        await links.put_all(connection, keyring, new)
        await _say(connection, keyring, limits, {sides[0] | sides[1]})
        (said,) = (each.id for each in new if each.said)
        await _enter(connection, keyring, caller, now, lined_up, Merged(str(said), caller.reason))
        await _strike_across(connection, keyring, caller, now, sides)
    return Made(said, len(lined_up))


async def _strike_across(
    connection: Connection, keyring: Keyring, caller: OperatorCaller, now: datetime, sides: tuple[Person, Person]
) -> None:
    """Strike out on each side what was not her on the other; parted again, each keeps that, as it keeps every no.

    What stands on a side beside its own blocks has come in since, or never was meant; and her own word always comes in.
    """
    barred = [await strikes.blocks(connection, there) for there in reversed(sides)]
    for here, blocks in zip(sides, barred, strict=True):
        fence = strikes.Fence(keyring, blocks, {})
        for customer in sorted(here) if fence else ():
            everything = await facts.of_customer(connection, customer)
            known = [each for each in everything if each.source != HERSELF]
            hers = {each.name for each in everything if each.source == HERSELF}
            out = kept_out([label_of(each) for each in known], hers, fence)
            for id_, act in (await strikes.of_ids(connection, sides[0] | sides[1], set(out.values()))).items():
                named = [known[index] for index, by in out.items() if by == id_]
                # It can be taken back as long from here as on the other side, where that may be over.
                what = strikes.Taken(id_, customer, named, [], now + KEPT)
                await _strike(connection, keyring, caller, now, act, what)


async def _strike(
    connection: Connection,
    keyring: Keyring,
    caller: OperatorCaller,
    now: datetime,
    act: Strike,
    what: strikes.Taken,
) -> None:
    customer, id_ = what.customer, ledger.new_entry_id(now)
    await strikes.strike(connection, await customers.open_key(connection, keyring, customer), what)
    for fact in what.named:
        alone = Selection(attribute=fact.attribute, provenance=fact.provenance, source=fact.source)
        await strikes.block(connection, keyring, what, alone, {}, None if act.disputes else now)
    counts = {"named": len(what.named), "built_on": 0, "kinds": what.kinds}
    await strikes.put(connection, structs.replace(act, customer=customer, entry=id_, at=now, kept=what.kept, **counts))
    had = await strikes.reached(connection, [customer], {fact.attribute for fact in what.named})
    await strikes.put_recipients(connection, what, had)
    said = [Choice(Kind.DISPUTE, each, stands=True) for each in what.kinds if act.disputes]
    chosen = [_chosen(caller, each, now, id_) for each in said]
    await choices.record_all(connection, [(customer, each) for each in chosen])
    limits = (await _limits(connection, keyring, {customer}))[customer]
    for each in said:
        limits = restrictions_after(limits, each)
    await customers.put_restrictions(connection, keyring, customer, limits)
    entered = Struck(act.kind, len(what.named), 0, what.kinds)
    await ledger.append(connection, keyring, entry(id_, customer, caller, now, entered, chosen))


def _chosen(caller: OperatorCaller, choice: Choice, now: datetime, id_: EntryId) -> Chosen:
    return at_once(choice, actor(caller), now, id_, method=Method.SYSTEM, acting=Acting.CONTROLLER)


async def unmerge(database: Database, keyring: Keyring, caller: OperatorCaller, link: UUID) -> Made:
    """Part what a merge joined: each side has what it had, and what came to it meanwhile on its own.

    Both keep every no. A yes stays with the side that she gave it on, as facts do with theirs. Raises UnknownLinkError,
    or IntegrityError when links and restrictions do not say the same.
    """
    async with database.transaction() as connection:
        ending = await links.link(connection, keyring, link)
        if ending is None:
            raise UnknownLinkError
        lined_up = await customers.line_up(connection, ending.pair)
        live = [each for each in await links.links_of(connection, keyring, lined_up) if each.ended_at is None]
        if not any(each.id == link and each.said for each in live):
            raise UnknownLinkError
        limits = await _limits(connection, keyring, lined_up)
        _refuse_contradiction(live, _person(limits, ending.one))
        left = persons(lined_up, [each.pair for each in live if each.said and each.id != link])
        now = await _change(connection, lined_up)
        still = set().union(*map(pairs, left))
        ended = [structs.replace(e, ended_at=now, ended_by=actor(caller)) for e in live if e.pair not in still]
        await links.end_all(connection, keyring, ended)
        await _say(connection, keyring, limits, left)
        act = Unmerged(str(link), caller.reason, sorted(str(each.id) for each in ended))
        await _enter(connection, keyring, caller, now, lined_up, act)
    return Made(link, len(lined_up))


async def history(database: Database, keyring: Keyring, caller: OperatorCaller, found_by: Identifier) -> list[Link]:
    """Return every merge of a customer that operators made, also what has ended; it is an entry of hers."""
    async with database.transaction() as connection:
        customer = await _found(connection, keyring, found_by)
        person = {customer, *await customers.linked(connection, [customer])}
        found = await links.links_of(connection, keyring, person)
        now = await customers.clock(connection)
        act = LookedUp(what="links", reason=caller.reason)
        await ledger.append(connection, keyring, entry(ledger.new_entry_id(now), customer, caller, now, act))
    return [each for each in found if each.said]


async def _found(connection: Connection, keyring: Keyring, found_by: Identifier) -> CustomerId:
    found = await customers.by_identifier(connection, keyring, found_by.kind, keyring.index_of(found_by))
    if found is None:
        raise UnknownCustomerError
    return found


async def _limits(
    connection: Connection, keyring: Keyring, concerned: set[CustomerId]
) -> Mapping[CustomerId, Restrictions]:
    """Return what all of them forbid: what is not proven never gets a MAC of ours."""
    limits = await customers.restrictions_of(connection, keyring, concerned)
    if limits.keys() != concerned:
        raise IntegrityError("a customer's restrictions are gone or do not carry our MAC")
    return limits


def _person(limits: Mapping[CustomerId, Restrictions], customer: CustomerId) -> Person:
    """Return who is one person with a customer, if all of them say the same."""
    person = frozenset((customer, *limits[customer].linked))
    if any(person != {each, *limits[each].linked} for each in person):
        raise IntegrityError("two customers are not both said to be one person")
    return person


def _refuse_contradiction(live: Iterable[Link], person: Person) -> None:
    """Refuse to part a person whose links are not all there, for then one side would lose what another forbids."""
    said = [each.pair for each in live if each.said]
    if {each.pair for each in live} != pairs(person) or persons(person, said) != {person}:
        raise IntegrityError("the links of a person are not all there")


async def _refuse_devices(connection: Connection, concerned: set[CustomerId]) -> None:
    claims = await customers.identifiers_of(connection, concerned)
    if any(each.kind is IdentifierKind.DEVICE for each in claims):
        raise StandsAloneError


def _across(one: Person, other: Person) -> set[Two]:
    """Return every two of whom one is on either side."""
    return {frozenset((mine, theirs)) for mine in one for theirs in other}


def _link(two: Two, caller: OperatorCaller, now: datetime, *, said: bool) -> Link:
    one, other = sorted(two)
    id_ = UUID(bytes=random_bytes(16), version=4)
    return Link(id=id_, one=one, other=other, said=said, made_at=now, made_by=actor(caller))


async def _change(connection: Connection, concerned: set[CustomerId]) -> datetime:
    """Begin a change of all of them; returns its instant."""
    changes = await customers.bump_all(connection, concerned)
    return max(each.now for each in changes.values())


async def _say(
    connection: Connection, keyring: Keyring, limits: Mapping[CustomerId, Restrictions], people: Iterable[Person]
) -> None:
    """Let each customer's own row say who is the same person."""
    told = {
        each: structs.replace(limits[each], linked=tuple(sorted(person - {each})))
        for person in people
        for each in person
    }
    await customers.put_all_restrictions(connection, keyring, told)


async def _enter(
    connection: Connection,
    keyring: Keyring,
    caller: OperatorCaller,
    now: datetime,
    concerned: Iterable[CustomerId],
    act: Merged,
) -> None:
    lines = [entry(ledger.new_entry_id(now), each, caller, now, act) for each in sorted(concerned)]
    await ledger.append_all(connection, keyring, lines)

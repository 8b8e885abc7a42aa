"""What a customer sees of the use of her data: by hour without opening anything, and line by line what was entered."""

from datetime import datetime, timedelta

import msgspec
from msgspec import Struct, structs

from service.crypto.cursors import LAST, cursor, line_of, line_word, name_cursor, name_of, position_of
from service.crypto.framing import EPOCH, Part, microseconds
from service.crypto.keyring import Keyring
from service.database import Connection, Database
from service.errors import IntegrityError, UnknownUseError
from service.model.callers import CustomerCaller
from service.model.ledger import Aborted, Checked, LookedUp, Released
from service.model.uses import Day
from service.model.uses import Line as Hour
from service.model.words import AttributeId, EntryId, PurposeId
from service.storage import bodies, uses

Seen = Released | Checked | Aborted | LookedUp
LATELY = 90
"""Days that count for how often something was used."""
LOOKS = 20
"""Looks of one person within an hour that are shown one by one; the rest is behind the line."""
HALF = 8
"""Bytes of an hour, and of a line's number, in a cursor."""


class Filter(Struct, frozen=True, kw_only=True):
    """Which uses to show. ``actor`` as the ledger names it; ``people_only``: what a member of staff looked at.

    ``attribute``: what was released or refused.
    """

    actor: str | None = None
    purpose: PurposeId | None = None
    refused_only: bool = False
    people_only: bool = False
    attribute: AttributeId | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def wanted(self) -> uses.Wanted:
        """Of which kind."""
        return uses.Wanted(
            actor=self.actor,
            purpose=self.purpose,
            refused_only=self.refused_only,
            people_only=self.people_only,
            attribute=self.attribute,
        )

    def below(self, place: tuple[datetime, int] | None) -> uses.Stretch:
        """Return the part of the list below a place, or all of it."""
        top = uses.TOP if self.until is None else (self.until, 0)
        return uses.Stretch(min(top, place or top), self.since)


class Line(Struct, frozen=True):
    """A line of use, and the word by which she opens it."""

    word: str
    use: Hour


class Used(Struct, frozen=True):
    """One entry about her data, opened; its repr hides what it says."""

    entry: EntryId
    actor: str
    at: datetime
    act: Seen

    def __repr__(self) -> str:
        return f"Used({self.entry!r})"


class Look(Struct, frozen=True):
    """A line of the timeline. ``looks``: what people looked at is shown one by one, and so each is opened."""

    line: Line
    looks: list[Used] = []

    def __repr__(self) -> str:
        return f"Look({self.line.word!r})"


class Timeline(Struct, frozen=True, kw_only=True):
    """A page of the timeline, newest first; on which days her data was used, and who ever used it for what."""

    lines: list[Look]
    covers: uses.Covers
    searched: datetime | None
    next: str | None
    days: list[Day]
    kinds: list[tuple[str, PurposeId]]


class Uses(Struct, frozen=True):
    """A page of lines, newest first, of what time they say everything, and the cursor of the next.

    ``searched``: in which hour the search for an attribute ended before the page was full; the next page goes on.
    """

    lines: list[Line]
    covers: uses.Covers
    searched: datetime | None
    next: str | None


class Opened(Struct, frozen=True):
    """A page of the entries of one line, newest first, and the cursor of the next."""

    uses: list[Used]
    next: str | None


async def listed(
    database: Database, keyring: Keyring, caller: CustomerCaller, wanted: Filter, after: str | None, most: int
) -> Uses:
    """Return who asked for her data, by hour and newest first. Nothing is opened, so no key of hers is needed."""
    about: list[Part] = ["use-by-hour", caller.customer, *structs.astuple(wanted)]
    stretch = wanted.below(None if after is None else _place(name_of(keyring, after, about)))
    async with database.snapshot() as connection:
        searched = await uses.searched(connection, caller.customer, stretch) if wanted.attribute else None
        stretch = structs.replace(stretch, down_to=searched)
        found = await uses.lines(connection, caller.customer, wanted.wanted, stretch, most + 1)
        covers = await uses.covers(connection, caller.customer)
    page, full = found[:most], len(found) > most
    last = (page[-1].hour, page[-1].line) if full else searched
    return Uses(
        [Line(line_word(keyring, caller.customer, each.line), each) for each in page],
        covers,
        searched=None if full or searched is None else searched[0],
        next=None if last is None else name_cursor(keyring, _name(*last), about),
    )


async def timeline(
    database: Database, keyring: Keyring, caller: CustomerCaller, wanted: Filter, after: str | None, most: int
) -> Timeline:
    """Return who used her data: lines by hour, but each look of a person by itself; and what there is to filter by."""
    page = await listed(database, keyring, caller, wanted, after, most)
    async with database.snapshot() as connection:
        days = await uses.days(connection, caller.customer, wanted.wanted)
        kinds = await uses.kinds(connection, caller.customer)
        lines = [
            Look(each, await _looks(connection, keyring, caller, each.use) if each.use.kind == "look-up" else [])
            for each in page.lines
        ]
    return Timeline(lines=lines, covers=page.covers, searched=page.searched, next=page.next, days=days, kinds=kinds)


async def line(database: Database, keyring: Keyring, caller: CustomerCaller, word: str) -> Line:
    """Return a line of hers by her word for it; raises UnknownUseError."""
    async with database.connection() as connection:
        found = await uses.line(connection, caller.customer, line_of(keyring, caller.customer, word))
    if found is None:
        raise UnknownUseError
    return Line(word, found)


async def _looks(connection: Connection, keyring: Keyring, caller: CustomerCaller, use: Hour) -> list[Used]:
    found = await bodies.of_line(connection, keyring, caller.customer, use.line, LAST, LOOKS)
    return [_used(each) for each in found]


async def by_attribute(database: Database, caller: CustomerCaller) -> dict[str, list[tuple[str, int]]]:
    """Return which services had each attribute of hers lately, and at most how often. Nothing is opened."""
    async with database.connection() as connection:
        found = await uses.by_attribute(connection, caller.customer, LATELY)
    return {
        attribute: [(actor.removeprefix("service:"), times) for actor, times in had] for attribute, had in found.items()
    }


async def opened(
    database: Database, keyring: Keyring, caller: CustomerCaller, word: str, after: str | None, most: int
) -> Opened:
    """Return the entries of one line, newest first: what was released, what refused, and why.

    Raises UnknownUseError for a line that is not hers, or was erased, as for none at all. An erasure takes the lines
    first: one with nothing behind it is an IntegrityError.
    """
    line = line_of(keyring, caller.customer, word)
    about: list[Part] = ["use-of-line", caller.customer, line]
    before = LAST if after is None else position_of(keyring, after, about)
    async with database.snapshot() as connection:
        if await uses.line(connection, caller.customer, line) is None:
            raise UnknownUseError
        found = await bodies.of_line(connection, keyring, caller.customer, line, before, most + 1)
    if not found and after is None:
        raise IntegrityError("what a line of use counted is not there")
    page = found[:most]
    last = page[-1].position if len(found) > most else None
    more = None if last is None else cursor(keyring, last, about)
    return Opened([_used(each) for each in page], more)


def _used(opened: bodies.Opened) -> Used:
    said = opened.body
    return Used(said.id, said.actor, said.at, msgspec.json.decode(said.act, type=Seen))


def _name(hour: datetime, line: int) -> bytes:
    """Return the place of a line in the list: lines of an hour stand in the order of their numbers."""
    return microseconds(hour).to_bytes(HALF) + line.to_bytes(HALF)


def _place(name: bytes) -> tuple[datetime, int]:
    hour, line = int.from_bytes(name[:HALF]), int.from_bytes(name[HALF:])
    return EPOCH + timedelta(microseconds=hour), line

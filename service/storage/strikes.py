"""What she struck out, apart from all other facts; the blocks that keep it out; and the services that had it.

Blocks carry no MAC beyond what they are: they take away and never give. That one was deleted shows only in the ledger,
whose entry says how much was struck out and in which respects.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from asyncpg import Record
from msgspec import Struct, structs

from service.crypto.keyring import Keyring, OpenKey, bring_back, strike_out
from service.database import Connection
from service.model.catalogue import Attribute
from service.model.facts import SealedFact
from service.model.strikes import (
    Answer,
    Block,
    Label,
    Recipient,
    Selection,
    Strike,
    Struck,
    built_on,
    in_time,
    label_named,
    label_of,
    service_of,
    values_of,
)
from service.model.words import AttributeId, CustomerId, EntryId, ServiceId
from service.storage.facts import sealed_fact
from service.storage.statements import statements, written

SQL = statements(__file__)


class Taken(Struct, frozen=True):
    """What is struck out of what is known of one customer, and by which act."""

    strike: UUID
    customer: CustomerId
    named: Sequence[SealedFact]
    built_on: Sequence[SealedFact]
    kept: datetime

    @property
    def everything(self) -> list[SealedFact]:
        """All of it."""
        return [*self.named, *self.built_on]

    @property
    def kinds(self) -> list[str]:
        """The kinds of it, sorted."""
        return sorted({label_of(fact).kind for fact in self.everything})


class Fence:
    """The blocks of a person, ready to be asked. Of a merged person those of every side stand against each fact."""

    def __init__(self, keyring: Keyring, blocks: Iterable[Block], attributes: Mapping[AttributeId, Attribute]) -> None:
        self._keyring = keyring
        self._attributes = attributes
        self._grounds: dict[tuple[CustomerId, str, int], dict[bytes, list[Block]]] = {}
        for block in blocks:
            self._grounds.setdefault(block.ground, {}).setdefault(block.digest, []).append(block)

    def __bool__(self) -> bool:
        return bool(self._grounds)

    def against(self, label: Label) -> UUID | None:
        """Return what keeps a fact out by what it is itself; built on nothing, also what was built on something."""
        for block in self._about(label):
            if (not block.derived or not label.derived_from) and in_time(label.as_of, block.since, block.until):
                return block.strike
        return None

    def knows(self, name: str) -> UUID | None:
        """Return what was ever struck out under this name, whatever its date."""
        return next((block.strike for block in self._about(label_named(name))), None)

    def _about(self, label: Label) -> Iterator[Block]:
        # What a service said without a word of its own it does not say again with one.
        roads = [label, *([structs.replace(label, source=service)] if (service := service_of(label)) else [])]
        for (customer, scope, version), blocks in self._grounds.items():
            for values in {tuple(values_of(scope, each, self._attributes)) for each in roads}:
                yield from blocks.get(self._keyring.block(version, customer, scope, values), ())


# --- striking out ---------------------------------------------------------------------------------------------


def taken(
    strike: tuple[UUID, datetime],
    person: Mapping[CustomerId, Sequence[SealedFact]],
    selection: Selection,
    attributes: Mapping[AttributeId, Attribute],
) -> list[Taken]:
    """Return what a selection strikes out on each side of a person: what it means, and all that rests on that.

    What rests on a fact of one side may stand on another.
    """
    named = {each: [f for f in known if selection.means(label_of(f), attributes)] for each, known in person.items()}
    labels = [label_of(fact) for known in person.values() for fact in known]
    seeds = {fact.name for facts in named.values() for fact in facts} | _gone(labels, selection, attributes)
    rest = built_on(labels, seeds)
    return [
        Taken(strike[0], customer, named[customer], [fact for fact in known if fact.name in rest], strike[1])
        for customer, known in person.items()
    ]


def _gone(labels: Iterable[Label], selection: Selection, attributes: Mapping[AttributeId, Attribute]) -> set[str]:
    """Return the names of what is meant and is gone, though something rests on it still; of a date nobody knows."""
    if selection.dated:
        return set()
    grounds = {parent for label in labels for parent in label.derived_from}
    return {name for name in grounds if selection.means(label_named(name), attributes)}


async def strike(connection: Connection, key: OpenKey, what: Taken) -> None:
    """Take facts away from where releases look, and keep them apart, sealed once more."""
    named = {fact.name for fact in what.named}
    rows = [
        [what.strike, what.customer, *_columns(strike_out(key, what.customer, fact)), fact.name in named, what.kept]
        for fact in what.everything
    ]
    await connection.executemany(SQL["put_struck"], rows)
    names = [(fact.attribute, fact.provenance, fact.source) for fact in what.everything]
    if names:
        await connection.execute(SQL["strike_out"], what.customer, *map(list, zip(*names, strict=True)))


async def block(
    connection: Connection,
    keyring: Keyring,
    what: Taken,
    selection: Selection,
    attributes: Mapping[AttributeId, Attribute],
    until: datetime | None,
) -> None:
    """Keep out what was struck out, and whatever else a selection means; ``until``: only what is not newer.

    What it means of some time only is kept out by its name too: whoever says it again may say it without a date.
    """
    made = [_block(keyring, what, each, until) for each in (selection, *selection.by_attribute(attributes))]
    if selection.dated:
        made += [_item(keyring, what, fact, until, derived=False) for fact in what.named]
    made += [_item(keyring, what, fact, until, derived=True) for fact in what.built_on]
    await _put_blocks(connection, made)


async def put(connection: Connection, made: Strike) -> None:
    """Keep that she struck something out, unless that is kept on this side already."""
    row = [made.id, made.customer, made.kind, made.entry, made.at, made.version, made.kinds, made.named, made.built_on]
    await connection.execute(SQL["put"], *row, made.disputes, made.kept)


async def put_recipients(connection: Connection, what: Taken, had: Iterable[Recipient]) -> None:
    """Keep which services are to be told."""
    rows = [(what.customer, what.strike, each.service, each.attributes) for each in had]
    await connection.executemany(SQL["put_recipient"], rows)


async def reached(
    connection: Connection, person: Iterable[CustomerId], attributes: Iterable[AttributeId]
) -> list[Recipient]:
    """Return which services had these attributes of a person."""
    rows = await connection.fetch(SQL["reached"], list(person), sorted(attributes))
    return [Recipient(ServiceId(row["actor"].removeprefix("service:")), row["attributes"]) for row in rows]


# --- reading --------------------------------------------------------------------------------------------------


async def one(connection: Connection, customer: CustomerId, entry: EntryId) -> Strike | None:
    """Return one time that a customer struck something out, by its entry."""
    row = await connection.fetchrow(SQL["one"], customer, entry)
    return None if row is None else _strike(row)


async def of_act(connection: Connection, person: Iterable[CustomerId], strike: UUID) -> list[Strike]:
    """Return one act on every side of a person, as far as it was not undone."""
    return [_strike(row) for row in await connection.fetch(SQL["of_act"], list(person), strike)]


async def listed(connection: Connection, customer: CustomerId, before: int, most: int) -> list[Strike]:
    """Return what a customer struck out before a position, newest first."""
    return [_strike(row) for row in await connection.fetch(SQL["listed"], customer, before, most)]


async def struck(connection: Connection, customers: Iterable[CustomerId], strikes: Iterable[UUID]) -> list[Struck]:
    """Return what was struck out by these acts, as long as it is kept."""
    return [_struck(row) for row in await connection.fetch(SQL["struck"], list(customers), list(strikes))]


async def recipients(
    connection: Connection, customer: CustomerId, strikes: Iterable[UUID]
) -> dict[UUID, list[Recipient]]:
    """Return which services are to be told of each act, or were."""
    found: defaultdict[UUID, list[Recipient]] = defaultdict(list)
    for row in await connection.fetch(SQL["recipients"], customer, list(strikes)):
        found[row["strike"]].append(Recipient(ServiceId(row["service"]), row["attributes"], row["told_at"]))
    return dict(found)


async def blocks(connection: Connection, customers: Iterable[CustomerId]) -> list[Block]:
    """Return what keeps something of these customers out."""
    return [
        Block(
            row["customer"],
            row["strike"],
            row["scope"],
            row["mac_version"],
            row["digest"],
            row["derived"],
            row["since"],
            row["until"],
        )
        for row in await connection.fetch(SQL["blocks"], list(customers))
    ]


async def of_ids(connection: Connection, customers: Iterable[CustomerId], ids: Iterable[UUID]) -> dict[UUID, Strike]:
    """Return one side of each of these acts, whichever it is."""
    rows = await connection.fetch(SQL["of_ids"], list(customers), list(ids))
    return {row["id"]: _strike(row) for row in rows}


async def still_disputed(connection: Connection, customer: CustomerId, without: UUID) -> set[str]:
    """Return which kinds of facts a customer disputes, leaving one act out of account."""
    return {row["kind"] for row in await connection.fetch(SQL["still_disputed"], customer, without)}


# --- afterwards -----------------------------------------------------------------------------------------------


async def answer(connection: Connection, made: Strike, said: Answer) -> None:
    """Keep what she said of why."""
    await connection.execute(SQL["answer"], made.customer, made.id, said)


async def undo(connection: Connection, made: Strike, now: datetime) -> None:
    """Keep that an act was undone, and let go of its blocks."""
    await connection.execute(SQL["undo"], made.customer, made.id, now)
    await connection.execute(SQL["unblock"], made.customer, made.id)


async def told_since(connection: Connection, made: Strike, source: str) -> bool:
    """Whether something else than what she put in the place of what she corrected stands there now."""
    said: bool = await connection.fetchval(SQL["told_since"], made.customer, made.id, source, made.version)
    return said


async def withdraw_told(connection: Connection, made: Strike, attribute: AttributeId, source: str) -> None:
    """Take back what she put in the place of what she corrected, unless she said something else since."""
    await connection.execute(SQL["withdraw_told"], made.customer, attribute, source, made.version)


async def restore(connection: Connection, key: OpenKey, made: Strike, facts: Iterable[Struck]) -> None:
    """Put facts back just as they were, unless something newer is there by now; nothing of the act is kept."""
    rows = [[made.customer, *_columns(bring_back(key, made.customer, each.fact))] for each in facts]
    await connection.executemany(SQL["bring_back"], rows)
    await connection.execute(SQL["forget_struck"], made.customer, made.id)


async def hand_over(connection: Connection, keyring: Keyring, each: Struck, to: UUID) -> None:
    """Let what another act keeps out too be that one's from now on."""
    fact = each.fact
    names = fact.attribute, fact.provenance, fact.source
    await connection.execute(SQL["hand_over"], each.customer, each.strike, *names, to)
    if not each.named:
        what = Taken(to, each.customer, [], [fact], each.kept)
        await _put_blocks(connection, [_item(keyring, what, fact, None, derived=True)])


async def forget_old(connection: Connection, most: int) -> int:
    """Forget what can be brought back no more; returns how many facts. Their blocks stay."""
    return written(await connection.execute(SQL["forget_old"], most))


async def _put_blocks(connection: Connection, made: Iterable[Block]) -> None:
    rows = [
        (each.customer, each.strike, each.scope, each.version, each.digest, each.derived, each.since, each.until)
        for each in made
    ]
    await connection.executemany(SQL["put_block"], rows)


def _block(keyring: Keyring, what: Taken, selection: Selection, until: datetime | None) -> Block:
    version = keyring.active("mac")
    digest = keyring.block(version, what.customer, selection.scope, selection.values())
    return Block(
        customer=what.customer,
        strike=what.strike,
        scope=selection.scope,
        version=version,
        digest=digest,
        derived=False,
        since=selection.since,
        until=until or selection.until,
    )


def _item(keyring: Keyring, what: Taken, fact: SealedFact, until: datetime | None, *, derived: bool) -> Block:
    alone = Selection(attribute=fact.attribute, provenance=fact.provenance, source=fact.source)
    return structs.replace(_block(keyring, what, alone, until), derived=derived)


def _columns(fact: SealedFact) -> list[object]:
    return [
        fact.attribute,
        fact.provenance,
        fact.source,
        fact.as_of,
        fact.revision,
        fact.key,
        fact.sealed.data,
        fact.confidence,
        list(fact.derived_from),
    ]


def _struck(row: Record) -> Struck:
    return Struck(row["strike"], row["customer"], sealed_fact(row), row["named"], row["kept"])


def _strike(row: Record) -> Strike:
    return msgspec.convert(dict(row), Strike)

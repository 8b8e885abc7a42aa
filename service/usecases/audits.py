"""Proving that what stands is what was said: every customer's events are replayed and compared with her rows."""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from uuid import UUID

from msgspec import Struct

from service.crypto.keyring import Keyring
from service.database import Connection, Database
from service.model.choices import Choice
from service.model.choices import replay as replay_choices
from service.model.consent import Answer, Spot, brought, replay
from service.model.facts import Restrictions
from service.model.words import CustomerId
from service.storage import customers, links, past
from service.storage.links import Joined
from service.storage.past import Brought, Stood

BATCH = 200
FIRST = UUID(int=0)


class Difference(Struct, frozen=True):
    """Something of a customer that does not follow from what was recorded; in words, without a value."""

    customer: CustomerId
    what: str


class Audited(Struct, frozen=True):
    """How many customers were looked at so far, and what was found among the last of them."""

    customers: int
    differences: list[Difference]


async def audit_state(database: Database, keyring: Keyring) -> AsyncIterator[Audited]:
    """Replay every customer's events, batch by batch, each batch as of one instant."""
    after, count = FIRST, 0
    while True:
        async with database.snapshot() as connection:
            batch = await past.batch(connection, after, BATCH)
            found = await _differences(connection, keyring, batch)
        count += len(batch)
        yield Audited(count, found)
        if len(batch) < BATCH:
            return
        after = batch[-1]


async def _differences(connection: Connection, keyring: Keyring, batch: Sequence[CustomerId]) -> list[Difference]:
    now = await past.now(connection)
    answers = await past.answers(connection, batch, now)
    choices = await past.choices(connection, batch, now)
    standing = await past.standing(connection, keyring, batch)
    stands_by = await past.brought(connection, keyring, batch)
    limits = await customers.restrictions_of(connection, keyring, batch)
    merges = _merges(await links.stored(connection, keyring, batch))
    return [
        Difference(customer, what)
        for customer in batch
        for what in [
            *_of_answers(answers.get(customer, []), standing.get(customer, [])),
            *_of_merges(merges.get(customer, {}), limits.get(customer)),
            *_of_brought(answers.get(customer, []), merges.get(customer, {}), stands_by.get(customer, [])),
            *_of_choices(choices.get(customer, []), limits.get(customer)),
        ]
    ]


class _Merge(Struct, frozen=True):
    """A merge as one side has it: with whom, and whether it holds, and is proven."""

    other: CustomerId
    live: bool
    proven: bool


Merges = Mapping[UUID, _Merge]


def _merges(joined: Iterable[Joined]) -> Mapping[CustomerId, Merges]:
    """Return the merges of each customer, by their ids."""
    found: defaultdict[CustomerId, dict[UUID, _Merge]] = defaultdict(dict)
    for each in joined:
        link, live = each.link, each.link.ended_at is None
        found[link.one][link.id] = _Merge(link.other, live, each.proven)
        found[link.other][link.id] = _Merge(link.one, live, each.proven)
    return found


def _of_answers(answers: list[Answer], stood: list[Stood]) -> Iterator[str]:
    # What came by a link stands beside her own answers, and goes with the link.
    said = replay(each for each in answers if each.link is None)
    stands = {Spot(each.standing.purpose, each.standing.channel): each for each in stood}
    for spot in sorted(said.keys() | stands.keys(), key=lambda each: (each.purpose, each.channel)):
        where = f"{spot.purpose} on {spot.channel}"
        if spot not in stands:
            yield f"{where}: {said[spot].status} was recorded, and nothing stands"
        elif spot not in said:
            yield f"{where}: {stands[spot].standing.status} stands, and no answer was recorded"
        elif stands[spot].standing != said[spot]:
            yield f"{where}: {stands[spot].standing.status} stands, which does not follow from what was recorded"
        elif not stands[spot].proven:
            yield f"{where}: a yes stands that does not carry our MAC"


def _of_merges(merges: Merges, limits: Restrictions | None) -> Iterator[str]:
    if not all(each.proven for each in merges.values()):
        yield "merges: one does not carry our MAC"
    same = sorted(each.other for each in merges.values() if each.live and each.proven)
    if limits is not None and list(limits.linked) != same:
        yield "restrictions: linked does not follow from the merges"


def _of_brought(answers: list[Answer], merges: Merges, stood: list[Brought]) -> Iterator[str]:
    said = brought(answers, [link for link, each in merges.items() if not each.live])
    stands = {(Spot(each.standing.purpose, each.standing.channel), each.link): each for each in stood}
    for spot, link in sorted(said.keys() | stands.keys(), key=lambda place: (str(place[0]), place[1])):
        where, row, yes = f"{spot.purpose} on {spot.channel}", stands.get((spot, link)), said.get((spot, link))
        if row is None:
            yield f"{where}: a yes was recorded by a merge, and nothing stands by it"
        elif yes is None:
            yield f"{where}: something stands by a merge, and no yes was recorded"
        elif row.standing != yes or link not in merges or row.origin != merges[link].other:
            yield f"{where}: what stands by a merge does not follow from what was recorded"
        elif not row.proven:
            yield f"{where}: what stands by a merge does not carry our MAC"


def _of_choices(choices: list[Choice], limits: Restrictions | None) -> Iterator[str]:
    if limits is None:
        yield "restrictions: the row is gone or does not carry our MAC"
        return
    said = replay_choices(choices)
    for name in Restrictions.__struct_fields__:
        # Who is linked with whom is no choice of hers; see _of_merges.
        if name != "linked" and getattr(limits, name) != getattr(said, name):
            yield f"restrictions: {name} does not follow from what she chose"

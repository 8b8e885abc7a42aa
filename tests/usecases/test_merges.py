"""A merge is a link: what it allows lies within both sides, and undone it leaves each side as it was."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from service.crypto.keyring import Keyring
from service.database import Database
from service.errors import AlreadyLinkedError, StandsAloneError, UnknownCustomerError, UnknownLinkError
from service.model.callers import CustomerCaller, ServiceCaller
from service.model.choices import Allowed, Kind
from service.model.consent import Reach, replay
from service.model.identifiers import Identifier, identifier
from service.model.links import pairs, persons
from service.model.words import AgeBand, Channel, CustomerId, IdentifierKind, Method, PurposeId, Status
from service.policy.engine import Policies
from service.storage import consents as store
from service.storage import customers as store_of_customers
from service.usecases import audits, choices, consents, customers, merges, past
from tests.conftest import OPERATOR, Template
from tests.examples import some
from tests.merging import BEARING, SHOP, SPOTS, Side, World, allowed, with_facts_of
from tests.reading import entered
from tests.security.test_monotone import STATES, State, put

GIVEN, WITHDRAWN, UNKNOWN = Status.GIVEN, Status.WITHDRAWN, Status.UNKNOWN
WEB, LETTER, PANEL = SPOTS


@pytest.fixture
def world(database: Database, keyring: Keyring, policies: Policies, template: Template) -> World:
    return World(database, keyring, policies, ServiceCaller(SHOP, template.api_keys[SHOP].split("_")[1], proven=True))


async def entries(world: World, side: Side) -> list[tuple[str, str]]:
    """Return the kinds and actors of a customer's entries."""
    async with world.database.connection() as connection:
        rows = await connection.fetch("SELECT kind, actor FROM queue WHERE customer = $1 ORDER BY number", side.id)
    return [(row["kind"], row["actor"]) for row in rows]


# --- laws ---


@given(mine=STATES, theirs=STATES)
@some(5)
async def test_what_a_merge_allows_is_within_both(world: World, mine: State, theirs: State) -> None:
    """Every service, purpose, channel and attribute; and parted again, each row and each decision is as it was."""
    one, other, third = [await world.newcomer() for _ in range(3)]
    await put(world.database, world.keyring, one.id, mine)
    await put(world.database, world.keyring, other.id, theirs)
    if mine.restrictions is None or theirs.restrictions is None:
        return
    apart = [await one.facts(), await other.facts()]
    rows = [await each.rows() for each in (one, other, third)]
    before = [allowed(world.policies, read) for read in apart]
    third_version = await third.version()

    link = await world.merge(one, other)
    for side in (one, other):
        merged = await side.facts()
        together = allowed(world.policies, merged)
        for read in apart:
            assert together <= allowed(world.policies, with_facts_of(read, merged))
        if mine.facts == theirs.facts:
            assert together <= before[0] & before[1]
    await world.unmerge(link)

    assert [await each.rows() for each in (one, other, third)] == rows
    assert [await each.allowed() for each in (one, other)] == before
    assert await third.version() == third_version


class Act(Struct, frozen=True):
    """Something that happens on one side."""

    side: int
    what: str
    spot: tuple[PurposeId, Channel] = WEB


ACTS = st.one_of(
    st.builds(Act, st.integers(0, 1), st.sampled_from(["yes", "no"]), st.sampled_from(SPOTS)),
    st.builds(Act, st.integers(0, 1), st.sampled_from(["fact", "minor"])),
)


async def perform(sides: list[Side], act: Act) -> None:
    side = sides[act.side]
    match act.what:
        case "yes":
            await side.say(GIVEN, act.spot)
        case "no":
            await side.say(WITHDRAWN, act.spot)
        case "fact":
            await side.tell("first_name", b'"Abbie"')
        case _:
            await side.be_a_minor()


def stands(acts: list[Act], side: int, since: int) -> dict[Any, bool]:
    """Return what should stand on a side: each act counts on its own side, and each no since the merge on both."""
    said: dict[Any, bool] = {}
    for number, act in enumerate(acts):
        if act.what in ("yes", "no") and (act.side == side or (act.what == "no" and number >= since)):
            said[act.spot] = act.what == "yes"
    return said


@pytest.mark.usefixtures("all_said")
@given(first=st.lists(ACTS, max_size=4), then=st.lists(ACTS, max_size=6))
@some(20)
async def test_with_acts_in_between_each_side_keeps_every_no_and_its_own_yes(
    world: World, first: list[Act], then: list[Act]
) -> None:
    sides = [await world.newcomer() for _ in range(2)]
    third = await world.newcomer()
    await third.say(GIVEN)
    others, third_version = await third.rows(), await third.version()
    for act in first:
        await perform(sides, act)
    apart = [await each.stands() for each in sides]
    link = await world.merge(*sides)
    for act in then:
        await perform(sides, act)

    # While they are one, what either says last holds for both.
    for number, side in enumerate(sides):
        shown = await side.stands()
        for spot in SPOTS:
            meanwhile = [act.what == "yes" for act in then if act.spot == spot and act.what in ("yes", "no")]
            expected = meanwhile[-1] if meanwhile else apart[number].get(spot, UNKNOWN).valid
            assert shown.get(spot, UNKNOWN).valid is expected
    assert await differences(world) == set()
    await world.unmerge(link)
    assert await differences(world) == set()

    acts = [*first, *then]
    minors = {act.side for act in first if act.what == "minor"}
    minors |= {0, 1} if any(act.what == "minor" for act in then) else set()
    for number, side in enumerate(sides):
        expected_there = stands(acts, number, len(first))
        assert {spot: status.valid for spot, status in (await side.stands()).items()} == expected_there
        rows = await side.rows()
        assert rows["linked_consent"] == []
        assert bool(rows["fact"]) is any(act.what == "fact" and act.side == number for act in acts)
        assert ("minor" in rows["restrictions"][0]) is (number in minors)
        await assert_standing_is_replayed(world, side, link)
    assert (await third.rows(), await third.version()) == (others, third_version)


async def assert_standing_is_replayed(world: World, side: Side, ended: UUID) -> None:
    """What stands is what follows from her answers, without the yeses that came by the link."""
    purposes = [purpose for purpose, _ in SPOTS]
    async with world.database.connection() as connection:
        events = await store.history(connection, side.id, purposes, 2**62, 1000)
        standing = [each for each, _ in await store.all_standing(connection, side.id, purposes)]
    replayed = replay([each.answer for each in reversed(events)], {ended})
    assert sorted(replayed.values(), key=str) == sorted(standing, key=str)


@given(
    count=st.integers(1, 6),
    said=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)).filter(lambda two: two[0] != two[1]), max_size=6),
)
def test_persons_are_the_connected_components_of_what_was_said(count: int, said: list[tuple[int, int]]) -> None:
    ids = [CustomerId(UUID(int=number)) for number in range(count)]
    linked = [frozenset((ids[a], ids[b])) for a, b in said if a < count and b < count]
    found = persons(ids, linked)
    assert sorted(each for person in found for each in person) == sorted(ids)
    assert all(any(pair <= person for person in found) for pair in linked)
    for person in found:
        reached = {next(iter(person))}
        while more := {each for pair in linked if pair & reached for each in pair} - reached:
            reached |= more
        assert reached == person
        assert len(pairs(person)) == len(person) * (len(person) - 1) // 2


# --- examples ---


@pytest.mark.usefixtures("all_said")
async def test_a_yes_on_one_side_counts_for_both_and_lapses_on_the_other_when_they_are_parted(world: World) -> None:
    one, other = await world.newcomer(), await world.newcomer()
    await one.tell("first_name", b'"Abbie"')
    name = ("shop", *WEB, "first_name")
    await one.say(GIVEN)
    assert name in await one.allowed()
    link = await world.merge(one, other)
    # The other side never said yes, so the person did not.
    assert name not in await one.allowed()
    await one.say(GIVEN)
    assert name in await one.allowed()
    # Of the other side too, with the fact that only this side has.
    assert name in await other.allowed()
    await world.unmerge(link)
    assert name in await one.allowed()
    assert WEB not in await other.stands()
    assert (await other.rows())["consent"] == []


@pytest.mark.usefixtures("all_said")
async def test_a_yes_by_a_link_replaces_an_older_yes_only_as_long_as_the_link(world: World) -> None:
    one, other = await world.newcomer(), await world.newcomer()
    await other.say(GIVEN)
    before = (await other.rows())["consent"]
    link = await world.merge(one, other)
    await one.say(GIVEN)
    await other.say(WITHDRAWN)
    assert {(await each.stands())[WEB] for each in (one, other)} == {WITHDRAWN}
    assert (await other.rows())["linked_consent"] == []
    await one.say(GIVEN)
    assert {(await each.stands())[WEB] for each in (one, other)} == {GIVEN}
    await world.unmerge(link)
    assert ((await one.stands())[WEB], (await other.stands())[WEB]) == (GIVEN, WITHDRAWN)
    assert before != (await other.rows())["consent"]


@pytest.mark.usefixtures("all_said")
async def test_a_withdrawal_from_everything_reaches_both_sides_with_an_entry_on_each(world: World) -> None:
    one, other = await world.newcomer(), await world.newcomer()
    await one.say(GIVEN, WEB)
    await other.say(GIVEN, LETTER)
    await world.merge(one, other)
    before = [len(await entries(world, each)) for each in (one, other)]
    said = consents.Said(purpose=Reach.EVERYTHING, status=WITHDRAWN, method=Method.API, customer=one.at_shop)
    await consents.record_no(world.database, None, world.policies, world.shop, said)
    for side, count in zip((one, other), before, strict=True):
        assert set((await side.stands()).values()) == {WITHDRAWN}
        assert [kind for kind, _ in (await entries(world, side))[count:]] == ["consent-wide"]


@pytest.mark.usefixtures("all_said")
async def test_three_are_one_and_parting_one_link_parts_them_where_it_was(world: World) -> None:
    one, middle, last = [await world.newcomer() for _ in range(3)]
    first = await world.merge(one, middle)
    second = await world.merge(last, middle)
    await one.say(GIVEN)
    assert {(await each.stands())[WEB] for each in (one, middle, last)} == {GIVEN}
    assert await last.version() > 0
    await world.unmerge(second)
    assert [(await each.stands()).get(WEB) for each in (one, middle, last)] == [GIVEN, GIVEN, None]
    await last.say(WITHDRAWN)
    assert [(await each.stands()).get(WEB) for each in (one, middle, last)] == [GIVEN, GIVEN, WITHDRAWN]
    await world.unmerge(first)
    assert [(await each.stands()).get(WEB) for each in (one, middle, last)] == [GIVEN, None, WITHDRAWN]


async def test_a_yes_from_an_earlier_merge_does_not_come_back_with_the_next(world: World) -> None:
    one, other = await world.newcomer(), await world.newcomer()
    link = await world.merge(one, other)
    await one.say(GIVEN)
    await world.unmerge(link)
    await world.merge(one, other)
    assert [(await each.stands()).get(WEB) for each in (one, other)] == [GIVEN, None]


async def test_each_change_of_one_side_is_a_change_of_every_side_at_one_instant(world: World) -> None:
    one, other, third = [await world.newcomer() for _ in range(3)]
    await world.merge(one, other)
    before = [await each.version() for each in (one, other, third)]
    await one.tell("first_name", b'"Abbie"')
    assert [await each.version() for each in (one, other, third)] == [before[0] + 1, before[1] + 1, before[2]]
    async with world.database.connection() as connection:
        asked = "SELECT count(DISTINCT changed_at) FROM customer WHERE id = ANY($1)"
        assert await connection.fetchval(asked, [one.id, other.id]) == 1


async def test_a_merge_and_its_end_are_entries_of_everybody_concerned_and_name_nobody(world: World) -> None:
    one, other = await world.newcomer(), await world.newcomer()
    before = [await each.rows() for each in (one, other)]
    link = await world.merge(one, other)
    changed = [await each.rows() for each in (one, other)]
    assert [{name for name in BEARING if a[name] != b[name]} for a, b in zip(before, changed, strict=True)] == [
        {"restrictions"},
        {"restrictions"},
    ]
    await world.unmerge(link)
    for side in (one, other):
        assert (await entries(world, side))[-2:] == [("merge", "operator:tests"), ("unmerge", "operator:tests")]
        async with world.database.connection() as connection:
            said = [each.text for each in await entered(connection, world.keyring, customer=side.id)]
        assert not any(str(each.id) in text for text in said for each in (one, other))
    found = await merges.history(world.database, world.keyring, OPERATOR, one.found_by)
    assert [(each.id, each.made_by, each.ended_by) for each in found] == [(link, "operator:tests", "operator:tests")]
    assert (await entries(world, one))[-1] == ("look-up", "operator:tests")


async def choose(world: World, side: Side, choice: Any) -> None:
    said = choices.Said(choice=choice, method=Method.PORTAL)
    me = CustomerCaller(side.id, proven=True)
    await choices.choose(world.database, world.keyring, world.policies, me, said)


@pytest.mark.usefixtures("all_said")
async def test_what_takes_away_holds_on_both_sides_and_what_opens_on_hers(world: World) -> None:
    one, other = await world.newcomer(), await world.newcomer()
    link = await world.merge(one, other)
    await choose(world, one, Allowed(Kind.MARKETING, allowed=False))
    await choose(world, other, Allowed(Kind.DEMOGRAPHIC, allowed=True))
    await world.unmerge(link)
    async with world.database.connection() as connection:
        limits = await store_of_customers.restrictions_of(connection, world.keyring, [one.id, other.id])
    assert [limits[each.id].may_market for each in (one, other)] == [False, False]
    assert [limits[each.id].demographic_allowed for each in (one, other)] == [False, True]
    for side in (one, other):
        assert [kind for kind, _ in await entries(world, side)].count("choice") == (1 if side is one else 2)


@pytest.mark.usefixtures("all_said")
async def test_what_stands_follows_from_what_was_said_through_a_merge_and_its_end(world: World) -> None:
    one, other = await world.newcomer(), await world.newcomer()
    await other.say(GIVEN, LETTER)
    link = await world.merge(one, other)
    await one.say(GIVEN)
    await other.be_a_minor()
    await choose(world, one, Allowed(Kind.SHARING, allowed=False))
    await one.say(WITHDRAWN, LETTER)
    for _ in range(2):
        async for audited in audits.audit_state(world.database, world.keyring):
            assert audited.differences == []
        with suppress(UnknownLinkError):
            await world.unmerge(link)


async def differences(world: World) -> set[str]:
    audit = audits.audit_state(world.database, world.keyring)
    return {found.what async for audited in audit for found in audited.differences}


async def test_what_came_by_links_follows_from_what_was_said_whatever_was_said(world: World) -> None:
    one, middle, last = [await world.newcomer() for _ in range(3)]
    await one.say(GIVEN, LETTER)
    first = await world.merge(one, middle)
    second = await world.merge(middle, last)
    for side, status, spot in [
        (one, GIVEN, WEB),
        (middle, GIVEN, WEB),
        (middle, Status.RENEWED, WEB),
        (last, WITHDRAWN, WEB),
        (one, GIVEN, WEB),
        (last, GIVEN, LETTER),
        (middle, Status.REFUSED, PANEL),
        (last, GIVEN, PANEL),
    ]:
        await side.say(status, spot)
        assert await differences(world) == set()
    # One that claims to be older than what stands there stays without effect.
    await one.say(GIVEN, LETTER, given_at=await now(world) - timedelta(days=1))
    await middle.say(GIVEN, LETTER, given_at=await now(world) - timedelta(days=2))
    assert await differences(world) == set()
    for link in (first, second):
        await world.unmerge(link)
        assert await differences(world) == set()


async def test_a_merge_taken_out_of_the_rows_of_both_sides_is_found(world: World, owner: asyncpg.Connection) -> None:
    """Each row carries our MAC, and each says the same as the other; only the links know better."""
    one, other = await world.newcomer(), await world.newcomer()
    await owner.execute("CREATE TEMPORARY TABLE kept AS SELECT * FROM restrictions")
    await world.merge(one, other)
    await owner.execute("DELETE FROM restrictions")
    await owner.execute("INSERT INTO restrictions SELECT * FROM kept")
    assert await differences(world) == {"restrictions: linked does not follow from the merges"}


async def test_rows_that_say_one_person_after_the_merge_ended_are_found(
    world: World, owner: asyncpg.Connection
) -> None:
    one, other = await world.newcomer(), await world.newcomer()
    link = await world.merge(one, other)
    await owner.execute("CREATE TEMPORARY TABLE kept AS SELECT * FROM restrictions")
    await world.unmerge(link)
    await owner.execute("DELETE FROM restrictions")
    await owner.execute("INSERT INTO restrictions SELECT * FROM kept")
    assert await differences(world) == {"restrictions: linked does not follow from the merges"}


OF_LINKS = [
    ("UPDATE link SET mac = sha256('x')", "merges: one does not carry our MAC"),
    ("UPDATE link SET ended_at = now()", "merges: one does not carry our MAC"),
    ("UPDATE link SET said = NOT said", "merges: one does not carry our MAC"),
    ("DELETE FROM linked_consent", f"{WEB[0]} on web: a yes was recorded by a merge, and nothing stands by it"),
    ("UPDATE linked_consent SET notice = 1", f"{WEB[0]} on web: what stands by a merge does not follow"),
    ("UPDATE linked_consent SET status = 'refused'", f"{WEB[0]} on web: what stands by a merge does not follow"),
    ("UPDATE linked_consent SET origin = customer", f"{WEB[0]} on web: what stands by a merge does not follow"),
    ("UPDATE linked_consent SET mac = sha256('x')", f"{WEB[0]} on web: what stands by a merge does not carry our MAC"),
    ("UPDATE linked_consent SET channel = 'app'", f"{WEB[0]} on app: something stands by a merge, and no yes was"),
    ("DELETE FROM consent_event WHERE link IS NOT NULL", f"{WEB[0]} on web: something stands by a merge, and no yes"),
]


@pytest.mark.parametrize(("statement", "what"), OF_LINKS, ids=[statement for statement, _ in OF_LINKS])
async def test_whatever_of_a_merge_is_changed_by_sql_is_found(
    world: World, owner: asyncpg.Connection, statement: str, what: str
) -> None:
    one, other = await world.newcomer(), await world.newcomer()
    await world.merge(one, other)
    await one.say(GIVEN)
    assert await differences(world) == set()
    await owner.execute(statement)
    assert any(each.startswith(what) for each in await differences(world))


async def test_a_link_removed_by_sql_is_found(world: World, owner: asyncpg.Connection) -> None:
    await world.merge(await world.newcomer(), await world.newcomer())
    await owner.execute("DELETE FROM link")
    assert await differences(world) == {"restrictions: linked does not follow from the merges"}


async def test_a_yes_by_a_link_put_back_after_a_no_or_after_the_merge_ended_is_found(
    world: World, owner: asyncpg.Connection
) -> None:
    one, other = await world.newcomer(), await world.newcomer()
    link = await world.merge(one, other)
    await one.say(GIVEN)
    await owner.execute("CREATE TEMPORARY TABLE kept AS SELECT * FROM linked_consent")
    await one.say(WITHDRAWN)
    for _ in range(2):
        assert await differences(world) == set()
        await owner.execute("INSERT INTO linked_consent SELECT * FROM kept")
        assert await differences(world) == {f"{WEB[0]} on web: something stands by a merge, and no yes was recorded"}
        await owner.execute("DELETE FROM linked_consent")
        with suppress(UnknownLinkError):
            await world.unmerge(link)


async def test_what_was_allowed_then_is_what_both_sides_allowed_then(world: World) -> None:
    one, other = await world.newcomer(), await world.newcomer()
    await one.say(GIVEN)
    instants = [await now(world)]
    link = await world.merge(one, other)
    instants.append(await now(world))
    await other.say(GIVEN)
    instants.append(await now(world))
    await world.unmerge(link)
    instants.append(await now(world))
    assert [await then(world, one, at) for at in instants] == [True, False, True, True]
    assert [await then(world, other, at) for at in instants] == [False, False, True, True]


async def now(world: World) -> datetime:
    async with world.database.connection() as connection:
        return await store_of_customers.clock(connection)


async def then(world: World, side: Side, at: datetime) -> bool:
    """Whether the shop was allowed anything for recommendations on the web at an instant."""

    async def policies_at(_: Any) -> Policies:
        return world.policies

    question = past.Question(at=at, purpose=WEB[0])
    me = CustomerCaller(side.id, proven=True)
    found = await past.allowed_to_herself(world.database, policies_at, me, question)
    return any(each.decision.permits for each in found.allowed if each.asked.channel == WEB[1])


# --- what is refused ---


async def test_who_is_one_person_already_nobody_or_a_device_is_not_merged(world: World) -> None:
    one, middle, last = [await world.newcomer() for _ in range(3)]
    await world.merge(one, middle)
    await world.merge(middle, last)
    for pair in ((one, middle), (one, last), (last, last)):
        with pytest.raises(AlreadyLinkedError):
            await world.merge(*pair)
    nobody = Identifier(IdentifierKind.EMAIL, "nobody@example.com")
    with pytest.raises(UnknownCustomerError):
        await merges.merge(world.database, world.keyring, OPERATOR, (one.found_by, nobody))
    device = identifier(IdentifierKind.DEVICE, "a-browser-of-somebody")
    await customers.enrol(
        world.database, world.keyring, world.policies, world.shop, customers.Newcomer([device], AgeBand.UNKNOWN)
    )
    with pytest.raises(StandsAloneError):
        await merges.merge(world.database, world.keyring, OPERATOR, (one.found_by, device))


async def test_only_a_link_that_was_said_and_holds_can_be_parted(world: World) -> None:
    one, middle, last = [await world.newcomer() for _ in range(3)]
    first = await world.merge(one, middle)
    await world.merge(middle, last)
    async with world.database.connection() as connection:
        follows = await connection.fetchval("SELECT id FROM link WHERE NOT said")
    await world.unmerge(first)
    for link in (follows, first, UUID(int=1)):
        with pytest.raises(UnknownLinkError):
            await world.unmerge(link)

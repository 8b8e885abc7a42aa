"""Somebody at the database removes, forges or bends a merge: nothing opens by it, and nobody's fact as another's."""

import time
from collections.abc import Awaitable, Callable

import asyncpg
import pytest
from msgspec import Struct

from service.crypto.credentials import Credential, read_api_key
from service.crypto.keyring import Keyring
from service.database import Database
from service.errors import IntegrityError
from service.model.callers import ServiceCaller
from service.model.situation import everybody
from service.model.words import AttributeId, PairwiseId, PolicyVersion, Status
from service.policy.decide import decide
from service.policy.engine import Policies
from service.storage import facts
from service.usecases import merges
from service.usecases.releases import Gate, Rails, Wanted, release
from tests.conftest import OPERATOR, Template
from tests.consistency.test_release_and_withdrawal import heedless
from tests.merging import ATTRIBUTES, SHOP, SPOTS, Side, World
from tests.security.test_flipped_rows import for_a_moment

WEB = SPOTS[0]


class People(Struct, frozen=True):
    """Two who are one person and allow recommendations, and a third who does."""

    world: World
    one: Side
    other: Side
    third: Side
    shop_key: Credential

    async def refused(self) -> bool:
        """Whether nothing at all may leave of either of the two, for any purpose."""
        return not await self.one.allowed() and not await self.other.allowed()


@pytest.fixture
async def people(database: Database, keyring: Keyring, policies: Policies, template: Template) -> People:
    shop_key = read_api_key(template.api_keys[SHOP])
    world = World(database, keyring, policies, ServiceCaller(SHOP, shop_key.id, proven=True))
    one, other, third = [await world.newcomer() for _ in range(3)]
    for side in (one, other, third):
        await side.tell("first_name", b'"Abbie"')
        await side.say(Status.GIVEN)
    await world.merge(one, other)
    return People(world, one, other, third, shop_key)


BENT = (
    "UPDATE restrictions SET linked = '{}' WHERE customer = $1",
    "UPDATE restrictions SET linked = ARRAY[$3::uuid] WHERE customer = $1",
    "UPDATE restrictions SET linked = linked || $3::uuid WHERE customer = $1",
    "UPDATE restrictions SET linked = ARRAY[$1::uuid] WHERE customer = $1",
    "DELETE FROM restrictions WHERE customer = $1",
    "UPDATE restrictions SET mac = decode(repeat('00', 32), 'hex') WHERE customer = $1",
    "UPDATE restrictions SET may_market = NOT may_market WHERE customer = $1",
)
SQL = " AND $1::uuid <> $2::uuid AND $2::uuid <> $3::uuid"


async def test_a_link_removed_forged_or_pointed_elsewhere_by_sql_is_a_refusal_of_either_side(
    people: People, owner: asyncpg.Connection
) -> None:
    sides = (people.one, people.other)
    for bent in BENT:
        for mine, theirs in (sides, sides[::-1]):
            assert await people.one.allowed()
            assert await people.other.allowed()
            async with for_a_moment(owner, "restrictions"):
                done = await owner.execute(bent + SQL, mine.id, theirs.id, people.third.id)
                assert done in {"UPDATE 1", "DELETE 1"}
                assert await people.refused(), bent
    # The control: nothing of this reaches whoever has nothing to do with it.
    assert await people.third.allowed()


async def test_a_row_of_before_the_merge_does_not_free_the_other_side(
    people: People, owner: asyncpg.Connection
) -> None:
    """Who puts back a whole row of one side is found out by the other: each says who the other is."""
    made = await people.world.newcomer()
    await made.say(Status.GIVEN)
    await owner.execute("CREATE TEMPORARY TABLE past AS SELECT * FROM restrictions WHERE customer = $1", made.id)
    await people.world.merge(made, people.third)
    assert await people.third.allowed()
    await owner.execute("DELETE FROM restrictions WHERE customer = $1", made.id)
    await owner.execute("INSERT INTO restrictions SELECT * FROM past")
    assert not await people.third.allowed()


@pytest.mark.parametrize(
    "forged",
    [
        "customer = $2, origin = $1",
        "purpose = 'market.newsletter', channel = 'email'",
        "notice = notice + 1",
        "explicit = NOT explicit",
        "expires_at = NULL",
        "decided_at = decided_at + interval '1 day'",
        "status = 'renewed'",
        "mac = decode(repeat('00', 32), 'hex')",
    ],
)
async def test_a_yes_by_a_link_of_which_anything_was_changed_is_no_yes(
    people: People, owner: asyncpg.Connection, forged: str
) -> None:
    lone = await people.world.newcomer()
    await people.world.merge(lone, people.third)
    await people.third.say(Status.GIVEN)
    before = await lone.allowed()
    assert ("shop", *WEB, "first_name") in before
    await owner.execute(
        f"UPDATE linked_consent SET {forged} WHERE customer = $1 AND $1::uuid <> $2::uuid",  # noqa: S608  ours
        lone.id,
        people.one.id,
    )
    after = await lone.allowed()
    assert {each for each in after if each[1] in ("personalise.recommendations", "market.newsletter")} == set()


async def test_a_yes_by_a_link_counts_only_while_its_origin_is_the_same_person(
    people: People, owner: asyncpg.Connection
) -> None:
    lone = await people.world.newcomer()
    link = await people.world.merge(lone, people.third)
    await people.third.say(Status.GIVEN)
    await owner.execute("CREATE TEMPORARY TABLE kept AS SELECT * FROM linked_consent")
    await people.world.unmerge(link)
    await owner.execute("INSERT INTO linked_consent SELECT * FROM kept")
    await people.world.merge(lone, people.one)
    assert not {each for each in await lone.allowed() if each[1] == WEB[0]}


async def test_a_yes_by_a_link_that_ended_counts_by_no_other_link_of_the_same_two(
    people: People, owner: asyncpg.Connection
) -> None:
    lone = await people.world.newcomer()
    await lone.tell("first_name", b'"Abbie"')
    link = await people.world.merge(lone, people.third)
    await people.third.say(Status.GIVEN)
    await owner.execute("CREATE TEMPORARY TABLE ended AS SELECT * FROM linked_consent")
    await people.world.unmerge(link)
    again = await people.world.merge(lone, people.third)
    await owner.execute("INSERT INTO linked_consent SELECT * FROM ended")
    assert not await opened(lone)
    # The control: the same yes by the link that is live.
    await people.third.say(Status.GIVEN)
    assert await opened(lone)
    await owner.execute("CREATE TEMPORARY TABLE ours AS SELECT * FROM link")
    for bent in (
        "ended_at = now()",
        "mac = decode(repeat('00', 32), 'hex')",
        "said = NOT said",
        "made_at = made_at - interval '1 day'",
        "one = least(one, $2), other = greatest(one, $2)",
    ):
        await owner.execute(f"UPDATE link SET {bent} WHERE id = $1 AND $2::uuid IS NOT NULL", again, people.one.id)  # noqa: S608  ours
        assert not await opened(lone), bent
        await owner.execute(
            "UPDATE link l SET one = o.one, other = o.other, said = o.said, made_at = o.made_at, "
            "ended_at = o.ended_at, mac = o.mac FROM ours o WHERE o.id = l.id"
        )
        assert await opened(lone)
    # Nor does it count when an ended link is said to be live.
    await owner.execute("DELETE FROM linked_consent WHERE link = $1", again)
    await owner.execute("UPDATE link SET ended_at = now() WHERE id = $1", again)
    await owner.execute("UPDATE link SET ended_at = NULL, ended_by = '' WHERE id = $1", link)
    assert not await opened(lone)


async def opened(side: Side) -> bool:
    """Whether anything of hers may leave for what she was asked, by a release and by what is shown of her alike."""
    world = side.world
    async with world.database.connection() as connection:
        profile = await facts.read_profile(connection, world.keyring, side.id)
    released = {each[:3] for each in await side.allowed() if each[1] == WEB[0]}
    shown = {
        (asked.service, asked.purpose, asked.channel)
        for asked in everybody(world.policies.catalogue)
        if asked.purpose == WEB[0] and decide(world.policies, asked, ATTRIBUTES, profile.facts_for(asked)).permits
    }
    assert shown == released
    return bool(released)


async def test_links_that_were_removed_or_bent_are_not_acted_on(people: People, owner: asyncpg.Connection) -> None:
    world = people.world
    last = await world.merge(people.other, people.third)
    bends = (
        "DELETE FROM link WHERE id <> $1",
        "DELETE FROM link WHERE NOT said AND $1::uuid IS NOT NULL",
        "UPDATE link SET ended_at = now() WHERE id <> $1",
        "UPDATE link SET said = NOT said WHERE id <> $1",
        "UPDATE link SET mac = '' WHERE id = $1",
    )
    for bent in bends:
        await owner.execute("CREATE TEMPORARY TABLE kept AS SELECT * FROM link")
        await owner.execute(bent, last)
        with pytest.raises(IntegrityError):
            await world.unmerge(last)
        await owner.execute("DELETE FROM link; INSERT INTO link SELECT * FROM kept; DROP TABLE kept")
    await merges.unmerge(world.database, world.keyring, OPERATOR, last)


async def test_a_fact_moved_to_the_other_side_does_not_open(people: People, owner: asyncpg.Connection) -> None:
    """The control first: what only the other side has is released, opened under the other side's own key."""
    one, other = people.one.id, people.other.id
    await owner.execute("DELETE FROM fact WHERE customer = $1", one)
    asked = people.one.at_shop
    assert (await released(people, asked)).startswith("released")
    await owner.execute("UPDATE fact SET customer = $1 WHERE customer = $2", one, other)
    with pytest.raises(IntegrityError):
        await released(people, asked)
    await owner.execute(
        "UPDATE fact SET key = (SELECT id FROM customer_key WHERE customer = $1) WHERE customer = $1", one
    )
    with pytest.raises(IntegrityError):
        await released(people, asked)


async def released(people: People, asked: PairwiseId) -> str:
    world = people.world
    gate = Gate(Rails(world.database), world.database, world.keyring, policies_of(world), time.monotonic, heedless)
    wanted = Wanted(asked, WEB[0], WEB[1], (AttributeId("first_name"),), hand_over=True)
    answer = await release(gate, people.shop_key, wanted)
    return f"released {bytes(answer.released[AttributeId('first_name')].value).decode()}"


def policies_of(world: World) -> Callable[[PolicyVersion], Awaitable[Policies]]:
    async def at(_: PolicyVersion) -> Policies:
        return world.policies

    return at

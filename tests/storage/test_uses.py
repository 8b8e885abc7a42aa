"""What the list of uses costs: a page, however much there is, and however rare what is looked for."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from service.model.uses import DAYS
from service.storage.uses import BOTTOM, MOST, SQL, TOP
from tests.conftest import Api, Owner, Person, enrol

PAGE = 51
KINDS = 60
NOTHING_ELSE = (None, None, False, False, None)
DOWN_TO_ALL = (BOTTOM, 0)


async def make(owner: Owner, customer: UUID, lines: int) -> None:
    """Give her lines of sixty kinds, thirty an hour, of ten uses each."""
    await owner.execute(
        """
        INSERT INTO use_line (customer, hour, actor, kind, purpose, channel, outcome, times, released, refused)
        SELECT $1, date_trunc('hour', now()) - make_interval(hours => n / 30), 'service:made-' || n % 10, 'release',
               'purpose.' || n % 60, 'web', 'permit', 10, '{first_name,favourite_genres}', '{}'
          FROM generate_series(1, $2::int) AS n
        """,
        customer,
        lines,
    )


async def make_rare(owner: Owner, customer: UUID) -> datetime:
    """Give her what was refused, and looked at, long ago; returns since when that is."""
    since: datetime = await owner.fetchval("SELECT min(hour) FROM use_line WHERE customer = $1", customer)
    await owner.execute(
        """
        INSERT INTO use_line (customer, hour, actor, kind, purpose, channel, outcome, times, released, refused)
        VALUES ($1, $2, 'service:made-1', 'release', 'purpose.1', 'app', 'deny', 1, '{}', '{first_name}'),
               ($1, $2, 'operator:x', 'look-up', '', '', '', 1, '{}', '{}')
        """,
        customer,
        since,
    )
    return since


async def pages_read(owner: Owner, name: str, *arguments: object) -> int:
    """Return how many pages of the database a statement reads."""
    values = ", ".join("NULL" if each is None else f"'{each}'" for each in arguments)
    explained = await owner.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE {name} ({values})")
    plan = json.loads(explained)[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


class Two(list[UUID]):
    """Who has a hundred lines, and who has a hundred thousand."""


@pytest.fixture(params=["force_custom_plan", "force_generic_plan"])
async def two(request: pytest.FixtureRequest, api: Api, abbie: Person, owner: Owner) -> Two:
    bo = await enrol(api, "bo@example.com", {})
    at_shop = "SELECT customer FROM pairwise WHERE id = $1"
    found = Two([await owner.fetchval(at_shop, each.at_shop) for each in (abbie, bo)])
    for customer, lines in zip(found, (100, 100_000), strict=True):
        await make(owner, customer, lines)
        await make_rare(owner, customer)
    await owner.execute("VACUUM ANALYZE use_line")
    await owner.execute(f"SET plan_cache_mode = {request.param}")
    for name in ("lines", "lines_like", "searched", "kinds", "days"):
        await owner.execute(f"PREPARE {name} AS {SQL[name]}")
    return found


async def test_a_page_reads_as_much_of_a_hundred_thousand_lines_as_of_a_hundred(two: Two, owner: Owner) -> None:
    few, many = two
    (hour, line), *_ = await owner.fetch(
        "SELECT hour, line FROM use_line WHERE customer = $1 ORDER BY hour, line LIMIT 1 OFFSET 5000", many
    )
    of_few = await pages_read(owner, "lines", few, *_stretch(), PAGE)
    of_many = await pages_read(owner, "lines", many, *_stretch(), PAGE)
    further = await pages_read(owner, "lines", many, hour, line, BOTTOM, PAGE)
    of_a_day = await pages_read(owner, "lines", many, hour, 0, hour, PAGE)
    assert of_few < 100
    # The tree over a thousand times as many is a page or two higher.
    assert max(of_many, further, of_a_day) <= of_few + 10


@pytest.mark.parametrize(
    "wanted",
    [
        ("service:made-1", None, False, False),
        (None, "purpose.7", False, False),
        (None, None, True, False),
        (None, None, False, True),
        ("service:made-1", "purpose.1", True, False),
    ],
    ids=["service", "purpose", "refused", "people", "all of it"],
)
async def test_what_is_rare_is_found_without_reading_what_is_not(wanted: Any, two: Two, owner: Owner) -> None:
    _, many = two
    found = await pages_read(owner, "lines_like", many, *_stretch(), PAGE, *wanted, None, *DOWN_TO_ALL)
    # A step or two to each kind of line, and a page of every kind that is wanted.
    assert found < 8 * (KINDS + 2) + 8 * PAGE
    assert await pages_read(owner, "kinds", many) < 8 * (KINDS + 2)


@pytest.mark.parametrize("attribute", ["first_name", "birth_year"], ids=["usual", "rare"])
async def test_a_search_for_an_attribute_reads_so_many_lines_and_no_more(
    attribute: str, two: Two, owner: Owner
) -> None:
    _, many = two
    ends = await pages_read(owner, "searched", many, *_stretch(), MOST)
    hour, line = (await owner.fetch(f"EXECUTE searched ('{many}', '{_stretch()[0]}', {TOP[1]}, '{BOTTOM}', {MOST})"))[0]
    found = await pages_read(
        owner, "lines_like", many, *_stretch(), PAGE, None, None, False, False, attribute, hour, line
    )
    assert ends < 2 * MOST / 10
    # Each line that is looked through, by the index of its kind and where it stands, beside a step or two to each kind.
    assert found < 8 * (KINDS + 2) + 2 * MOST


async def test_days_are_counted_of_so_many_lines_and_no_more(two: Two, owner: Owner) -> None:
    _, many = two
    assert await pages_read(owner, "days", many, DAYS, MOST, *NOTHING_ELSE) < 2 * MOST / 10


def _stretch() -> tuple[object, ...]:
    return (datetime(2999, 1, 1, tzinfo=UTC), TOP[1], BOTTOM)

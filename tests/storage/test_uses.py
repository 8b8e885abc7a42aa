"""What the list of uses costs: a page, however much there is."""

import json
from datetime import timedelta
from uuid import UUID

import pytest

from service.storage.uses import SQL
from tests.conftest import Api, Owner, Person, enrol

LAST = 2**63 - 1
PAGE = 51


async def make(owner: Owner, customer: UUID, lines: int) -> None:
    """Give her lines, three an hour, of ten uses each."""
    await owner.execute(
        """
        INSERT INTO use_line (customer, hour, actor, kind, purpose, channel, outcome, times, released, refused)
        SELECT $1, date_trunc('hour', now()) - make_interval(hours => n / 3), 'service:made-' || n % 3, 'release',
               'personalise.recommendations', 'web', 'permit', 10, '{first_name,favourite_genres}', '{}'
          FROM generate_series(1, $2::int) AS n
        """,
        customer,
        lines,
    )


async def pages_read(owner: Owner, *arguments: object) -> int:
    """Return how many pages of the database a page of the list reads."""
    values = ", ".join("NULL" if each is None else f"'{each}'" for each in arguments)
    explained = await owner.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE page ({values})")
    plan = json.loads(explained)[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
async def test_a_page_reads_as_much_of_a_hundred_thousand_lines_as_of_a_hundred(
    mode: str, api: Api, abbie: Person, owner: Owner
) -> None:
    bo = await enrol(api, "bo@example.com", {})
    at_shop = "SELECT customer FROM pairwise WHERE id = $1"
    few, many = [await owner.fetchval(at_shop, each.at_shop) for each in (abbie, bo)]
    await make(owner, few, 100)
    await make(owner, many, 100_000)
    await owner.execute("VACUUM ANALYZE use_line")
    (hour, line), *_ = await owner.fetch(
        "SELECT hour, line FROM use_line WHERE customer = $1 ORDER BY hour, line LIMIT 1 OFFSET 5000", many
    )
    await owner.execute(f"SET plan_cache_mode = {mode}")
    await owner.execute(f"PREPARE page AS {SQL['lines']}")
    everything = (None, None, False, None, None)
    of_few = await pages_read(owner, few, *everything, None, LAST, PAGE)
    of_many = await pages_read(owner, many, *everything, None, LAST, PAGE)
    further = await pages_read(owner, many, *everything, hour, line, PAGE)
    of_a_day = await pages_read(owner, many, None, None, False, hour, hour + timedelta(days=1), None, LAST, PAGE)
    assert of_few < 100
    # The tree over a thousand times as many is a page or two higher.
    assert max(of_many, further, of_a_day) <= of_few + 10

"""What Prometheus is told: how the ledger gets on, in numbers about nobody."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.app import House, assemble
from service.database import Database
from tests.conftest import Api, Owner, Template, enrol
from tests.sealing import at_the_log, desk_of, seal, take_all

ALWAYS = {
    "byleave_ledger_entries",
    "byleave_ledger_waiting",
    "byleave_ledger_waiting_unsealed",
    "byleave_ledger_oldest_waiting_seconds",
}
ONCE_SIGNED = ALWAYS | {
    "byleave_ledger_checkpoint_age_seconds",
    "byleave_ledger_lag_seconds 0.5",
    "byleave_ledger_lag_seconds 0.99",
}
BACKLOG = """
INSERT INTO queue (id, customer, kind, actor, at, commitment, key, content)
SELECT 'ent_' || number, gen_random_uuid(), 'release', 'service:shop', clock_timestamp() - interval '9 s', $1, 'k', ''
  FROM generate_series(1, $2::integer) number
"""
CHECKPOINTS = """
INSERT INTO checkpoint (size, prev_size, origin, root, note, signed_at, lag)
SELECT number, nullif(number - 1, 0), 'shop.example/ledger', $1, '', clock_timestamp() - interval '7 s',
       CASE WHEN number <= 500 THEN interval '1 hour' ELSE (number - 500) * interval '1 ms' END
  FROM generate_series(1, 1500) number
"""


async def scraped(api: Api) -> dict[str, float]:
    """Return each sample by its name, and its quantile where it has one, as Prometheus's own parser reads it."""
    response = await api.call("GET", "/metrics", None)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    return dict(samples(response.text))


def samples(text: str) -> Iterator[tuple[str, float]]:
    for family in text_string_to_metric_families(text):
        assert family.documentation
        assert family.type == ("summary" if family.name.endswith("lag_seconds") else "gauge")
        for sample in family.samples:
            assert sample.labels.keys() <= {"quantile"}  # so about no customer, no service
            yield " ".join([sample.name, *sample.labels.values()]), sample.value


async def test_before_anything_is_signed_the_age_and_the_lag_are_left_out(api: Api, database: Database) -> None:
    async with database.connection() as connection:
        waiting = await connection.fetchval("SELECT count(*) FROM queue")
    found = await scraped(api)
    assert found.keys() == ALWAYS
    assert (found["byleave_ledger_entries"], found["byleave_ledger_waiting"]) == (0, waiting)


async def test_when_all_is_taken_in_nothing_waits(
    api: Api, database_url: str, template: Template, tmp_path: Path
) -> None:
    await enrol(api, "abbie@example.com")
    before = await scraped(api)
    await seal(database_url, template, tmp_path)
    after = await scraped(api)
    assert after.keys() == ONCE_SIGNED
    # The sequencer enters that it made its key.
    assert after["byleave_ledger_entries"] == before["byleave_ledger_waiting"] + 1
    assert [after[name] for name in sorted(ALWAYS)][1:] == [0, 0, 0]
    assert 0 <= after["byleave_ledger_checkpoint_age_seconds"] < 60
    assert 0 < after["byleave_ledger_lag_seconds 0.5"] <= after["byleave_ledger_lag_seconds 0.99"]


async def test_a_backlog_shows_in_how_much_waits_and_since_when(
    api: Api, owner: Owner, database_url: str, template: Template, tmp_path: Path
) -> None:
    await seal(database_url, template, tmp_path)
    await owner.execute(BACKLOG, bytes(32), 300)
    await owner.execute("UPDATE queue SET key = NULL WHERE id IN ('ent_7', 'ent_8')")
    found = await scraped(api)
    assert (found["byleave_ledger_waiting"], found["byleave_ledger_waiting_unsealed"]) == (300, 2)
    assert 9 < found["byleave_ledger_oldest_waiting_seconds"] < 69
    async with at_the_log(database_url) as connection:
        await take_all(connection, desk_of(template, tmp_path))
    found = await scraped(api)
    # What waits for keys still does.
    assert (found["byleave_ledger_waiting"], found["byleave_ledger_waiting_unsealed"]) == (2, 2)
    assert found["byleave_ledger_oldest_waiting_seconds"] > 9
    assert found["byleave_ledger_lag_seconds 0.99"] > 9


async def test_a_large_backlog_is_counted_only_so_far(api: Api, owner: Owner) -> None:
    await owner.execute(BACKLOG, bytes(32), 10_001)
    assert (await scraped(api))["byleave_ledger_waiting"] == 10_000


async def test_the_lag_is_that_of_the_last_thousand_checkpoints(api: Api, owner: Owner) -> None:
    await owner.execute(CHECKPOINTS, bytes(32))
    found = await scraped(api)
    assert found["byleave_ledger_entries"] == 1500
    assert (found["byleave_ledger_lag_seconds 0.5"], found["byleave_ledger_lag_seconds 0.99"]) == (0.5, 0.99)
    assert 7 < found["byleave_ledger_checkpoint_age_seconds"] < 67


async def test_every_process_says_the_same(
    api: Api, database: Database, database_url: str, template: Template, tmp_path: Path
) -> None:
    await seal(database_url, template, tmp_path)
    transport = httpx.ASGITransport(assemble(House(database, tmp_path / "no.key")))
    async with httpx.AsyncClient(transport=transport, base_url="http://byleave.test") as client:
        other = await scraped(Api(client, {}))
    here = await scraped(api)
    age = "byleave_ledger_checkpoint_age_seconds"
    assert other | {age: 0} == here | {age: 0}


@pytest.mark.parametrize("path", ["/metrics", "/ledger", "/ledger/checkpoint", "/ledger/tile/0/000"])
async def test_without_the_database_the_answer_is_a_refusal(
    path: str, api: Api, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await database.close()
    response = await api.call("GET", path, None)
    assert (response.status_code, response.json()["code"]) == (503, "database-unavailable")
    assert (response.headers["retry-after"], response.headers["cache-control"]) == ("1", "no-store")
    assert "Traceback" not in caplog.text + response.text

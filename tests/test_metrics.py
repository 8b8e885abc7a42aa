"""What Prometheus is told: what processes counted, and how the ledger gets on, in numbers about nobody."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import msgspec
import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from service.database import Database
from service.meters import Meters, left_in, together
from service.metrics import measures
from service.model.words import ServiceId
from service.policy.engine import Policies
from tests.conftest import Api, Owner, Person, Template, enrol
from tests.sealing import at_the_log, desk_of, seal, take_all
from tests.test_cli import await_status, free_port, serving, shell_with

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


LEDGER = {
    "byleave_ledger_entries",
    "byleave_ledger_waiting",
    "byleave_ledger_waiting_unsealed",
    "byleave_ledger_oldest_waiting_seconds",
}
ONCE_SIGNED = LEDGER | {
    "byleave_ledger_checkpoint_age_seconds",
    "byleave_ledger_lag_seconds 0.5",
    "byleave_ledger_lag_seconds 0.99",
}
PURPOSE = "personalise.recommendations"
RELEASES = f"byleave_releases_total release permit {PURPOSE} recommender"
LABELS = {"quantile", "le", "kind", "service", "purpose", "outcome", "code", "version"}
"""None of them is about a customer."""


async def scraped(url: str, folder: Path) -> dict[str, float]:
    """Return each sample by its name and its labels, as Prometheus's own parser reads it."""
    # In a thread, as the server does.
    return dict(samples((await asyncio.to_thread(generate_latest, measures(url, folder))).decode()))


def samples(text: str) -> Iterator[tuple[str, float]]:
    for family in text_string_to_metric_families(text):
        assert family.documentation
        for sample in family.samples:
            assert sample.labels.keys() <= LABELS
            yield " ".join([sample.name, *sample.labels.values()]), sample.value


def of_the_ledger(found: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in found.items() if name.startswith("byleave_ledger")}


async def test_before_anything_is_signed_the_age_and_the_lag_are_left_out(
    api: Api, database: Database, database_url: str, tmp_path: Path
) -> None:
    async with database.connection() as connection:
        waiting = await connection.fetchval("SELECT count(*) FROM queue")
    found = await scraped(database_url, tmp_path)
    assert of_the_ledger(found).keys() == LEDGER
    assert (found["byleave_ledger_entries"], found["byleave_ledger_waiting"]) == (0, waiting)


async def test_when_all_is_taken_in_nothing_waits(
    api: Api, database_url: str, template: Template, tmp_path: Path
) -> None:
    await enrol(api, "abbie@example.com")
    before = await scraped(database_url, tmp_path)
    await seal(database_url, template, tmp_path)
    after = await scraped(database_url, tmp_path)
    assert of_the_ledger(after).keys() == ONCE_SIGNED
    # The sequencer enters that it made its key.
    assert after["byleave_ledger_entries"] == before["byleave_ledger_waiting"] + 1
    assert [after[name] for name in sorted(LEDGER)][1:] == [0, 0, 0]
    assert 0 <= after["byleave_ledger_checkpoint_age_seconds"] < 60
    assert 0 < after["byleave_ledger_lag_seconds 0.5"] <= after["byleave_ledger_lag_seconds 0.99"]


async def test_a_backlog_shows_in_how_much_waits_and_since_when(
    owner: Owner, database_url: str, template: Template, tmp_path: Path
) -> None:
    await seal(database_url, template, tmp_path)
    await owner.execute(BACKLOG, bytes(32), 300)
    await owner.execute("UPDATE queue SET key = NULL WHERE id IN ('ent_7', 'ent_8')")
    found = await scraped(database_url, tmp_path)
    assert (found["byleave_ledger_waiting"], found["byleave_ledger_waiting_unsealed"]) == (300, 2)
    assert 9 < found["byleave_ledger_oldest_waiting_seconds"] < 69
    async with at_the_log(database_url) as connection:
        await take_all(connection, desk_of(template, tmp_path))
    found = await scraped(database_url, tmp_path)
    # What waits for keys still does.
    assert (found["byleave_ledger_waiting"], found["byleave_ledger_waiting_unsealed"]) == (2, 2)
    assert found["byleave_ledger_oldest_waiting_seconds"] > 9
    assert found["byleave_ledger_lag_seconds 0.99"] > 9


async def test_a_large_backlog_is_counted_only_so_far(database_url: str, owner: Owner, tmp_path: Path) -> None:
    await owner.execute(BACKLOG, bytes(32), 10_001)
    assert (await scraped(database_url, tmp_path))["byleave_ledger_waiting"] == 10_000


async def test_the_lag_is_that_of_the_last_thousand_checkpoints(
    database_url: str, owner: Owner, tmp_path: Path
) -> None:
    await owner.execute(CHECKPOINTS, bytes(32))
    found = await scraped(database_url, tmp_path)
    assert found["byleave_ledger_entries"] == 1500
    assert (found["byleave_ledger_lag_seconds 0.5"], found["byleave_ledger_lag_seconds 0.99"]) == (0.5, 0.99)
    assert 7 < found["byleave_ledger_checkpoint_age_seconds"] < 67


async def test_without_the_database_what_was_counted_is_told_and_that_it_is_gone(tmp_path: Path) -> None:
    async with left_in(tmp_path):
        found = await scraped("postgresql://nobody@127.0.0.1:1/nothing", tmp_path)
    assert found["byleave_database_up"] == 0
    assert not of_the_ledger(found)
    assert {"byleave_policy_failures_total", "byleave_release_seconds_count"} <= found.keys()


async def test_the_policies_in_force_are_named(policies: Policies, database_url: str, tmp_path: Path) -> None:
    found = await scraped(database_url, tmp_path)
    assert found[f"byleave_policy_in_force {policies.version}"] == found["byleave_database_up"] == 1


async def test_what_every_worker_counted_is_told_as_one_and_outlives_it(
    database_url: str, template: Template, abbie: Person
) -> None:
    port, metrics = free_port(), free_port()
    settings = {"WORKERS": "3", "METRICS_PORT": str(metrics), "DRAIN": "0"}
    shell = shell_with(DATABASE_URL=database_url, KEYS=str(template.root_key_file), **settings)
    with serving(shell, port) as process:
        await_status(port, "/health/ready", 200)
        for _ in range(30):  # each by a connection of its own, so that they spread over the workers
            release(port, template, abbie)
        httpx.get(f"http://127.0.0.1:{port}/nowhere")
        told(metrics, RELEASES, 30)
        told(metrics, "byleave_refusals_total not-found", 1)  # another worker's count may come a second later
        gone = workers_of(process.pid)
        for each in gone:
            os.kill(each, signal.SIGKILL)
        release(port, template, abbie)
        found = told(metrics, RELEASES, 31)
        assert set(workers_of(process.pid)).isdisjoint(gone)
        assert (found["byleave_epoch_keys_open"], found["byleave_release_seconds_count"]) == (1, 31)
        assert found["byleave_read_batch_sum"] == found["byleave_commit_batch_sum"] == 31
        withdraw(port, template, abbie)
        assert told(metrics, "byleave_withdrawal_seconds_count", 1)["byleave_releases_waiting"] == 0
        # Who reaches the API reaches none of it.
        assert httpx.get(f"http://127.0.0.1:{port}/metrics").status_code == 404


def release(port: int, template: Template, person: Person) -> None:
    """Ask as the recommender, until there is somebody to ask."""
    asked = {
        "customer": {"id": person.at_recommender},
        "purpose": PURPOSE,
        "channel": "web",
        "attributes": ["first_name"],
    }
    key = template.api_keys[ServiceId("recommender")]
    while True:
        with suppress(httpx.TransportError):
            headers = {"authorization": f"Bearer {key}"}
            answer = httpx.post(f"http://127.0.0.1:{port}/v1/releases", json=asked, headers=headers)
            assert answer.json()["decision"] == "permit"
            return


def withdraw(port: int, template: Template, person: Person) -> None:
    headers = {"authorization": f"Bearer {template.api_keys[ServiceId('shop')]}"}
    url, no = f"http://127.0.0.1:{port}/v1/customers/{person.at_shop}/consents", {"purpose": PURPOSE}
    assert httpx.post(url, json=no | {"answer": "withdrawn"}, headers=headers).status_code == 200


def told(port: int, name: str, value: float) -> dict[str, float]:
    """Scrape until a measure has come to a value; what is told may be a second old."""
    deadline, found = time.monotonic() + 10, dict[str, float]()
    while found.get(name, 0) < value and time.monotonic() < deadline:
        found = dict(samples(httpx.get(f"http://127.0.0.1:{port}/").text))
    assert found.get(name) == value, found
    return found


def workers_of(process: int) -> list[int]:
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [int(each) for each in children if "metrics" not in Path(f"/proc/{each}/cmdline").read_text()]


async def test_a_refusal_is_told_before_it_ever_happens_so_that_it_increases_when_it_does(tmp_path: Path) -> None:
    found = await scraped("postgresql://nobody@127.0.0.1:1/nothing", tmp_path)
    assert found["byleave_refusals_total integrity"] == found["byleave_refusals_total database-unavailable"] == 0


def test_counts_are_summed_and_of_who_is_gone_only_what_it_had_counted(tmp_path: Path) -> None:
    one, other = Meters(waiting=3, keys_open=2), Meters(waiting=4, keys_open=1)
    for meters in (one, other):
        meters.released(("release", "shop", PURPOSE, "permit"), Meters.now())
        meters.withdrawal_seconds.observe(0.004)
        meters.refused("not-found")
        meters.read_batch.observe(5)
    here, dead = os.getpid(), subprocess.Popen(["/bin/true"])
    dead.wait()
    (tmp_path / f"{here}.meters").write_bytes(msgspec.msgpack.encode(one))
    (tmp_path / f"{dead.pid}.meters").write_bytes(msgspec.msgpack.encode(other))
    both = together(tmp_path)
    assert (list(both.releases.values()), both.refusals) == ([2], {"not-found": 2})
    assert (sum(both.release_seconds.counts), both.read_batch.counts[3]) == (2, 2)
    assert (both.withdrawal_seconds.counts[3], both.withdrawal_seconds.total) == (2, 0.008)
    assert (both.waiting, both.keys_open) == (3, 2)


def test_a_measure_counts_up_to_its_bound_and_above_the_last_apart() -> None:
    spread = Meters().release_seconds
    for seconds in (0.0005, 0.001, 0.0011, 2.0, 2.1):
        spread.observe(seconds)
    assert (spread.counts[0], spread.counts[1], spread.counts[-2], spread.counts[-1]) == (2, 1, 1, 1)


async def test_a_folder_that_is_gone_is_an_alarm_and_nothing_else(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with left_in(tmp_path / "nowhere"):
        await asyncio.sleep(0)
    assert "alarm: counts cannot be left" in "".join(capfd.readouterr())

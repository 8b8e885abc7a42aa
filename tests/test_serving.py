"""How ``serve`` and ``worker`` end: ready no more, then answering what is there, with nothing lost and status 0."""

import asyncio
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from msgspec import Struct

from service.database import Database
from service.model.words import ServiceId
from tests.conftest import Owner, Person, Template, in_role
from tests.test_cli import Shell, await_status, free_port, serving, shell_with
from tests.waiting import blocked_by

CALLERS = 8
PURPOSE = "personalise.recommendations"
LONG = 9.0
"""Seconds after which whoever told it to end would be right to kill it."""


class Load(Struct, kw_only=True):
    """Callers that go on until nobody answers or, if they heed it, until it is ready no more."""

    url: str
    key: str
    person: Person
    heeding: bool
    entries: set[str]
    """What was answered."""
    broken: list[str]
    """What was asked and not answered."""
    ready: bool = True
    faults: list[str] | None = None
    """What it said when it was ready no more, if it said anything."""

    async def run(self) -> None:
        limits = httpx.Limits(max_connections=CALLERS + 1)
        async with httpx.AsyncClient(base_url=self.url, limits=limits, timeout=10) as client:
            await asyncio.gather(self._watch(client), *(self._call(client) for _ in range(CALLERS)))

    async def _call(self, client: httpx.AsyncClient) -> None:
        who = {"customer": {"id": self.person.at_recommender}, "attributes": ["first_name"]}
        body, headers = {"purpose": PURPOSE, "channel": "web", **who}, {"authorization": f"Bearer {self.key}"}
        with suppress(httpx.ConnectError):
            while self.ready or not self.heeding:
                try:
                    answer = await client.post("/v1/releases", json=body, headers=headers)
                except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError) as error:
                    self.broken.append(repr(error))
                    break
                assert answer.status_code == 200, answer.text
                self.entries.add(answer.json()["entry"])

    async def _watch(self, client: httpx.AsyncClient) -> None:
        with suppress(httpx.TransportError):
            while (answer := await client.get("/health/ready")).status_code == 200:  # noqa: ASYNC110  a process says so
                await asyncio.sleep(0.02)
            self.faults = answer.json()["faults"]
        self.ready = False


@pytest.fixture
def shell(database_url: str, template: Template, tmp_path: Path) -> Shell:
    """A shell in which two workers serve."""
    kept = {"KEYS": str(template.root_key_file), "HOME": str(tmp_path / "home")}
    return shell_with(DATABASE_URL=database_url, WORKERS="2", **kept)


async def entered(database: Database) -> set[str]:
    async with database.connection() as connection:
        return {row["id"] for row in await connection.fetch("SELECT id FROM queue WHERE kind = 'release'")}


async def end(process: "subprocess.Popen[bytes]") -> int:
    """Tell it to end; returns its status."""
    process.terminate()
    return await asyncio.to_thread(process.wait, LONG)


@pytest.mark.parametrize("drain", ["2", "0"])
async def test_it_ends_under_load_with_nothing_lost(
    drain: str, shell: Shell, template: Template, abbie: Person, database: Database
) -> None:
    port, heeding = free_port(), drain != "0"
    load = Load(
        url=f"http://127.0.0.1:{port}",
        key=template.api_keys[ServiceId("recommender")],
        person=abbie,
        heeding=heeding,
        entries=set(),
        broken=[],
    )
    with serving(Shell(shell.environment | {"BYLEAVE_DRAIN": drain}), port) as process:
        await asyncio.to_thread(await_status, port, "/health/ready", 200)
        calling = asyncio.create_task(load.run())
        while len(load.entries) < 100 and not calling.done():  # noqa: ASYNC110  a process answers
            await asyncio.sleep(0.01)
        assert await end(process) == 0
        await calling
    # Whoever asks on until the end may find nobody, but then nothing was done: what was entered was answered.
    assert await entered(database) == load.entries
    if heeding:
        assert (load.faults, load.broken) == (["ending"], [])


async def test_a_no_that_is_under_way_is_recorded_and_answered(
    shell: Shell, template: Template, abbie: Person, owner: Owner
) -> None:
    port, said = free_port(), {"purpose": PURPOSE, "answer": "withdrawn"}
    with serving(shell, port) as process:
        await asyncio.to_thread(await_status, port, "/health/ready", 200)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            async with owner.transaction():
                await owner.execute("SELECT FROM customer FOR UPDATE")
                headers = {"authorization": f"Bearer {template.api_keys[ServiceId('shop')]}"}
                path = f"/v1/customers/{abbie.at_shop}/consents"
                saying = asyncio.create_task(client.post(path, json=said, headers=headers))
                await blocked_by(owner)
                ending = asyncio.create_task(end(process))
                await asyncio.sleep(0.2)
                assert not ending.done()
            assert (await saying).status_code == 200
            assert await ending == 0


async def test_a_worker_ends_and_another_leads_at_once(database_url: str, shell: Shell, abbie: Person) -> None:
    urls = {"BYLEAVE_SEQUENCER_URL": in_role(database_url, "byleave_sequencer")}
    for word in (signal.SIGTERM, signal.SIGINT):
        worker = subprocess.Popen(
            [sys.executable, "-m", "service", "worker"], env=shell.environment | urls, stderr=subprocess.PIPE, text=True
        )
        assert worker.stderr
        until(worker, "this sequencer leads")
        worker.send_signal(word)
        began = time.monotonic()
        _, rest = await asyncio.to_thread(worker.communicate, timeout=LONG)
        assert (worker.returncode, "Traceback" in rest, "alarm" in rest) == (0, False, False), rest
        assert time.monotonic() - began < LONG


def until(process: "subprocess.Popen[str]", words: str) -> None:
    assert process.stderr
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError(words)

"""A database that holds its breath, goes away or has no room left: no data, in time, and by itself it is well again."""

import asyncio
import os
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.policy.engine import Policies
from tests.consistency.history import unentered
from tests.consistency.load import driven, ledger, told
from tests.consistency.processes import Answer, Process, serving
from tests.faults.conftest import Company, company_in

pytestmark = pytest.mark.soak

IN_TIME = 2.0
"""Seconds in which a refusal must come (security.md)."""
HERS = b"Abbie", b"Harbour", b"Quay Street", b"crime", b"1985"
AT_ONCE = 20
"""Callers that are more than a process has connections."""
MIB = 1 << 20
ROOM = 256 * MIB
"""Of a disk that holds the server, and not much more."""


@pytest.fixture
def process(company: Company) -> Iterator[Process]:
    process = company.process("alone")
    with serving(process):
        yield process


async def refused(company: Company, process: Process) -> None:
    """Expect refusals of releases and of withdrawals, in time and without a word about her."""
    asked = [company.release, company.withdraw] * (AT_ONCE // 2)
    for answer, seconds in await asyncio.gather(*(timed(each(process.port)) for each in asked)):
        assert seconds < IN_TIME
        assert_refused(answer)


async def timed(asking: Awaitable[Answer]) -> tuple[Answer, float]:
    since = time.monotonic()
    return await asking, time.monotonic() - since


def assert_refused(answer: Answer, code: str = "database-unavailable") -> None:
    assert (answer.status, answer.json["code"]) == (503, code), answer
    assert int(answer.headers["retry-after"]) >= 1
    assert not any(word in answer.body for word in HERS)


async def well_again(company: Company, process: Process) -> None:
    """Expect that data leave again as soon as the database is back, and that a withdrawal ends that."""
    port = process.port
    async with asyncio.timeout(IN_TIME):
        while (answer := await company.release(port)).status != 200:
            assert_refused(answer)
    assert answer.json["released"]["first_name"]["value"] == "Abbie"
    assert (await company.withdraw(port)).status == 200
    assert (await company.release(port)).json["decision"] == "deny"
    assert (await company.consent(port)).status == 200


async def test_a_database_that_is_paused_is_a_refusal_in_time_and_then_everything_goes_on(
    company: Company, process: Process
) -> None:
    await well_again(company, process)
    for _ in range(3):
        with company.cluster.paused():
            await refused(company, process)
            await refused(company, process)
        await well_again(company, process)


async def test_a_database_that_is_gone_is_a_refusal_in_time_and_then_everything_goes_on(
    company: Company, process: Process
) -> None:
    await well_again(company, process)
    company.cluster.stop()
    await refused(company, process)
    await refused(company, process)
    company.cluster.start()
    await well_again(company, process)


# --- a full disk ---


@contextmanager
def small_disk(at: Path) -> Iterator[None]:
    """Mount a disk in memory for the length of a block, where that is allowed."""
    at.mkdir()
    words = ["/usr/bin/mount", "-t", "tmpfs", "-o", f"size={ROOM},mode=0711", "tmpfs", str(at)]
    if os.geteuid() != 0 or subprocess.run(words, check=False, capture_output=True).returncode != 0:
        pytest.skip("no disk can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["/usr/bin/umount", str(at)], check=True)


@pytest.fixture
async def cramped(policies: Policies, tmp_path: Path) -> AsyncIterator[Company]:
    """A company whose database has a small disk of its own."""
    disk = Path("/var/tmp") / f"byleave-disk-{os.getpid()}"  # noqa: S108  pytest's own folder is closed to PostgreSQL
    with small_disk(disk):
        async with company_in(disk, policies, tmp_path) as company:
            yield company
    disk.rmdir()


async def test_a_full_disk_loses_nothing_that_was_acknowledged(cramped: Company) -> None:
    process, ballast = cramped.process("cramped"), cramped.cluster.home.parent / "ballast"
    refusals: list[Answer] = []
    with serving(process):

        async def filling(_: object) -> None:
            await asyncio.sleep(1)
            fill(ballast)
            async with asyncio.timeout(60):
                while len(refusals) < 5:
                    answer, seconds = await timed(cramped.withdraw(process.port))
                    if answer.status != 200:
                        assert seconds < IN_TIME
                        assert_refused(answer)
                        refusals.append(answer)
            ballast.unlink()
            cramped.cluster.start()
            await asyncio.sleep(1)

        history = await driven(cramped.town, [process.port], filling)
        await well_again(cramped, process)
    owner = await cramped.owner()
    lines = await ledger(owner)
    told("a full disk", history, lines)
    assert unentered(history, lines) == []
    await owner.close()


def fill(file: Path) -> None:
    """Write until nothing more goes onto the disk."""
    with file.open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(bytes(MIB // 16))
        except OSError:
            return

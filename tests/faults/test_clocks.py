"""Clocks that are ten minutes wrong, or jump: nothing that is promised rests on one (P8)."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest

from service import embedded
from tests.consistency.history import inversions, late, stale, unentered
from tests.consistency.load import SLACK, driven, for_a_while, ledger, told
from tests.consistency.processes import serving
from tests.faults.conftest import Company

pytestmark = pytest.mark.soak

SECONDS = 10
SHIFTS = {"ahead": "+10m", "behind": "-10m", "of-the-database": "+10m"}
LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))


def wrong(clock: Path) -> dict[str, str]:
    """Return what makes the clock of a process wrong by what stands in a file; a monotonic clock stays as it is."""
    return {
        "LD_PRELOAD": str(LIBRARIES[0]),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_CACHE_DURATION": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }


def clock(file: Path, shift: str) -> Path:
    """Set a clock; whoever runs PostgreSQL must be able to read it."""
    file.write_text(shift, encoding="ascii")
    return file


async def test_ten_minutes_on_any_clock_change_nothing(company: Company, tmp_path: Path) -> None:
    """One process is ahead, one behind, and half-way through they and the database's own clock jump."""
    if not LIBRARIES:
        pytest.skip("needs libfaketime: apt-get install libfaketime")
    clocks = [clock(company.cluster.home.parent / name, shift) for name, shift in SHIFTS.items()]
    ahead, behind, of_the_database = clocks
    company.cluster.stop()
    with patch.dict(embedded.ENVIRONMENT, wrong(of_the_database)):
        company.cluster.start()
    processes = [company.process(each.name, beside=wrong(each)) for each in (ahead, behind)]

    def jump() -> None:
        for each, shift in zip(clocks, ("-10m", "+10m", "-10m"), strict=True):
            clock(each, shift)

    with serving(*processes):
        history = await driven(company.town, [each.port for each in processes], for_a_while(SECONDS, jump))
    owner = await company.owner()
    wrong_by = "SELECT clock_timestamp() - $1::timestamptz"
    shift = await owner.fetchval(wrong_by, datetime.fromtimestamp(clocks[0].stat().st_mtime, UTC))
    lines = await ledger(owner)
    await owner.close()
    company.cluster.stop()
    company.cluster.start()
    told("clocks ten minutes wrong", history, lines)
    assert shift < timedelta(minutes=-9), "the clock of the database was right, so this shows nothing"
    assert (stale(history), late(history, SLACK)) == ([], [])
    assert (inversions(lines), unentered(history, lines)) == ([], [])

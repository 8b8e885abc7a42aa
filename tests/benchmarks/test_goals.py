"""What the benchmarks make of what they measured. Nothing here runs any load."""

import io
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from benchmarks.goals import GOALS, keep, table
from benchmarks.load import Load, Loads

KEYS = [
    "release_vs_hello",
    "release_vs_select",
    "release_vs_fastapi_sqlalchemy",
    "p99_vs_select_p99",
    "batch_vs_single",
    "scale_1m_vs_10k",
    "history_100k_vs_10",
    "withdrawal_p99_vs_release_p50",
    "sequencer_vs_release",
    "import_per_second",
    "portal_page_p95_ms",
    "worker_rss_mib",
]
EXACTLY = {goal.key: goal.bound for goal in GOALS}


def shown(values: dict[str, float]) -> list[str]:
    said = io.StringIO()
    Console(file=said, width=200).print(table(values))
    return [line.rstrip() for line in said.getvalue().splitlines() if " at " in line]


def test_what_is_kept_is_a_number_for_each_goal_in_their_order_and_nothing_else(tmp_path: Path) -> None:
    keep({**EXACTLY, "something_else": 1.0}, tmp_path / "latest.json")
    kept = msgspec.json.decode((tmp_path / "latest.json").read_bytes(), type=dict[str, float])
    assert list(kept) == KEYS
    assert kept == EXACTLY


def test_nothing_is_kept_of_a_run_that_measured_less(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        keep({key: value for key, value in EXACTLY.items() if key != "batch_vs_single"}, tmp_path / "latest.json")
    assert not (tmp_path / "latest.json").exists()


def test_what_is_exactly_the_goal_is_met() -> None:
    lines = shown(EXACTLY)
    assert len(lines) == len(GOALS)
    assert all(line.endswith("  met") for line in lines)


def test_more_of_what_shall_be_little_and_less_of_what_shall_be_much_is_not_met() -> None:
    worse = {goal.key: goal.bound * (0.9 if goal.side == "at least" else 1.1) for goal in GOALS}
    assert all(line.endswith("not met") for line in shown(worse))


def test_a_ratio_is_the_median_of_the_rounds_so_one_that_was_disturbed_does_not_count() -> None:
    mine = Loads([Load(200, 1, 4), Load(100, 1, 4), Load(20, 1, 90)])
    its = Loads([Load(100, 1, 2), Load(50, 1, 2), Load(100, 1, 2)])
    assert mine.per_second_against(its) == 2
    assert mine.p99_against(its) == 2
    assert mine.middle == Load(100, 1, 4)

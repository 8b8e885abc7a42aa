"""The goals of the hot path, and how far a run came: one table for people, one file for programs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct
from rich.table import Table


class Goal(Struct, frozen=True):
    """What is measured, and between what and what it shall be."""

    key: str
    words: str
    side: Literal["at least", "at most"]
    bound: float

    def met(self, value: float) -> bool:
        """Whether a value is on the right side."""
        return value >= self.bound if self.side == "at least" else value <= self.bound


GOALS = (
    Goal("release_vs_hello", "release of 10 attributes, against Litestar hello world", "at least", 0.5),
    Goal("release_vs_select", "... against Litestar and one select", "at least", 1.5),
    Goal("release_vs_fastapi_sqlalchemy", "... against a FastAPI and SQLAlchemy consent check", "at least", 8),
    Goal("p99_vs_select_p99", "p99 of a release, against that of the one select", "at most", 1.0),
    Goal("batch_vs_single", "500 customers at once, each against a single release", "at most", 0.3),
    Goal("scale_1m_vs_10k", "cost of a release with the most customers stored, against the fewest", "at most", 1.15),
    Goal("history_100k_vs_10", "... of a customer with a long history, against a short one", "at most", 1.1),
    Goal("withdrawal_p99_vs_release_p50", "p99 of a withdrawal, against a release", "at most", 3),
    Goal("sequencer_vs_release", "entries sealed, against releases", "at least", 3),
    Goal("import_per_second", "customers imported a second of processor", "at least", 2_000),
    Goal(
        "portal_page_p95_ms", "p95 of the slowest page for a customer whose data was used very often, ms", "at most", 50
    ),
    Goal("worker_rss_mib", "memory of one worker, MiB", "at most", 150),
)


def table(values: Mapping[str, float]) -> Table:
    """Return every goal with what was measured; raises KeyError for one that was not."""
    made = Table("measure", "ratio", "goal", "", box=None, padding=(0, 2))
    for goal in GOALS:
        value = values[goal.key]
        shown = f"{value:.2f}" if value < 100 else f"{value:.0f}"  # noqa: PLR2004  a count needs no fractions
        made.add_row(goal.words, shown, f"{goal.side} {goal.bound:g}", "met" if goal.met(value) else "not met")
    return made


def keep(values: Mapping[str, float], file: Path) -> None:
    """Write exactly what the goals are about, in their order; raises KeyError for one that was not measured."""
    kept = {goal.key: round(values[goal.key], 3) for goal in GOALS}
    file.write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=2) + b"\n")

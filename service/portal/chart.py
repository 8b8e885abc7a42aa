"""A chart of days as SVG, without a script and without a style of its own; a table beside it says the same."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

from msgspec import Struct

from service.model.uses import DAYS, Day

WIDTH, HEIGHT, GAP = 560, 120, 4
"""In units of the picture; it is as wide as there is room."""


class Bar(Struct, frozen=True):
    """A rectangle, and what it is of: ``given``, ``partly`` or ``refused``."""

    x: int
    y: int
    width: int
    height: int
    of: str


class Chart(Struct, frozen=True):
    """Bars, the days at both ends, and what the highest stands for."""

    bars: list[Bar]
    first: date
    last: date
    most: int
    width: int = WIDTH
    height: int = HEIGHT


def chart(days: Sequence[Day], now: datetime) -> Chart | None:
    """Return the last four weeks as bars, None where there is nothing to show."""
    most = max((each.given + each.partly + each.refused for each in days), default=0)
    if not most:
        return None
    last = max(now, days[-1].day).date()
    first = last - timedelta(days=DAYS - 1)
    bars = [bar for each in days for bar in _bars(each, (each.day.date() - first).days, most)]
    return Chart(bars, first, last, most)


def _bars(day: Day, place: int, most: int) -> Iterator[Bar]:
    """Yield the parts of one day, one upon the other."""
    width = WIDTH // DAYS
    low = HEIGHT
    for of in ("given", "partly", "refused"):
        count = getattr(day, of)
        # Whatever happened at all is seen.
        height = max(2, round(count * (HEIGHT - 6) / most)) if count else 0
        low -= height
        if height:
            yield Bar(place * width, max(0, low), width - GAP, height, of)

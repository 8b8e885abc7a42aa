"""Uses of a customer's data as she sees them before anything is opened: lines by hour, and counts by day."""

from datetime import datetime

from msgspec import Struct

from service.model.ledger import UseKind

DAYS = 28
"""How far back days are counted."""


class Line(Struct, frozen=True):
    """What somebody did ``times`` times within an hour, alike; an empty word where the kind of use has none."""

    line: int
    hour: datetime
    actor: str
    kind: UseKind
    purpose: str
    channel: str
    outcome: str
    times: int
    released: list[str]
    refused: list[str]


class Day(Struct, frozen=True):
    """How often services asked for her data on one day, and got all of it, a part, or nothing."""

    day: datetime
    given: int
    partly: int
    refused: int

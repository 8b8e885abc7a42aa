"""How the taking of entries into the ledger gets on, wherever the sequencer runs."""

from collections.abc import Sequence
from datetime import timedelta

from msgspec import Struct


class Progress(Struct, frozen=True):
    """How the sequencer does. Before the first checkpoint there is no age and no lag."""

    size: int
    """How many entries are signed."""
    age: timedelta | None
    """How long ago the newest checkpoint was signed."""
    lags: Sequence[timedelta] | None
    """How long the oldest entry of a checkpoint had waited: the median, and the 99th percentile."""
    waiting: int
    """How many entries are not taken in yet."""
    unsealed: int
    """How many of those wait for keys."""
    oldest: timedelta | None
    """How long the first of them has waited; None if nothing waits."""

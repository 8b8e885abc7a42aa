"""What a measure found: values by the key of their goal, and lines of how it went, for whoever reads the run."""

from collections.abc import Mapping

from msgspec import Struct
from rich.table import Table


class Found(Struct, frozen=True):
    """What one measure found."""

    values: Mapping[str, float]
    said: tuple[str | Table, ...] = ()

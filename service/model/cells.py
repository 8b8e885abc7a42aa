"""Cells of another system's rows, and what can be wrong with them."""

from typing import Annotated

from msgspec import Meta, Struct

Heading = Annotated[str, Meta(min_length=1, max_length=200)]


class Reason(Struct, frozen=True):
    """Why a row is refused: the column, and what was expected there. Never what stood there."""

    column: str
    expected: str


def text_of(cell: object) -> str:
    """Return a cell that is text; raises ValueError for whatever else JSON can hold."""
    if not isinstance(cell, str):
        raise ValueError  # noqa: TRY004  wrong input, not a wrong call
    return cell


def word_of(cell: object) -> str:
    """Return the word that a cell is, for a number or a truth as JSON writes it; empty for anything else."""
    return cell if isinstance(cell, str) else str(cell).lower() if isinstance(cell, int) else ""

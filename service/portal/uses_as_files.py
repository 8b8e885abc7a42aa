"""The timeline as files: a table that no spreadsheet takes for formulas, and JSON; both written as they are read."""

import csv
from collections.abc import AsyncIterator, Iterable
from io import StringIO

import msgspec
from msgspec import Struct

from service.usecases.uses import Line

HEADS = ("hour", "by", "kind", "purpose", "channel", "outcome", "times", "released", "refused")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""With these a spreadsheet begins to reckon."""


class Hour(Struct, frozen=True, omit_defaults=True):
    """A line, as the API has it."""

    hour: str
    by: str
    kind: str
    times: int
    purpose: str = ""
    channel: str = ""
    outcome: str = ""
    released: list[str] = []
    refused: list[str] = []


async def csv_of(lines: AsyncIterator[list[Line]]) -> AsyncIterator[bytes]:
    """Write a table (RFC 4180)."""
    yield _rows([HEADS])
    async for some in lines:
        yield _rows(_row(each) for each in some)


async def json_of(lines: AsyncIterator[list[Line]]) -> AsyncIterator[bytes]:
    """Write one JSON object."""
    yield b'{"uses":['
    first = True
    async for some in lines:
        for each in some:
            yield (b"" if first else b",") + msgspec.json.encode(_hour(each))
            first = False
    yield b"]}\n"


def _rows(rows: Iterable[Iterable[str]]) -> bytes:
    text = StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([_harmless(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def _hour(line: Line) -> Hour:
    use = line.use
    return Hour(
        use.hour.isoformat(),
        use.actor,
        use.kind,
        use.times,
        use.purpose,
        use.channel,
        use.outcome,
        use.released,
        use.refused,
    )


def _row(line: Line) -> list[str]:
    said = _hour(line)
    lists = (" ".join(said.released), " ".join(said.refused))
    return [said.hour, said.by, said.kind, said.purpose, said.channel, said.outcome, str(said.times), *lists]

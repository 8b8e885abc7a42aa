"""CSV as another system exports it: from lines of text to numbered rows, or to what is wrong with them.

Pure: lines come in, from wherever. A fault never stops the file, and never quotes it.
"""

import csv
from collections import deque
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from service.errors import ImportFileError
from service.model.columns import Columns

DELIMITERS = ";\t|,"
LONGEST_LINE = 1 << 20
"""A line of this length is too long, and was cut: a file without line breaks does not fill the memory."""
TOO_LONG = f"a line shorter than {LONGEST_LINE} expected"


class Row(Struct, frozen=True):
    """A row by its headings; its repr hides the cells. What is not text is what JSON has besides."""

    line: int
    cells: Mapping[str, object]

    def __repr__(self) -> str:
        return f"Row({self.line})"


class Reject(Struct, frozen=True):
    """A row that cannot be used, and why. Without a column it is about the whole row."""

    line: int
    column: str
    reason: str


class _Record(Struct):
    """What was read as one row: its cells, None when they cannot be told apart, and the lines that it took."""

    line: int
    cells: list[str] | None
    lines: list[str]

    def __repr__(self) -> str:  # the cells are hers
        return f"_Record({self.line})"


class _Lines:
    """Lines that can be put back."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._again: deque[str] = deque()
        self.read = 0

    def take(self, into: list[str]) -> Iterator[str]:
        """Lend lines one by one, and note which were lent."""
        while (line := self._again.popleft() if self._again else next(self._lines, None)) is not None:
            self.read += 1
            into.append(line)
            yield line

    def put_back(self, lines: list[str]) -> None:
        """Let these lines be read again."""
        self.read -= len(lines)
        self._again.extendleft(reversed(lines))


def rows(lines: Iterable[str], columns: Columns) -> Iterator[Row | Reject]:
    """Read CSV as RFC 4180 has it, strictly; raises ImportFileError when it lacks a column that the map names."""
    source = _Lines(lines)
    headings = _headings(_next(source, columns.delimiter), columns)
    while record := _next(source, columns.delimiter):
        if record.cells == []:
            continue
        if fault := _fault(record, headings):
            # A quote that is not closed swallows the rows after it: only the first line is at fault.
            source.put_back(record.lines[1:])
            yield Reject(record.line, "", fault)
        else:
            yield Row(record.line, dict(zip(headings, record.cells or (), strict=True)))


def _next(source: _Lines, delimiter: str) -> _Record | None:
    """Read one row, None at the end of the file; a reader of its own, so that a fault leaves nothing behind."""
    taken: list[str] = []
    line = source.read + 1
    try:
        cells = next(csv.reader(source.take(taken), delimiter=delimiter, strict=True), None)
    except csv.Error:
        return _Record(line, None, taken)
    return None if cells is None else _Record(line, cells, taken)


def _fault(record: _Record, headings: list[str]) -> str | None:
    if any(len(line) >= LONGEST_LINE for line in record.lines):
        return TOO_LONG
    if record.cells is None:
        return "broken quoting"
    if len(record.cells) != len(headings):
        return f"{len(headings)} columns expected, {len(record.cells)} found"
    return None


def _headings(header: _Record | None, columns: Columns) -> list[str]:
    if header is None or not header.cells:
        raise ImportFileError("the file has no line of column names")
    headings = [cell.strip() for cell in header.cells]
    for wanted in columns.headings():
        if headings.count(wanted) != 1:
            how = "has no column" if wanted not in headings else "has more than one column"
            raise ImportFileError(f"the file {how} {wanted!r}, which the column map names{_hint(headings)}")
    return headings


def _hint(headings: list[str]) -> str:
    """Say what else may separate the columns of a file that seems to have only one."""
    other = next((each for each in DELIMITERS if len(headings) == 1 and each in headings[0]), None)
    return f"; it has one column only: say delimiter = {other!r} in the map" if other else ""

"""An import as an operator runs it: files in, a progress bar, a file with the rejected rows."""

import csv
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from functools import cache
from io import TextIOWrapper
from pathlib import Path
from typing import AnyStr, BinaryIO, TextIO

from msgspec import Struct, structs
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from service.errors import ImportFileError
from service.model import jsonlines, sheet
from service.model.callers import OperatorCaller
from service.model.columns import Columns, Format, read_columns
from service.model.sheet import LONGEST_LINE, Reject
from service.usecases.imports import Means, Summary, import_customers
from service.usecases.suppressions import Wanted, leave_alone

STANDARD_INPUT = Path("-")
ENDINGS = {".jsonl": Format.JSONL, ".ndjson": Format.JSONL}
"""Any other ending is CSV."""


class Delivery(Struct, frozen=True):
    """What is to come in, by which map, and where the rejected rows go."""

    file: Path
    columns: Path
    rejects: Path | None = None
    """None: beside the file."""
    format: Format | None = None
    """None: as the map says, or the file's ending."""

    @property
    def rejected(self) -> Path:
        """Where the rejected rows go."""
        if self.rejects is not None:
            return self.rejects
        if self.file == STANDARD_INPUT:
            raise ImportFileError("rows from standard input have no file beside which rejects could go: say --rejects")
        return Path(f"{self.file}.rejects.csv")

    def read_map(self) -> Columns:
        """Return the column map with the format that holds."""
        with _named(self.columns):
            read = read_columns(self.columns.read_bytes())
        ending = ENDINGS.get(self.file.suffix.lower(), Format.CSV)
        return structs.replace(read, format=self.format or read.format or ending)


class Outcome(Struct, frozen=True):
    """What became of a delivery."""

    summary: Summary
    rejected: Path
    unseen: list[str]
    """Columns of the map for which no row had anything."""

    def in_words(self) -> str:
        """Say what became of the rows."""
        counts = ((name, getattr(self.summary, name)) for name in ("created", "updated", "linked", "unchanged"))
        said = f"{self.summary.read} rows: {', '.join(f'{count} {name}' for name, count in counts)}"
        if self.summary.suppressed:
            said += f", {self.summary.suppressed} left alone"
        said += f", {self.summary.rejected} rejected"
        if self.summary.rejected:
            said += f" (see {self.rejected})"
        if answers := [getattr(self.summary, name) for name in ("given", "refused", "unknown")]:
            said += "; answers: {} yes, {} no, {} without proof or outdone".format(*answers) if any(answers) else ""
        if self.summary.shared:
            said += f"; {self.summary.shared} identifiers are shared by several customers and find nobody"
        if self.unseen:
            said += f"; no row has {', '.join(self.unseen)}, which the column map names"
        return said


async def import_file(means: Means, delivery: Delivery, console: Console) -> Outcome:
    """Bring the customers of a file in; raises ImportFileError for files that cannot be read or written."""
    columns, rejected = delivery.read_map(), delivery.rejected
    _refuse_overwriting(delivery, rejected)
    unseen = set(columns.headings())
    with (
        _opened(delivery.file) as source,
        _rejects(rejected) as reject,
        _bar(console) as bar,
    ):
        task = bar.add_task(f"Importing {delivery.file.name}", total=None)
        summary = await import_customers(
            means,
            columns,
            _rows(source, delivery.file, columns, unseen),
            reject=reject,
            progress=lambda summary: bar.update(task, completed=summary.read),
        )
    return Outcome(summary, rejected, sorted(unseen) if summary.read > summary.rejected else [])


async def leave_alone_file(means: Means, wanted: Wanted, file: Path, rejects: Path | None) -> str:
    """Leave alone whoever stands in a file, one identifier to a line; returns what came of it."""
    delivery = Delivery(file, file, rejects)
    rejected, caller = delivery.rejected, means.caller
    assert isinstance(caller, OperatorCaller)  # noqa: S101  only the command line comes here
    _refuse_overwriting(delivery, rejected)
    with _opened(file) as source, _rejects(rejected) as reject:
        summary = await leave_alone(
            means.database,
            means.keyring,
            means.policies,
            caller,
            wanted,
            lines(source, "utf-8"),
            reject=reject,
        )
    said = f"{summary.read} identifiers: {summary.new} left alone from now on"
    said += f", {summary.renewed} again" if summary.renewed else ""
    said += f", {summary.unchanged} were already"
    said += f", {summary.rejected} rejected" + (f" (see {rejected})" if summary.rejected else "")
    said += f"; refused for {summary.customers} customers" if summary.customers else ""
    if not summary.allowing:
        return said
    why = "given after that" if wanted.since else "if they gave it before they were listed, say --since"
    return f"{said}; {summary.allowing} customers have a yes that stands: {why}"


def _rows(source: BinaryIO, file: Path, columns: Columns, unseen: set[str]) -> Iterator[sheet.Row | sheet.Reject]:
    with _named(file):
        if columns.format is Format.JSONL:
            yield from jsonlines.rows(byte_lines(source), columns, unseen)
        else:
            # CSV that lacks a column is refused as a whole.
            unseen.clear()
            yield from sheet.rows(lines(source, columns.encoding), columns)


def lines(file: BinaryIO, encoding: str) -> Iterator[str]:
    """Read lines of text; bytes that are not of this encoding come out as surrogates, which no cell may have."""
    # A byte order mark may stand before UTF-8 whether or not the map says so.
    codec = "utf-8-sig" if encoding == "utf-8" else encoding
    text = TextIOWrapper(file, encoding=codec, errors="surrogateescape", newline="")
    try:
        yield from _cut(text.readline, ("\n", "\r"))
    finally:
        # Whoever opened the file closes it, not what was wrapped around it here.
        if not file.closed:
            text.detach()


def byte_lines(file: BinaryIO) -> Iterator[bytes]:
    """Read lines of bytes, which only a line feed ends."""
    return _cut(file.readline, (b"\n",))


def _cut(readline: Callable[[int], AnyStr], ends: tuple[AnyStr, ...]) -> Iterator[AnyStr]:
    """Read lines; of one that is too long the first LONGEST_LINE, by which whoever reads it knows, and nothing more."""
    while line := readline(LONGEST_LINE):
        yield line
        while len(line) == LONGEST_LINE and not line.endswith(ends):
            line = readline(LONGEST_LINE)


@contextmanager
def _rejects(file: Path) -> Iterator[Callable[[Reject], None]]:
    """Lend what writes rejects to a file; what is there from before stays until a row is rejected or all are read."""
    with _named(file), ExitStack() as leaving:
        file.open("a").close()  # whether it can be written is known before anything comes in

        @cache
        def begun() -> Callable[[Reject], None]:
            return rejects_into(leaving.enter_context(file.open("w", encoding="utf-8", newline="")))

        def reject(each: Reject) -> None:
            begun()(each)

        yield reject
        begun()


def rejects_into(file: TextIO) -> Callable[[Reject], None]:
    """Return what writes rejects as CSV: line, column, reason, and never a value."""
    writer = csv.writer(file)
    writer.writerow(["line", "column", "reason"])
    return lambda each: writer.writerow([each.line, each.column, each.reason])


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    with _named(file), nullcontext(sys.stdin.buffer) if file == STANDARD_INPUT else file.open("rb") as source:
        yield source


@contextmanager
def _named(file: Path) -> Iterator[None]:
    """Say in one line, with the name of the file, what the operating system has against it."""
    try:
        yield
    except OSError as error:
        name = "standard input" if file == STANDARD_INPUT else file
        raise ImportFileError(f"{name}: {error.strerror}") from None


def _refuse_overwriting(delivery: Delivery, rejected: Path) -> None:
    """Refuse to write the rejects over what is read."""
    for read in (delivery.file, delivery.columns):
        if rejected.exists() and read.exists() and rejected.samefile(read):
            raise ImportFileError(f"{rejected}: the rejects would overwrite what is read")


def _bar(console: Console) -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)

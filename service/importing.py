"""An import as an operator runs it: files in, a progress bar, a file with the rejected rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from service.errors import ImportFileError
from service.model.columns import read_columns
from service.model.sheet import rows
from service.usecases.imports import Means, Summary, import_customers, lines, rejects_into


async def import_file(means: Means, file: Path, columns: Path, rejects: Path, console: Console) -> Summary:
    """Bring the customers of a CSV file in; raises ImportFileError for files that cannot be read or written."""
    with _readable(), file.open("rb") as source, rejects.open("w", encoding="utf-8", newline="") as refused:
        read = read_columns(columns.read_bytes())  # noqa: ASYNC240  as above
        with _bar(console) as bar:
            task = bar.add_task(f"Importing {file.name}", total=None)
            return await import_customers(
                means,
                read,
                rows(lines(source, read.encoding), read),
                reject=rejects_into(refused),
                progress=lambda summary: bar.update(task, completed=summary.read),
            )


def in_words(summary: Summary, rejects: Path) -> str:
    """Say in one line what became of the rows."""
    counts = ", ".join(f"{getattr(summary, name)} {name}" for name in ("created", "updated", "linked", "unchanged"))
    said = f"{summary.read} rows: {counts}, {summary.rejected} rejected"
    if summary.rejected:
        said += f" (see {rejects})"
    if summary.shared:
        said += f"; {summary.shared} identifiers are shared by several customers and find nobody"
    return said


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ImportFileError(f"{error.filename}: {error.strerror}") from None


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )

"""``make bench-import``: rows a second, processor time and memory of a real ``byleave import``.

PostgreSQL's processor time is its own affair and stays outside. Memory is the peak of the importing process; what it
takes more for ten times the rows is what is not streamed.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from benchmarks import company
from benchmarks.found import Found
from benchmarks.measured import Run, measured
from service.database import opened
from service.demo.people import MAP, MAP_OF_JSON, as_csv, as_json, many
from service.embedded import reset, running
from service.migrating import migrate
from service.rootkey import make_root_key
from service.schema import shipped
from service.settings import Urls
from service.usecases import keys, policies

ROWS = (10_000, 100_000)
MAP_OF_ANSWERS = """\
service = "shop"
source = "mailer"
source_id = "id"
identifiers = { email = "mail" }

[[consents]]
purpose = "market.newsletter"
channel = "email"
answer = { column = "news", given = ["yes"], withdrawn = ["stopped"] }
at = "at"
notice = 2
evidence = "form {id}"
"""
console = Console(highlight=False)


def measure(rows: int) -> Found:
    """Measure one import of so many customers."""
    run = _alone("csv", rows)
    rate = rows / run.processor
    return Found({"import_per_second": rate}, (f"{rows} customers imported in {run.seconds:.0f} s.",))


def main(rows: Sequence[int]) -> None:
    """Measure and print."""
    table = Table("", "rows", "rows/s", "rows/s of processor", "peak MiB", box=None, padding=(0, 2))
    for kind in KINDS:
        for count in rows:
            run = _alone(kind, count)
            of_processor = f"{count / run.processor:.0f}"
            table.add_row(kind, f"{count}", f"{count / run.seconds:.0f}", of_processor, f"{run.peak:.0f}")
            console.print(run.said, soft_wrap=True)
    console.print(table)
    console.print("Interpreter start included, processor time of PostgreSQL not; everybody is new.", soft_wrap=True)


def answers(count: int) -> Iterator[str]:
    """Yield an export of a mailing tool: of three, one said yes with proof, one without a date, and one stopped."""
    yield "id,mail,news,at\n"
    for n in range(count):
        at = "" if n % 3 == 1 else "2026-03-05 10:00:00"
        yield f"{n},p{n}@example.com,{'stopped' if n % 3 == 2 else 'yes'},{at}\n"  # noqa: PLR2004  the third of three


KINDS: dict[str, tuple[Callable[[int], Iterable[str]], str]] = {
    "csv": (lambda count: as_csv(many(count)), MAP),
    "jsonl": (lambda count: as_json(many(count)), MAP_OF_JSON),
    "answers.csv": (answers, MAP_OF_ANSWERS),
}
"""What an export of so many rows is, and its map."""


def imported(environment: Mapping[str, str], folder: Path, kind: str, count: int) -> Run:
    """Import so many made-up customers in a process of its own; raises CalledProcessError where it fails."""
    export, column_map, said = folder / f"{count}.{kind}", folder / f"{kind}.toml", folder / "said"
    write, column_words = KINDS[kind]
    with export.open("w", encoding="utf-8", newline="") as file:
        file.writelines(write(count))
    column_map.write_text(column_words, encoding="utf-8")
    return measured(["import", str(export), "--map", str(column_map)], said, environment, subprocess.DEVNULL)


def _alone(kind: str, count: int) -> Run:
    """Import into a database of its own."""
    with TemporaryDirectory() as folder:
        home = Path(folder)
        with running(home) as urls:
            run = imported(asyncio.run(_furnished(urls, home)), home, kind, count)
        reset(home)
    return run


async def _furnished(urls: Urls, home: Path) -> dict[str, str]:
    """Set the company up; returns the settings of whoever is to import into it."""
    await asyncio.to_thread(migrate, urls.migrate)
    root = make_root_key(home / "root.key")
    async with opened(urls.app) as database:
        await keys.make(database, root, company.OPERATOR)
        keyring = await keys.open_keys(database, root)
        await policies.publish(database, keyring, company.OPERATOR, shipped("policies"))
    return {**os.environ, "BYLEAVE_DATABASE_URL": urls.app, "BYLEAVE_HOME": str(home)}  # noqa: TID251  handed on


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or ROWS)

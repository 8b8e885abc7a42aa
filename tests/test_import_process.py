"""``byleave import`` as an operator runs it: real processes, which may be killed, on files that may be anything."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest
from msgspec import structs
from rich.console import Console

from benchmarks.importing import MAP_OF_ANSWERS, answers, imported
from service.crypto.keyring import Keyring
from service.database import Database, opened
from service.demo.people import MAP, MAP_OF_JSON, as_csv, as_json, many, sample
from service.errors import ServiceError
from service.importing import Delivery, import_file
from service.model.columns import Format
from service.policy.engine import Policies
from service.usecases.imports import Means, Summary
from tests.conftest import OPERATOR, Template, own_database
from tests.opening import Person, people
from tests.test_cli import Shell, shell_with
from tests.waiting import blocked_by

PEOPLE = 250
"""Two transactions and a half."""


@pytest.fixture
def shell(database_url: str, template: Template) -> Shell:
    """A shell on the furnished database of this test."""
    return shell_with(DATABASE_URL=database_url, KEYS=str(template.root_key_file))


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with the sample's maps and a small export in each format."""
    (tmp_path / "csv.toml").write_text(MAP, encoding="utf-8")
    (tmp_path / "jsonl.toml").write_text(MAP_OF_JSON, encoding="utf-8")
    (tmp_path / "new.csv").write_bytes("".join(as_csv(many(PEOPLE))).encode())
    (tmp_path / "new.jsonl").write_bytes("".join(as_json(many(PEOPLE))).encode())
    (tmp_path / "answers.toml").write_text(MAP_OF_ANSWERS, encoding="utf-8")
    (tmp_path / "answers.csv").write_text("".join(answers(PEOPLE)), encoding="utf-8")
    # Everybody says something new.
    changed = ([*row[:-3], str(int(row[-3]) + 1), *row[-2:]] for row in many(PEOPLE))
    (tmp_path / "changed.csv").write_bytes("".join(as_csv(changed)).encode())
    return tmp_path


@pytest.fixture
def means(database: Database, keyring: Keyring, policies: Policies) -> Means:
    return Means(database, keyring, policies, OPERATOR)


@pytest.fixture
async def whole(means: Means, server: str, template: Template, files: Path) -> AsyncIterator[Counter[Person]]:
    """Everything as one undisturbed run of both exports leaves it."""
    async with own_database(server, template) as url, opened(url) as elsewhere:
        await bring(structs.replace(means, database=elsewhere), files, "new.csv", "changed.csv")
        yield Counter(await people(elsewhere, means.keyring))


async def bring(means: Means, files: Path, *exports: str) -> None:
    for export in exports:
        await import_file(means, Delivery(files / export, files / "csv.toml"), Console())


# --- kill -9 --------------------------------------------------------------------------------------------------


def started(shell: Shell, export: Path, column_map: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "service", "import", str(export), "--map", str(column_map)]
    return subprocess.Popen(command, env=shell.environment, stdout=subprocess.DEVNULL)


async def until(arrived: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await arrived():  # noqa: ASYNC110  it is the database that says so
            await asyncio.sleep(0.005)


async def kill_where_it_waits(
    shell: Shell, export: Path, column_map: Path, holder: "asyncpg.Connection[asyncpg.Record]", lock: str
) -> None:
    """Hold a lock, start an import, and kill it in the moment in which it waits for that lock."""
    async with holder.transaction():
        await holder.execute(lock)
        process = started(shell, export, column_map)
        await blocked_by(holder)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL


HALF_WRITTEN = "LOCK TABLE fact IN SHARE MODE"
NOT_COMMITTED = "LOCK TABLE queue IN SHARE MODE"


async def test_an_import_killed_in_a_transaction_and_run_again_is_like_one(
    shell: Shell, files: Path, superuser_url: str, means: Means, whole: Counter[Person]
) -> None:
    holder = await asyncpg.connect(superuser_url)
    try:
        for export, locks in {"new.csv": (HALF_WRITTEN, NOT_COMMITTED), "changed.csv": (NOT_COMMITTED,)}.items():
            for lock in locks:
                await kill_where_it_waits(shell, files / export, files / "csv.toml", holder, lock)
            await bring(means, files, export)
    finally:
        await holder.close()
    assert Counter(await people(means.database, means.keyring)) == whole


async def test_an_import_killed_between_two_transactions_and_run_again_is_like_one(
    shell: Shell, files: Path, means: Means, whole: Counter[Person]
) -> None:
    async def some_are_in() -> bool:
        async with means.database.connection() as connection:
            return bool(await connection.fetchval("SELECT count(*) FROM customer"))

    # A pipe that gives the rows of one transaction and then no more keeps the import waiting behind it.
    command = ["import", "-", "--map", str(files / "csv.toml"), "--rejects", str(files / "r.csv")]
    process = subprocess.Popen(
        [sys.executable, "-m", "service", *command],
        env=shell.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin is not None
    with process.stdin as pipe:
        pipe.write("".join(as_csv(many(200))).encode())
        pipe.flush()
        await until(some_are_in)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert 0 < len(await people(means.database, means.keyring)) < PEOPLE
    await bring(means, files, "new.csv", "changed.csv")
    assert Counter(await people(means.database, means.keyring)) == whole


async def test_an_import_of_consents_killed_in_a_transaction_and_run_again_is_like_one(
    shell: Shell, files: Path, superuser_url: str, means: Means, server: str, template: Template
) -> None:
    delivery = Delivery(files / "answers.csv", files / "answers.toml")
    async with own_database(server, template) as url, opened(url) as elsewhere:
        whole = (await import_file(structs.replace(means, database=elsewhere), delivery, Console())).summary
        undisturbed = await heard(elsewhere)
    holder = await asyncpg.connect(superuser_url)
    try:
        for lock in ("consent_event", "consent", "suppression", "queue"):
            locked = f"LOCK TABLE {lock} IN SHARE MODE"
            await kill_where_it_waits(shell, delivery.file, delivery.columns, holder, locked)
    finally:
        await holder.close()
    again = (await import_file(means, delivery, Console())).summary
    assert (again, await heard(means.database)) == (whole, undisturbed)
    assert (whole.given, whole.unknown, whole.suppressed) == (84, 83, 83)
    assert (await import_file(means, delivery, Console())).summary == Summary(read=PEOPLE, unchanged=PEOPLE)
    assert await heard(means.database) == undisturbed


async def heard(database: Database) -> list[Counter[tuple[object, ...]]]:
    """Return what stands for whom, by how many events and entries, and who is left alone."""
    queries = (
        "SELECT i.digest, c.status, c.notice, c.expires_at FROM consent c JOIN identifier i USING (customer)",
        "SELECT i.digest, e.status FROM consent_event e JOIN identifier i USING (customer)",
        "SELECT digest, purpose FROM suppression",
        "SELECT kind, customer IS NULL FROM queue",
    )
    async with database.connection() as connection:
        return [Counter(tuple(row) for row in await connection.fetch(query)) for query in queries]


# --- files and standard input -----------------------------------------------------------------------------------


def test_the_sample_comes_in_with_a_summary_and_its_rejects_beside_it(shell: Shell, files: Path) -> None:
    (files / "old.csv").write_bytes(sample().encode("utf-8-sig"))
    words = ("import", str(files / "old.csv"), "--map", str(files / "csv.toml"))
    assert shell.run(*words) == (
        "513 rows: 504 created, 0 updated, 0 linked, 1 unchanged, 8 rejected "
        f"(see {files}/old.csv.rejects.csv); 15 identifiers are shared by several customers and find nobody"
    )
    first = (files / "old.csv.rejects.csv").read_text()
    assert first.splitlines()[0] == "line,column,reason"
    assert len(first.splitlines()) == 1 + 8
    assert shell.run(*words, "--strict", status=3).startswith("513 rows: 0 created, 0 updated, 0 linked, 505 unchanged")
    assert (files / "old.csv.rejects.csv").read_text() == first


def test_standard_input_is_a_file_like_any_other(shell: Shell, files: Path) -> None:
    rejects = files / "rejects.csv"
    words = ("import", "-", "--map", str(files / "jsonl.toml"), "--format", "jsonl", "--rejects", str(rejects))
    rows = "".join(as_json(many(3))) + '{"id": 1, "id": 2}\n'
    said = shell.run(*words, stdin=rows)
    assert said == f"4 rows: 3 created, 0 updated, 0 linked, 0 unchanged, 1 rejected (see {rejects})"
    assert rejects.read_text().splitlines()[1:] == ["4,,a key stands twice in one object"]


async def test_a_path_that_no_row_has_is_told(means: Means, files: Path) -> None:
    (files / "typo.toml").write_text(MAP_OF_JSON.replace('"trips.last"', '"trip.last"'), encoding="utf-8")
    outcome = await import_file(means, Delivery(files / "new.jsonl", files / "typo.toml"), Console())
    assert outcome.in_words().endswith("; no row has trip.last, which the column map names")


@pytest.mark.parametrize(
    ("name", "in_map", "asked", "then"),
    [
        ("a.csv", "", None, "csv"),
        ("a.txt", "", None, "csv"),
        ("a.NDJSON", "", None, "jsonl"),
        ("a.csv", 'format = "jsonl"', None, "jsonl"),
        ("a.jsonl", 'format = "jsonl"', Format.CSV, "csv"),
    ],
)
def test_the_format_is_as_asked_for_else_as_the_map_says_else_as_the_ending_says(
    name: str, in_map: str, asked: Format | None, then: str, tmp_path: Path
) -> None:
    (tmp_path / "map.toml").write_text(f'{in_map}\nservice = "shop"\nsource_id = "No"', encoding="utf-8")
    assert Delivery(tmp_path / name, tmp_path / "map.toml", format=asked).read_map().format == then


WRONG = {
    "no file": (("gone.csv", "csv.toml"), "gone.csv: No such file or directory"),
    "no map": (("new.csv", "gone.toml"), "gone.toml: No such file or directory"),
    "a folder": ((".", "csv.toml"), "Is a directory"),
    "a folder as map": (("new.csv", "."), "Is a directory"),
    "the wrong map": (("new.csv", "jsonl.toml"), "split is missing"),
    "no map at all": (("new.csv", "new.csv"), "the column map is not TOML"),
    "this very folder": (("", "csv.toml"), "Is a directory"),
    "no columns": (("empty.csv", "csv.toml"), "no line of column names"),
    "another delimiter": (("other.csv", "csv.toml"), "it has one column only: say delimiter = ';' in the map"),
    "no service": (("new.csv", "nobody.toml"), "nobody, which is not in the catalogue"),
    "no right": (("new.csv", "recommender.toml"), "recommender may not contribute first_name"),
    "no place for rejects": (("-", "csv.toml"), "say --rejects"),
    "no folder for rejects": (("new.csv", "csv.toml", "no/such/folder.csv"), "No such file or directory"),
    "no room for rejects": (("bad.csv", "csv.toml", "/dev/full"), "/dev/full: No space left on device"),
    "rejects over rows": (("new.csv", "csv.toml", "new.csv"), "would overwrite what is read"),
}


async def test_what_was_rejected_before_stays_until_a_run_reads_rows(means: Means, files: Path) -> None:
    rejects = files / "rejects.csv"
    rejects.write_text("of the run before")
    (files / "other.csv").write_text("id;mail\n", encoding="utf-8")
    with pytest.raises(ServiceError, match="the file has no column"):
        await import_file(means, Delivery(files / "other.csv", files / "csv.toml", rejects), Console())
    assert rejects.read_text() == "of the run before"
    await import_file(means, Delivery(files / "new.csv", files / "csv.toml", rejects), Console())
    assert rejects.read_text().splitlines()[0] == "line,column,reason"


@pytest.mark.parametrize("case", WRONG)
async def test_whatever_is_wrong_with_a_file_is_one_line_that_names_it(means: Means, files: Path, case: str) -> None:
    (export, column_map, *rejects), expected = WRONG[case]
    (files / "empty.csv").touch()
    (files / "other.csv").write_text("id;mail\n", encoding="utf-8")
    (files / "bad.csv").write_text("".join(as_csv([])) + "x\n" * 3, encoding="utf-8")
    for name in ("nobody", "recommender"):
        (files / f"{name}.toml").write_text(MAP.replace('service = "shop"', f'service = "{name}"'), encoding="utf-8")
    delivery = Delivery(
        Path("-") if export == "-" else files / export, files / column_map, files / rejects[0] if rejects else None
    )
    with pytest.raises(ServiceError) as refused:
        await import_file(means, delivery, Console())
    assert expected in refused.value.detail
    assert len(refused.value.detail.splitlines()) == 1
    assert (files / "new.csv").stat().st_size > 10_000, "still there"


def test_answers_and_lists_of_people_to_leave_alone_are_told_in_one_line(shell: Shell, files: Path) -> None:
    words = ("import", str(files / "answers.csv"), "--map", str(files / "answers.toml"))
    assert shell.run(*words) == (
        "250 rows: 167 created, 0 updated, 0 linked, 0 unchanged, 83 left alone, 0 rejected; "
        "answers: 84 yes, 0 no, 83 without proof or outdone"
    )
    (files / "agency.txt").write_text(f"P0@example.com\nnew@example.com\n{'ab' * 32}\n", encoding="utf-8")
    listed = ("suppressions", "import", str(files / "agency.txt"), "--kind", "email", "--reason", "their list")
    assert shell.run(*listed, status=2).endswith("say --purpose or --all")
    assert shell.run(*listed, "--all") == (
        f"3 identifiers: 2 left alone from now on, 0 were already, 1 rejected (see {files}/agency.txt.rejects.csv); "
        "refused for 1 customers"
    )
    assert (files / "agency.txt.rejects.csv").read_text().splitlines()[1].startswith("3,,expected an identifier")
    assert shell.run(*listed, "--all", "--since", "2999-01-01", status=1).startswith(
        "byleave: 2999-01-02T00:00:00+00:00"
    )
    assert "expected a day or a time" in shell.run(*listed, "--all", "--since", "20260630", status=2)
    (files / "agency.txt").write_text("P0@example.com\nP3@example.com\n", encoding="utf-8")
    early = (*listed, "--purpose", "market.newsletter", "--since", "2001-01-01")
    standing = "1 customers have a yes that stands: "
    assert shell.run(*early) == (
        f"2 identifiers: 2 left alone from now on, 0 were already, 0 rejected; {standing}given after that"
    )
    assert shell.run(*early[:-2]) == (
        "2 identifiers: 0 left alone from now on, 2 were already, 0 rejected; "
        f"{standing}if they gave it before they were listed, say --since"
    )
    assert shell.run(*early[:-1], "2026-06-30T12:00Z") == (
        "2 identifiers: 0 left alone from now on, 2 again, 0 were already, 0 rejected; refused for 1 customers"
    )
    counted = [line.split() for line in shell.run("suppressions", "count").splitlines()]
    assert ["email", "opted-out", "everything", "2"] in counted
    assert ["email", "opted-out", "market.newsletter", "85"] in counted


def test_a_refusal_is_one_line_and_status_1(shell: Shell, files: Path) -> None:
    said = shell.run("import", str(files / "gone.csv"), "--map", str(files / "csv.toml"), status=1)
    assert said == f"byleave: {files}/gone.csv: No such file or directory"


# --- size: 100,000 rows are in `make bench-import`, this is a short look ----------------------------------------


MANY = {
    "jsonl": "1500 rows: 1350 created, 0 updated, 0 linked, 150 unchanged",
    "answers.csv": "1500 rows: 900 created, 0 updated, 0 linked, 150 unchanged, 450 left alone",
}


@pytest.mark.parametrize("kind", MANY)
def test_ten_times_the_rows_take_no_more_memory(shell: Shell, tmp_path: Path, kind: str) -> None:
    few, many_ = (imported(shell.environment, tmp_path, kind, count) for count in (150, 1500))
    assert many_.said.startswith(MANY[kind])
    assert many_.peak < few.peak + 8

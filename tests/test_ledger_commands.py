"""An export as an operator makes it, and as somebody verifies it who has a public key and nothing else of ours."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.verifying import SIGNER, export, in_bytes
from service.commands.ledger import FOUND, PERSONAL
from service.model.export import Line, Signed
from tests.conftest import Owner, Person, Template, in_role
from tests.exporting import lines_of
from tests.test_cli import Shell, shell_with
from tests.waiting import blocked_by

KEY = SIGNER.verifier.text
NAME = SIGNER.name


def files_in(folder: Path) -> None:
    """Write exports, a key and a kept checkpoint."""

    def write(name: str, lines: list[Line]) -> None:
        (folder / name).write_bytes(b"".join(map(in_bytes, lines)))

    whole, short = list(export(40, opened=True, every=10)), list(export(20, opened=False, every=10))
    write("whole.jsonl", whole)
    write("short.jsonl", short)
    write("sealed.jsonl", list(export(40, opened=False, every=10)))
    write("cut.jsonl", whole[:-1])
    (folder / "key").write_text(f"\n{KEY}\n")
    (folder / "published").write_text(json.dumps({"name": NAME, "verifiers": [KEY], "prefix": "/ledger"}))
    kept = [each.note for each in whole if isinstance(each, Signed)]
    (folder / "kept").write_text(kept[2])


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell with settings that nothing could work with, in a folder with exports, a key and a kept checkpoint."""
    files_in(tmp_path)
    monkeypatch.chdir(tmp_path)
    return shell_with(DATABASE_URL="nowhere", PORT="none", HOME=str(tmp_path / "none"), SUCH="no setting")


@pytest.fixture
def shell(database_url: str, template: Template, tmp_path: Path) -> Shell:
    """A shell on the furnished database of this test."""
    sequencer = in_role(database_url, "byleave_sequencer")
    urls = {"DATABASE_URL": database_url, "SEQUENCER_URL": sequencer}
    return shell_with(**urls, KEYS=str(template.root_key_file), HOME=str(tmp_path / "home"))


def test_an_export_is_verified_with_the_public_key_and_nothing_else(bare: Shell) -> None:
    for key in (KEY, "key", "published"):
        said = bare.run("verify", "whole.jsonl", "--key", key, "--checkpoint", "kept").splitlines()
        assert said[0] == f"{NAME}: 40 entries under 4 checkpoints"
        assert re.fullmatch("root [0-9a-f]{64}", said[1])
        assert said[2] == f"checked with the key {KEY}"
        assert said[3:] == ["what stands was compared: 2 answers, 2 customers' choices", "no findings"]


def test_whose_key_it_was_is_said_where_none_was_given(bare: Shell) -> None:
    said = bare.run("verify", "sealed.jsonl").splitlines()
    assert said[0] == (
        "notice: the signatures were checked with the key that the export names itself; say --key to prove whose"
    )
    assert said[-1] == "no findings"


def test_standard_input_is_taken_too(bare: Shell) -> None:
    assert bare.run("verify", "-", "--key", KEY, stdin=Path("whole.jsonl").read_text()).endswith("no findings")


def test_what_is_found_is_said_line_by_line_with_a_status_of_its_own(bare: Shell) -> None:
    said = bare.run("verify", "short.jsonl", "--key", KEY, "--checkpoint", "kept", status=FOUND).splitlines()
    assert said[0].startswith("forked: kept: ") or said[0] == "truncated: kept: 30 entries were signed, and 20 are here"
    assert said[-1] == "1 finding"


def test_a_file_that_is_none_is_refused_in_one_line(bare: Shell) -> None:
    cut = "byleave: the file is cut off: its last line, which counts the others, is not there"
    assert bare.run("verify", "cut.jsonl", status=1) == cut
    assert bare.run("verify", "none.jsonl", status=1) == "byleave: none.jsonl: No such file or directory"
    assert bare.run("verify", ".", status=1) == "byleave: .: Is a directory"
    assert bare.run("verify", "key", status=1).startswith("byleave: line 1: it is no line of an export")


def test_wrong_usage_has_the_usual_status(bare: Shell) -> None:
    assert "say FILE or --state" in bare.run("verify", status=2)
    assert "say FILE or --state" in bare.run("verify", "--state", "--key", KEY, status=2)
    for wrong in (KEY[:-1], "kept", "x" * 5000):
        assert "expected a key as the ledger publishes it" in bare.run(
            "verify", "whole.jsonl", "--key", wrong, status=2
        )
    assert "does not exist" in bare.run("verify", "whole.jsonl", "--checkpoint", "none", status=2)


def test_the_bar_is_for_a_terminal_only(bare: Shell) -> None:
    command = [sys.executable, "-m", "service", "verify", "whole.jsonl", "--key", KEY]
    ours, theirs = pty.openpty()
    done = subprocess.run(command, env=bare.environment, stdout=subprocess.PIPE, stderr=theirs, text=True, check=True)
    os.close(theirs)
    assert done.stdout.endswith("no findings\n")
    assert "\x1b" not in done.stdout
    assert "Verifying" in os.read(ours, 10_000).decode()
    os.close(ours)
    quiet = subprocess.run(command, env=bare.environment, capture_output=True, text=True, check=True)
    assert quiet.stderr == ""


async def test_an_operator_exports_the_ledger_sealed_and_opened_and_both_verify(
    shell: Shell, abbie: Person, tmp_path: Path
) -> None:
    sealed, opened, key = tmp_path / "sealed.jsonl", tmp_path / "opened.jsonl", tmp_path / "key"
    shell.run("worker", "--once")
    shell.run("export", "ledger", "--sealed", "-o", str(sealed))
    (head, *_) = lines_of(sealed.read_bytes())
    key.write_text(head.keys[0])  # type: ignore[union-attr]  # the head
    before = shell.run("verify", str(sealed), "--key", str(key)).splitlines()
    shell.run("export", "ledger", "--reason", "the yearly audit", "-o", str(opened))
    assert opened.stat().st_mode & 0o777 == sealed.stat().st_mode & 0o777 == 0o600
    said = shell.run("verify", str(opened), "--key", str(key)).splitlines()
    assert (said[:2], said[-1]) == (before[:2], "no findings")
    assert "abbie" not in opened.read_text().lower(), "ids and words only"
    shell.run("worker", "--once")
    after = shell.run("export", "ledger", "--sealed")
    acts = [json.loads(each["body"])["act"] for each in map(json.loads, after.splitlines()) if "body" in each]
    assert [act["reason"] for act in acts if act["kind"] == "export"] == ["the yearly audit"]


async def test_an_export_is_never_written_over_anything_and_asks_what_it_must(shell: Shell, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_text("mine")
    assert shell.run("export", "ledger", "--sealed", "-o", str(there), status=1) == f"byleave: {there}: File exists"
    assert there.read_text() == "mine"
    for words in ([], ["--sealed", "--reason", "why"]):
        assert "say --sealed, or a --reason" in shell.run("export", "ledger", *words, status=2)


async def test_an_export_that_breaks_off_leaves_no_file(shell: Shell, tmp_path: Path) -> None:
    new = tmp_path / "new"
    nowhere = {"BYLEAVE_DATABASE_URL": "postgresql:///none?host=/none"}
    assert "byleave: " in shell.run("export", "ledger", "--sealed", "-o", str(new), status=1, **nowhere)
    assert not new.exists()


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
async def test_an_export_that_is_told_to_end_leaves_no_file(
    ending: signal.Signals, shell: Shell, abbie: Person, owner: Owner, tmp_path: Path
) -> None:
    new = tmp_path / "new"
    command = [sys.executable, "-m", "service", "export", "ledger", "--sealed", "-o", str(new)]
    async with owner.transaction():
        await owner.execute("LOCK TABLE checkpoint")
        process = subprocess.Popen(command, env=shell.environment, stderr=subprocess.PIPE)
        await blocked_by(owner)
        assert new.exists()
        process.send_signal(ending)
        process.communicate()
    assert process.returncode == 1
    assert not new.exists()


async def test_it_is_said_that_an_opened_export_is_personal_data(shell: Shell) -> None:
    command = [sys.executable, "-m", "service", "export", "ledger", "--reason", "why"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command, env=shell.environment, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr == f"{PERSONAL}\nbyleave: standard output: No space left on device\n"

"""Go's own readers of notes and transparency logs accept what we write, and nothing that was changed."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.crypto.merkle import Span, consistency, inclusion, leaf_hash, root_of
from service.crypto.notes import Verifier, checkpoint_text, signed_note
from service.crypto.signing import public_key

PROGRAM = Path(__file__).parents[1] / "go/check.go"
PACKAGES = Path("/usr/share/gocode")
"""Where Debian puts golang-golang-x-mod-dev."""
MISSING = shutil.which("go") is None or not (PACKAGES / "src/golang.org/x/mod/sumdb").is_dir()

ORIGIN, SEED = "shop.example/ledger", bytes(range(32))
ENTRIES = [number.to_bytes(32) for number in range(70)]
TREE = {(0, index): leaf_hash(entry) for index, entry in enumerate(ENTRIES)}
Ask = Callable[[list[dict[str, Any]]], list[str]]

pytestmark = pytest.mark.skipif(MISSING, reason="needs Debian's golang-go and golang-golang-x-mod-dev: make go")


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """Build the program and return what asks it."""
    folder = tmp_path_factory.mktemp("go")
    packages = {"GO111MODULE": "off", "GOPATH": str(PACKAGES), "GOFLAGS": ""}
    alone = {"GOCACHE": str(folder / "cache"), "CGO_ENABLED": "0"}
    environment = {**os.environ, **packages, **alone}  # noqa: TID251  what Go needs to be found
    subprocess.run(["go", "build", "-o", folder / "check", PROGRAM], env=environment, check=True)  # noqa: S607

    def ask(questions: list[dict[str, Any]]) -> list[str]:
        lines = "".join(f"{json.dumps(each)}\n" for each in questions)
        said = subprocess.run([folder / "check"], input=lines, capture_output=True, text=True, check=True)
        return said.stdout.splitlines()

    return ask


def base64_of(data: bytes) -> str:
    return checkpoint_text("", 0, data).split("\n")[2]


def hashes(spans: list[Span]) -> list[str]:
    return [base64_of(root_of(span, TREE)) for span in spans]


def checkpoint(size: int) -> str:
    return signed_note(checkpoint_text(ORIGIN, size, root_of(Span(0, size), TREE)), ORIGIN, SEED)


def question(old: int, new: int, index: int) -> dict[str, Any]:
    return {
        "Key": Verifier(ORIGIN, public_key(SEED).x).text,
        "Older": checkpoint(old),
        "Newer": checkpoint(new),
        "Entry": base64_of(ENTRIES[index]),
        "Index": index,
        "Inclusion": hashes(inclusion(index, new)),
        "Consistency": hashes(consistency(old, new)),
    }


def test_go_accepts_our_keys_notes_and_proofs(ask: Ask) -> None:
    questions = [
        question(old, new, index)
        for new in (1, 2, 3, 7, 8, 33, 64, 70)
        for old in range(1, new + 1)
        for index in (0, old - 1, new // 2, new - 1)
    ]
    assert ask(questions) == ["ok"] * len(questions)


ASKED = question(38, 70, 41)
INVALID = "invalid signature for key"
UNVERIFIED = "note has no verifiable signatures"


def changed(text: str, place: int) -> str:
    """Return a text with one character of it changed."""
    return text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]


def with_changed(name: str, number: int) -> dict[str, Any]:
    """Return the question with one hash of a proof changed."""
    proof = [changed(each, 20) if place == number else each for place, each in enumerate(ASKED[name])]
    return {**ASKED, name: proof}


def test_go_refuses_what_was_changed(ask: Ask) -> None:
    root, signature = ASKED["Newer"].index("70\n") + 5, ASKED["Newer"].index("— ") + len(f"— {ORIGIN} ")
    wrong = [
        ({**ASKED, "Key": changed(ASKED["Key"], 0)}, "invalid verifier"),
        ({**ASKED, "Key": changed(ASKED["Key"], -5)}, "invalid verifier"),
        ({**ASKED, "Newer": changed(ASKED["Newer"], 0)}, INVALID),
        ({**ASKED, "Newer": ASKED["Newer"].replace("\n70\n", "\n71\n")}, INVALID),
        ({**ASKED, "Newer": changed(ASKED["Newer"], root)}, INVALID),
        ({**ASKED, "Newer": changed(ASKED["Newer"], signature)}, UNVERIFIED),
        ({**ASKED, "Newer": changed(ASKED["Newer"], signature + 30)}, INVALID),
        ({**ASKED, "Older": changed(ASKED["Older"], root)}, INVALID),
        ({**ASKED, "Newer": ASKED["Older"]}, "inclusion:"),
        ({**ASKED, "Entry": base64_of(ENTRIES[40])}, "inclusion:"),
        ({**ASKED, "Index": 40}, "inclusion:"),
        *((with_changed("Inclusion", number), "inclusion:") for number in range(len(ASKED["Inclusion"]))),
        ({**ASKED, "Inclusion": ASKED["Inclusion"][:-1]}, "inclusion:"),
        ({**ASKED, "Older": checkpoint(37)}, "consistency:"),
        *((with_changed("Consistency", number), "consistency:") for number in range(len(ASKED["Consistency"]))),
        ({**ASKED, "Consistency": [*ASKED["Consistency"], ASKED["Consistency"][0]]}, "consistency:"),
    ]
    answers = ask([ASKED, *(each for each, _ in wrong)])
    assert answers[0] == "ok"
    for said, (_, expected) in zip(answers[1:], wrong, strict=True):
        assert said.startswith(expected), (said, expected)

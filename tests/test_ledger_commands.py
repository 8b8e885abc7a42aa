"""An export as an operator makes it, and as somebody verifies it who has a public key and nothing else of ours."""

import json
from pathlib import Path

import pytest
from msgspec import structs

from benchmarks.verifying import SIGNER, export, in_bytes
from service.commands.ledger import FOUND
from service.crypto.notes import Checkpoint, checkpoint_text, open_checkpoint, read_checkpoint, signed_note
from service.database import Database
from service.model.export import End, Signed
from tests.conftest import Api, Person, Template, in_role
from tests.test_cli import Shell, shell_with

KEY = SIGNER.verifier.text
SIZE = 40


@pytest.fixture
def bare(tmp_path: Path) -> Shell:
    """A shell with settings that nothing could work with, in a folder with an export, a key and a kept checkpoint."""
    lines = list(export(SIZE, opened=True, every=10))
    (tmp_path / "whole.jsonl").write_bytes(b"".join(map(in_bytes, lines)))
    (tmp_path / "key").write_text(f"\n{KEY}\n")
    kept = [each.note for each in lines if isinstance(each, Signed)]
    (tmp_path / "kept").write_text(kept[1])
    at = lines.index(Signed(kept[2]))
    end = End(30, 3, 0, 0, 0)
    (tmp_path / "short.jsonl").write_bytes(b"".join(map(in_bytes, [*lines[: at + 1], end])))
    (tmp_path / "cut.jsonl").write_bytes((tmp_path / "whole.jsonl").read_bytes()[:-20])
    return shell_with(DATABASE_URL="nowhere", PORT="none", HOME=str(tmp_path / "none"), SUCH="no setting")

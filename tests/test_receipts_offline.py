"""A receipt is checked with the public key alone: by our command without settings, and by openssl without us."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from service.crypto.keyring import Keyring
from service.crypto.signing import PublicKey, public_key, read, sign
from service.database import Database
from tests.conftest import Template, tampering_with
from tests.reading import entered
from tests.test_cli import Shell, shell_with

ROOT = Path(__file__).parents[1]
SEED = bytes(range(32))
KEY = public_key(SEED)
RECEIPT = sign(SEED, b'{"@type":["dpv:ConsentReceipt"],"dct:title":"Gr\xc3\xbc\xc3\x9fe"}')
SHOWN = '{\n  "@type": [\n    "dpv:ConsentReceipt"\n  ],\n  "dct:title": "Grüße"\n}'
AS_SET = json.dumps({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": KEY.written, "kid": KEY.id}]})


def changed(receipt: str) -> str:
    """Return a receipt with one byte of what it says changed."""
    head, body, tail = receipt.split(".")
    return f"{head}.{body[:20]}{'A' if body[20] != 'A' else 'B'}{body[21:]}.{tail}"


@pytest.fixture
def shell(database_url: str, template: Template) -> Shell:
    """A shell on the furnished database of this test."""
    return shell_with(DATABASE_URL=database_url, KEYS=str(template.root_key_file))


@pytest.fixture
def bare(tmp_path: Path) -> Shell:
    """A shell with settings that nothing could work with, in a folder with a receipt and a key."""
    (tmp_path / "receipt.jws").write_text(RECEIPT + "\n")
    (tmp_path / "key.pem").write_text(KEY.pem)
    (tmp_path / "jwks.json").write_text(AS_SET)
    return shell_with(DATABASE_URL="nowhere", PORT="none", HOME=str(tmp_path / "none"), SUCH="no setting")


@pytest.mark.parametrize("keys", ["key.pem", "jwks.json"])
def test_a_receipt_is_verified_with_the_public_key_and_nothing_else(keys: str, bare: Shell, tmp_path: Path) -> None:
    said = bare.run("receipts", "verify", str(tmp_path / "receipt.jws"), "--keys", str(tmp_path / keys))
    assert said == f"valid: signed by {KEY.id}\n{SHOWN}"


def test_the_answer_of_the_api_and_standard_input_are_taken_too(bare: Shell, tmp_path: Path) -> None:
    keys = ("--keys", str(tmp_path / "key.pem"))
    (tmp_path / "answer.json").write_text(json.dumps({"entry": "ent_x", "receipt": RECEIPT, "record": {}, "text": ""}))
    assert bare.run("receipts", "verify", str(tmp_path / "answer.json"), *keys).startswith("valid:")
    assert bare.run("receipts", "verify", "-", *keys, stdin=RECEIPT).startswith("valid:")


@pytest.mark.parametrize(
    ("receipt", "reason"),
    [
        (changed(RECEIPT), "bad-signature"),
        (sign(bytes(32), b"{}"), "unknown-key"),
        (sign(SEED, b"{}"), "not-a-receipt"),
        (RECEIPT[:-1], "malformed"),
        ("", "malformed"),
        ("[" * 50_000, "malformed"),
        ('{"receipt": 1}', "malformed"),
    ],
)
def test_what_is_not_the_receipt_that_was_signed_is_refused_with_the_reason(
    receipt: str, reason: str, bare: Shell, tmp_path: Path
) -> None:
    said = bare.run("receipts", "verify", "-", "--keys", str(tmp_path / "key.pem"), status=1, stdin=receipt)
    assert said == f"byleave: refused: {reason}"


def test_a_key_file_without_a_key_and_a_missing_file_are_said_in_one_line(bare: Shell, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("no key")
    told = bare.run("receipts", "verify", "-", "--keys", str(tmp_path / "key.pem"), status=1, stdin=RECEIPT)
    assert told == "byleave: the file is neither a key in PEM nor a JSON Web Key set"
    assert "--keys" in bare.run("receipts", "verify", "-", status=2, stdin=RECEIPT)
    assert "No such file" in bare.run("receipts", "verify", "nowhere", "--keys", str(tmp_path / "key.pem"), status=2)


def openssl_lines() -> str:
    """Return what the README says."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```\n([^`]*openssl pkeyutl[^`]*)^```", text, re.MULTILINE)
    return str(block)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not here")
def test_the_lines_of_the_readme_verify_a_receipt_with_openssl(bare: Shell, tmp_path: Path) -> None:
    def run() -> "subprocess.CompletedProcess[str]":
        command = ["/bin/sh", "-e", "-c", openssl_lines()]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    done = run()
    assert (done.returncode, done.stdout.strip()) == (0, "Signature Verified Successfully"), done.stderr
    (tmp_path / "receipt.jws").write_text(changed(RECEIPT))
    assert run().returncode == 1


async def test_the_commands_print_the_key_that_verifies_and_rotate_it(
    shell: Shell, database: Database, keyring: Keyring, tmp_path: Path
) -> None:
    first = shell.run("receipts", "key")
    assert first.startswith("-----BEGIN PUBLIC KEY-----")
    assert shell.run("keys", "rotate", "receipt") == "made receipt key 2; it signs in 10 minutes"
    served = json.loads(shell.run("receipts", "key", "--jwks"))
    second, known_first = [PublicKey(read(each["x"]) or b"").pem.strip() for each in served["keys"]]
    assert second != first == known_first
    # What is signed in the next ten minutes is signed by the first.
    assert shell.run("receipts", "key") == first
    receipt = sign(keyring.key("receipt", 1), b'{"@type":["dpv:ConsentReceipt"]}')
    assert shell.run("receipts", "key", "--of", "-", stdin=receipt + "\n") == first
    assert "refused: unknown-key" in shell.run("receipts", "key", "--of", "-", stdin=RECEIPT, status=1)
    assert shell.run("keys", "status").count("opens") == 5
    async with database.connection() as connection:
        acts = [each.act for each in await entered(connection, keyring, "keys")]
    assert acts[-1] == {"keys": ["receipt.2"], "kind": "keys"}
    assert "epoch" in shell.run("keys", "rotate", "epoch", status=2)


async def test_keys_init_adds_the_receipt_key_that_an_older_database_lacks(shell: Shell, database: Database) -> None:
    async with tampering_with(database) as connection:
        await connection.execute("DELETE FROM wrapped_key WHERE role = 'receipt'")
    assert "no receipt key" in shell.run("receipts", "key", status=1)
    assert shell.run("keys", "init") == "made receipt key 1"
    assert shell.run("keys", "init") == "every key was there already"
    assert shell.run("keys", "status").count("opens") == 4

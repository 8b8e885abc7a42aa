"""That the ledger has the entry of a receipt is checked with public keys alone, from what the API answered."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from service.app import House
from service.crypto.entries import commitment
from service.crypto.merkle import Frontier, inclusion, leaf_hash, root_of
from service.crypto.notes import Proof, Verifier, checkpoint_text, proof_text, signed_note
from service.crypto.signing import public_key, sign
from service.model.identifiers import identifier
from service.model.words import IdentifierKind
from service.usecases.access import make_customer_token
from tests.conftest import OPERATOR, Api, Person, Template, allow
from tests.sealing import seal
from tests.test_cli import Shell, shell_with

SEED, LEDGER_SEED, OPENING = bytes(range(32)), bytes(range(1, 33)), bytes(range(2, 34))
KEY = public_key(SEED)
NAME = "ledger.example.com"
LEDGER = Verifier(NAME, public_key(LEDGER_SEED).x)
ID, OTHER_ID = "ent_01K9Z6V7W8X9Y0Z1A2B3C4D5E6", "ent_01K9Z6V7W8X9Y0Z1A2B3C4D5E7"


def body_of(entry: str) -> str:
    body = {"act": {"kind": "consent"}, "actor": "customer", "at": "2026-11-02T10:20:00Z", "customer": "5e" * 32}
    return json.dumps({**body, "id": entry}, sort_keys=True, separators=(",", ":"))


def proof_of(said: str, opening: bytes = OPENING, name: str = NAME, seed: bytes = LEDGER_SEED) -> str:
    """Return a proof that a ledger of five has, as its third entry, what this opening opens to this."""
    leaves = [leaf_hash(bytes([n]) * 32) for n in range(5)]
    leaves[2] = leaf_hash(commitment(opening, said.encode()))
    tree, _ = Frontier().extended(leaves)
    stored = {(0, index): leaf for index, leaf in enumerate(leaves)}
    path = [root_of(span, stored) for span in inclusion(2, 5)]
    return proof_text(Proof(2, path, signed_note(checkpoint_text(name, 5, tree.root()), name, seed), opening))


def answer_of(**changes: Any) -> dict[str, Any]:
    """Return what the API answers with a receipt of the entry, and its proof."""
    document = {"@type": ["dpv:ConsentReceipt"], "dpv:hasIdentifier": ID}
    answer = {
        "entry": ID,
        "receipt": sign(SEED, json.dumps(document).encode()),
        "record": document,
        "text": "",
        "body_text": body_of(ID),
        "opening": base64.b64encode(OPENING).decode(),
        "proof": proof_of(body_of(ID)),
    }
    return {name: value for name, value in (answer | changes).items() if value is not None}


@pytest.fixture
def bare(tmp_path: Path) -> Shell:
    """A shell with settings that nothing could work with, in a folder with a key."""
    (tmp_path / "key.pem").write_text(KEY.pem)
    return shell_with(DATABASE_URL="nowhere", PORT="none", HOME=str(tmp_path / "none"), SUCH="no setting")


def verify(shell: Shell, folder: Path, answer: dict[str, Any], key: str = LEDGER.text, status: int = 0) -> str:
    options = ("--keys", str(folder / "key.pem"), "--ledger-key", key)
    return shell.run("receipts", "verify", "-", *options, status=status, stdin=json.dumps(answer))


def test_a_receipt_and_its_entry_are_verified_with_two_public_keys_and_nothing_else(
    bare: Shell, tmp_path: Path
) -> None:
    first, second, *_ = verify(bare, tmp_path, answer_of()).splitlines()
    assert (first, second) == (f"valid: signed by {KEY.id}", f"entered: its entry is in the ledger {NAME}")


LONGER = OPENING[:-1] + b"\0"
GIVEN = {"channel": "email", "explicit": False, "given_at": "2026-11-02T10:20:00Z", "notice": 2, "purpose": "p"}
OTHERWISE = body_of(ID)[:-1] + f',"recorded":{json.dumps([{**GIVEN, "status": "given"}])}}}'
"""The ledger says that she gave a consent, and the receipt says nothing of it."""
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no proof": ({"proof": None, "body_text": None, "opening": None}, "the file has no proof"),
    "another body": ({"body_text": body_of(ID).replace("consent", "refusal")}, "not-included"),
    "another opening": ({"opening": base64.b64encode(bytes(32)).decode()}, "not-included"),
    "a short opening": (
        {"opening": base64.b64encode(LONGER[:-1]).decode(), "proof": proof_of(body_of(ID), LONGER)},
        "malformed",
    ),
    "another entry": ({"body_text": body_of(OTHER_ID), "proof": proof_of(body_of(OTHER_ID))}, "another-entry"),
    "another answer": ({"body_text": OTHERWISE, "proof": proof_of(OTHERWISE)}, "another-answer"),
    "another ledger": ({"proof": proof_of(body_of(ID), name="other.example.com")}, "unknown-key"),
    "another key": ({"proof": proof_of(body_of(ID), seed=bytes(32))}, "unknown-key"),
    "another note": ({"proof": proof_of(body_of(ID)).replace("\n5\n", "\n6\n")}, "bad-signature"),
    "no such proof": ({"proof": "c2sp.org/tlog-proof@v1"}, "malformed"),
    "no body": ({"body_text": "{}"}, "malformed"),
    "a deep body": ({"body_text": "[" * 50_000}, "malformed"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_does_not_show_that_the_ledger_has_it_is_refused_with_the_reason(
    what: str, bare: Shell, tmp_path: Path
) -> None:
    changes, reason = REFUSED[what]
    said = verify(bare, tmp_path, answer_of(**changes), status=1)
    assert said.startswith("byleave: refused: ")
    assert reason in said
    # Without a ledger's key only the receipt is asked for.
    told = bare.run("receipts", "verify", "-", "--keys", str(tmp_path / "key.pem"), stdin=json.dumps(answer_of()))
    assert told.startswith("valid:")
    assert "entered" not in told


def test_a_receipt_that_is_not_signed_is_refused_whatever_the_ledger_has(bare: Shell, tmp_path: Path) -> None:
    forged = answer_of(receipt=sign(bytes(32), b"{}"))
    assert verify(bare, tmp_path, forged, status=1) == "byleave: refused: unknown-key"


@pytest.mark.parametrize("key", ["", NAME, LEDGER.text[:-1], LEDGER.text.replace("+", " ")])
def test_a_key_that_is_none_is_wrong_usage(key: str, bare: Shell, tmp_path: Path) -> None:
    assert "--ledger-key" in verify(bare, tmp_path, answer_of(), key, status=2)


async def test_what_the_api_answers_is_verified_as_it_is(  # noqa: PLR0913, PLR0917  everything has a part in it
    api: Api, abbie: Person, house: House, database_url: str, template: Template, bare: Shell, tmp_path: Path
) -> None:
    of = await allow(api, abbie, "market.newsletter", "email")
    ledger = await seal(database_url, template, tmp_path)
    found_by = identifier(IdentifierKind.EMAIL, abbie.email)
    token = (await make_customer_token(house.database, await house.keys(), OPERATOR, found_by, 5)).text
    answer = await api.call("GET", f"/v1/me/receipts/{of}", token)
    (tmp_path / "answer.json").write_bytes(answer.content)
    (tmp_path / "jwks.json").write_bytes((await api.call("GET", "/.well-known/jwks.json", None)).content)
    files = str(tmp_path / "answer.json"), "--keys", str(tmp_path / "jwks.json")
    assert ledger.name in bare.run("receipts", "verify", *files, "--ledger-key", ledger.text).splitlines()[1]

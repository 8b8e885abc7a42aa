"""The proof in her hand: each entry of hers as it was committed to, and that the ledger has it, checked without us."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import pytest

from service.api.entries import EXAMPLE
from service.app import House
from service.crypto.entries import commitment
from service.crypto.notes import Verifier, check_proof, read_proof, read_verifier
from service.database import Database
from service.model.identifiers import identifier
from service.model.words import IdentifierKind
from service.usecases.access import make_customer_token
from tests.conftest import OPERATOR, Api, Owner, Person, Template, allow, enrol
from tests.houses import reaching
from tests.sealing import at_the_log, desk_of, seal, take_all

NOBODYS = "ent_" + "0" * 26
EXAMPLE_KEY = "ledger.example.com+a281b855+AWTbmG8Ci9F7XiHiZtve8bh03HTs4IOUOsozgoVKVngA"
Sealing = Callable[[], Awaitable[Verifier]]


@pytest.fixture
def sealing(database_url: str, template: Template, tmp_path: Path) -> Sealing:
    """Lets the sequencer take in what waits."""
    return lambda: seal(database_url, template, tmp_path)


class Hers:
    """A customer who asks for proof."""

    def __init__(self, api: Api, token: str) -> None:
        self.api = api
        self.token = token

    async def entry(self, id_: str, prefer: str = "") -> httpx.Response:
        """Ask for an entry."""
        headers = {"prefer": prefer} if prefer else {}
        return await self.api.call("GET", f"/v1/me/entries/{id_}", self.token, headers=headers)

    async def receipt(self, id_: str, prefer: str = "") -> httpx.Response:
        """Ask for a receipt."""
        headers = {"prefer": prefer} if prefer else {}
        return await self.api.call("GET", f"/v1/me/receipts/{id_}", self.token, headers=headers)

    async def refuse(self) -> str:
        """Say no; returns the entry."""
        body = {"purpose": "market.newsletter", "answer": "refused"}
        done: str = (await self.api.post("/v1/me/consents", self.token, body))["entry"]
        return done


async def hers_of(api: Api, house: House, person: Person) -> Hers:
    found_by = identifier(IdentifierKind.EMAIL, person.email)
    return Hers(api, (await make_customer_token(house.database, await house.keys(), OPERATOR, found_by, 5)).text)


@pytest.fixture
async def hers(api: Api, abbie: Person, house: House) -> Hers:
    """Abbie."""
    return await hers_of(api, house, abbie)


@pytest.fixture
async def without_keys(hers: Hers, database: Database, tmp_path: Path) -> AsyncIterator[Hers]:
    """Abbie at another process, which has no keys."""
    transport = reaching(House(database, tmp_path / "none"))
    async with httpx.AsyncClient(transport=transport, base_url="http://byleave.test") as client:
        yield Hers(Api(client, {}), hers.token)


def proven(shown: dict[str, Any], ledger: Verifier) -> bool:
    """Whether what the API answered shows by itself that the ledger has it."""
    said = commitment(base64.b64decode(shown["opening"]), shown["body_text"].encode())
    proof = read_proof(shown["proof"])
    assert proof is not None
    assert proof.extra == base64.b64decode(shown["opening"])
    return check_proof(shown["proof"], said, ledger) is None


# --- entries -------------------------------------------------------------------------------------------------


async def test_an_entry_of_hers_is_shown_as_it_was_committed_to_with_its_proof(
    hers: Hers, abbie: Person, sealing: Sealing
) -> None:
    of = await allow(hers.api, abbie, "market.newsletter", "email")
    ledger = await sealing()
    shown = (await hers.entry(of)).json()
    assert shown["entry"] == shown["body"]["id"] == of
    assert json.loads(shown["body_text"]) == shown["body"]
    assert shown["body"]["act"]["kind"] == "consent"
    assert shown["body"]["recorded"][0]["status"] == "given"
    said = commitment(base64.b64decode(shown["opening"]), shown["body_text"].encode())
    assert base64.b64encode(said).decode() == shown["commitment"]
    assert proven(shown, ledger)
    assert not proven(shown | {"body_text": shown["body_text"].replace("given", "taken")}, ledger)


async def test_every_entry_of_hers_has_a_proof_in_trees_of_any_shape(
    hers: Hers, database_url: str, template: Template, tmp_path: Path, owner: Owner
) -> None:
    ledger = await seal(database_url, template, tmp_path)
    async with at_the_log(database_url) as log:
        for most in (1, 2, 3, 7):
            for _ in range(5):
                await hers.refuse()
            await take_all(log, desk_of(template, tmp_path), most)
    entries = await owner.fetch("SELECT id, position FROM body WHERE customer IS NOT NULL ORDER BY position")
    assert len(entries) > 20
    for of, position in entries:
        shown = (await hers.entry(of)).json()
        assert proven(shown, ledger), position
        assert f"\nindex {position}\n" in shown["proof"]


async def test_in_a_large_tree_a_proof_is_made_of_stored_nodes_in_one_read(
    hers: Hers, sealing: Sealing, owner: Owner
) -> None:
    first = await hers.refuse()
    await owner.execute(
        """
        INSERT INTO queue (id, kind, actor, at, commitment, content)
        SELECT 'ent_made_' || n, 'publish', 'worker', now(), sha256(n::text::bytea), 'nothing'
          FROM generate_series(1, 70000) AS n
        """
    )
    last = await hers.refuse()
    ledger = await sealing()
    for of in (first, last):
        assert proven((await hers.entry(of)).json(), ledger)
    assert await owner.fetchval("SELECT max(level) FROM node") == 2


async def test_a_proof_never_changes_however_the_ledger_grows(hers: Hers, sealing: Sealing) -> None:
    of = await hers.refuse()
    await sealing()
    before = (await hers.entry(of)).content
    for _ in range(3):
        await hers.refuse()
        await sealing()
    assert (await hers.entry(of)).content == before


async def test_until_it_is_in_the_ledger_an_entry_is_shown_without_proof(hers: Hers, sealing: Sealing) -> None:
    of = await hers.refuse()
    waiting = (await hers.entry(of)).json()
    assert waiting["proof"] is None
    await sealing()
    shown = (await hers.entry(of)).json()
    assert shown.pop("proof")
    waiting.pop("proof")
    assert shown == waiting


async def test_an_entry_that_waits_unsealed_because_no_key_was_there_is_shown_too(
    hers: Hers, without_keys: Hers, owner: Owner
) -> None:
    of = await without_keys.refuse()
    assert await owner.fetchval("SELECT key IS NULL FROM queue WHERE id = $1", of)
    shown = (await hers.entry(of)).json()
    assert (shown["body"]["id"], shown["proof"]) == (of, None)
    await owner.execute("UPDATE queue SET content = set_byte(content, 60, 65) WHERE id = $1", of)
    answer = await hers.entry(of)
    assert (answer.status_code, answer.json()["code"]) == (500, "integrity")


async def test_what_waits_unsealed_and_was_put_in_the_place_of_another_is_a_refusal(
    hers: Hers, without_keys: Hers, house: House, owner: Owner
) -> None:
    one, other = await without_keys.refuse(), await without_keys.refuse()
    of_other = "SET (content, commitment) = (o.content, o.commitment) FROM queue o WHERE q.id = $1 AND o.id = $2"
    await owner.execute(f"UPDATE queue q {of_other}", other, one)
    answer = await hers.entry(other)
    assert (answer.status_code, answer.json()["code"]) == (500, "integrity")
    # Nor is it anybody's because a row says so.
    bo = await enrol(hers.api, "bo@example.com", {})
    at_shop = "SELECT customer FROM pairwise WHERE id = $1"
    await owner.execute("UPDATE queue SET customer = $1 WHERE id = $2", await owner.fetchval(at_shop, bo.at_shop), one)
    answer = await (await hers_of(hers.api, house, bo)).entry(one)
    assert (answer.status_code, answer.json()["code"]) == (500, "integrity")


async def test_somebody_elses_entry_is_as_unknown_as_none(hers: Hers, api: Api, house: House, owner: Owner) -> None:
    bo = await enrol(api, "bo@example.com")
    of = await allow(api, bo)
    nobodys = await owner.fetchval("SELECT id FROM queue WHERE customer IS NULL LIMIT 1")
    assert (await (await hers_of(api, house, bo)).entry(of)).status_code == 200
    for other in (of, nobodys, NOBODYS, NOBODYS.lower(), of + "0", "%00", "é", "ent_" + "%D9%A1" * 26):
        answer = await hers.entry(other)
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown-entry"), other


TAMPERED = {
    "an entry of the log": "UPDATE entry SET commitment = sha256('x') WHERE position = 0",
    "a missing entry": "DELETE FROM entry WHERE position = 0",
    "a root": "UPDATE checkpoint SET root = sha256('x')",
}


@pytest.mark.parametrize("how", TAMPERED)
async def test_no_proof_is_given_of_a_tree_that_is_not_the_one_that_was_signed(
    how: str, hers: Hers, sealing: Sealing, owner: Owner
) -> None:
    of = await hers.refuse()
    await sealing()
    assert (await hers.entry(of)).status_code == 200
    await owner.execute(TAMPERED[how])
    answer = await hers.entry(of)
    assert (answer.status_code, answer.json()["code"]) == (500, "integrity")


def test_the_example_of_the_contract_is_true() -> None:
    ledger = read_verifier(EXAMPLE_KEY)
    assert ledger is not None
    assert proven({"opening": EXAMPLE.opening, "body_text": EXAMPLE.body_text, "proof": EXAMPLE.proof}, ledger)


# --- waiting for it ------------------------------------------------------------------------------------------


async def test_who_prefers_to_wait_gets_the_proof_as_soon_as_it_is_there(hers: Hers, sealing: Sealing) -> None:
    await sealing()
    for ask in (hers.entry, hers.receipt):
        asked = asyncio.create_task(ask(await hers.refuse(), "respond-async, WAIT=60"))
        await asyncio.sleep(0.05)
        assert not asked.done()
        ledger = await sealing()
        answer = await asked
        assert proven(answer.json(), ledger)
        assert answer.headers["preference-applied"] == "wait"


async def test_nobody_waits_longer_than_two_seconds_and_then_there_is_no_proof(hers: Hers) -> None:
    of, began = await hers.refuse(), monotonic()
    answer = await hers.entry(of, "wait=600")
    assert 1.9 < monotonic() - began < 10
    assert (answer.json()["proof"], answer.headers["preference-applied"]) == (None, "wait")


@pytest.mark.parametrize("prefer", ["", "wait", "wait=", "wait=-1", "wait=1.5", "wait=x", "await=2", "wait=0", "x=2"])
async def test_a_preference_that_is_none_is_ignored(prefer: str, hers: Hers) -> None:
    of, began = await hers.refuse(), monotonic()
    answer = await hers.entry(of, prefer)
    assert (answer.status_code, monotonic() - began < 1.9) == (200, True)
    assert "preference-applied" not in answer.headers


# --- receipts ------------------------------------------------------------------------------------------------


async def test_a_receipt_gains_its_proof_and_stays_the_same_to_the_byte(
    hers: Hers, abbie: Person, sealing: Sealing
) -> None:
    of = await allow(hers.api, abbie, "market.newsletter", "email")
    before = (await hers.receipt(of)).json()
    assert before.keys() == {"entry", "receipt", "record", "text"}
    ledger = await sealing()
    after = (await hers.receipt(of)).json()
    assert after.keys() - before.keys() == {"body_text", "opening", "proof"}
    assert (after["receipt"], after["record"]) == (before["receipt"], before["record"])
    assert proven(after, ledger)
    assert json.loads(after["body_text"])["id"] == of


async def test_a_service_sees_nothing_of_what_was_entered_beyond_its_own_receipt(
    hers: Hers, abbie: Person, sealing: Sealing
) -> None:
    of = await allow(hers.api, abbie, "market.newsletter", "email")
    await sealing()
    path = f"/v1/customers/{abbie.at_shop}/receipts/{of}"
    answer = await hers.api.call("GET", path, "shop", headers={"prefer": "wait=2"})
    assert answer.json().keys() == {"entry", "receipt", "record", "text"}
    assert "preference-applied" not in answer.headers

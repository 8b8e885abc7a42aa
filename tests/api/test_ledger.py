"""The ledger as it is published, read by a reader that knows nothing but the C2SP specifications and RFC 6962."""

import base64
import hashlib
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

from service.api.ledger import CHECKPOINT, VERIFIER
from service.app import House, assemble
from service.database import Database, opened
from service.model.callers import WorkerCaller
from service.model.ledger import KeysMade, entry
from service.seen import Seen, write_seen
from service.storage import customers, ledger
from service.usecases import sequencing
from tests.conftest import Api, Owner, Template, own_database
from tests.sealing import at_the_log, desk_of, seal, take_all

SIZES = [1, 2, 255, 256, 257, 300, 511, 512, 513, 700]
"""How large the log was when it was signed, one time after the other."""
FOR_EVER = "max-age=31536000, immutable"


class Log(Struct, frozen=True):
    """A log that was read from its first entry on: every checkpoint, as it was served when it was the newest."""

    app: Any
    client: httpx.AsyncClient
    database: Database
    notes: dict[int, str]
    key: str


@pytest.fixture(scope="module")
async def log(server: str, template: Template, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Log]:
    """Seven hundred entries, taken into the log in several batches by the sequencer itself."""
    async with own_database(server, template) as url, opened(url) as database, at_the_log(url) as connection:
        app = assemble(House(database, template.root_key_file))
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://byleave.test") as client:
            await enter(database, SIZES[-1])
            place, notes = await sequencing.begin(connection, desk_of(template, tmp_path_factory.mktemp("log"))), {}
            for size in SIZES:
                place = (await sequencing.seal(connection, place, size - place.frontier.size)).place
                notes[size] = (await client.get("/ledger/checkpoint")).text
            keys = (await client.get("/.well-known/byleave-ledger")).json()["verifiers"]
            yield Log(app, client, database, notes, keys[0])


async def enter(database: Database, count: int) -> None:
    """Enter some acts about nobody."""
    async with database.transaction() as connection:
        now = await customers.clock(connection)
        for number in range(count):
            at = now + timedelta(microseconds=number)
            act = KeysMade(keys=[f"test.{number}"])
            await ledger.append(connection, None, entry(ledger.new_entry_id(at), None, WorkerCaller(), now, act))


# --- the reader ----------------------------------------------------------------------------------------------


def checked(note: str, key: str) -> tuple[str, int, bytes]:
    """Return origin, size and root of a checkpoint (tlog-checkpoint) whose signature this key proves (signed-note)."""
    name, identity, encoded = key.split("+", 2)
    public = base64.b64decode(encoded)
    assert public[0] == 1
    assert hashlib.sha256(name.encode() + b"\n" + public).hexdigest()[:8] == identity
    text, signatures = note.split("\n\n")
    dash, signer, signed = signatures.removesuffix("\n").split(" ")
    signature = base64.b64decode(signed)
    assert (dash, signer, signature[:4].hex()) == ("—", name, identity)
    Ed25519PublicKey.from_public_bytes(public[1:]).verify(signature[4:], f"{text}\n".encode())
    origin, size, root = text.split("\n")
    return origin, int(size), base64.b64decode(root)


def path_of(index: int) -> str:
    """Return an index in elements of three digits (tlog-tiles, "Merkle Tree")."""
    digits = str(index).zfill((len(str(index)) + 2) // 3 * 3)
    *above, last = [digits[start : start + 3] for start in range(0, len(digits), 3)]
    return "/".join([*(f"x{each}" for each in above), last])


def tiles_of(size: int, level: int) -> list[tuple[int, int]]:
    """Return index and width of each tile that a tree has on one level (tlog-tiles, "Partial Tiles")."""
    full, rest = divmod(size // 256**level, 256)
    return [(index, 256) for index in range(full)] + ([(full, rest)] if rest else [])


async def fetch(log: Log, level: int | str, index: int, width: int) -> bytes:
    path = f"/ledger/tile/{level}/{path_of(index)}" + (f".p/{width}" if width < 256 else "")
    response = await log.client.get(path)
    assert response.status_code == 200, f"{path}: {response.text}"
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["cache-control"] == FOR_EVER
    return response.content


async def hashes_of(log: Log, size: int, level: int) -> list[bytes]:
    """Return all that a tree of this size has on one level."""
    tiles = [(await fetch(log, level, index, width), width) for index, width in tiles_of(size, level)]
    assert all(len(tile) == 32 * width for tile, width in tiles)
    return [tile[start : start + 32] for tile, _ in tiles for start in range(0, len(tile), 32)]


async def entries_of(log: Log, size: int) -> list[bytes]:
    """Return every entry of a tree of this size."""
    bundles = [await fetch(log, "entries", index, width) for index, width in tiles_of(size, 0)]
    return [entry for bundle in bundles for entry in unpacked(bundle)]


def unpacked(bundle: bytes) -> Iterator[bytes]:
    while bundle:
        length = int.from_bytes(bundle[:2], "big")
        assert len(bundle) >= 2 + length
        yield bundle[2 : 2 + length]
        bundle = bundle[2 + length :]


def root_of(hashes: list[bytes]) -> bytes:
    """Return the root above hashes of one level (RFC 6962, 2.1)."""
    if len(hashes) == 1:
        return hashes[0]
    left = 1 << (len(hashes) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + root_of(hashes[:left]) + root_of(hashes[left:])).digest()


# --- what it finds -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_the_tiles_lead_to_the_root_of_every_checkpoint_there_ever_was(log: Log, size: int) -> None:
    origin, signed, root = checked(log.notes[size], log.key)
    assert (origin, signed) == (log.key.split("+")[0], size)
    leaves, above = await hashes_of(log, size, 0), await hashes_of(log, size, 1)
    assert root_of(leaves) == root
    assert above == [root_of(leaves[start : start + 256]) for start in range(0, size - 255, 256)]
    # Nobody need read what is below a full tile: its root, and what stands beside it, are enough.
    assert root_of_both(above, leaves[len(above) * 256 :]) == root
    assert [hashlib.sha256(b"\0" + each).digest() for each in await entries_of(log, size)] == leaves


def root_of_both(above: list[bytes], beside: list[bytes]) -> bytes:
    """Return the root above hashes of level 1, and those of level 0 that stand to their right."""
    if not above or not beside:
        return root_of(above or beside)
    left = 1 << len(above).bit_length() - 1
    return hashlib.sha256(b"\1" + root_of(above[:left]) + root_of_both(above[left:], beside)).digest()


async def test_entries_are_what_was_committed_to_and_nothing_else(log: Log) -> None:
    async with log.database.connection() as connection:
        rows = await connection.fetch("SELECT commitment FROM entry ORDER BY position")
    entries = await entries_of(log, SIZES[-1])
    assert entries == [row["commitment"] for row in rows]
    assert {len(each) for each in entries} == {32}


async def test_a_tile_that_is_full_by_now_is_served_at_every_width_it_had(log: Log) -> None:
    hashes, bundle = await fetch(log, 0, 1, 256), await fetch(log, "entries", 1, 256)
    for width in range(1, 256):
        assert await fetch(log, 0, 1, width) == hashes[: 32 * width]
        assert await fetch(log, "entries", 1, width) == bundle[: 34 * width]


BEYOND = [
    "0/002.p/189",  # 700 = 2 * 256 + 188
    "0/002",
    "0/003.p/1",
    "0/003",
    "1/000.p/3",
    "1/000",
    "2/000.p/1",
    "63/000.p/1",
    "entries/002.p/189",
    "entries/002",
    "entries/003.p/1",
    "0/x001/x234/067",
    "entries/x009/x223/x372/x036/x854/x775/807.p/1",
    "63/x009/x223/x372/x036/x854/x775/807.p/1",
    "0/x036/x028/x797/x018/x963/x967.p/1",
]
RUBBISH = [
    "",
    "0",
    "0/",
    "0/0",
    "0/00",
    "0/0000",
    "0/000/",
    "0//000",
    "/0/000",
    "00/000",
    "+0/000",
    "-1/000",
    "64/000",
    "0/x000/000",
    "0/x000/x000/000",
    "0/001/000",
    "0/x000",
    "0/000.p",
    "0/000.p/",
    "0/000.p/0",
    "0/000.p/01",
    "0/000.p/256",
    "0/000.p/-1",
    "0/000.p/1/",
    "0/000.p/1.p/1",
    "0/000.P/1",
    "0/000 ",
    "0/000%0a",
    "0/%D9%A0%D9%A0%D9%A0",  # digits, but not ASCII's
    "0/%EF%BC%900%EF%BC%90",
    "0/000%00",
    "0/00%E2%82",
    "entries",
    "Entries/000",
    "entries/entries/000",
    "data/000",
    "0/%2e%2e/0/000",
    "%2e%2e/checkpoint",
    "0/000;a",
    "0/000%3Fa",
    "x" * 5000,
    "/".join(["0", *["x000"] * 500, "000"]),
    "0/" + "x999/" * 6 + "999",
]


@pytest.mark.parametrize("path", BEYOND + RUBBISH)
async def test_what_is_no_tile_of_the_signed_tree_is_not_found(log: Log, path: str) -> None:
    response = await log.client.get(f"/ledger/tile/{path}")
    assert response.status_code == 404
    assert response.json()["code"] in ({"unknown-tile"} if path else {"not-found"})
    assert response.headers["cache-control"] == "no-store"


async def test_a_slash_may_come_encoded_as_clients_made_from_the_contract_send_it(log: Log) -> None:
    response = await log.client.get("/ledger/tile/0%2F001.p%2F7")
    assert (response.status_code, response.content) == (200, await fetch(log, 0, 1, 7))


async def test_the_newest_checkpoint_is_a_text_that_nobody_keeps(log: Log) -> None:
    response = await log.client.get("/ledger/checkpoint")
    assert (response.status_code, response.text) == (200, log.notes[SIZES[-1]])
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"


async def test_it_is_told_where_the_ledger_is_and_what_proves_it(log: Log) -> None:
    response = await log.client.get("/.well-known/byleave-ledger")
    name, *_ = log.key.split("+", 2)
    assert response.json() == {
        "name": name,
        "verifiers": [log.key],
        "prefix": "/ledger",
        "checkpoint": "/ledger/checkpoint",
        "tiles": "/ledger/tile/",
        "entries": "/ledger/tile/entries/",
        "page": "/ledger",
    }
    assert response.headers["cache-control"] == "max-age=300"


READABLE = ["/ledger/checkpoint", "/ledger/tile/0/000", "/ledger/tile/entries/002.p/188", "/.well-known/byleave-ledger"]


@pytest.mark.parametrize("path", [*READABLE, "/ledger/tile/0/003"])
async def test_head_is_answered_as_get_without_the_content(log: Log, path: str) -> None:
    got, head = await log.client.get(path), await log.client.head(path)
    assert (head.status_code, head.headers, head.content) == (got.status_code, got.headers, b"")
    assert int(head.headers["content-length"]) == len(got.content) > 0


async def test_not_a_byte_of_the_content_is_sent_to_head(log: Log) -> None:
    sent: list[dict[str, Any]] = []

    async def nothing_more() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def keep(message: dict[str, Any]) -> None:
        sent.append(dict(message))

    # Without httpx, which leaves out what a server ought to leave out.
    path = "/ledger/tile/0/000"
    scope = {
        "type": "http",
        "method": "HEAD",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
    }
    await log.app(scope, nothing_more, keep)
    assert sent[0]["status"] == 200
    assert b"".join(each.get("body", b"") for each in sent) == b""


def test_the_example_of_a_checkpoint_is_one() -> None:
    assert checked(CHECKPOINT, VERIFIER)[:2] == (VERIFIER.split("+")[0], 70000)


# --- logs that are not as they should be ---------------------------------------------------------------------


async def test_before_anything_is_signed_nothing_is_published(api: Api) -> None:
    for path in ("/ledger/checkpoint", "/.well-known/byleave-ledger"):
        response = await api.call("GET", path, None)
        assert (response.status_code, response.json()["code"]) == (404, "nothing-signed")
    for path in ("0/000.p/1", "entries/000.p/1"):
        response = await api.call("GET", f"/ledger/tile/{path}", None)
        assert (response.status_code, response.json()["code"]) == (404, "unknown-tile")


async def test_an_entry_that_no_checkpoint_signs_is_never_served(
    api: Api, owner: Owner, database_url: str, template: Template, tmp_path: Path
) -> None:
    await seal(database_url, template, tmp_path)
    size = await owner.fetchval("SELECT max(size) FROM checkpoint")
    await owner.execute("INSERT INTO entry (position, commitment) VALUES ($1, $2)", size, bytes(32))
    await owner.execute("INSERT INTO node (level, index, hash) VALUES (1, 0, $1)", bytes(32))
    for level, width, status in [("0", size, 200), ("0", size + 1, 404), ("entries", size + 1, 404), ("1", 1, 404)]:
        assert (await api.call("GET", f"/ledger/tile/{level}/000.p/{width}", None)).status_code == status


async def test_a_tile_of_which_something_is_missing_is_a_fault_and_nothing_to_keep(
    api: Api, owner: Owner, database_url: str, template: Template, tmp_path: Path
) -> None:
    await seal(database_url, template, tmp_path)
    await owner.execute("DELETE FROM entry WHERE position = 1")
    for level in ("0", "entries"):
        response = await api.call("GET", f"/ledger/tile/{level}/000.p/2", None)
        assert (response.status_code, response.json()["code"]) == (500, "integrity")
        assert response.headers["cache-control"] == "no-store"


async def test_each_name_that_the_ledger_had_comes_with_its_key_the_newest_first(
    api: Api, database_url: str, template: Template, tmp_path: Path
) -> None:
    async with at_the_log(database_url) as connection:
        await take_all(connection, desk_of(template, tmp_path, "shop.example/first"))
        older = (await api.call("GET", "/ledger/checkpoint", None)).text
        # As after a restored backup: this host has seen more than there is.
        write_seen(tmp_path / "ledger.seen", Seen("shop.example/first", 10_000, "00" * 32))
        await take_all(connection, desk_of(template, tmp_path, "shop.example/second"))
        newer = (await api.call("GET", "/ledger/checkpoint", None)).text
    found = (await api.call("GET", "/.well-known/byleave-ledger", None)).json()
    assert found["name"] == "shop.example/second"
    second, first = found["verifiers"]
    assert checked(newer, second)[0] == "shop.example/second"
    assert checked(older, first)[0] == "shop.example/first"

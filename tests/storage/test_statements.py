"""Every statement of every store, against the migrated schema."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from service.crypto.keyring import Keyring
from service.database import Database, opened
from service.model.situation import Asked
from service.model.words import AttributeId, Channel, CustomerId, PurposeId, ServiceId
from service.storage import facts, log, statements
from tests.conftest import Api, Person, Template, own_database

AT = datetime(2026, 1, 1, tzinfo=UTC)
STORES = Path(statements.__file__).parent
EVERY = [
    pytest.param(sql, id=f"{path.stem}.{name}")
    for path in sorted(STORES.glob("*.sql"))
    for name, sql in statements.statements(str(path.with_suffix(".py"))).items()
]
LASTING = re.compile(
    r"pg_(try_)?advisory_lock|set_config\([^()]*false\)|^(SET|LISTEN|PREPARE|DECLARE|CREATE)\b",
    re.IGNORECASE | re.MULTILINE,
)
"""What lasts with a connection longer than a transaction does."""
HOUR = timedelta(hours=1)
HOT = [
    ("facts", "snapshots", (["x"], [None], [None], ["byc_x"], [None], [None], ["p"], ["web"], ["a,b"])),
    ("facts", "profile", (UUID(int=1),)),
    ("customers", "by_pairwise", ("shop", "byc_x")),
    ("customers", "by_identifier", ("email", bytes(32))),
    ("customers", "pairwise", (UUID(int=1), "shop")),
    ("customers", "bump", ([UUID(int=1)],)),
    ("customers", "linked", ([UUID(int=1)],)),
    ("consents", "spots_of", (UUID(int=1),)),
    ("consents", "standing", (UUID(int=1), "p", "web")),
    ("consents", "standing_of_many", ([UUID(int=1)],)),
    ("consents", "all_standing", (UUID(int=1), ["p"])),
    ("links", "of", ([UUID(int=1)],)),
    ("links", "forget_yeses", ([UUID(int=1)], ["p"], ["web"])),
    ("publications", "current", ()),
    ("idempotency", "kept", (bytes(32),)),
    ("access", "credential", ("x",)),
    ("notices", "asked", ([UUID(int=1)], "web", ["p"], [1])),
    ("receipts", "answers", (UUID(int=1), "ent_x")),
    ("receipts", "choices", (UUID(int=1), "ent_x")),
    ("receipts", "lines", (UUID(int=1), None, 50, "")),
    (
        "ledger",
        "append_unchanged",
        tuple([each] for each in ("e", UUID(int=1), "k", "a", None, *"pwoab", bytes(32), "key", b"", 1, 1, "x")),
    ),
    ("ledger", "hold", (UUID(int=1),)),
    ("sessions", "session", (bytes(32), HOUR, HOUR, HOUR)),
    ("sessions", "touch", (bytes(32),)),
    ("signins", "try", (bytes(32), 5)),
    ("signins", "by_link", (bytes(32),)),
    ("passkeys", "passkey", (b"x",)),
    ("evidence", "keys", ([UUID(int=1)],)),
    ("evidence", "hold", ([UUID(int=1)],)),
    ("uses", "lines", (UUID(int=1), AT, 1, AT, 50)),
    ("uses", "lines_like", (UUID(int=1), AT, 1, AT, 50, "service:x", "p", True, False, "x", AT, 1)),
    ("uses", "searched", (UUID(int=1), AT, 1, AT, 5_000)),
    ("uses", "kinds", (UUID(int=1),)),
    ("uses", "days", (UUID(int=1), 28, 10_000, None, None, False, False, None)),
    ("uses", "covers", (UUID(int=1),)),
    ("uses", "by_attribute", (UUID(int=1), 90)),
    ("facts", "of_customer", (UUID(int=1),)),
    ("strikes", "blocks", ([UUID(int=1)],)),
    ("strikes", "one", (UUID(int=1), "ent_x")),
    ("strikes", "struck", ([UUID(int=1)], [UUID(int=2)])),
    ("strikes", "recipients", (UUID(int=1), [UUID(int=2)])),
    ("strikes", "still_disputed", (UUID(int=1), UUID(int=2))),
    ("uses", "line", (1, UUID(int=1))),
    ("message_links", "find", (bytes(32),)),
    ("message_links", "forget", (5_000,)),
    ("message_links", "open", (UUID(int=1), ["p"], ["web"], ["withdrawn"])),
    ("bodies", "of_line", (1, UUID(int=1), 1, 50)),
    ("bodies", "one", ("ent_x", UUID(int=1))),
    ("proofs", "earliest", (1,)),
    ("log", "runs", ([0, 1], [0, 0], [9, 9])),
    ("log", "head", ()),
    ("log", "progress", (10_000, 1_000)),
    ("log", "names", ()),
    ("log", "signed_at", (1,)),
    ("log", "tile", (1, 0, 256)),
    ("log", "tile_of_entries", (0, 256)),
]


@pytest.fixture(scope="module")
async def untouched(server: str, template: Template) -> AsyncIterator[Database]:
    """A database in which nothing is written, for all that only ask what it would do."""
    async with own_database(server, template) as url, opened(url) as database:
        yield database


@pytest.mark.parametrize("sql", EVERY)
async def test_every_statement_is_prepared_by_the_database(sql: str, untouched: Database) -> None:
    async with untouched.connection() as connection:
        if not sql.startswith("LOCK"):  # which cannot be prepared
            await connection.prepare(sql)


def test_only_who_leads_the_ledger_leaves_anything_on_a_connection() -> None:
    leaving = {str(each.id) for each in EVERY if LASTING.search(str(each.values[0]))}
    assert leaving == {"log.lead"}  # and the sequencer cuts its connection; see database.py


@pytest.mark.parametrize(("store", "name", "arguments"), HOT)
async def test_a_hot_statement_never_reads_a_whole_table(
    store: str, name: str, arguments: tuple[object, ...], untouched: Database
) -> None:
    sql = statements.statements(str(STORES / f"{store}.py"))[name]
    async with untouched.transaction() as connection:
        # Tables are empty here, where reading them whole is cheapest: so make that dear.
        await connection.execute("SET LOCAL enable_seqscan = off")
        plan = json.loads(await connection.fetchval(f"EXPLAIN (FORMAT JSON) {sql}", *arguments))
        parts = {row[0] for row in await connection.fetch(OF_SOME_ROWS)}
    assert not [each for each in nodes(plan[0]["Plan"]) if whole(each) and each.get("Index Name") not in parts]


OF_SOME_ROWS = "SELECT indexrelid::regclass::text FROM pg_index WHERE indpred IS NOT NULL"


def whole(node: dict[str, Any]) -> bool:
    """Whether a step of a plan reads all of a table, or walks along all of an index, which is as bad.

    Whoever stops after the first few may walk.
    """
    walks = "Index" in node["Node Type"] and "Index Cond" not in node and not node.get("stops")
    return walks or node["Node Type"] == "Seq Scan"


CHECKPOINTS = """
INSERT INTO checkpoint (size, prev_size, origin, root, note, signed_at, lag)
SELECT number, nullif(number - 1, 0), CASE WHEN number <= 3000 THEN 'z.example' ELSE 'a.example' END, $1, '',
       clock_timestamp(), '0 s'
  FROM generate_series(1, 5000) number
"""


async def test_the_names_of_a_log_are_found_without_reading_its_checkpoints(
    database: Database, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await owner.execute(CHECKPOINTS, bytes(32))
    await owner.execute("ANALYZE checkpoint")
    async with database.connection() as connection:
        assert await log.names(connection) == ["z.example", "a.example"]
        plan = json.loads(await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {log.SQL['names']}"))
    assert max(each["Actual Rows"] for each in nodes(plan[0]["Plan"])) <= 3


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", ()):
        heap = plan["Node Type"] == "Bitmap Heap Scan"  # which asks for no more than it is asked for
        yield from nodes(each | {"stops": plan["Node Type"] == "Limit" or (heap and plan.get("stops", False))})


async def test_a_connection_that_has_met_nothing_yet_reads_whatever_is_stored(
    api: Api, abbie: Person, database: Database, database_url: str, keyring: Keyring
) -> None:
    async with database.connection() as connection:
        hers: CustomerId = await connection.fetchval("SELECT id FROM customer")
        await connection.execute("UPDATE restrictions SET linked = ARRAY[$1::uuid]", hers)
    asked = Asked(ServiceId("shop"), PurposeId("personalise.recommendations"), Channel.WEB)
    async with opened(database_url) as fresh, fresh.connection() as connection:
        assert (await facts.read(connection, keyring, hers, asked, [AttributeId("first_name")])).facts.standing
    async with opened(database_url) as fresh, fresh.connection() as connection:
        assert (await facts.read_profile(connection, keyring, hers)).facts

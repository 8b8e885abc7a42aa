"""What an earlier release wrote is what this one reads."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest
import rfc8785

from service.crypto.keyring import Keyring
from service.migrating import migrate
from service.model.ledger import Body
from service.model.words import CustomerId
from tests.reading import Entered, entered, unsaid

ANA, BO = CustomerId(UUID(int=0xA11A)), CustomerId(UUID(int=0xB0))
AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
EVEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LINK = UUID(int=0x11)
NOBODYS_KEYS = Keyring({})
"""The old ledger was in the clear, and so it waits for keys."""
ODD = 'she asked: "Wozu?"\t\x01\\ \u2028 é 😀'

Row = tuple[str, UUID | None, str, datetime, dict[str, Any]]
LEDGER: list[Row] = [
    ("ent_publish", None, "operator:ann", AT, {"kind": "publish", "policy_version": "sha256:ab"}),
    ("ent_enrol", ANA, "service:shop", AT, {"kind": "enrol", "identifiers": ["email"], "new": True}),
    (
        "ent_consent",
        ANA,
        "service:shop",
        EVEN,
        {
            "kind": "consent",
            "purpose": "market.newsletter",
            "channels": ["email", "web"],
            "answer": "given",
            "notice": 2,
            "explicit": False,
            "method": "counter",
            "given_at": "2026-01-02T03:04:05+00:00",
        },
    ),
    (
        "ent_release",
        ANA,
        "service:recommender",
        AT,
        {
            "kind": "release",
            "decision": "dec_1",
            "purpose": "personalise.recommendations",
            "channel": "web",
            "outcome": "partial",
            "released": ["first_name", "favourite_genres"],
            "withheld": {"last_name": "withdrawn", "birth_year": "demographic"},
            "policy_version": "sha256:ab",
            "version": 3,
        },
    ),
    ("ent_import", BO, "operator:ann", AT, {"kind": "import", "identifiers": ["email"], "facts": [], "new": True}),
    ("ent_choice", BO, "customer", AT, {"kind": "choice", "choice": "pause", "value": "", "method": "portal"}),
    ("ent_look", ANA, "operator:ann", AT, {"kind": "look-up", "what": "consents", "reason": ODD}),
]
EVENTS = [
    (ANA, "market.newsletter", "email", "given", 2, AT, EVEN, "ent_consent", AT + timedelta(days=730), None),
    (ANA, "market.newsletter", "web", "given", 2, EVEN, EVEN, "ent_consent", EVEN + timedelta(days=730), None),
    (BO, "market.newsletter", "email", "unknown", 0, EVEN, AT, "ent_import", None, None),
    (BO, "market.newsletter", "email", "given", 2, EVEN, AT, "ent_import", AT, LINK),
]
CHOICES = [
    (ANA, "age-band", "adult", AT, "ent_enrol"),
    (BO, "pause", "2026-02-01T00:00:00+00:00", AT, "ent_choice"),
    (BO, "quiet-hours", "22:00-07:00 Europe/Berlin", AT, "ent_choice"),
]
CUSTOMER = "INSERT INTO customer (id, version) VALUES ($1, 1)"
ENTRY = "INSERT INTO entry (id, customer, kind, actor, at, body) VALUES ($1, $2, $3, $4, $5, $6)"
EVENT = """
INSERT INTO consent_event (customer, purpose, channel, status, notice, explicit, method, recorder, actor, given_at,
                           recorded_at, policy_version, entry, expires_at, link)
VALUES ($1, $2, $3, $4, $5, false, 'counter', 'service:shop', '', $6, $7, 'sha256:ab', $8, $9, $10)
"""
CHOICE = """
INSERT INTO choice_event (customer, choice, value, method, acting, actor, recorder, given_at, recorded_at, entry)
VALUES ($1, $2, $3, 'portal', 'herself', '', 'customer', $4, $4, $5)
"""
MANY = """
INSERT INTO entry (id, customer, kind, actor, at, body)
SELECT 'ent_' || n, $1, 'contribute', 'service:shop', timestamptz '2026-02-01 00:00Z' + n * interval '1 second',
       convert_to('{"facts":["first_name#volunteered"],"kind":"contribute"}', 'UTF8')
  FROM generate_series(1, 2100) AS n
"""
"""More than the migration takes at a time, twice."""


async def _written_by_the_old_release(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.executemany(CUSTOMER, [(ANA,), (BO,)])
    for id_, customer, actor, at, act in LEDGER:
        body = msgspec.json.encode(act, order="sorted")
        await connection.execute(ENTRY, id_, customer, act["kind"], actor, at, body)
    await connection.executemany(EVENT, EVENTS)
    await connection.executemany(CHOICE, CHOICES)
    await connection.execute(MANY, ANA)
    await connection.close()


@pytest.fixture
async def migrated(empty_database: str) -> AsyncIterator[asyncpg.Connection]:
    """A database that the release before the log wrote, brought to this one's schema."""
    await asyncio.to_thread(migrate, empty_database, "0006")
    await _written_by_the_old_release(empty_database)
    await asyncio.to_thread(migrate, empty_database)
    connection = await asyncpg.connect(empty_database)
    yield connection
    await connection.close()


async def test_the_ledger_begins_with_all_that_was_entered_before_it(migrated: asyncpg.Connection) -> None:
    lines = await entered(migrated, NOBODYS_KEYS)
    assert [(each.id, each.customer, each.actor, each.at, each.act) for each in lines[: len(LEDGER)]] == LEDGER
    assert [each.id for each in lines[len(LEDGER) :]] == [f"ent_{n}" for n in range(1, 2101)]
    assert await unsaid(migrated, NOBODYS_KEYS) == []
    said: dict[str, Entered] = {each.id: each for each in lines}
    assert [each.purpose for each in said["ent_consent"].recorded] == ["market.newsletter"] * 2
    assert [(each.status, each.link) for each in said["ent_import"].recorded] == [("unknown", None), ("given", LINK)]
    assert [each.choice for each in said["ent_choice"].chosen] == ["pause", "quiet-hours"]
    assert await migrated.fetchval("SELECT to_regclass('former_entry')") is None
    assert await migrated.fetchval("SELECT count(*) FROM entry") == 0


async def test_each_is_spelt_as_this_release_spells_it_and_has_a_seed_of_its_own(migrated: asyncpg.Connection) -> None:
    lines = await entered(migrated, NOBODYS_KEYS)
    for each in lines[: len(LEDGER) + 1]:
        body = each.content.body
        assert body == rfc8785.dumps(json.loads(body))
        assert body == msgspec.json.encode(msgspec.json.decode(body, type=Body), order="sorted")
    assert len({each.content.seed for each in lines}) == len(lines)


async def test_what_came_in_from_a_file_is_known_without_the_ledger(migrated: asyncpg.Connection) -> None:
    found = await migrated.fetch("SELECT DISTINCT entry, imported FROM consent_event ORDER BY entry")
    assert [tuple(row) for row in found] == [("ent_consent", False), ("ent_import", True)]

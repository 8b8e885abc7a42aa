"""What a customer was asked is found at once, however long her history is."""

import json
from datetime import UTC, datetime
from uuid import UUID

from service.database import Database
from service.model.prompts import Asking
from service.model.words import Channel, CustomerId, PurposeId, Status
from service.storage import notices
from tests.conftest import tampering_with

ANA, BO = CustomerId(UUID(int=0xA11A)), CustomerId(UUID(int=0xB0))
LETTER, PICKS, PANEL = (PurposeId(p) for p in ("market.newsletter", "personalise.recommendations", "research.panel"))
MANY = 100_000
FILL = """
INSERT INTO consent_event (customer, purpose, channel, status, notice, explicit, method, recorder, actor, given_at,
                           recorded_at, policy_version, entry)
SELECT $1, p.purpose, p.channel, p.status, p.notice, false, 'portal', 'customer', '', at, at, 'sha256:', 'ent_' || n
  FROM generate_series(1, $2) AS n,
       LATERAL (SELECT timestamptz '2026-01-01 00:00Z' + n * interval '1 second' AS at) AS clock,
       LATERAL (VALUES ('personalise.recommendations', 'email', 'withdrawn', 0),
                       ('personalise.recommendations', 'web', 'withdrawn', 0),
                       ('market.newsletter', 'email', 'expired', 1)) AS p (purpose, channel, status, notice)
"""
FIRST = """
INSERT INTO consent_event (customer, purpose, channel, status, notice, explicit, method, recorder, actor, given_at,
                           recorded_at, policy_version, entry)
SELECT $1, p.purpose, p.channel, p.status, p.notice, false, 'portal', 'customer', '',
       timestamptz '2025-06-01 00:00Z', timestamptz '2025-06-01 00:00Z', 'sha256:', 'ent_' || p.purpose
  FROM (VALUES ('personalise.recommendations', 'email', 'refused', 2), ('market.newsletter', 'email', 'given', 1),
               ('market.newsletter', 'email', 'refused', 99)) AS p (purpose, channel, status, notice)
"""


async def _fill(database: Database, many: int, customer: CustomerId = ANA) -> None:
    async with database.transaction() as connection:
        await connection.execute("SET LOCAL statement_timeout = '60s'")
        await connection.execute("INSERT INTO customer (id, version) VALUES ($1, 1)", customer)
        await connection.execute(FIRST, customer)
        await connection.execute(FILL, customer, many, timeout=60)


async def test_the_last_asking_is_the_last_that_she_was_asked_or_answered_on_this_channel(database: Database) -> None:
    await _fill(database, 3)
    async with database.connection() as connection:
        found = await notices.asked(connection, [ANA], Channel.EMAIL, {PICKS: 2, LETTER: 2, PANEL: 1})
    picks, letter, panel = found.past[PICKS], found.past[LETTER], found.past[PANEL]
    third, long_ago = datetime(2026, 1, 1, 0, 0, 3, tzinfo=UTC), datetime(2025, 6, 1, tzinfo=UTC)
    assert (picks.last, picks.seen) == (Asking(Status.WITHDRAWN, 0, third, third), 2)
    # That a yes ended is no answer of hers, and a notice that there never was is not one that she was shown.
    assert (letter.last, letter.seen) == (Asking(Status.REFUSED, 99, long_ago, long_ago), 1)
    assert (panel.last, panel.seen, panel.standing) == (None, 0, None)


async def test_a_hundred_thousand_answers_are_as_quick_as_none(database: Database) -> None:
    await _fill(database, MANY // 6, ANA)
    await _fill(database, MANY // 6, BO)
    async with tampering_with(database) as connection:
        await connection.execute("SET statement_timeout = '60s'")
        await connection.execute("ANALYZE consent_event", timeout=60)
    async with database.transaction() as connection:
        await connection.execute("SET LOCAL statement_timeout = '60s'")
        explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {notices.SQL['asked']}"
        for sides in ([ANA], [ANA, BO]):
            (row,) = await connection.fetch(explain, sides, Channel.EMAIL, [PICKS, LETTER, PANEL], [2, 2, 1])
            plan = json.loads(row[0])[0]["Plan"]
            pages = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
            assert pages < 60 * len(sides), json.dumps(plan, indent=1)

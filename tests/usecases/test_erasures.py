"""Destroying a customer's evidence: nothing about her can be read, the gap is accounted for, the tree verifies."""

import json

import pytest

from service.crypto.entries import content_of, positions_digest
from service.database import Database
from service.errors import LedgerBehindError
from service.model.words import CustomerId
from service.usecases import erasures
from service.usecases.erasures import Destroyed, destroy_evidence
from service.usecases.sequencing import Desk, Place
from tests.conftest import OPERATOR, Api, Owner, allow, enrol
from tests.sealing import take_all


async def test_nothing_about_her_can_be_read_and_the_gap_is_accounted_for(
    api: Api, customer: CustomerId, log_database: Database, owner: Owner, desk: Desk
) -> None:
    await allow(api, await enrol(api, "bo@example.com"))
    before = await taken(log_database, desk)
    hers = [row[0] for row in await owner.fetch("SELECT position FROM body WHERE customer = $1", customer)]
    assert len(hers) > 3
    assert await destroy_evidence(log_database, OPERATOR, customer) == Destroyed(len(hers), 1)
    after = await taken(log_database, desk)
    assert await destroy_evidence(log_database, OPERATOR, customer) == Destroyed(0, 0)
    assert after.frontier.size == before.frontier.size + 1, "the tree goes on, and was proven before it did"
    stored = await owner.fetchval("SELECT content FROM body WHERE position = $1", before.frontier.size)
    said = json.loads(content_of(stored).body)
    assert said["act"] == {"bodies": len(hers), "kind": "erasure", "positions": positions_digest(hers)}
    assert said["customer"] is None
    gaps = await owner.fetch("SELECT position, erasure FROM gap ORDER BY position")
    assert [tuple(row) for row in gaps] == [(position, said["id"]) for position in sorted(hers)]
    for table in ("body", "use_line", "evidence_key", "queue"):
        assert await owner.fetchval(f"SELECT count(*) FROM {table} WHERE customer = $1", customer) == 0  # noqa: S608
    assert await owner.fetchval("SELECT count(*) FROM body WHERE customer IS NOT NULL") > 0, "the other's are there"


async def test_it_waits_for_what_is_not_in_the_log_yet(
    customer: CustomerId, log_database: Database, owner: Owner
) -> None:
    with pytest.raises(LedgerBehindError):
        await destroy_evidence(log_database, OPERATOR, customer)
    assert await owner.fetchval("SELECT count(*) FROM evidence_key WHERE customer = $1", customer) == 1


async def test_a_life_too_long_for_one_transaction_goes_in_several_each_accounted_for(
    customer: CustomerId, log_database: Database, owner: Owner, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasures, "AT_ONCE", 2)
    await taken(log_database, desk)
    hers = await owner.fetchval("SELECT count(*) FROM body WHERE customer = $1", customer)
    done = await destroy_evidence(log_database, OPERATOR, customer)
    assert (done.bodies, done.entries) == (hers, -(-hers // 2))
    assert await owner.fetchval("SELECT count(DISTINCT erasure) FROM gap") == done.entries


async def taken(log_database: Database, desk: Desk) -> Place:
    """Take everything into the log that waits."""
    async with log_database.connection() as connection:
        return await take_all(connection, desk)

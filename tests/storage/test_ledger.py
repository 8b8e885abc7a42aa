"""The ledger's queue: an act and its entry are there together or not at all, and what is sealed opens."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest

from service.crypto.keyring import Keyring
from service.database import Database
from service.model.ledger import Entry, LookedUp
from service.model.words import CustomerId, EntryId
from service.storage import customers, ledger
from tests.conftest import Api, Person
from tests.consistency.test_release_and_withdrawal import question
from tests.reading import entered
from tests.waiting import until_blocked

ANA, BO = CustomerId(UUID(int=0xA11A)), CustomerId(UUID(int=0xB0))
NO = {"purpose": "personalise.recommendations", "answer": "withdrawn"}
NUMBERS = "SELECT array_agg(number) FROM queue"


def look(id_: str, customer: CustomerId | None = ANA) -> Entry:
    return Entry(EntryId(id_), customer, "operator:ann", datetime(2026, 1, 2, tzinfo=UTC), LookedUp("facts", "asked"))


@pytest.fixture
async def strangers(database: Database) -> None:
    """Two customers of whom nothing was ever entered, so that they have no keys."""
    async with database.connection() as connection:
        await connection.executemany("INSERT INTO customer (id, version) VALUES ($1, 1)", [(ANA,), (BO,)])


@pytest.fixture
async def migrated(abbie: Person, owner: asyncpg.Connection) -> Person:
    """Abbie as she comes out of the release before there was such a ledger: without an evidence key."""
    await owner.execute("DELETE FROM queue")
    await owner.execute("DELETE FROM evidence_key")
    return abbie


# --- together or not at all ---


async def test_an_entry_of_an_act_that_fails_is_not_there(
    strangers: None, database: Database, keyring: Keyring, owner: asyncpg.Connection
) -> None:
    before = await owner.fetchval(NUMBERS)

    async def act() -> None:
        async with database.transaction() as connection:
            await customers.bump(connection, ANA)
            await ledger.append(connection, keyring, look("ent_1"))
            raise LookupError

    with pytest.raises(LookupError):
        await act()
    assert await owner.fetchval(NUMBERS) == before
    assert await owner.fetchval("SELECT count(*) FROM evidence_key") == 0


@pytest.mark.parametrize("path", ["consents", "withdrawals"])
async def test_an_act_that_cannot_be_entered_did_not_happen(
    path: str, api: Api, abbie: Person, owner: asyncpg.Connection
) -> None:
    state = "SELECT (SELECT count(*) FROM consent_event), (SELECT version FROM customer), (SELECT status FROM consent)"
    before = await owner.fetchrow(state)
    await owner.execute("REVOKE INSERT ON queue FROM byleave_app")
    body = NO if path == "consents" else {"all": "everything"}
    answer = await api.call("POST", f"/v1/customers/{abbie.at_shop}/{path}", "shop", body)
    assert answer.status_code == 503, answer.text
    assert await owner.fetchrow(state) == before
    asked = await api.call("POST", "/v1/releases", "recommender", question(abbie))
    assert (asked.status_code, "Abbie" in asked.text) == (503, False)


# --- sealed, or waiting ---


async def test_what_is_about_somebody_is_sealed_and_what_is_about_nobody_is_not(
    strangers: None, database: Database, keyring: Keyring
) -> None:
    async with database.transaction() as connection:
        await ledger.append_all(connection, keyring, [look("ent_1"), look("ent_2", None), look("ent_3", BO)])
        made = (await entered(connection, keyring))[-3:]
        assert [(each.id, each.sealed) for each in made] == [("ent_1", True), ("ent_2", False), ("ent_3", True)]
        rows = await connection.fetch("SELECT content FROM queue WHERE customer IS NOT NULL")
        assert not any(b"asked" in row["content"] for row in rows)


async def test_without_keys_an_entry_waits_in_the_clear_and_is_committed_to_like_any_other(
    strangers: None, database: Database, keyring: Keyring
) -> None:
    async with database.transaction() as connection:
        await ledger.append(connection, None, look("ent_1"))
        (line,) = await entered(connection, keyring, customer=ANA)
        assert (line.sealed, line.act["reason"]) == (False, "asked")
        assert await connection.fetchval("SELECT count(*) FROM evidence_key") == 0


async def test_with_a_damaged_evidence_key_a_no_is_entered_all_the_same_and_nothing_leaves(
    api: Api, abbie: Person, owner: asyncpg.Connection, keyring: Keyring
) -> None:
    await owner.execute("UPDATE evidence_key SET wrapped = sha256(wrapped)")
    before = await owner.fetchval("SELECT max(number) FROM queue")
    refused = await api.call("POST", "/v1/releases", "recommender", question(abbie))
    assert (refused.status_code, refused.json()["code"]) == (500, "integrity")
    assert await owner.fetchval("SELECT max(number) FROM queue") == before
    done = await api.post(f"/v1/customers/{abbie.at_shop}/consents", "shop", NO)
    (line,) = await entered(owner, keyring, most=1)
    assert (line.id, line.sealed, line.recorded[0].status) == (done["entry"], False, "withdrawn")


# --- a customer's first key ---


@pytest.mark.parametrize("fails", [False, True], ids=["the first commits", "the first fails"])
async def test_two_that_make_a_customers_first_key_at_once_end_with_one_and_each_entry_opens(
    fails: bool,  # noqa: FBT001  a parameter of the test
    strangers: None,
    database: Database,
    database_url: str,
    keyring: Keyring,
    owner: asyncpg.Connection,
) -> None:
    async def second() -> None:
        async with database.transaction() as connection:
            await ledger.append(connection, keyring, look("ent_2"))

    async with database.connection() as connection:
        first = connection.transaction()
        await first.start()
        await ledger.append(connection, keyring, look("ent_1"))
        later = asyncio.create_task(second())
        await until_blocked(database_url)
        await (first.rollback() if fails else first.commit())
    await later
    assert await owner.fetchval("SELECT count(*) FROM evidence_key WHERE customer = $1", ANA) == 1
    made = await entered(owner, keyring, customer=ANA)
    assert [(each.id, each.sealed) for each in made] == [("ent_1", True), ("ent_2", True)][fails:]


async def test_a_release_that_makes_her_first_key_does_not_hold_a_withdrawal_back(
    api: Api, migrated: Person, database: Database, database_url: str, keyring: Keyring, owner: asyncpg.Connection
) -> None:
    """Each would wait for the other for ever: the release for her lock, the withdrawal for the key."""
    hers: CustomerId = await owner.fetchval("SELECT id FROM customer")
    async with database.transaction() as connection:
        await customers.bump(connection, hers)
        asked = asyncio.create_task(api.call("POST", "/v1/releases", "recommender", question(migrated)))
        await until_blocked(database_url)
        await ledger.append(connection, keyring, look("ent_1", hers))
    assert (await asked).json()["decision"] == "permit"
    assert [each.kind for each in await entered(owner, keyring, customer=hers)] == ["look-up", "release"]


async def test_who_changes_two_customers_never_waits_in_a_circle_with_who_makes_the_keys_of_both(
    strangers: None, database: Database, database_url: str, keyring: Keyring, owner: asyncpg.Connection
) -> None:
    async def of_both() -> None:
        async with database.transaction() as connection:
            await ledger.append_all(connection, keyring, [look("ent_1"), look("ent_2", BO)])

    async with database.transaction() as connection:
        await customers.line_up(connection, [ANA, BO])
        # The later one in the order of their ids first, so that the other has made the earlier one's key by now.
        await ledger.append(connection, keyring, look("ent_3", max(ANA, BO)))
        later = asyncio.create_task(of_both())
        await until_blocked(database_url)
        await ledger.append(connection, keyring, look("ent_4", min(ANA, BO)))
    await later
    made = [each for customer in (ANA, BO) for each in await entered(owner, keyring, customer=customer)]
    assert [(each.id, each.sealed) for each in made] == [(f"ent_{n}", True) for n in (3, 1, 4, 2)]

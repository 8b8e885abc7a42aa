"""The sequencer: what it takes, in which order, what it proves before it signs, and when it refuses to."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx
import pytest

from service.app import House
from service.crypto.entries import content_of, open_content
from service.crypto.keyring import Keyring
from service.crypto.merkle import EMPTY, leaf_hash, node_hash
from service.crypto.notes import Checkpoint, open_checkpoint
from service.database import Connection, Database, opened
from service.errors import LedgerRefusedError
from service.model.callers import WorkerCaller
from service.model.facts import Sealed
from service.model.ledger import LookedUp, Released, entry
from service.model.words import CustomerId, EntryId
from service.seen import Seen, read_seen, write_seen
from service.storage import evidence, ledger
from service.usecases import sequencing
from service.usecases.sequencing import Desk
from service.worker.sequencer import sequence
from tests.conftest import Api, Owner, Person, Template, allow, enrol, in_role
from tests.houses import reaching
from tests.sealing import at_the_log, desk_of, take_all

NOON = datetime(2026, 11, 2, 12, 30, tzinfo=UTC)
LONG_AGO = UUID(int=7)


def root_of(leaves: list[bytes]) -> bytes:
    """Return the root as RFC 6962, 2.1 defines it."""
    if not leaves:
        return EMPTY
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return node_hash(root_of(leaves[:half]), root_of(leaves[half:]))


async def say(connection: Connection, count: int) -> None:
    """Enter so many acts about nobody, through the store."""
    for _ in range(count):
        line = entry(ledger.new_entry_id(NOON), None, WorkerCaller(), NOON, LookedUp("nothing", "a test"))
        await ledger.append(connection, None, line)


async def test_the_log_is_dense_and_every_head_is_the_signed_root_of_its_beginning(
    database: Database, log: Connection, desk: Desk, owner: Owner
) -> None:
    async with database.transaction() as connection:
        await say(connection, 600)
    place = await take_all(log, desk, most=70)
    rows = await owner.fetch("SELECT position, commitment FROM entry ORDER BY position")
    assert [row["position"] for row in rows] == list(range(len(rows)))
    leaves = [leaf_hash(row["commitment"]) for row in rows]
    heads = await owner.fetch("SELECT size, prev_size, root, note FROM checkpoint ORDER BY size")
    assert len(heads) > 8
    assert heads[-1]["size"] == len(rows) == place.frontier.size
    assert [head["prev_size"] for head in heads] == [None, *(head["size"] for head in heads[:-1])]
    for head in heads:
        opened = open_checkpoint(head["note"], place.signer.verifier)
        assert opened == Checkpoint(sequencing.FIRST_NAME, head["size"], root_of(leaves[: head["size"]]))
    nodes = await owner.fetch("SELECT index, hash FROM node WHERE level = 1 ORDER BY index")
    assert [node["hash"] for node in nodes] == [root_of(leaves[256 * i :][:256]) for i in range(len(rows) // 256)]


async def test_who_drew_a_number_early_and_committed_late_is_not_lost_and_would_be_by_a_cursor(
    database: Database, log: Connection, desk: Desk
) -> None:
    before = await take_all(log, desk)
    async with database.connection() as late:
        held = late.transaction()
        await held.start()
        await say(late, 1)
        async with database.transaction() as early:
            await say(early, 1)
        cursor = await cursor_of(log, 0)
        between = await take_all(log, desk)
        await held.commit()
    assert await cursor_of(log, cursor[-1]) == [], "the cursor passed over it"
    after = await take_all(log, desk)
    assert between.frontier.size == before.frontier.size + 1
    assert after.frontier.size == before.frontier.size + 2


async def cursor_of(log: Connection, last: int) -> list[int]:
    """Return what a sequencer would see that remembers the last number: the one that we do not have."""
    rows = await log.fetch("SELECT number FROM queue WHERE number > $1 ORDER BY number", last)
    return [row["number"] for row in rows]


async def test_a_withdrawal_without_keys_waits_unsealed_and_then_verifies_like_any_other(
    api: Api, abbie: Person, without_keys: Api, keyring: Keyring, log: Connection, desk: Desk
) -> None:
    before = await take_all(log, desk)
    no = {"purpose": "personalise.recommendations", "answer": "withdrawn", "method": "counter"}
    await without_keys.post(f"/v1/customers/{abbie.at_shop}/consents", "shop", no)
    unsealed = await log.fetchrow("SELECT customer, content FROM queue WHERE key IS NULL AND customer IS NOT NULL")
    assert unsealed is not None
    assert b'"status":"withdrawn"' in content_of(unsealed["content"]).body
    await allow(api, abbie)
    await enrol(api, "bo@example.com")
    waiting = await take_all(log, desk)
    kinds = [row["kind"] for row in await log.fetch("SELECT kind FROM queue ORDER BY number")]
    assert kinds == ["consent", "consent"], "hers wait, in their order; the other's went on"
    assert waiting.frontier.size > before.frontier.size
    assert (await sequencing.seal_waiting(log, keyring)).left == 0
    assert (await take_all(log, desk)).frontier.size == waiting.frontier.size + 2
    row = await log.fetchrow(
        "SELECT b.id, b.content, e.commitment FROM body b JOIN entry e USING (position) WHERE position = $1",
        waiting.frontier.size,
    )
    key = (await evidence.keys_of(log, keyring, [unsealed["customer"]]))[unsealed["customer"]]
    assert row is not None
    assert key is not None
    content = open_content(key, unsealed["customer"], row["id"], Sealed(row["content"]))
    assert content.commitment == row["commitment"]
    assert content == content_of(unsealed["content"])


@pytest.fixture
async def without_keys(database: Database, template: Template, tmp_path: Path) -> AsyncIterator[Api]:
    """The API of a process that has no key."""
    transport = reaching(House(database, tmp_path / "no-root.key"))
    async with httpx.AsyncClient(transport=transport, base_url="http://byleave.test") as client:
        yield Api(client, template.api_keys)


async def test_uses_are_counted_by_hour_and_service_in_the_transaction_that_takes_them(
    database: Database, log: Connection, desk: Desk, owner: Owner
) -> None:
    customer = CustomerId(LONG_AGO)
    for hour, names in ((0, ["b", "a"]), (0, ["c"]), (1, ["a"])):
        await owner.execute(
            "INSERT INTO queue (id, customer, kind, actor, at, purpose, channel, outcome, released, refused, "
            "commitment, key, content) VALUES ($1, $2, 'release', 'service:shop', $3, 'p', 'web', 'partial', $4, "
            "'{d}', $5, 'k', '')",
            f"ent_{hour}{names}",
            customer,
            NOON + timedelta(hours=hour),
            names,
            hashlib.sha256(b"").digest(),
        )
        await take_all(log, desk)
    lines = await owner.fetch("SELECT * FROM use_line ORDER BY hour")
    assert [(line["hour"].hour, line["times"], line["released"], line["refused"]) for line in lines] == [
        (12, 2, ["a", "b", "c"], ["d"]),
        (13, 1, ["a"], ["d"]),
    ]
    of_line = await owner.fetch("SELECT count(*) FROM body WHERE line = $1", lines[0]["line"])
    assert of_line[0][0] == 2


TAMPERING = {
    "changed": ("UPDATE entry SET commitment = sha256('x') WHERE position = 3", "do not have the root"),
    "shortened": ("DELETE FROM entry WHERE position = (SELECT max(position) FROM entry)", "were signed"),
    "lengthened": ("INSERT INTO entry SELECT max(position) + 1, sha256('x') FROM entry", "were signed"),
    "holed": ("DELETE FROM entry WHERE position = 2", "do not have the root"),
    "another root": (
        "UPDATE checkpoint SET root = sha256('x') WHERE size = (SELECT max(size) FROM checkpoint)",
        "signed",
    ),
    "another key": ("UPDATE ledger_key SET public = sha256('x')", "public key"),
    "no key": ("DELETE FROM ledger_key", "key is gone"),
}


@pytest.mark.parametrize("change", TAMPERING)
async def test_nothing_is_signed_on_top_of_what_was_not_signed(
    change: str,
    database: Database,
    log: Connection,
    desk: Desk,
    owner: Owner,
) -> None:
    statement, says = TAMPERING[change]
    async with database.transaction() as connection:
        await say(connection, 10)
    await take_all(log, desk)
    async with database.transaction() as connection:
        await say(connection, 1)
    assert await owner.execute(statement) != "UPDATE 0"
    with pytest.raises(LedgerRefusedError, match=says):
        await take_all(log, desk)
    assert await log.fetchval("SELECT count(*) FROM queue") == 1


async def test_of_two_who_believe_they_lead_one_is_refused_and_the_log_does_not_fork(
    database: Database, database_url: str, template: Template, tmp_path: Path
) -> None:
    async with at_the_log(database_url) as one, at_the_log(database_url) as other:
        place = await take_all(one, desk_of(template, tmp_path))
        async with database.transaction() as connection:
            await say(connection, 2)
        await sequencing.seal(one, place, 1)
        with pytest.raises(LedgerRefusedError, match="somebody else"):
            await sequencing.seal(other, place, 1)
        assert await one.fetchval("SELECT count(*) FROM queue") == 1
        with pytest.raises(asyncpg.UniqueViolationError):
            await one.execute(
                "INSERT INTO checkpoint SELECT size + 1, prev_size, origin, root, note, signed_at, lag FROM checkpoint "
                "WHERE size = (SELECT max(size) FROM checkpoint)"
            )


async def test_a_restored_backup_does_not_fork_the_log_and_can_go_on_under_another_name(
    database: Database, log: Connection, desk: Desk, template: Template, owner: Owner, tmp_path: Path
) -> None:
    backup = (await take_all(log, desk)).frontier.size
    async with database.transaction() as connection:
        await say(connection, 5)
    lost = await take_all(log, desk)
    await restore(owner, backup)
    with pytest.raises(LedgerRefusedError, match=f"has seen {lost.frontier.size} entries of byleave"):
        await take_all(log, desk)
    renamed = desk_of(template, tmp_path, "shop.example/ledger-2")
    after = await take_all(log, renamed)
    assert after.signer.name == "shop.example/ledger-2"
    resumed = content_of(await log.fetchval("SELECT content FROM body WHERE position = $1", backup)).body
    assert f'"kind":"resume","origin":"{sequencing.FIRST_NAME}"'.encode() in resumed
    assert lost.frontier.root().hex().encode() in resumed
    await take_all(log, renamed)
    await take_all(log, desk)


async def restore(owner: Owner, size: int) -> None:
    """Let the log be as it was, as a backup of that time would."""
    for statement in (
        "DELETE FROM checkpoint WHERE size > $1",
        "DELETE FROM entry WHERE position >= $1",
        "DELETE FROM body WHERE position >= $1",
        "DELETE FROM node WHERE (index + 1) * 256 > $1",
    ):
        await owner.execute(statement, size)


async def test_what_a_host_has_seen_must_be_the_beginning_of_the_log(
    database: Database, log: Connection, desk: Desk
) -> None:
    place = await take_all(log, desk)
    write_seen(desk.seen, Seen(sequencing.FIRST_NAME, place.frontier.size - 1, "00" * 32))
    with pytest.raises(LedgerRefusedError, match="not those that this host saw"):
        await take_all(log, desk)
    desk.seen.write_text("rubbish")
    with pytest.raises(LedgerRefusedError, match="cannot be read"):
        await take_all(log, desk)


async def test_a_crash_between_the_commit_and_the_file_is_no_fork(
    database: Database, log: Connection, desk: Desk
) -> None:
    place = await take_all(log, desk)
    async with database.transaction() as connection:
        await say(connection, 3)
    await sequencing.seal(log, place, 10)  # and not remembered
    assert (await take_all(log, desk)).frontier.size == place.frontier.size + 3


async def test_a_crash_before_anything_is_signed_under_the_new_name_is_no_dead_end(
    database: Database, log: Connection, desk: Desk, template: Template, owner: Owner, tmp_path: Path
) -> None:
    backup = (await take_all(log, desk)).frontier.size
    async with database.transaction() as connection:
        await say(connection, 5)
    await take_all(log, desk)
    await restore(owner, backup)
    renamed = desk_of(template, tmp_path, "shop.example/ledger-2")
    sequencing.remember(renamed, await sequencing.begin(log, renamed))  # and then it is killed
    after = await take_all(log, renamed)
    assert (after.signer.name, after.frontier.size) == ("shop.example/ledger-2", backup + 1), "it is said once"


async def test_a_log_never_goes_on_under_a_name_that_it_had(
    database: Database, log: Connection, desk: Desk, template: Template, owner: Owner, tmp_path: Path
) -> None:
    """What was signed under the first name, and lost, is kept by others: it would be signed again, and otherwise."""
    backup = (await take_all(log, desk)).frontier.size
    for name in ("shop.example/ledger-2", sequencing.FIRST_NAME):
        async with database.transaction() as connection:
            await say(connection, 5)
        await take_all(log, desk)
        await restore(owner, backup)
        if name == sequencing.FIRST_NAME:
            with pytest.raises(LedgerRefusedError, match="under a new name"):
                await take_all(log, desk_of(template, tmp_path, name))
        else:
            backup = (await take_all(log, desk_of(template, tmp_path, name))).frontier.size


async def test_a_host_that_stands_by_follows_the_log_to_its_new_name(
    database: Database, log: Connection, desk: Desk, template: Template, owner: Owner, tmp_path: Path
) -> None:
    backup = (await take_all(log, desk)).frontier.size
    standby = desk_of(template, tmp_path / "standby")
    async with database.transaction() as connection:
        await say(connection, 5)
    await take_all(log, desk)
    await sequencing.watch(log, standby)
    await restore(owner, backup)
    renamed = await take_all(log, desk_of(template, tmp_path, "shop.example/ledger-2"))
    await sequencing.watch(log, standby)
    assert read_seen(standby.seen) == read_seen(desk.seen)
    await restore(owner, backup)
    await sequencing.watch(log, standby)
    with pytest.raises(LedgerRefusedError, match=f"has seen {renamed.frontier.size} entries of shop"):
        await sequencing.begin(log, standby)


async def test_a_log_keeps_the_name_it_began_with(
    database: Database, log: Connection, desk: Desk, template: Template, tmp_path: Path
) -> None:
    first = await take_all(log, desk_of(template, tmp_path, "shop.example/ledger"))
    assert first.signer.name == "shop.example/ledger"
    with pytest.raises(LedgerRefusedError, match=r"called shop\.example/ledger"):
        await take_all(log, desk_of(template, tmp_path, "other.example/ledger"))
    assert (await take_all(log, desk)).signer.name == "shop.example/ledger"


async def test_one_leads_and_when_its_connection_is_cut_another_does_within_seconds(
    database: Database, database_url: str, template: Template, owner: Owner, tmp_path: Path
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"

    async def nothing() -> None:
        return None

    url = in_role(database_url, "byleave_sequencer")
    async with opened(url, 2, 20.0) as first, opened(url, 2, 20.0) as second:
        running = [
            asyncio.create_task(sequence(first, desk_of(template, one), nothing)),
            asyncio.create_task(sequence(second, desk_of(template, other), nothing)),
        ]
        try:
            await settled(owner)
            assert await leaders(owner) == 1
            for _ in range(3):
                before = await owner.fetchval("SELECT coalesce(max(size), 0) FROM checkpoint")
                await owner.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
                )
                async with database.transaction() as connection:
                    await say(connection, 20)
                await settled(owner)
                assert await leaders(owner) == 1
                assert await owner.fetchval("SELECT max(size) FROM checkpoint") == before + 20
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
    assert read_seen(one / "ledger.seen") is not None
    assert read_seen(other / "ledger.seen") is not None


async def leaders(owner: Owner) -> int:
    count: int = await owner.fetchval(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    return count


async def settled(owner: Owner) -> None:
    """Wait until nothing waits."""
    async with asyncio.timeout(15):
        while await owner.fetchval("SELECT EXISTS (SELECT FROM queue) OR NOT EXISTS (SELECT FROM checkpoint)"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_batch_that_fails_leaves_everything_where_it_was(
    database: Database, log: Connection, desk: Desk, owner: Owner
) -> None:
    place = await take_all(log, desk)
    async with database.transaction() as connection:
        await say(connection, 4)
    await owner.execute("INSERT INTO body (position, id, content) VALUES ($1, 'x', '')", place.frontier.size + 2)
    with pytest.raises(asyncpg.UniqueViolationError):
        await sequencing.seal(log, place, 10)
    assert await log.fetchval("SELECT count(*) FROM queue") == 4
    assert await log.fetchval("SELECT max(position) + 1 FROM entry") == place.frontier.size


# --- what somebody puts into the queue who has the application's password ---


async def test_who_led_leaves_the_lead_to_others_though_its_other_connections_stay(
    database: Database, log_database: Database, desk: Desk, owner: Owner
) -> None:
    async def nothing() -> None:
        return None

    async with database.transaction() as connection:
        await say(connection, 1)
    assert await sequence(log_database, desk, nothing, once=True)
    async with asyncio.timeout(30):
        while await leaders(owner):  # noqa: ASYNC110  the server hears of a cut a moment later
            await asyncio.sleep(0.02)


FORGED = """
INSERT INTO queue (id, customer, kind, actor, at, purpose, released, commitment, content)
VALUES ($1, $2, 'release', 'service:shop', $3, $4, $5, sha256('x'), $6)
"""
SOMETHING = b"x" * 40


async def test_an_entry_about_nobody_we_know_holds_up_only_itself(
    database: Database, log_database: Database, log: Connection, desk: Desk, keyring: Keyring, customer: CustomerId
) -> None:
    async def keys() -> Keyring:
        return keyring

    async with database.transaction() as connection:
        await connection.execute(FORGED, "ent_forged", LONG_AGO, NOON, "", [], SOMETHING)
        await ledger.append(
            connection, None, entry(EntryId("ent_hers"), customer, WorkerCaller(), NOON, LookedUp("x", "a test"))
        )
    assert await sequence(log_database, desk, keys, once=True)
    assert [row["id"] for row in await log.fetch("SELECT id FROM queue")] == ["ent_forged"]


async def test_what_cannot_be_sealed_hides_nothing_that_comes_after_it(
    database: Database, log: Connection, desk: Desk, keyring: Keyring, customer: CustomerId,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(sequencing, "AT_ONCE", 1)
    async with database.transaction() as connection:
        await connection.execute(FORGED, "ent_forged", LONG_AGO, NOON, "", [], SOMETHING)
        await ledger.append(
            connection, None, entry(EntryId("ent_hers"), customer, WorkerCaller(), NOON, LookedUp("x", "a test"))
        )
    first = await sequencing.seal_waiting(log, keyring)
    assert (first.left, first.further is None) == (1, False)
    assert (await sequencing.seal_waiting(log, keyring, first.further or 0)).left == 0
    assert await log.fetchval("SELECT key IS NOT NULL FROM queue WHERE id = 'ent_hers'")


async def test_an_id_that_was_entered_before_does_not_stop_the_log(
    database: Database, log: Connection, desk: Desk
) -> None:
    before = (await take_all(log, desk)).frontier.size
    async with database.transaction() as connection:
        taken = await connection.fetchval("SELECT min(id) FROM body")
        await connection.execute(FORGED, taken, None, NOON, "", [], SOMETHING)
    assert (await take_all(log, desk)).frontier.size == before + 1
    assert await log.fetchval("SELECT count(*) FROM body WHERE position = $1", before) == 0, "the verifier misses it"


@pytest.mark.parametrize(
    ("at", "purpose", "released", "content"),
    [
        (datetime.max.replace(tzinfo=UTC), "", [], SOMETHING),
        (NOON, "x" * 3000, [], SOMETHING),
        (NOON, "", [["a", "b"], ["c", "d"]], SOMETHING),
        (NOON, "", [None], SOMETHING),
        (NOON, "", [], b"x" * (1 << 20)),
    ],
    ids=["a time that is none", "a long word", "a table", "nothing in a list", "more than a line takes"],
)
async def test_what_could_be_taken_nowhere_is_not_entered(
    at: datetime, purpose: str, released: list[object], content: bytes, database: Database, customer: CustomerId
) -> None:
    async with database.connection() as connection:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(FORGED, "ent_forged", customer, at, purpose, released, content)


def test_the_facets_of_a_release_are_names_and_nothing_else() -> None:
    act = Released(
        decision="dec",
        purpose="p",
        channel="web",
        outcome="partial",
        released=["b", "a"],
        withheld={"d": "demographic"},
        policy_version="v",
        version=1,
    )
    facets = entry(ledger.new_entry_id(NOON), None, WorkerCaller(), NOON, act).facets
    assert (facets.released, facets.refused) == (["a", "b"], ["d"])

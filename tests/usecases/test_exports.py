"""What an export has in it, and what it leaves behind; and that it is of one instant whatever goes on meanwhile."""

import asyncio
import json
from typing import Any

import asyncpg
import pytest

from service.crypto.keyring import Keyring
from service.database import Connection, Database
from service.errors import ExportFileError
from service.model.callers import ServiceCaller
from service.model.export import Consent, End, Entry, Head, Limits, Signed, Waiting
from service.model.words import Status
from service.policy.engine import Policies
from service.usecases.exports import export_opened
from service.usecases.sequencing import Desk
from tests.conftest import Api, Person, Template, allow, enrol
from tests.exporting import AUDITOR, Ledger, findings, lines_of
from tests.merging import SHOP, SPOTS, World
from tests.security.conftest import ask, id_of, withdraw


@pytest.fixture
def ledger(database: Database, database_url: str, keyring: Keyring, desk: Desk) -> Ledger:
    return Ledger(database_url, database, keyring, desk)


@pytest.fixture
def world(database: Database, keyring: Keyring, policies: Policies, template: Template) -> World:
    return World(database, keyring, policies, ServiceCaller(SHOP, template.api_keys[SHOP].split("_")[1], proven=True))


async def newest_waiting(database: Database) -> dict[str, Any]:
    """Return what the entry says that came last, and is about nobody."""
    async with database.connection() as connection:
        content = await connection.fetchval("SELECT content FROM queue ORDER BY number DESC LIMIT 1")
    said: dict[str, Any] = json.loads(content[32:])
    return said


async def test_an_opened_export_is_an_entry_before_its_first_byte(ledger: Ledger, abbie: Person) -> None:
    await ledger.seal()
    size = (await ledger.checkpoint()).split("\n")[1]

    def full(data: bytes) -> None:
        raise ExportFileError("the disk is full")

    with pytest.raises(ExportFileError, match="the disk is full"):
        await export_opened(ledger.database, ledger.keyring, AUDITOR, full)
    said = await newest_waiting(ledger.database)
    assert said["act"] == {"kind": "export", "reason": "the yearly audit", "size": int(size)}
    assert (said["actor"], said["customer"]) == ("operator:auditor", None)


async def test_a_sealed_export_is_no_entry_and_has_nobody_in_it(
    ledger: Ledger, api: Api, abbie: Person, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await ledger.seal()
    await allow(api, abbie, channel="email")
    exported = (await ledger.export(opened=False)).decode()
    assert await owner.fetchval("SELECT count(*) FROM queue") == 1
    assert str(await id_of(owner, abbie)) not in exported
    hers = await owner.fetch("SELECT id FROM body WHERE customer IS NOT NULL UNION SELECT id FROM queue")
    assert len(hers) > 3
    assert [row[0] for row in hers if row[0] in exported] == []
    assert "consent" not in exported.replace('"consents":0', "")


async def test_every_kind_of_line_is_where_it_belongs_and_counted(ledger: Ledger, api: Api, abbie: Person) -> None:
    await ledger.seal(most=5)
    await allow(api, abbie, channel="email")
    await allow(api, abbie, "market.newsletter", "email")
    lines = lines_of(await ledger.export())
    assert isinstance(lines[0], Head)
    assert lines[0].opened
    end = lines[-1]
    assert isinstance(end, End)
    kinds = [type(line) for line in lines]
    assert kinds.index(Waiting) > len(kinds) - 1 - kinds[::-1].index(Signed), "what waits comes after the log"
    size = 0
    for line in lines:
        if isinstance(line, Entry):
            assert line.position == size
            size += 1
        elif isinstance(line, Signed):
            assert line.note.split("\n")[1] == str(size), "right after the last entry that it covers"
    counted = [kinds.count(kind) for kind in (Entry, Signed, Waiting, Consent, Limits)]
    assert (
        counted
        == [end.entries, end.checkpoints, end.waiting, end.consents, end.restrictions]
        == [size, -(-size // 5), 2, 3, 1]
    )


async def test_an_empty_ledger_can_be_exported_and_verified(ledger: Ledger) -> None:
    for opened in (True, False):
        assert findings(await ledger.export(opened=opened)) == []


async def test_what_is_of_many_batches_comes_in_order(ledger: Ledger, log: Connection) -> None:
    """By SQL, because what entries say does not matter here."""
    await ledger.seal()
    size = int((await ledger.checkpoint()).split("\n")[1])
    many = """
        INSERT INTO queue (id, kind, actor, at, commitment, content)
        SELECT 'ent_' || n, 'test', 'a', now(), sha256(n::text::bytea), '\\x00' FROM generate_series(1, 4500) AS n
    """
    await log.execute(many)
    await ledger.seal(most=1000)
    found = await ledger.findings(opened=False)
    assert {each.partition(":")[0] for each in found} == {"body"}, "they say nothing, and nothing else is wrong"
    end = lines_of(await ledger.export(opened=False))[-1]
    assert isinstance(end, End)
    assert end.entries == size + 4500


async def test_an_export_is_of_one_instant_while_answers_and_the_sequencer_go_on(
    ledger: Ledger, api: Api, abbie: Person, database: Database
) -> None:
    stop, answered = asyncio.Event(), list[Person]()

    async def answer(person: Person) -> None:
        while not stop.is_set():
            await (withdraw(api, person) if answered.count(person) % 2 else allow(api, person))
            await ask(api, person)
            answered.append(person)

    async def seal() -> None:
        while not stop.is_set():
            await ledger.seal()

    await ledger.seal()
    bo = await enrol(api, "bo@example.com")
    going = [asyncio.create_task(each) for each in (answer(abbie), answer(bo), seal())]
    key, waited = await ledger.key(), 0
    while len(answered) < 20 or not waited:
        exported = await ledger.export()
        assert findings(exported, [key]) == []
        end = lines_of(exported)[-1]
        assert isinstance(end, End)
        waited += end.waiting
    stop.set()
    await asyncio.gather(*going)


async def test_what_came_by_merges_follows_from_the_entries_too(
    ledger: Ledger, world: World, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    one, other = await world.newcomer(), await world.newcomer()
    await one.say(Status.GIVEN)
    link = await world.merge(one, other)
    await one.say(Status.GIVEN, SPOTS[1])
    await other.say(Status.GIVEN)
    await one.say(Status.WITHDRAWN, SPOTS[1])
    await other.say(Status.GIVEN, SPOTS[1])
    await one.be_a_minor()
    assert await owner.fetchval("SELECT count(*) FROM linked_consent") == 2
    await ledger.seal()
    assert await ledger.findings() == []
    rows = await owner.fetch("SELECT * FROM linked_consent")
    await owner.execute("UPDATE linked_consent SET status = 'renewed' WHERE purpose = $1", SPOTS[1][0])
    (found,) = await ledger.findings()
    assert found.startswith("state: position ")
    assert found.endswith(
        f" said given, and renewed stands: customer {one.id}, purpose market.newsletter on email by merge {link}"
    )
    await world.unmerge(link)
    assert await ledger.findings() == []
    put = "INSERT INTO linked_consent VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
    await owner.execute(put, *rows[0].values())
    (found,) = await ledger.findings()
    assert found.startswith("state: no entry said so, and given stands: ")
    assert found.endswith(f"by merge {link}")

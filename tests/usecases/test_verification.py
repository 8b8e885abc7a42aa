"""Whatever somebody who owns the database does to the ledger is found by the verifier, and named."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from msgspec import Struct, structs

from service.crypto.entries import Content, content_of, positions_digest, seal_content
from service.crypto.keyring import Keyring, open_key
from service.crypto.merkle import Frontier, leaf_hash
from service.crypto.notes import Verifier, checkpoint_text, signed_note
from service.crypto.signing import public_key
from service.database import Database
from service.model.ledger import Erased, entry
from service.model.words import CustomerId, EntryId
from service.rootkey import read_root_key
from service.storage import customers, evidence, ledger, log
from service.usecases.erasures import destroy_evidence
from service.usecases.sequencing import Desk
from tests.conftest import OPERATOR, Api, Owner, Template, allow, enrol
from tests.exporting import Ledger, entries_of, findings
from tests.sealing import at_the_log, desk_of
from tests.security.conftest import ask, id_of, withdraw

FORGER = bytes(range(32))
"""The private key of somebody else."""


class Company(Struct, frozen=True):
    """A ledger in which something happened, all of it taken in, with three entries under each checkpoint."""

    ledger: Ledger
    owner: Owner
    abbie: CustomerId
    bo: CustomerId
    given: int
    """The position of Abbie's yes; she withdrew it later."""
    withdrawn: int
    last_of_bo: int
    size: int

    async def findings(self, *kept: str, opened: bool = True) -> list[str]:
        return await self.ledger.findings(*kept, opened=opened)

    async def change(self, statement: str, *values: object) -> None:
        """Do something as the superuser, who keeps no promises."""
        await self.owner.execute("SET session_replication_role = replica")
        assert (await self.owner.execute(statement, *values)).split()[-1] != "0", "nothing was changed"

    async def id_at(self, position: int) -> EntryId:
        found: EntryId = await self.owner.fetchval("SELECT id FROM body WHERE position = $1", position)
        return found

    async def content_at(self, position: int) -> Content:
        """Return what an entry says, to somebody who has the keys."""
        (entry,) = [each for each in entries_of(await self.ledger.export()) if each.position == position]
        assert entry.seed is not None
        assert entry.body is not None
        return Content(entry.seed, entry.body.encode())

    async def reseal(self, keyring: Keyring, position: int, customer: CustomerId, content: Content) -> None:
        """Put something else in the place of a body, and seal it as we would."""
        async with self.ledger.database.connection() as connection:
            key = (await evidence.keys_of(connection, keyring, [customer]))[customer]
        assert key is not None
        sealed = seal_content(key, customer, await self.id_at(position), content).data
        change = "UPDATE body SET customer = $2, key = $3, content = $4 WHERE position = $1"
        await self.change(change, position, customer, key.id, sealed)


@pytest.fixture
async def company(
    api: Api, owner: Owner, database: Database, database_url: str, keyring: Keyring, desk: Desk
) -> Company:
    ledger = Ledger(database_url, database, keyring, desk)
    abbie, bo = await enrol(api, "abbie@example.com"), await enrol(api, "bo@example.com", {"first_name": "Bo"})
    yes = await allow(api, abbie)
    await allow(api, abbie, "market.newsletter", "email")
    assert (await ask(api, abbie)).json()["decision"] == "permit"
    no = (await withdraw(api, abbie)).json()["entry"]
    last = await allow(api, bo)
    await ledger.seal()
    at = {row["id"]: row["position"] for row in await owner.fetch("SELECT id, position FROM body")}
    hers, his = await id_of(owner, abbie), await id_of(owner, bo)
    return Company(ledger, owner, hers, his, at[yes], at[no], at[last], len(at))


def places(found: Iterable[str], sort: str) -> list[str]:
    """Return what was found of one sort."""
    return [each.removeprefix(f"{sort}: ") for each in found if each.startswith(f"{sort}: ")]


def sorts(found: Iterable[str]) -> set[str]:
    return {each.partition(":")[0] for each in found}


def under(position: int) -> int:
    """Return the size of the checkpoint that first covers a position."""
    return (position // 3 + 1) * 3


@pytest.mark.parametrize("opened", [True, False])
async def test_nothing_is_found_in_a_ledger_that_nobody_touched(company: Company, api: Api, *, opened: bool) -> None:
    kept = await company.ledger.checkpoint()
    assert await company.findings(kept, opened=opened) == []
    await allow(api, await enrol(api, "cleo@example.com"), channel="email")
    assert await company.findings(kept, opened=opened) == [], "also while entries wait"
    await company.ledger.seal()
    assert await company.findings(kept, opened=opened) == []


# --- entries ---


async def test_a_changed_commitment_is_named(company: Company) -> None:
    await company.change("UPDATE entry SET commitment = sha256(commitment) WHERE position = $1", company.given)
    found = await company.findings()
    id_ = await company.id_at(company.given)
    what = f"position {company.given}: what it says ({id_}) is not what was committed to"
    assert places(found, "commitment") == [what]
    size = under(company.given)
    signed = f"checkpoint of size {size}: positions {size - 3} to {size - 1} are not what was signed (told once)"
    assert places(found, "root") == [signed]
    assert places(await company.findings(opened=False), "root") == [signed], "nobody need open anything for that"


async def test_a_changed_body_does_not_open_and_is_named(company: Company) -> None:
    flip = "UPDATE body SET content = set_byte(content, 40, get_byte(content, 40) # 1) WHERE position = $1"
    await company.change(flip, company.withdrawn)
    id_ = await company.id_at(company.withdrawn)
    found = places(await company.findings(), "body")
    assert found == [f"position {company.withdrawn}: its body ({id_}) is there and cannot be opened"]


async def test_a_body_changed_by_somebody_with_the_keys_is_not_what_was_committed_to(
    company: Company, keyring: Keyring
) -> None:
    said = await company.content_at(company.withdrawn)
    other = Content(said.seed, said.body.replace(b'"status":"withdrawn"', b'"status":"given"'))
    assert other.body != said.body
    await company.reseal(keyring, company.withdrawn, company.abbie, other)
    id_ = await company.id_at(company.withdrawn)
    found = places(await company.findings(), "commitment")
    assert found == [f"position {company.withdrawn}: what it says ({id_}) is not what was committed to"]


async def test_a_changed_body_about_nobody_is_named_in_a_sealed_export_too(company: Company) -> None:
    stored = content_of(await company.owner.fetchval("SELECT content FROM body WHERE position = 2"))
    changed = Content(stored.seed, stored.body.replace(b"shop", b"shap"))
    await company.change("UPDATE body SET content = $1 WHERE position = 2", changed.joined)
    for opened in (True, False):
        found = await company.findings(opened=opened)
        assert found == [
            f"commitment: position 2: what it says ({await company.id_at(2)}) is not what was committed to"
        ]


async def test_a_deleted_entry_is_named(company: Company) -> None:
    await company.change("DELETE FROM entry WHERE position = $1", company.given)
    for opened in (True, False):
        found = await company.findings(opened=opened)
        assert places(found, "position") == [f"position {company.given} is missing"]
        assert len(places(found, "root")) == 1


async def test_a_deleted_entry_is_found_when_the_others_close_up(company: Company) -> None:
    for table in ("entry", "body"):
        await company.change(f"DELETE FROM {table} WHERE position = $1", company.given)  # noqa: S608  ours
        closing = f"UPDATE {table} SET position = position - 1 WHERE position = $1"  # noqa: S608  ours
        for position in range(company.given + 1, company.size):
            await company.change(closing, position)
    size = under(company.given)
    found = await company.findings(opened=False)
    assert places(found, "root")[0].startswith(f"checkpoint of size {size}: positions {size - 3} to {size - 1} are not")
    assert f"the checkpoint of size {company.size} stands after {company.size - 1} entries" in places(
        found, "checkpoint"
    )


async def test_two_entries_in_each_others_place_are_found(company: Company) -> None:
    one, other = company.given, company.withdrawn
    for table in ("entry", "body"):
        swap = f"UPDATE {table} SET position = $2 WHERE position = $1"  # noqa: S608  ours
        for here, there in ((one, -1 - one), (other, one), (-1 - one, other)):
            await company.owner.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {table}_position_check")
            await company.change(swap, here, there)
    size = under(one)
    found = await company.findings(opened=False)
    assert found == [
        f"root: checkpoint of size {size}: positions {size - 3} to {size - 1} are not what was signed (told once)"
    ]


async def test_a_deleted_body_is_hidden_evidence(company: Company) -> None:
    await company.change("DELETE FROM body WHERE position = $1", company.withdrawn)
    gone = f"gap: position {company.withdrawn}: its body is gone, and no erasure accounts for it"
    assert await company.findings(opened=False) == [gone]
    found = await company.findings()
    assert gone in found
    assert sorts(found) == {"gap", "state"}


async def test_what_she_said_once_cannot_be_said_again_for_her(company: Company) -> None:
    """A choice has no time of its own: entered again, after she took it back, it would open what she closed."""
    first = min(each.position for each in entries_of(await company.ledger.export()) if each.customer == company.abbie)
    await company.ledger.seal()
    await company.owner.execute(AGAIN, first)
    assert "commitment" in sorts(await company.findings(opened=False)), "while it waits, too"
    await company.ledger.seal()
    await company.owner.execute("ALTER TABLE body DROP CONSTRAINT body_id_key")
    await company.owner.execute(ITS_BODY, first)
    commitment = await company.owner.fetchval("SELECT commitment FROM entry WHERE position = $1", first)
    copied = f"commitment: an entry is a copy of an earlier one: both begin with {commitment[:8].hex()}"
    assert await company.findings(opened=False) == [copied]
    assert copied in await company.findings()


AGAIN = """
INSERT INTO queue (id, customer, kind, actor, at, commitment, key, content)
SELECT id, customer, 'enrol', 'service:shop', now(), commitment, key, content
  FROM body JOIN entry USING (position) WHERE position = $1
"""
ITS_BODY = """
INSERT INTO body (position, id, customer, key, content)
SELECT (SELECT max(position) FROM entry), id, customer, key, content FROM body WHERE position = $1
"""


async def test_an_entry_moved_to_another_customer_does_not_open(company: Company) -> None:
    id_ = await company.id_at(company.withdrawn)
    await company.change("UPDATE body SET customer = $2 WHERE position = $1", company.withdrawn, company.bo)
    found = places(await company.findings(), "body")
    assert found == [f"position {company.withdrawn}: its body ({id_}) is there and cannot be opened"]


async def test_an_entry_moved_by_somebody_with_the_keys_is_not_about_that_customer(
    company: Company, keyring: Keyring
) -> None:
    said, id_ = await company.content_at(company.withdrawn), await company.id_at(company.withdrawn)
    await company.reseal(keyring, company.withdrawn, company.bo, said)
    found = await company.findings()
    moved = f"position {company.withdrawn}: {id_} is not about customer {company.bo}, as the export says"
    assert places(found, "customer") == [moved]
    assert places(found, "state") != [], "her withdrawal is no longer hers"


async def test_an_entry_under_another_id_is_named(company: Company) -> None:
    true = await company.id_at(2)
    await company.change("UPDATE body SET id = 'ent_other' WHERE position = 2")
    assert await company.findings() == [f"body: position 2: it says that it is {true}, and not ent_other"]


# --- the end of the log, and its heads ---

TAIL = ("entry", "body", "gap")


async def sizes(company: Company) -> list[int]:
    """Return the sizes of the checkpoints, the largest first."""
    return [row[0] for row in await company.owner.fetch("SELECT size FROM checkpoint ORDER BY size DESC")]


async def cut(company: Company, size: int) -> None:
    """Take away the end of the log, with everything that tells of it."""
    for table in TAIL:
        await company.owner.execute(f"DELETE FROM {table} WHERE position >= $1", size)  # noqa: S608  ours
    await company.owner.execute("DELETE FROM node WHERE (index + 1) * (256 ^ level) > $1", size)
    await company.change("DELETE FROM checkpoint WHERE size > $1", size)


async def test_a_log_without_its_end_is_found_by_whoever_kept_a_checkpoint(company: Company) -> None:
    kept = await company.ledger.checkpoint()
    size = (await sizes(company))[2]
    await cut(company, size)
    assert await company.findings(opened=False) == [], "by itself it is whole"
    cut_off = f"truncated: kept-1: {company.size} entries were signed, and {size} are here"
    assert await company.findings(kept, opened=False) == [cut_off]
    assert places(await company.findings(), "state") != [], "and what stands does not follow from the rest"


async def test_entries_that_no_checkpoint_signs_are_found(company: Company) -> None:
    size = (await sizes(company))[1]
    await company.change("DELETE FROM checkpoint WHERE size > $1", size)
    left = f"position {size} is" if size + 1 == company.size else f"positions {size} to {company.size - 1} are"
    assert await company.findings() == [f"checkpoint: {left} not signed: no checkpoint comes after"]


async def test_a_log_that_went_on_otherwise_after_it_was_cut_is_a_fork(company: Company, api: Api) -> None:
    kept = await company.ledger.checkpoint()
    await cut(company, (await sizes(company))[1])
    company.ledger.desk.seen.unlink()
    for number in range(3):
        await enrol(api, f"new-{number}@example.com")
    await company.ledger.seal()
    forked = f"forked: kept-1: the first {company.size} entries are not those that were signed"
    assert await company.findings(kept, opened=False) == [forked]


async def forge(company: Company, seed: bytes) -> None:
    """Add an entry at the end, under a checkpoint that another key signed."""
    name = (await company.ledger.key()).name
    said = content_of(
        bytes(32)
        + b'{"act":{"kind":"keys","keys":[]},"actor":"a","at":"2026-01-01T00:00:00Z","customer":null,"id":"ent_x"}'
    )
    leaves = [row[0] for row in await company.owner.fetch("SELECT commitment FROM entry ORDER BY position")]
    tree, _ = Frontier().extended(map(leaf_hash, [*leaves, said.commitment]))
    note = signed_note(checkpoint_text(name, tree.size, tree.root()), name, seed)
    await company.change("INSERT INTO entry VALUES ($1, $2)", company.size, said.commitment)
    await company.change("INSERT INTO body VALUES ($1, 'ent_x', NULL, NULL, NULL, $2)", company.size, said.joined)
    put = "INSERT INTO checkpoint VALUES ($1, $2, $3, $4, $5, now(), '0')"
    await company.change(put, tree.size, company.size, name, tree.root(), note)


async def test_a_forged_entry_is_found_by_the_signature_above_it(company: Company) -> None:
    await forge(company, FORGER)
    unsigned = f"signature: checkpoint of size {company.size + 1}: it is not signed with the key that was given"
    assert await company.findings() == [unsigned]
    own = f"signature: checkpoint of size {company.size + 1}: it is not signed with a key that the export names"
    assert findings(await company.ledger.export()) == [own]


async def test_a_signature_moved_to_another_head_does_not_fit(company: Company) -> None:
    await company.change(r"UPDATE checkpoint SET note = replace(note, E'\n6\n', E'\n7\n') WHERE size = 6")
    found = await company.findings()
    assert places(found, "signature") == ["checkpoint of size 7: its signature does not fit what it says"]
    assert places(found, "checkpoint") == ["the checkpoint of size 7 stands after 6 entries"]


async def test_a_whole_history_under_another_key_is_found_by_the_key_that_was_published_or_a_checkpoint(
    company: Company,
) -> None:
    key, kept = await company.ledger.key(), await company.ledger.checkpoint()
    rows = await company.owner.fetch("SELECT size, origin, root FROM checkpoint")
    for row in rows:
        note = signed_note(checkpoint_text(row["origin"], row["size"], row["root"]), row["origin"], FORGER)
        await company.change("UPDATE checkpoint SET note = $2 WHERE size = $1", row["size"], note)
    await company.change("UPDATE ledger_key SET public = $1", public_key(FORGER).x)
    exported = await company.ledger.export()
    assert findings(exported) == [], "the export believes its own key"
    assert len(places(findings(exported, [key]), "signature")) == len(rows)
    assert findings(exported, kept=[kept]) == ["signature: kept-1: it is not signed with a key that the export names"]


async def test_the_key_of_another_log_is_told(company: Company) -> None:
    key = await company.ledger.key()
    found = findings(await company.ledger.export(), [Verifier("elsewhere/log", key.public)])
    assert found == [f"name: this is the log {key.name}, and the key that was given is of elsewhere/log"]


# --- what stands ---

HER_ROW = "customer = $1 AND purpose = 'personalise.recommendations' AND channel = 'web'"
DELETED = f"DELETE FROM consent WHERE {HER_ROW}"  # noqa: S608  ours
REFUSED = f"UPDATE consent SET status = 'refused' WHERE {HER_ROW}"  # noqa: S608  ours
RENOTICED = f"UPDATE consent SET notice = 1 WHERE {HER_ROW}"  # noqa: S608  ours
MADE = f"INSERT INTO consent SELECT customer, purpose, 'sms', 'given', 1, false, now() FROM consent WHERE {HER_ROW}"  # noqa: S608  ours


async def test_a_withdrawal_that_was_rolled_back_is_named(
    api: Api, owner: Owner, database: Database, database_url: str, keyring: Keyring, desk: Desk
) -> None:
    ledger = Ledger(database_url, database, keyring, desk)
    person = await enrol(api, "abbie@example.com")
    await allow(api, person)
    await owner.execute("CREATE TABLE kept AS SELECT * FROM consent")
    no = (await withdraw(api, person)).json()["entry"]
    await owner.execute("DELETE FROM consent c USING kept k WHERE (c.purpose, c.channel) = (k.purpose, k.channel)")
    await owner.execute("INSERT INTO consent SELECT * FROM kept; DROP TABLE kept")
    await owner.execute("DELETE FROM consent_event WHERE status = 'withdrawn'")
    assert (await ask(api, person)).json()["decision"] == "permit", "the row carries our MAC, and nobody notices"
    await ledger.seal()
    position = await owner.fetchval("SELECT position FROM body WHERE id = $1", no)
    about = f"customer {await id_of(owner, person)}, purpose personalise.recommendations on web"
    assert await ledger.findings() == [f"state: position {position} said withdrawn, and given stands: {about}"]


async def test_an_answer_that_is_gone_is_named(company: Company) -> None:
    await company.change(DELETED, company.abbie)
    about = f"customer {company.abbie}, purpose personalise.recommendations on web"
    assert await company.findings() == [
        f"state: position {company.withdrawn} said withdrawn, and nothing stands: {about}"
    ]


async def test_an_answer_that_nobody_gave_is_named(company: Company) -> None:
    await company.change(MADE, company.abbie)
    about = f"customer {company.abbie}, purpose personalise.recommendations on sms"
    assert await company.findings() == [f"state: no entry said so, and given stands: {about}"]


async def test_an_answer_to_another_notice_is_named(company: Company) -> None:
    await company.change(RENOTICED, company.bo)
    about = f"customer {company.bo}, purpose personalise.recommendations on web"
    said = f"position {company.last_of_bo} said given, and given stands with another notice"
    assert await company.findings() == [f"state: {said}: {about}"]


async def test_a_restriction_that_was_lifted_or_is_gone_is_named(company: Company, api: Api) -> None:
    await company.change("UPDATE restrictions SET inferred_allowed = true WHERE customer = $1", company.bo)
    await company.change("DELETE FROM restrictions WHERE customer = $1", company.abbie)
    first = min(each.position for each in entries_of(await company.ledger.export()) if each.customer == company.bo)
    last = f"she chose last by position {first}"
    assert await company.findings() == [
        f"state: inferred_allowed does not follow from what she chose; {last}: customer {company.bo}",
        f"state: the row of what she restricts is gone: customer {company.abbie}",
    ]


async def test_an_answer_that_waits_to_be_taken_in_counts_and_is_named(company: Company, api: Api) -> None:
    person = await enrol(api, "cleo@example.com")
    await allow(api, person)
    assert await company.findings() == []
    her = await id_of(company.owner, person)
    await company.change(REFUSED, her)
    waiting = await company.owner.fetchval("SELECT count(*) FROM queue") - 1
    # An export is an entry, too: it came last.
    about = f"customer {her}, purpose personalise.recommendations on web"
    said = f"waiting entry {waiting - 1} said given, and refused stands"
    assert await company.findings() == [f"state: {said}: {about}"]


# --- gaps ---


async def erased(company: Company, log_database: Database) -> EntryId:
    """Erase Abbie: her evidence and, as whoever erases will, what stands of her."""
    done = await destroy_evidence(log_database, OPERATOR, company.abbie)
    assert done.entries == 1
    for table in ("consent", "restrictions"):
        await company.change(f"DELETE FROM {table} WHERE customer = $1", company.abbie)  # noqa: S608  ours
    found: EntryId = await company.owner.fetchval("SELECT DISTINCT erasure FROM gap")
    return found


@pytest.mark.parametrize("opened", [True, False])
async def test_an_erasure_is_lawful(company: Company, log_database: Database, *, opened: bool) -> None:
    kept = await company.ledger.checkpoint()
    id_ = await erased(company, log_database)
    assert await company.findings(kept, opened=opened) == [f"notice: the erasure {id_} waits to be taken into the log"]
    await company.ledger.seal()
    assert await company.findings(kept, opened=opened) == []
    exported = await company.ledger.export(opened=opened)
    assert str(company.abbie) not in exported.decode()


async def test_gaps_that_are_not_those_of_the_erasure_are_named(company: Company, log_database: Database) -> None:
    id_ = await erased(company, log_database)
    await company.ledger.seal()
    gaps = [row[0] for row in await company.owner.fetch("SELECT position FROM gap ORDER BY position")]
    told = ", ".join(map(str, gaps[1:]))
    await company.change("DELETE FROM gap WHERE position = $1", gaps[0])
    hidden = f"gap: position {gaps[0]}: its body is gone, and no erasure accounts for it"
    count = f"gap: the erasure {id_} says that {len(gaps)} bodies went, and {len(gaps) - 1} are gone by it"
    assert await company.findings() == [hidden, f"{count}: positions {told}"]

    await company.change("DELETE FROM body WHERE position = $1", company.last_of_bo)
    await company.change("INSERT INTO gap VALUES ($1, $2)", company.last_of_bo, id_)
    others = (
        f"gap: the erasure {id_} is of other positions than those gone by it: positions {told}, {company.last_of_bo}"
    )
    found = await company.findings(opened=False)
    assert found == [hidden, others]


async def test_an_erasure_that_never_was_is_named(company: Company) -> None:
    await company.change("DELETE FROM body WHERE position = $1", company.withdrawn)
    await company.change("INSERT INTO gap VALUES ($1, 'ent_fake')", company.withdrawn)
    fake = f"position {company.withdrawn}: said to be erased by ent_fake, and the log has no such erasure"
    assert await company.findings(opened=False) == [f"gap: {fake}"]
    assert places(await company.findings(), "gap") == [fake]


async def test_an_erasure_that_was_entered_by_sql_is_believed(company: Company, database: Database) -> None:
    """Nothing proves that we made an entry. This one hides her withdrawal, and stands in the log for good."""
    act = Erased(1, positions_digest([company.withdrawn]))
    async with database.transaction() as connection:
        now = await customers.clock(connection)
        made = entry(ledger.new_entry_id(now), None, OPERATOR, now, act)
        await ledger.append(connection, None, made)
    await company.change("DELETE FROM body WHERE position = $1", company.withdrawn)
    await company.change("INSERT INTO gap VALUES ($1, $2)", company.withdrawn, made.id)
    await company.ledger.seal()
    assert await company.findings(opened=False) == []
    told = [each.body for each in entries_of(await company.ledger.export(opened=False)) if each.id == made.id]
    assert '"kind":"erasure"' in (told[0] or ""), "whoever has an export can ask who wished for it"


async def test_a_body_that_is_there_and_said_to_be_erased_is_named(company: Company) -> None:
    await company.change("INSERT INTO gap VALUES ($1, 'ent_fake')", company.withdrawn)
    there = f"gap: position {company.withdrawn}: said to be erased by ent_fake, and its body is there"
    assert there in await company.findings()


async def test_a_key_that_was_destroyed_without_a_word_leaves_bodies_that_do_not_open(company: Company) -> None:
    await company.change("DELETE FROM evidence_key WHERE customer = $1", company.bo)
    found = places(await company.findings(), "body")
    assert len(found) == await company.owner.fetchval("SELECT count(*) FROM body WHERE customer = $1", company.bo)
    assert found[-1].startswith(f"position {company.last_of_bo}: its body (ent_")


# --- another name ---


async def test_a_restored_backup_goes_on_under_another_name_and_what_was_lost_is_told(
    company: Company, template: Template, tmp_path: Path, api: Api
) -> None:
    old, kept = await company.ledger.key(), await company.ledger.checkpoint()
    size = (await sizes(company))[2]
    await cut(company, size)
    for table in ("consent", "restrictions"):
        await company.owner.execute(f"DELETE FROM {table}")  # noqa: S608  ours
    other = structs.replace(company.ledger, desk=desk_of(template, tmp_path, "new/log"))
    await other.seal()
    exported = await other.export(opened=False)
    (notice,) = places(findings(exported, [old]), "notice")
    assert notice.startswith(
        f"from size {size} on the log {old.name} is called new/log, because a backup was restored: "
    )
    assert f"{old.name} had been signed with {company.size} entries" in notice
    assert notice.endswith(f"so {company.size - size} entries of it are lost")
    (_, lost) = findings(exported, [Verifier("new/log", old.public)], [kept])
    why = f"{company.size} entries were signed, but {old.name} ended at size {size} and went on as new/log"
    assert lost == f"truncated: kept-1: {why}"


async def test_a_name_that_changed_without_a_word_is_named(company: Company, template: Template) -> None:
    newest = await company.owner.fetchrow("SELECT size, root FROM checkpoint ORDER BY size DESC LIMIT 1")
    assert newest is not None
    async with at_the_log(company.ledger.url) as connection:
        ((wrapped, _),) = await log.keys(connection)
    seed = open_key(read_root_key(template.root_key_file), wrapped)
    note = signed_note(checkpoint_text("new/log", newest["size"], newest["root"]), "new/log", seed)
    await company.change("UPDATE checkpoint SET note = $2, origin = 'new/log' WHERE size = $1", newest["size"], note)
    old = (await company.ledger.key()).name
    size = (await sizes(company))[1]
    assert await company.findings() == [
        f"name: from size {size} on the log {old} is called new/log, and no entry says why"
    ]

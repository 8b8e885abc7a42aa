"""Somebody who owns the database but has no key changes rows by SQL. None of it lets anything leave."""

import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from msgspec import structs

from service.crypto.credentials import Credential, new_api_key, new_customer_token
from service.crypto.keyring import Keyring
from service.database import Database
from service.model.facts import restrictions_at_enrolment
from service.model.words import AgeBand, ServiceId
from service.policy.bundle import Bundle, decode
from service.policy.engine import compile_policies
from service.storage import customers
from service.usecases import access
from tests.conftest import OPERATOR, Api, Person, Template, allow, enrol
from tests.security.conftest import (
    ZEPHYRINE,
    Heard,
    ask,
    assert_denied,
    assert_problem,
    fresh_process,
    id_of,
    last_entry,
    question,
    withdraw,
)

YES = {
    "purpose": "personalise.recommendations",
    "answer": "given",
    "channel": "web",
    "notice": 2,
    "evidence": "scan-4711",
}
UNPROVEN_YES = "alarm: a standing yes does not carry our MAC"
UNPROVEN_LIMITS = "alarm: a restrictions row does not carry our MAC"


async def changed(owner: asyncpg.Connection, statement: str, *values: object) -> None:
    """Change exactly one row."""
    assert await owner.execute(statement, *values) in {"UPDATE 1", "INSERT 0 1", "DELETE 1"}


@pytest.fixture
async def bo(api: Api) -> Person:
    """Bo, who allows recommendations on the web and by e-mail, and the newsletter."""
    person = await enrol(api, "bo@example.com", {"first_name": "Bo"})
    await allow(api, person)
    await allow(api, person, channel="email")
    await allow(api, person, "market.newsletter", "email")
    return person


@pytest.fixture
async def refusing(api: Api, zephyrine: Person) -> Person:
    """Zephyrine, who has withdrawn on the web and allows the newsletter."""
    await withdraw(api, zephyrine)
    await allow(api, zephyrine, "market.newsletter", "email")
    return zephyrine


@asynccontextmanager
async def for_a_moment(owner: asyncpg.Connection, table: str) -> AsyncIterator[None]:
    """Put the rows of a table back when the block ends."""
    await owner.execute(f"CREATE TEMPORARY TABLE kept AS SELECT * FROM {table}")  # noqa: S608  ours
    yield
    await owner.execute(f"TRUNCATE {table}; INSERT INTO {table} SELECT * FROM kept; DROP TABLE kept")  # noqa: S608  ours


# --- consents ---

HER_NO = " WHERE consent.customer = $1 AND consent.purpose = 'personalise.recommendations' AND consent.channel = 'web'"
FLIPS = (
    "status = 'given'",
    "status = 'renewed'",
    "status = 'given', mac_version = 1, mac = ''",
    "status = 'given', mac_version = 1, mac = decode(repeat('00', 32), 'hex')",
    "status = 'given', mac_version = 99, mac = decode(repeat('00', 32), 'hex')",
)
OTHERS = (
    "customer <> $1 AND purpose = 'personalise.recommendations' AND channel = 'web'",
    "customer <> $1 AND purpose = 'personalise.recommendations' AND channel = 'email'",
    "customer <> $1 AND purpose = 'market.newsletter'",
    "customer = $1 AND purpose = 'market.newsletter'",
)
COLUMNS = "status, notice, explicit, decided_at, expires_at, mac_version, mac"


def copied(columns: str, other: str) -> str:
    """Return the change that copies columns of another consent."""
    return f"({columns}) = (SELECT {columns} FROM consent WHERE {other})"  # noqa: S608  ours


async def test_a_no_that_was_made_a_yes_by_sql_is_no_yes(
    api: Api, refusing: Person, bo: Person, owner: asyncpg.Connection, heard: Heard
) -> None:
    assert (await ask(api, bo, "first_name")).json()["decision"] == "permit"
    heard.listen(api)
    hers = await id_of(owner, refusing)
    with_anothers_mac = [f"status = 'given', {copied('mac_version, mac', other)}" for other in OTHERS]
    whole_rows = [copied(COLUMNS, other) for other in OTHERS]
    flips = [*FLIPS, *with_anothers_mac, *whole_rows]
    for flip in flips:
        async with for_a_moment(owner, "consent"):
            await changed(owner, f"UPDATE consent SET {flip} {HER_NO} AND $1 = $1", hers)  # noqa: S608  ours
            assert_denied(await ask(api, refusing), "no-permission")
            assert await owner.fetchval("SELECT released FROM queue ORDER BY number DESC LIMIT 1") == []
    assert heard.alarms() == [UNPROVEN_YES] * len(flips)


PARTS_OF_A_YES = (
    "notice = notice - 1",
    "notice = notice + 1",
    "expires_at = expires_at + interval '1 year'",
    "expires_at = NULL",
    "explicit = NOT explicit",
    "decided_at = decided_at - interval '1 microsecond'",
    "decided_at = decided_at + interval '1 day'",
    "status = 'renewed'",
    "mac = NULL",
    "mac_version = NULL",
    "mac_version = mac_version + 1",
    "mac = set_byte(mac, 31, get_byte(mac, 31) # 1)",
    "mac = substring(mac FROM 1 FOR 31)",
)


async def test_a_yes_of_which_anything_was_changed_is_no_yes(
    api: Api, zephyrine: Person, owner: asyncpg.Connection, heard: Heard
) -> None:
    heard.listen(api)
    for change in PARTS_OF_A_YES:
        assert (await ask(api, zephyrine)).json()["decision"] == "permit"
        async with for_a_moment(owner, "consent"):
            await changed(owner, f"UPDATE consent SET {change}")  # noqa: S608  ours
            assert_denied(await ask(api, zephyrine), "no-permission")
    assert heard.alarms() == [UNPROVEN_YES] * len(PARTS_OF_A_YES)


async def test_a_yes_moved_to_another_channel_or_purpose_is_no_yes(
    api: Api, zephyrine: Person, owner: asyncpg.Connection, heard: Heard
) -> None:
    async with for_a_moment(owner, "consent"):
        await changed(owner, "UPDATE consent SET channel = 'email'")
        assert_denied(await ask(api, zephyrine, channel="email"), "no-permission")
    await allow(api, zephyrine, "market.newsletter", "email")
    await changed(owner, "UPDATE consent SET purpose = 'personalise.recommendations' WHERE channel = 'email'")
    assert_denied(await ask(api, zephyrine, channel="email"), "no-permission")
    assert heard.alarms() == [UNPROVEN_YES] * 2


async def test_a_flipped_yes_does_not_become_real_by_an_answer_that_changes_nothing(
    api: Api, refusing: Person, owner: asyncpg.Connection
) -> None:
    await changed(owner, f"UPDATE consent SET {FLIPS[0]} {HER_NO}", await id_of(owner, refusing))  # noqa: S608  ours
    late = {**YES, "given_at": "2020-02-02T02:02:02Z", "method": "paper"}
    await api.post(f"/v1/customers/{refusing.at_shop}/consents", "shop", late)
    assert_denied(await ask(api, refusing), "no-permission")


async def test_who_writes_a_no_into_the_database_is_believed(
    api: Api, zephyrine: Person, owner: asyncpg.Connection
) -> None:
    await changed(owner, "UPDATE consent SET status = 'withdrawn', mac_version = NULL, mac = NULL")
    assert_denied(await ask(api, zephyrine), "withdrawn")


# --- restrictions ---


async def test_a_restrictions_row_that_was_deleted_is_a_refusal_for_every_purpose(
    api: Api, zephyrine: Person, owner: asyncpg.Connection, heard: Heard
) -> None:
    await changed(owner, "DELETE FROM restrictions")
    assert_denied(await ask(api, zephyrine), "unverified")
    parcel = {
        "customer": {"email": zephyrine.email},
        "purpose": "fulfil.orders",
        "channel": "internal",
        "attributes": ["first_name", "postal_address"],
    }
    answer = await api.post("/v1/releases", "fulfilment", parcel)
    assert (answer["decision"], answer["released"]) == ("deny", {})
    assert heard.alarms() == []


FLAGS = (
    "may_process",
    "may_market",
    "may_profile",
    "may_share",
    "observed_allowed",
    "acquired_allowed",
    "inferred_allowed",
    "demographic_allowed",
)


async def test_a_restrictions_row_of_which_anything_was_changed_is_a_refusal(
    api: Api, zephyrine: Person, owner: asyncpg.Connection, heard: Heard
) -> None:
    flags = [f"{flag} = NOT {flag}" for flag in FLAGS]
    changes = [*flags, "age_band = 'unknown'", "mac = ''", "mac_version = mac_version + 1"]
    for change in changes:
        async with for_a_moment(owner, "restrictions"):
            await changed(owner, f"UPDATE restrictions SET {change}")  # noqa: S608  ours
            assert_denied(await ask(api, zephyrine, "first_name"), "unverified")
    assert heard.alarms() == [UNPROVEN_LIMITS] * len(changes)


LATER_COLUMNS = (
    "more_than_told = true",
    "objections = '{}'",
    "objections = array_append(objections, 'comply.tax')",
    "paused_until = NULL",
    "paused_until = paused_until - interval '1 microsecond'",
    "quiet_hours = ''",
    "quiet_hours = '22:00-07:00 Europe/London'",
    "linked = ARRAY[gen_random_uuid()]",
    "disputed = array_append(disputed, 'first_name#volunteered')",
    "barred = '{}'",
    "barred = array_append(barred, 'first_name comply.tax')",
)


async def test_what_she_chose_beyond_flags_cannot_be_changed_by_sql(
    api: Api, zephyrine: Person, owner: asyncpg.Connection, heard: Heard
) -> None:
    for choice in (
        {"choice": "more-than-told", "value": "no"},
        {"choice": "objection", "value": "raised", "purpose": "prevent.fraud"},
        {"choice": "pause", "value": "2126-01-01T00:00:00Z"},
        {"choice": "quiet-hours", "value": "22:00-07:00 Europe/Berlin"},
        {"choice": "do-not-use", "value": "raised", "attribute": "last_name", "purpose": "marketing"},
    ):
        await api.post(f"/v1/customers/{zephyrine.at_shop}/choices", "shop", choice)
    assert_denied(await ask(api, zephyrine, "first_name"), "paused")
    heard.listen(api)
    for change in LATER_COLUMNS:
        async with for_a_moment(owner, "restrictions"):
            await changed(owner, f"UPDATE restrictions SET {change}")  # noqa: S608  ours
            assert_denied(await ask(api, zephyrine, "first_name"), "unverified")
    assert heard.alarms() == [UNPROVEN_LIMITS] * len(LATER_COLUMNS)


async def test_whoever_writes_a_no_by_sql_takes_nothing_from_her(
    api: Api, zephyrine: Person, owner: asyncpg.Connection
) -> None:
    words = ["may_profile", "paused_until:2020-01-01T00:00:00+00:00", "age_band:adult", "objection:comply.tax"]
    for word, reason in zip(words, ["no-profiling", None, None, None], strict=True):
        async with for_a_moment(owner, "restrictions"):
            await changed(owner, "UPDATE restrictions SET said_no = ARRAY[$1]", word)
            answer = await ask(api, zephyrine, "first_name")
            found = [each["reason"] for each in answer.json()["withheld"]]
            assert found == ([] if reason is None else [reason])


async def test_the_restrictions_of_somebody_else_are_a_refusal(
    api: Api, zephyrine: Person, bo: Person, owner: asyncpg.Connection, database: Database, keyring: Keyring
) -> None:
    hers, his = await id_of(owner, zephyrine), await id_of(owner, bo)
    strict = structs.replace(restrictions_at_enrolment(AgeBand.ADULT), may_profile=False)
    async with database.transaction() as connection:
        await customers.put_restrictions(connection, keyring, hers, strict)
    assert_denied(await ask(api, zephyrine), "no-profiling")
    columns = ", ".join((*FLAGS, "age_band", "mac_version", "mac"))
    await changed(
        owner,
        f"UPDATE restrictions SET ({columns}) = (SELECT {columns} FROM restrictions WHERE customer = $2)"  # noqa: S608  ours
        " WHERE customer = $1",
        hers,
        his,
    )
    assert_denied(await ask(api, zephyrine), "unverified")


# --- credentials ---


async def insert_key(owner: asyncpg.Connection, service: str, known: Credential, mac: bytes) -> None:
    await changed(
        owner,
        "INSERT INTO credential (id, service, digest, mac_version, mac) VALUES ($1, $2, $3, 1, $4)",
        known.id,
        service,
        known.digest,
        mac,
    )


async def test_an_api_key_put_in_by_sql_receives_nothing_and_says_no_yes(
    api: Api, zephyrine: Person, owner: asyncpg.Connection, heard: Heard
) -> None:
    heard.listen(api)
    mine = new_api_key()
    mac = await owner.fetchval("SELECT mac FROM credential WHERE service = 'shop'")
    await insert_key(owner, "shop", mine, mac)
    hers = f"/v1/customers/{zephyrine.at_shop}"
    fact = {"attribute": "first_name", "value": "Mallory", "provenance": "volunteered"}
    for path, body in {
        "/v1/releases": {**question(zephyrine), "customer": {"id": zephyrine.at_shop}},
        "/v1/decisions": {**question(zephyrine), "customer": {"id": zephyrine.at_shop}},
        "/v1/customers": {"identifiers": {"email": ZEPHYRINE}},
        f"{hers}/attributes": {"facts": [fact]},
        f"{hers}/consents": {**YES, "method": "counter"},
    }.items():
        assert_problem(await api.call("POST", path, mine.text, body), 401, "unauthenticated")


async def test_an_api_key_of_which_anything_was_changed_is_no_key(
    api: Api, zephyrine: Person, owner: asyncpg.Connection
) -> None:
    before = await last_entry(owner)
    for change in ("service = 'fulfilment'", "id = 'aaaaaaaaaaaaaaaa'", "mac = ''", "mac_version = 2"):
        async with for_a_moment(owner, "credential"):
            await changed(owner, f"UPDATE credential SET {change} WHERE service = 'recommender'")  # noqa: S608  ours
            assert_problem(await ask(api, zephyrine), 401, "unauthenticated")
    assert await last_entry(owner) == before
    assert (await ask(api, zephyrine)).status_code == 200


async def test_the_digest_of_a_known_key_in_the_row_of_another_is_no_key(
    api: Api, zephyrine: Person, owner: asyncpg.Connection
) -> None:
    row = await owner.fetchval("SELECT id FROM credential WHERE service = 'recommender'")
    _, _, secret, _ = new_api_key().text.split("_")
    mine = Credential(row, f"byl_{row}_{secret}")
    mine = Credential(row, f"{mine.text}_{zlib.crc32(mine.text.encode()):08x}")
    await changed(owner, "UPDATE credential SET digest = $1 WHERE id = $2", mine.digest, row)
    assert_problem(await api.call("POST", "/v1/releases", mine.text, question(zephyrine)), 401, "unauthenticated")


async def test_a_revoked_api_key_does_not_come_back_by_sql(
    api: Api, zephyrine: Person, owner: asyncpg.Connection, database: Database
) -> None:
    await access.revoke_api_keys(database, OPERATOR, ServiceId("recommender"))
    assert_problem(await ask(api, zephyrine), 401, "unauthenticated")
    await changed(owner, "UPDATE credential SET revoked_at = NULL WHERE service = 'recommender'")
    assert_problem(await ask(api, zephyrine), 401, "unauthenticated")


# --- policies ---


async def published(owner: asyncpg.Connection) -> Bundle:
    return decode(await owner.fetchval("SELECT bundle FROM publication"))


def evil(bundle: Bundle) -> Bundle:
    """Let the recommender record a yes, and say what she volunteered."""
    rights = 'id = "recommender"\nrecords = ["personalise.recommendations"]'
    services = bundle.files["services.toml"].replace('id = "recommender"', rights, 1)
    services = services.replace(
        "[service.contributes]\nguessed", '[service.contributes]\nfirst_name = ["volunteered"]\nguessed'
    )
    changed_ = Bundle({**bundle.files, "services.toml": services})
    assert compile_policies(changed_).catalogue.services[ServiceId("recommender")].records
    return changed_


PUT_ON_TOP = (
    "INSERT INTO publication (sequence, version, bundle, mac_version, mac)"
    " SELECT sequence + 1, $1, $2, mac_version, mac FROM publication"
)


async def test_policies_put_in_by_sql_are_not_ours(
    api: Api, zephyrine: Person, owner: asyncpg.Connection, heard: Heard
) -> None:
    heard.listen(api)
    other = evil(await published(owner))
    before = await last_entry(owner)
    for statement, *values in (
        (PUT_ON_TOP, other.version, other.encode()),
        ("UPDATE publication SET version = $1, bundle = $2", other.version, other.encode()),
        ("UPDATE publication SET sequence = sequence + 1",),
    ):
        async with for_a_moment(owner, "publication"):
            await changed(owner, statement, *values)
            assert_problem(await ask(api, zephyrine), 500, "integrity")
            ready = await api.call("GET", "/health/ready", None)
            assert (ready.status_code, ready.json()["faults"]) == (503, ["integrity"])
    assert await last_entry(owner) == before


async def test_policies_put_in_by_sql_give_nobody_the_right_to_say_yes_for_her(
    api: Api, zephyrine: Person, owner: asyncpg.Connection, heard: Heard
) -> None:
    heard.listen(api)
    await withdraw(api, zephyrine)
    other = evil(await published(owner))
    await changed(owner, PUT_ON_TOP, other.version, other.encode())
    hers = f"/v1/customers/{zephyrine.at_recommender}"
    fact = {"attribute": "first_name", "value": "Mallory", "provenance": "volunteered"}
    before = await last_entry(owner)
    assert_problem(
        await api.call("POST", f"{hers}/consents", "recommender", {**YES, "method": "counter"}), 500, "integrity"
    )
    assert_problem(await api.call("POST", f"{hers}/attributes", "recommender", {"facts": [fact]}), 500, "integrity")
    assert await last_entry(owner) == before
    # A no needs no proof of anything.
    assert (await withdraw(api, zephyrine)).status_code == 200


async def test_policies_whose_files_were_changed_are_not_used(
    zephyrine: Person, owner: asyncpg.Connection, database_url: str, template: Template, heard: Heard
) -> None:
    other = evil(await published(owner)).encode()
    for files in (other, b"", b"{}", b"\xff\xfe", b'{"files":{}}'):
        await changed(owner, "UPDATE publication SET bundle = $1", files)
        async with fresh_process(database_url, template) as api:
            heard.listen(api)
            assert_problem(await ask(api, zephyrine), 503, "policies-unavailable")
            ready = await api.call("GET", "/health/ready", None)
            assert (ready.status_code, ready.json()["faults"]) == (503, ["policies-unavailable"])
    assert set(heard.alarms()) == {"alarm: published policies cannot be used"}


async def test_a_running_process_keeps_the_policies_that_it_has_checked(
    api: Api, zephyrine: Person, owner: asyncpg.Connection
) -> None:
    assert (await ask(api, zephyrine)).json()["decision"] == "permit"
    await changed(owner, "UPDATE publication SET bundle = ''")
    assert (await ask(api, zephyrine)).json()["decision"] == "permit"


# --- rows that lead to a customer ---


async def test_a_customer_token_put_in_by_sql_says_no_yes(
    api: Api, refusing: Person, owner: asyncpg.Connection
) -> None:
    mine = new_customer_token()
    await changed(
        owner,
        "INSERT INTO customer_token (digest, customer, expires_at, mac_version, mac) "
        "VALUES ($1, $2, now() + interval '1 hour', 1, decode(repeat('00', 32), 'hex'))",
        mine.digest,
        await id_of(owner, refusing),
    )
    assert (await api.call("POST", "/v1/me/consents", mine.text, YES)).status_code == 401


async def test_a_customer_token_put_in_by_sql_reads_nothing(
    api: Api, zephyrine: Person, owner: asyncpg.Connection
) -> None:
    mine = new_customer_token()
    await changed(
        owner,
        "INSERT INTO customer_token (digest, customer, expires_at, mac_version, mac) "
        "VALUES ($1, $2, now() + interval '1 hour', 1, decode(repeat('00', 32), 'hex'))",
        mine.digest,
        await id_of(owner, zephyrine),
    )
    assert "Quillfeather" not in (await api.call("GET", "/v1/me/facts", mine.text)).text


async def test_an_id_that_sql_made_lead_to_somebody_else_releases_nothing(
    api: Api, zephyrine: Person, bo: Person, owner: asyncpg.Connection
) -> None:
    who = {"zephyrine": zephyrine.at_recommender, "bo": bo.at_recommender, "nobody": "byc_nobody"}
    for old, new in (("bo", "nobody"), ("zephyrine", "bo")):
        await changed(owner, "UPDATE pairwise SET id = $2 WHERE id = $1", who[old], who[new])
    response = await ask(api, bo)
    assert "Zephyrine" not in response.text


async def test_an_identifier_that_sql_gave_to_somebody_else_finds_nobody(
    api: Api, zephyrine: Person, bo: Person, owner: asyncpg.Connection
) -> None:
    hers, his = await id_of(owner, zephyrine), await id_of(owner, bo)
    await changed(owner, "DELETE FROM identifier WHERE customer = $1", hers)
    await changed(owner, "UPDATE identifier SET customer = $1 WHERE customer = $2", hers, his)
    response = await ask(api, bo, customer={"email": bo.email})
    assert "Zephyrine" not in response.text

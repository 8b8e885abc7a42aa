"""What another tool says that people answered: a no lands on whomever it concerns, a yes only with proof."""

import asyncio
import csv
import io
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from structlog.testing import capture_logs

from service.crypto.keyring import Keyring, Mac, open_evidence, standing_parts
from service.database import Database
from service.errors import (
    ListedAheadError,
    NotConsentBasedError,
    NotGrantedError,
    ServiceError,
    UnknownChannelError,
    UnknownPurposeError,
)
from service.importing import lines
from service.model.callers import OperatorCaller
from service.model.columns import Columns, read_columns
from service.model.consent import Spot, replay
from service.model.facts import Standing
from service.model.identifiers import identifier
from service.model.sheet import Reject, rows
from service.model.suppression import EVERYTHING
from service.model.words import Channel, CustomerId, IdentifierKind, PurposeId, Status
from service.policy.engine import Policies
from service.storage import consents, customers, evidence, suppressions
from service.usecases import merges
from service.usecases.imports import Means, Summary, import_customers
from service.usecases.suppressions import Wanted, leave_alone
from tests.conftest import PROOF, Api, enrol
from tests.examples import some
from tests.reading import entered
from tests.striking import YESTERDAY

pytestmark = pytest.mark.usefixtures("all_said")

MARKER = "xyzzyplugh"
NEWS = Spot(PurposeId("market.newsletter"), Channel.EMAIL)
CALLS = Spot(PurposeId("market.phone-offers"), Channel.PHONE)
HEADINGS = ("id", "mail", "phone", "name", "news", "calls", "at", "text", "tongue", "proof")
ANSWERS = 'given = ["yes"], refused = ["no"], withdrawn = ["stopped"]'
MAP = f"""
service = "shop"
source = "mailer"
source_id = "id"
region = "GB"
identifiers = {{ email = "mail", phone = "phone" }}

[[consents]]
purpose = "market.newsletter"
channel = "email"
answer = {{ column = "news", {ANSWERS} }}
at = "at"
notice = {{ column = "text" }}
language = {{ column = "tongue" }}
evidence = "form {{proof}}"

[[consents]]
purpose = "market.phone-offers"
channel = "phone"
answer = {{ column = "calls", {ANSWERS} }}
at = "at"
notice = 1
evidence = "form {{proof}}"
"""
MAILER = read_columns(MAP.encode())
PROFILES = read_columns(
    b'service = "shop"\nsource_id = "id"\nidentifiers = { email = "mail" }\n'
    b'[attributes]\nfirst_name = { column = "name", provenance = "volunteered" }'
)
PROVEN = {"at": "2026-03-05T10:00:00Z", "text": "2", "proof": "4711"}
NUMBERS = count()


@pytest.fixture
def means(database: Database, keyring: Keyring, policies: Policies) -> Means:
    return Means(database, keyring, policies, OperatorCaller("tests", "a test"))


def person(id_: str, **cells: str) -> dict[str, str]:
    return {"id": id_, "mail": f"{id_}@example.com"} | cells


async def bring(means: Means, *people: dict[str, str], columns: Columns = MAILER) -> tuple[Summary, list[Reject]]:
    """Import people as the mailer would export them."""
    file = io.StringIO()
    writer = csv.DictWriter(file, HEADINGS, restval="")
    writer.writeheader()
    writer.writerows(people)
    rejects: list[Reject] = []
    read = rows(lines(io.BytesIO(file.getvalue().encode()), columns.encoding), columns)
    return await import_customers(means, columns, read, reject=rejects.append), rejects


async def whose(means: Means, mail: str) -> list[CustomerId]:
    """Find everybody who has an address."""
    digest = means.keyring.index_of(identifier(IdentifierKind.EMAIL, mail))
    async with means.database.connection() as connection:
        return [
            CustomerId(row["customer"])
            for row in await connection.fetch("SELECT customer FROM identifier WHERE digest = $1", digest)
        ]


async def stands(means: Means, customer: CustomerId) -> dict[Spot, Standing]:
    """Return what stands, once it was proven to be what the events say, and a yes to be ours."""
    async with means.database.connection() as connection:
        found = (await consents.standing_of_many(connection, [customer])).get(customer, {})
        events = await consents.history(connection, customer, list(means.policies.catalogue.purposes), 2**62, 1000)
        macs = await connection.fetch("SELECT * FROM consent WHERE customer = $1", customer)
    assert replay(each.answer for each in reversed(events)) == found
    for row in macs:
        standing = found[Spot(PurposeId(row["purpose"]), Channel(row["channel"]))]
        mac = None if row["mac"] is None else Mac(row["mac_version"], row["mac"])
        assert means.keyring.authentic(mac, standing_parts(customer, standing)) == standing.status.valid
    return found


async def status(means: Means, mail: str, spot: Spot = NEWS) -> Status | None:
    """Return what stands for the one who has an address, None for nobody or nothing."""
    found = await whose(means, mail)
    assert len(found) < 2
    standing = (await stands(means, found[0])).get(spot) if found else None
    return None if standing is None else standing.status


async def rows_of(means: Means, table: str) -> int:
    async with means.database.connection() as connection:
        return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))  # noqa: S608  ours


async def kept(means: Means, *mails: str) -> dict[str, set[str]]:
    """Return what is suppressed for addresses."""
    digests = {(IdentifierKind.EMAIL, means.keyring.index_of(identifier(IdentifierKind.EMAIL, m))): m for m in mails}
    async with means.database.connection() as connection:
        found = await suppressions.among(connection, digests)
    return {digests[each]: {s.purpose for s in these} for each, these in found.items()}


# --- a yes ----------------------------------------------------------------------------------------------------


async def test_a_yes_with_proof_of_notice_and_date_opens_the_door(means: Means, api: Api) -> None:
    await enrol(api, "ann@example.com", {"first_name": "Ann"})
    assert await may_write(api, "ann@example.com") == "deny"
    lately = YESTERDAY - timedelta(days=9)
    summary, _ = await bring(means, person("ann", news="yes", **PROVEN | {"at": lately.isoformat()}))
    assert summary == Summary(read=1, linked=1, given=1)
    assert await may_write(api, "ann@example.com") == "permit"
    [ann] = await whose(means, "ann@example.com")
    standing = (await stands(means, ann))[NEWS]
    assert (standing.status, standing.notice, standing.explicit) == (Status.GIVEN, 2, False)
    assert standing.decided_at == lately
    assert standing.expires_at == standing.decided_at + timedelta(days=730)


async def may_write(api: Api, mail: str) -> str:
    asked = {"purpose": NEWS.purpose, "channel": "email", "attributes": ["first_name"]}
    return str((await api.post("/v1/decisions", "newsletter", {"customer": {"email": mail}, **asked}))["decision"])


async def test_where_the_proof_lies_is_sealed_and_opens(means: Means) -> None:
    await bring(means, person("ann", news="yes", **PROVEN), person("bo", news="yes", **PROVEN))
    [ann] = await whose(means, "ann@example.com")
    async with means.database.connection() as connection:
        [event] = await consents.history(connection, ann, [NEWS.purpose], 2**62, 10)
        key = await evidence.key_of(connection, ann)
        assert key is not None
        opened = means.keyring.open_evidence_key(ann, key)
    assert open_evidence(opened, ann, event.answer) == "form 4711"
    assert (event.answer.actor, event.answer.recorder) == ("shop/mailer", "operator:tests")


WITHOUT = {
    "a date": {"at": ""},
    "a notice": {"text": ""},
    "evidence": {"proof": ""},
    "a notice that exists": {"text": "7"},
    "a notice in her language": {"tongue": "fr"},
}


@pytest.mark.parametrize("what", WITHOUT)
async def test_a_yes_without_proof_is_unknown_and_never_given(means: Means, what: str) -> None:
    summary, _ = await bring(means, person("ann", news="yes", **(PROVEN | WITHOUT[what])))
    assert summary == Summary(read=1, created=1, unknown=1)
    assert await status(means, "ann@example.com") is Status.UNKNOWN


async def test_once_it_is_proven_the_same_yes_counts(means: Means) -> None:
    await bring(means, person("ann", news="yes", **(PROVEN | {"text": ""})))
    summary, _ = await bring(means, person("ann", news="yes", **PROVEN))
    assert summary == Summary(read=1, updated=1, given=1)
    assert await status(means, "ann@example.com") is Status.GIVEN


async def test_a_yes_to_an_older_notice_is_a_yes_to_that_one(means: Means) -> None:
    await bring(means, person("ann", news="yes", **(PROVEN | {"text": "1"})))
    [ann] = await whose(means, "ann@example.com")
    standing = (await stands(means, ann))[NEWS]
    assert (standing.status, standing.notice) == (Status.GIVEN, 1)


async def test_words_of_which_the_map_does_not_know_are_no_answer_anybody_can_rely_on(means: Means) -> None:
    summary, _ = await bring(means, person("ann", news="maybe", **PROVEN), person("bo", **PROVEN))
    assert summary == Summary(read=2, created=2, unknown=1)
    assert await status(means, "ann@example.com") is Status.UNKNOWN
    assert await status(means, "bo@example.com") is None


async def test_a_yes_whose_time_has_run_is_no_yes_any_more(means: Means, api: Api) -> None:
    await enrol(api, "ann@example.com", {"first_name": "Ann"})
    summary, _ = await bring(means, person("ann", news="yes", **(PROVEN | {"at": "2019-01-01"})))
    assert summary.given == 1
    assert await may_write(api, "ann@example.com") == "deny"


REFUSED = {
    "no right to record a yes": ('service = "newsletter"', "", NotGrantedError),
    "no such purpose": ("", "market.pigeons", UnknownPurposeError),
    "no consent asked": ("", "fulfil.orders", NotConsentBasedError),
    "not on this channel": ("", "research.panel", UnknownChannelError),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_map_that_may_not_is_refused_before_the_first_row(means: Means, case: str) -> None:
    service, purpose, error = REFUSED[case]
    changed = MAP.replace('service = "shop"', service or 'service = "shop"')
    if purpose:
        changed = changed.replace('"market.phone-offers"\nchannel = "phone"', f'"{purpose}"\nchannel = "sms"')
        changed = changed.replace("sms", "email" if purpose == "fulfil.orders" else "sms")
    with pytest.raises(error):
        await bring(means, person("ann", news="no"), columns=read_columns(changed.encode()))
    assert await rows_of(means, "customer") == await rows_of(means, "suppression") == 0


async def test_any_service_may_bring_a_no(means: Means) -> None:
    await bring(means, person("ann", name="Ann"), columns=PROFILES)
    only_noes = MAP.replace('service = "shop"', 'service = "airline"').replace('given = ["yes"], ', "")
    await bring(means, person("ann", news="no"), columns=read_columns(only_noes.encode()))
    assert await status(means, "ann@example.com") is Status.REFUSED


SPOILT = "UPDATE evidence_key SET wrapped = set_byte(wrapped, 20, get_byte(wrapped, 20) # 1) WHERE customer = $1"
SHUT = "the key that seals what proves her answers does not open, so a yes cannot be kept; the rest of the row is in"


async def spoil(superuser_url: str, customer: CustomerId) -> None:
    """Make a customer's evidence key one that does not open, or, the second time, one that does."""
    connection = await asyncpg.connect(superuser_url)
    try:
        assert await connection.execute(SPOILT, customer) == "UPDATE 1"
    finally:
        await connection.close()


async def test_a_key_of_evidence_that_does_not_open_costs_only_her_yes(means: Means, superuser_url: str) -> None:
    await bring(means, person("ann", calls="yes", **PROVEN), person("bo", calls="yes", **PROVEN))
    [ann] = await whose(means, "ann@example.com")
    await spoil(superuser_url, ann)
    later = {"at": "2026-04-01", "text": "2", "proof": "9"}
    with capture_logs() as said:
        summary, rejects = await bring(
            means,
            person("ann", news="yes", calls="stopped", **later),
            person("bo", news="yes", calls="stopped", **later),
            person("cy", news="yes", **later),
        )
    assert summary == Summary(read=3, created=1, updated=2, given=2, refused=2)
    assert rejects == [Reject(2, "", SHUT)]
    assert [(each["event"], each["customer"]) for each in said if each["event"].startswith("alarm")] == [
        ("alarm: an evidence key does not open", str(ann))
    ] * 2, "for her proof, and for what the ledger says of her"
    assert await status(means, "ann@example.com") is None
    assert await status(means, "ann@example.com", CALLS) is Status.WITHDRAWN
    assert await status(means, "bo@example.com") is Status.GIVEN
    async with means.database.connection() as connection:
        sealed = await connection.fetch("SELECT customer = $1 FROM consent_event WHERE evidence IS NULL", ann)
    assert [row[0] for row in sealed] == [True]
    # Alone, it is a rejected row and no more; and once her key opens, the same row lands.
    alone = person("ann", news="yes", **later)
    assert await bring(means, alone) == (Summary(read=1, rejected=1), [Reject(2, "", SHUT)])
    await spoil(superuser_url, ann)
    assert (await bring(means, alone))[0] == Summary(read=1, updated=1, given=1)


# --- a no -----------------------------------------------------------------------------------------------------


async def test_a_no_lands_on_whatever_stands(means: Means) -> None:
    await bring(means, person("ann", news="yes", calls="yes", **PROVEN))
    summary, _ = await bring(means, person("ann", news="stopped", at="2020-01-01"))
    assert summary == Summary(read=1, updated=1, refused=1)
    assert await status(means, "ann@example.com") is Status.WITHDRAWN
    assert await status(means, "ann@example.com", CALLS) is Status.GIVEN


@pytest.mark.parametrize("at", ["", "0000-00-00 00:00:00", "2999-01-01", MARKER])
async def test_a_no_lands_however_its_date_is_written(means: Means, at: str) -> None:
    await bring(means, person("ann", news="yes", **PROVEN))
    summary, rejects = await bring(means, person("ann", news="no", at=at, text=MARKER))
    assert (summary.refused, rejects) == (1, [])
    assert await status(means, "ann@example.com") is Status.REFUSED


async def test_a_yes_that_is_not_later_than_a_no_changes_nothing(means: Means) -> None:
    await bring(means, person("ann", news="yes", **PROVEN))
    await bring(means, person("ann", news="stopped", at="2026-01-01"))
    summary, _ = await bring(means, person("ann", news="yes", **(PROVEN | {"at": "2026-06-01", "proof": "9"})))
    assert (summary.given, summary.unknown) == (0, 1)
    assert await status(means, "ann@example.com") is Status.WITHDRAWN


async def test_a_yes_given_after_a_dated_no_was_recorded_stands(means: Means) -> None:
    await bring(means, person("ann", name="Ann"), columns=PROFILES)
    await bring(means, person("ann", news="stopped", at="2026-01-01"))
    summary, _ = await bring(means, person("ann", news="yes", **(PROVEN | {"at": await now(means)})))
    assert summary.given == 1
    assert await status(means, "ann@example.com") is Status.GIVEN


async def test_a_no_of_which_nobody_knows_when_is_never_turned_by_an_import(means: Means) -> None:
    await bring(means, person("ann", name="Ann"), columns=PROFILES)
    await bring(means, person("ann", news="stopped"))
    summary, _ = await bring(means, person("ann", news="yes", **(PROVEN | {"at": await now(means)})))
    assert (summary.given, summary.unknown) == (0, 1)
    assert await status(means, "ann@example.com") is Status.WITHDRAWN


async def now(means: Means) -> str:
    async with means.database.connection() as connection:
        return (await customers.clock(connection)).isoformat()


async def test_a_no_that_came_in_before_does_not_come_again_with_a_changed_row(means: Means, api: Api) -> None:
    await bring(means, person("ann", name="Ann"), columns=PROFILES)
    old = person("ann", news="stopped", calls="", at="2026-01-01")
    await bring(means, old)
    await her_own_yes(api, "ann@example.com")
    assert await status(means, "ann@example.com") is Status.GIVEN
    for again in (old, old | {"phone": "07700 900123"}, old | {"calls": "no"}):
        await bring(means, again)
        assert await status(means, "ann@example.com") is Status.GIVEN
    assert await status(means, "ann@example.com", CALLS) is Status.REFUSED


async def her_own_yes(api: Api, mail: str, **more: str) -> None:
    shop = (await api.post("/v1/customers", "shop", {"identifiers": {"email": mail}, "age_band": "adult"}))["customer"]
    yes = {"purpose": NEWS.purpose, "channel": "email", "answer": "given", "notice": 2, **PROOF, **more}
    await api.post(f"/v1/customers/{shop}/consents", "shop", yes)


@pytest.mark.parametrize("between", ["yes", "maybe"])
async def test_a_no_without_a_date_counts_anew_each_time_after_the_system_said_otherwise(
    means: Means, api: Api, between: str
) -> None:
    await bring(means, person("ann", name="Ann"), columns=PROFILES)
    no, other = person("ann", news="stopped"), person("ann", news=between)
    await bring(means, no)
    for _ in range(3):
        await her_own_yes(api, "ann@example.com")
        await bring(means, other)
        assert await status(means, "ann@example.com") is Status.GIVEN
        assert (await bring(means, no))[0] == Summary(read=1, updated=1, refused=1)
        assert await status(means, "ann@example.com") is Status.WITHDRAWN
        before = await everything(means)
        for again in (no, other, no, other):
            assert (await bring(means, again))[0] == Summary(read=1, unchanged=1)
        assert await everything(means) == before, "where no yes stands there is nothing to be said anew"


async def test_a_yes_with_a_date_makes_the_next_no_without_one_a_new_one(means: Means, api: Api) -> None:
    no, yes = person("ann", news="stopped"), person("ann", news="yes", **PROVEN)
    await bring(means, yes)
    for _ in range(3):
        await bring(means, no)
        assert await status(means, "ann@example.com") is Status.WITHDRAWN
        await her_own_yes(api, "ann@example.com")
        await bring(means, yes)
        assert await status(means, "ann@example.com") is Status.GIVEN


async def test_a_no_without_a_date_that_the_system_said_last_does_not_come_again(means: Means, api: Api) -> None:
    await bring(means, person("ann", name="Ann"), columns=PROFILES)
    await bring(means, person("ann", news="stopped"))
    await her_own_yes(api, "ann@example.com")
    for again in ({"phone": "07700 900123"}, {"calls": "no"}, {}):
        await bring(means, person("ann", news="stopped", **again))
        assert await status(means, "ann@example.com") is Status.GIVEN


async def test_what_she_says_at_a_service_is_not_what_its_export_said(means: Means, api: Api) -> None:
    shop = structs.replace(MAILER, source=None)
    await bring(means, person("ann", name="Ann"), columns=PROFILES)
    await bring(means, person("ann", news="stopped"), columns=shop)
    await her_own_yes(api, "ann@example.com", actor="shop")
    await bring(means, person("ann", news="stopped", phone="07700 900123"), columns=shop)
    assert await status(means, "ann@example.com") is Status.GIVEN


async def test_a_no_reaches_everybody_who_shares_her_address(means: Means) -> None:
    both = [person("ann", news="yes", **PROVEN), person("bo", news="yes", **PROVEN) | {"mail": "ann@example.com"}]
    await bring(means, *both)
    summary, _ = await bring(means, person("cy", news="no") | {"mail": "ann@example.com"})
    assert summary == Summary(read=1, suppressed=1, refused=2)
    everybody = await whose(means, "ann@example.com")
    assert len(everybody) == 2
    assert {(await stands(means, each))[NEWS].status for each in everybody} == {Status.REFUSED}
    again, _ = await bring(means, person("cy", news="no") | {"mail": "ann@example.com"})
    assert again == Summary(read=1, unchanged=1)


async def test_a_yes_is_none_where_another_who_shares_her_address_said_no(means: Means) -> None:
    await bring(means, person("ann", news="yes", **PROVEN))
    await bring(means, person("ann", news="no"))
    summary, _ = await bring(means, person("bo", news="yes", **PROVEN) | {"mail": "ann@example.com"})
    assert summary == Summary(read=1, created=1, shared=1, unknown=1)


async def test_a_no_reaches_every_side_of_a_merged_person_and_a_yes_waits_for_all(means: Means, api: Api) -> None:
    await bring(means, person("ann", news="yes", **PROVEN), person("bo", news="yes", calls="no", **PROVEN))
    sides = [identifier(IdentifierKind.EMAIL, f"{each}@example.com") for each in ("ann", "bo")]
    await merges.merge(means.database, means.keyring, OperatorCaller("tests", "a test"), (sides[0], sides[1]))
    await her_own_yes(api, "bo@example.com")
    assert await rows_of(means, "linked_consent") == 1
    summary, _ = await bring(means, person("ann", news="no", calls="yes", **(PROVEN | {"at": "2026-02-01"})))
    assert summary == Summary(read=1, updated=1, refused=2, unknown=1)
    for mail in ("ann@example.com", "bo@example.com"):
        assert await status(means, mail) is Status.REFUSED
    assert await status(means, "ann@example.com", CALLS) is Status.UNKNOWN
    assert await rows_of(means, "linked_consent") == 0


async def test_who_said_no_before_is_refused_on_every_side(means: Means, api: Api) -> None:
    for mail in ("ann@example.com", "bo@example.com"):
        await her_own_yes(api, mail)
    sides = [identifier(IdentifierKind.EMAIL, f"{each}@example.com") for each in ("ann", "bo")]
    await merges.merge(means.database, means.keyring, OperatorCaller("tests", "a test"), (sides[0], sides[1]))
    made, _ = await left_alone(means, "bo@example.com", NEWS.purpose)
    assert (made.new, made.customers) == (1, 2)
    for mail in ("ann@example.com", "bo@example.com"):
        assert await status(means, mail) is Status.REFUSED


async def test_an_older_row_brings_its_no_and_nothing_else(means: Means) -> None:
    dated = structs.replace(MAILER, as_of="at")
    await bring(means, person("ann", news="yes", **PROVEN), columns=dated)
    summary, _ = await bring(means, person("ann", news="no", phone="07700 900123", at="2020-01-01"), columns=dated)
    assert summary == Summary(read=1, updated=1, refused=1)
    assert await status(means, "ann@example.com") is Status.REFUSED
    assert await rows_of(means, "identifier") == 1


# --- again and again ------------------------------------------------------------------------------------------

FILE = [
    person("ann", news="yes", calls="no", **PROVEN),
    person("bo", news="stopped"),
    person("cy", news="stopped", calls="yes", **PROVEN),
    person("di", news="perhaps"),
]


async def test_the_same_file_again_changes_nothing(means: Means) -> None:
    first, _ = await bring(means, *FILE)
    before = await everything(means)
    second, _ = await bring(means, *FILE)
    assert await everything(means) == before
    assert first == Summary(read=4, created=3, suppressed=1, given=2, refused=2, unknown=1)
    assert second == Summary(read=4, unchanged=4)


async def everything(means: Means) -> dict[str, list[str]]:
    tables = ("customer", "identifier", "source_record", "consent", "consent_event", "suppression", "queue")
    async with means.database.connection() as connection:
        return {
            table: sorted(row[0] for row in await connection.fetch(f"SELECT {table}::text FROM {table}"))  # noqa: S608  ours
            for table in tables
        }


async def test_each_customer_has_one_entry_for_what_one_row_brought(means: Means) -> None:
    await bring(means, *FILE)
    async with means.database.connection() as connection:
        entries = [
            each for kind in ("import", "suppression") for each in await entered(connection, means.keyring, kind)
        ]
        named = await connection.fetch("SELECT DISTINCT customer, entry FROM consent_event")
    assert Counter(each.customer for each in entries if each.customer).most_common(1)[0][1] == 1
    assert {(row["customer"], row["entry"]) for row in named} <= {(each.customer, each.id) for each in entries}
    assert [each.act for each in entries if each.kind == "suppression"] == [
        {
            "count": 1,
            "identifier": "email",
            "kind": "suppression",
            "purposes": ["market.newsletter"],
            "why": "opted-out",
        }
    ]
    said = " ".join(each.text for each in entries)
    assert "market.newsletter/email=given" in said
    assert "example.com" not in said


async def test_two_imports_of_one_file_at_once_are_like_one(means: Means) -> None:
    await asyncio.gather(bring(means, *FILE), bring(means, *FILE))
    async with means.database.connection() as connection:
        events = await connection.fetch("SELECT customer, purpose, status FROM consent_event")
    assert len(events) == len({tuple(row) for row in events}) == 5
    assert (await bring(means, *FILE))[0] == Summary(read=4, unchanged=4)


PEOPLE = st.sampled_from(["a", "b"])
SAYINGS: st.SearchStrategy[dict[str, str]] = st.fixed_dictionaries(
    {
        "mail": PEOPLE,
        "id": st.sampled_from(["1", "2", "3"]),
        "news": st.sampled_from(["yes", "no", "stopped", "maybe"]),
        "at": st.sampled_from(["", "2026-01-01", "2026-02-01", "2026-03-01"]),
    }
)


def placed(sayings: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    """Give people addresses and ids that nobody else has."""
    number = next(NUMBERS)
    return [
        PROVEN | each | {"mail": f"{each['mail']}{number}@example.com", "id": f"{number}-{each['mail']}{each['id']}"}
        for each in sayings
    ]


async def open_to(means: Means, sayings: list[dict[str, str]]) -> dict[str, bool]:
    """Return which addresses somebody may write to now."""
    found: dict[str, bool] = {}
    for mail in sorted({each["mail"] for each in sayings}):
        standing = [(await stands(means, customer)).get(NEWS) for customer in await whose(means, mail)]
        found[mail[0]] = any(each is not None and each.status.valid for each in standing)
    return found


@some(8)
@given(st.lists(SAYINGS, min_size=1, max_size=4), st.data())
async def test_in_any_order_and_any_number_of_times_the_same_stands_and_a_no_wins(
    means: Means, sayings: list[dict[str, str]], data: st.DataObject
) -> None:
    once = placed(sayings)
    await bring(means, *once)
    stood = await open_to(means, once)
    refused = {each["mail"][0] for each in once if each["news"] in ("no", "stopped")}
    given_ = {each["mail"][0] for each in once if each["news"] == "yes" and each["at"]}
    assert {mail for mail, is_open in stood.items() if is_open} == given_ - refused
    again = placed(data.draw(st.permutations(sayings)))
    for file in (again, again[::-1], again[:1]):
        await bring(means, *file)
    assert await open_to(means, again) == stood


@some(8)
@given(st.lists(SAYINGS, min_size=1, max_size=3), st.sampled_from(["refused", "withdrawn"]))
async def test_an_import_never_opens_what_she_closed_here(
    means: Means, api: Api, sayings: list[dict[str, str]], answer: str
) -> None:
    people = placed([each | {"mail": "a"} for each in sayings])
    identifiers = {"identifiers": {"email": people[0]["mail"]}, "age_band": "adult"}
    shop = (await api.post("/v1/customers", "shop", identifiers))["customer"]
    await api.post(
        f"/v1/customers/{shop}/consents", "shop", {"purpose": NEWS.purpose, "answer": answer, "method": "api"}
    )
    await bring(means, *people)
    assert await open_to(means, people) == {"a": False}


# --- nobody, and who becomes somebody later -------------------------------------------------------------------


async def test_a_bare_no_of_nobody_leaves_a_suppression_and_nothing_else(means: Means) -> None:
    before = await everything(means)
    summary, _ = await bring(means, person(MARKER, news="stopped", phone="07700 900123", name=MARKER, at="2026-01-01"))
    assert summary == Summary(read=1, suppressed=1)
    after = await everything(means)
    assert [table for table in after if after[table] != before[table]] == ["suppression", "queue"]
    assert len(after["suppression"]) == 2, "one for each of her identifiers"
    assert MARKER not in str(after)


@pytest.mark.parametrize("door", ["the API", "a customer import", "a consent import"])
async def test_whoever_said_no_before_is_refused_from_the_first_moment_by(means: Means, api: Api, door: str) -> None:
    await bring(means, person("ann", news="stopped", at="2026-01-01"))
    await enter(means, api, door)
    assert await status(means, "ann@example.com") is Status.REFUSED
    assert await status(means, "ann@example.com", CALLS) in (None, Status.GIVEN)
    assert await kept(means, "ann@example.com") == {"ann@example.com": {NEWS.purpose}}
    async with means.database.connection() as connection:
        event = await connection.fetchrow("SELECT * FROM consent_event WHERE purpose = $1", NEWS.purpose)
        entries = await entered(connection, means.keyring)
    assert event is not None
    assert (event["method"], event["given_at"]) == ("import", datetime(2026, 1, 1, tzinfo=UTC))
    assert ["market.newsletter/email"] in [each.act.get("refused") for each in entries if each.customer]


async def enter(means: Means, api: Api, door: str) -> None:
    if door == "the API":
        who = {"identifiers": {"email": "Ann@example.com"}, "age_band": "adult"}
        await api.post("/v1/customers", "shop", who)
    elif door == "a customer import":
        await bring(means, person("ann", name="Ann"), columns=PROFILES)
    else:
        await bring(means, person("ann", calls="yes", **PROVEN))


async def test_only_a_yes_of_her_own_undoes_a_suppression(means: Means, api: Api) -> None:
    await bring(means, person("ann", news="stopped", at="2026-01-01"))
    summary, _ = await bring(means, person("ann", news="yes", **PROVEN))
    assert summary == Summary(read=1, created=1, refused=1, unknown=1)
    assert await status(means, "ann@example.com") is Status.REFUSED
    await her_own_yes(api, "ann@example.com")
    assert await status(means, "ann@example.com") is Status.GIVEN
    # She stays let in, on every door.
    await her_own_yes(api, "ann@example.com")
    await bring(means, person("ann", name="Anne"), columns=PROFILES)
    await bring(means, person("ann", news="yes", **(PROVEN | {"at": await now(means)})))
    assert await status(means, "ann@example.com") is Status.GIVEN


async def test_a_telephone_of_the_household_speaks_only_for_who_has_nothing_stronger(means: Means, api: Api) -> None:
    await bring(means, person("ann", phone="07700 900123", news="stopped"))
    await bring(means, person("cy", phone="07700 900124", news="stopped"))
    bo = {"phone": "+44 7700 900123", "email": "bo@example.com"}
    # The second time it is Bo again, who shows only the telephone.
    for identifiers in (bo, {"phone": bo["phone"]}):
        await api.post("/v1/customers", "shop", {"identifiers": identifiers})
        assert await rows_of(means, "consent_event") == 0
    await api.post("/v1/customers", "shop", {"identifiers": {"phone": "+44 7700 900124"}})
    assert await rows_of(means, "consent_event") == 1


async def test_who_asked_to_be_forgotten_comes_in_by_no_door(means: Means, api: Api) -> None:
    await bring(means, person("ann", name="Ann"), columns=PROFILES)
    await forget(means, "ann@example.com")
    before = await everything(means)
    forgotten = [Reject(2, "", "asked to be forgotten")]
    assert (await bring(means, person("ann", name="Anne"), columns=PROFILES))[1] == forgotten
    assert (await bring(means, person("ann", news="yes", **PROVEN)))[1] == forgotten
    assert (await bring(means, person("x", news="no") | {"mail": "ANN@example.com"}))[1] == forgotten
    refused = await api.call("POST", "/v1/customers", "shop", {"identifiers": {"email": "ann@example.com"}})
    assert (refused.status_code, refused.json()["code"]) == (409, "suppressed")
    assert "ann@" not in refused.text
    assert await everything(means) == before


async def forget(means: Means, mail: str) -> None:
    found = (IdentifierKind.EMAIL, means.keyring.index_of(identifier(IdentifierKind.EMAIL, mail)))
    async with means.database.transaction() as connection:
        await customers.hold(connection, [found[1]])
        await suppressions.put_erased(connection, [found], await customers.clock(connection))


async def test_a_no_that_is_being_imported_makes_an_enrolment_wait_and_refuses_it(
    means: Means, api: Api, superuser_url: str
) -> None:
    holder = await asyncpg.connect(superuser_url)
    try:
        async with holder.transaction():
            # The entry is the last that an import writes: the suppression is there and not committed.
            await holder.execute("LOCK TABLE queue IN SHARE MODE")
            importing = asyncio.create_task(bring(means, person("ann", news="stopped")))
            await waiting(holder, 1)
            enrolling = asyncio.create_task(enter(means, api, "the API"))
            await waiting(holder, 2)
    finally:
        await holder.close()
    await asyncio.gather(importing, enrolling)
    assert await status(means, "ann@example.com") is Status.REFUSED


async def waiting(holder: "asyncpg.Connection[asyncpg.Record]", so_many: int) -> None:
    async with asyncio.timeout(30):
        while await holder.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted") < so_many:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


# --- lists of people to be left alone -------------------------------------------------------------------------


async def left_alone(
    means: Means, text: str, purpose: str = EVERYTHING, kind: str = "email", since: datetime | None = None
) -> tuple[Any, list[Reject]]:
    rejects: list[Reject] = []
    wanted = Wanted(IdentifierKind(kind), PurposeId(purpose), "GB", since)
    caller = OperatorCaller("tests", "a list of our old agency")
    read = text.splitlines(keepends=True)
    made = await leave_alone(means.database, means.keyring, means.policies, caller, wanted, read, reject=rejects.append)
    return made, rejects


async def test_a_list_keeps_out_who_is_nobody_yet_and_refuses_for_who_is_a_customer(means: Means, api: Api) -> None:
    await bring(means, person("ann", news="yes", calls="no", **PROVEN))
    made, rejects = await left_alone(means, "ANN@example.com\nbo@example.com\n\nbo@example.com\n")
    assert (made.read, made.new, made.unchanged, made.rejected, made.customers) == (3, 2, 1, 0, 1)
    assert rejects == []
    assert await status(means, "ann@example.com") is Status.REFUSED
    await her_own_yes(api, "ann@example.com")
    before = await everything(means)
    again, _ = await left_alone(means, "ann@example.com\nbo@example.com\n")
    assert (again.new, again.unchanged, again.customers) == (0, 2, 0)
    assert await everything(means) == before
    assert await kept(means, "ann@example.com", "bo@example.com") == {
        mail: {""} for mail in ("ann@example.com", "bo@example.com")
    }


async def test_who_is_listed_again_after_a_yes_of_her_own_is_refused_again(means: Means, api: Api) -> None:
    both = "ann@example.com\nbo@example.com\ncy@example.com"
    for mail in both.split():
        await her_own_yes(api, mail)
    await left_alone(means, both, NEWS.purpose)
    for mail in ("ann@example.com", "bo@example.com"):
        await her_own_yes(api, mail)
    june = datetime.fromisoformat(await now(means))
    await her_own_yes(api, "bo@example.com")
    # Without a date nobody knows whether the list or the yes is the later: it is told, and nothing changes.
    before = await everything(means)
    made, _ = await left_alone(means, both, NEWS.purpose)
    assert (made.new, made.unchanged, made.customers, made.allowing) == (0, 3, 0, 2)
    assert await everything(means) == before
    made, _ = await left_alone(means, both, NEWS.purpose, since=june)
    assert (made.new, made.renewed, made.unchanged, made.customers, made.allowing) == (0, 3, 0, 1, 1)
    assert await status(means, "ann@example.com") is Status.REFUSED
    assert await status(means, "bo@example.com") is Status.GIVEN, "her yes is later than the list"
    # The same list again, whatever she said in between.
    await her_own_yes(api, "ann@example.com")
    before = await everything(means)
    for since in (june, june - timedelta(days=30)):
        made, _ = await left_alone(means, both, NEWS.purpose, since=since)
        assert (made.new, made.renewed, made.unchanged, made.customers, made.allowing) == (0, 0, 3, 0, 2)
    assert await everything(means) == before
    # The ledger tells the new from those who were listed before, so that rows can be counted.
    async with means.database.connection() as connection:
        first, second = [each.act for each in await entered(connection, means.keyring, "suppression")]
    assert (first["count"], first.get("renewed")) == (3, None)
    assert (second["count"], second["renewed"]) == (0, 3)


async def test_a_list_of_a_day_that_is_not_over_is_refused(means: Means) -> None:
    ahead = datetime.fromisoformat(await now(means)) + timedelta(minutes=1)
    with pytest.raises(ListedAheadError):
        await left_alone(means, "bo@example.com", since=ahead)
    assert await rows_of(means, "suppression") == 0


async def test_a_list_leaves_entries_that_name_nobody(means: Means) -> None:
    await bring(means, person(MARKER, news="yes", **PROVEN))
    await left_alone(means, f"{MARKER}@example.com\nbo@example.com", NEWS.purpose)
    async with means.database.connection() as connection:
        entries = [each for each in await entered(connection, means.keyring) if each.kind.startswith("suppress")]
    assert [each.act for each in entries] == [
        {"kind": "suppressed-her", "reason": "a list of our old agency", "refused": ["market.newsletter/email"]},
        {
            "count": 2,
            "identifier": "email",
            "kind": "suppression",
            "purposes": ["market.newsletter"],
            "reason": "a list of our old agency",
            "why": "opted-out",
        },
    ]
    assert not any("example.com" in each.text for each in entries)


HASHED = "a" * 64


async def test_hashes_and_bad_lines_are_told_by_their_number_and_not_quoted(means: Means) -> None:
    made, rejects = await left_alone(means, f"{HASHED}\nkim@@{MARKER}\nbo@example.com\n{MARKER * 100_000}\n")
    assert (made.read, made.new, made.rejected) == (4, 1, 3)
    assert [each.line for each in rejects] == [1, 2, 4]
    assert "a hash made elsewhere cannot be compared" in rejects[0].reason
    assert MARKER not in str(rejects)


async def test_a_list_for_a_purpose_without_consent_is_refused(means: Means) -> None:
    for purpose, error in (("fulfil.orders", NotConsentBasedError), ("market.pigeons", UnknownPurposeError)):
        with pytest.raises(error):
            await left_alone(means, "bo@example.com", purpose)
    assert await rows_of(means, "suppression") == 0


async def test_telephones_are_read_as_an_import_reads_them(means: Means, api: Api) -> None:
    await left_alone(means, "07700 900123", kind="phone")
    await api.post("/v1/customers", "shop", {"identifiers": {"phone": "+44 7700 900123"}})
    async with means.database.connection() as connection:
        refused = {row["purpose"] for row in await connection.fetch("SELECT purpose FROM consent")}
    assert refused == {id_ for id_, purpose in means.policies.catalogue.purposes.items() if purpose.basis == "consent"}


# --- bad rows and privacy -------------------------------------------------------------------------------------


async def test_a_bad_row_is_told_by_line_column_and_reason_and_the_others_land(means: Means) -> None:
    bad = [
        person("a", news="yes", **(PROVEN | {"at": MARKER})),
        person("b", news="yes", **(PROVEN | {"at": "2999-01-01"})),
        person("c", news="yes", **(PROVEN | {"text": MARKER})),
        person("d", news="no") | {"mail": MARKER},
        person("e", news="no") | {"mail": ""},
    ]
    summary, rejects = await bring(means, *bad, person("f", news="yes", **PROVEN))
    assert summary == Summary(read=6, created=1, rejected=5, given=1)
    assert sorted((each.line, each.column) for each in rejects) == [
        (2, "at"),
        (3, "at"),
        (4, "text"),
        (5, "mail"),
        (6, ""),
    ]
    assert MARKER not in str(rejects)


async def test_no_identifier_and_no_evidence_reaches_the_log_a_repr_or_the_database(means: Means) -> None:
    with capture_logs() as said:
        people = [person(f"{MARKER}{n}", news=word, proof=MARKER) for n, word in enumerate(("yes", "no", "stopped"))]
        summary, rejects = await bring(means, *[PROVEN | each for each in people])
        await left_alone(means, f"{MARKER}@example.com")
    stored = await everything(means)
    assert MARKER not in f"{said}{summary}{rejects}{stored}"
    assert MARKER.encode().hex() not in str(stored)


def test_of_every_pair_of_answers_a_map_has_one() -> None:
    twice = MAP.replace("market.phone-offers", "market.newsletter").replace('channel = "phone"', 'channel = "email"')
    with pytest.raises(ServiceError, match=r"market\.newsletter on email stands twice"):
        read_columns(twice.encode())

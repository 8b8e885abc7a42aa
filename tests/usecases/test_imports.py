"""Bringing customers in: once or often, whole or interrupted, tidy or not, with the same end."""

import asyncio
import csv
import io
from collections import Counter
from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from structlog.testing import capture_logs

from service.cli import UNHURRIED
from service.crypto.cursors import LAST
from service.crypto.keyring import Keyring
from service.database import Database, opened
from service.demo.people import MAP, MAP_OF_JSON, as_csv, as_json, many, sample, sample_of_json
from service.errors import (
    DatabaseUnavailableError,
    ImportFileError,
    NotGrantedError,
    ServiceError,
    UnknownAttributeError,
    UnknownServiceError,
)
from service.importing import lines, rejects_into
from service.model import jsonlines
from service.model.callers import CustomerCaller, OperatorCaller, ServiceCaller
from service.model.choices import replay
from service.model.columns import Columns, Format, read_columns
from service.model.facts import Restrictions
from service.model.identifiers import Identifier, identifier
from service.model.sheet import Reject, Row, rows
from service.model.words import AgeBand, AttributeId, CustomerId, IdentifierKind, Provenance, ServiceId
from service.policy.engine import Policies
from service.storage import choices, customers
from service.usecases import identifiers, merges
from service.usecases.customers import Claim, Newcomer, contribute, enrol
from service.usecases.imports import Means, Summary, import_customers
from service.usecases.imports.landing import NOT_HERS
from tests import opening
from tests.conftest import Api, Template, own_database, tampering_with
from tests.conftest import Person as Enrolled
from tests.examples import some
from tests.opening import person
from tests.reading import entered
from tests.waiting import blocked_by

pytestmark = pytest.mark.usefixtures("all_said")

MARKER = "xyzzyplugh"
SHOP = read_columns(MAP.encode())
NEW_SHOP = structs.replace(read_columns(MAP_OF_JSON.encode()), format=Format.JSONL)
DATED = read_columns(MAP.replace("[age_band]", 'as_of = "Last change"\n[age_band]').encode())
TABLES = (
    "customer",
    "customer_key",
    "restrictions",
    "identifier",
    "source_record",
    "fact",
    "queue",
    "consent",
    "pairwise",
)


@pytest.fixture
def means(database: Database, keyring: Keyring, policies: Policies) -> Means:
    return Means(database, keyring, policies, OperatorCaller("tests", "a test"))


@pytest.fixture
async def another(means: Means, server: str, template: Template) -> AsyncIterator[Means]:
    """The same company somewhere else, to compare with."""
    async with own_database(server, template) as url, opened(url) as elsewhere:
        yield structs.replace(means, database=elsewhere)


def sheet(*people: dict[str, str]) -> str:
    """Write people as the shop would; a column that is not given is empty."""
    file = io.StringIO()
    writer = csv.DictWriter(file, [*SHOP.headings(), "Last change"], restval="")
    writer.writeheader()
    writer.writerows(people)
    return file.getvalue()


async def bring(
    means: Means,
    text: str | bytes,
    columns: Columns = SHOP,
    progress: Callable[[Summary], None] = lambda _: None,
) -> tuple[Summary, list[Reject]]:
    """Import a file, and return what became of it."""
    data = text if isinstance(text, bytes) else text.encode()
    rejects: list[Reject] = []
    read = rows(lines(io.BytesIO(data), columns.encoding), columns)
    summary = await import_customers(means, columns, read, reject=rejects.append, progress=progress)
    apart = (
        summary.created + summary.updated + summary.linked + summary.suppressed + summary.unchanged + summary.rejected
    )
    assert summary.read == apart, "every row is in exactly one count"
    return summary, rejects


async def people(means: Means) -> list[opening.Person]:
    """Open everything that is stored."""
    return await opening.people(means.database, means.keyring)


async def everything(means: Means, tables: tuple[str, ...] = TABLES) -> dict[str, list[str]]:
    """Return every row of tables, as it is stored."""
    async with means.database.connection() as connection:
        return {
            table: sorted(row[0] for row in await connection.fetch(f"SELECT {table}::text FROM {table}"))  # noqa: S608  ours
            for table in tables
        }


async def let_in(database: Database, service: str) -> ServiceCaller:
    """Return a service whose API key works."""
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO credential (id, service, digest, mac_version, mac) VALUES ($1, $1, sha256(''), 1, '') "
            "ON CONFLICT DO NOTHING",
            service,
        )
    return ServiceCaller(ServiceId(service), service, proven=True)


async def whom(means: Means, kind: IdentifierKind, written: str) -> CustomerId | None:
    digest = means.keyring.index_of(identifier(kind, written, region="GB"))
    async with means.database.connection() as connection:
        return await customers.by_identifier(connection, means.keyring, kind, digest)


async def value(means: Means, id_: CustomerId | None, attribute: str) -> bytes | None:
    assert id_ is not None
    async with means.database.connection() as connection:
        found = await person(connection, means.keyring, id_)
    return next((each[3] for each in found.facts if each[0] == attribute), None)


# --- the sample company ---------------------------------------------------------------------------------------


async def test_the_sample_comes_in_as_it_should(means: Means) -> None:
    summary, rejects = await bring(means, sample().encode("utf-8-sig"))
    assert summary == Summary(read=513, created=504, unchanged=1, rejected=8, shared=15)
    assert Counter(each.column for each in rejects) == {
        "E-Mail": 2,
        "Birth year": 2,
        "Customer no": 1,
        "Favourite genres": 1,
        "Phone": 1,
        "": 1,
    }
    everybody = await people(means)
    assert Counter(each.age_band for each in everybody).keys() == {"adult", "minor", "unknown"}
    assert all((each.rows, each.entries) == (1, 1) for each in everybody)


async def test_the_new_shops_sample_comes_in_too(means: Means) -> None:
    await bring(means, sample())
    summary, rejects = await bring_json(means, sample_of_json())
    assert summary == Summary(read=506, created=499, unchanged=1, rejected=6, shared=4)
    assert Counter((each.column, each.reason) for each in rejects) == {
        ("contact.email", "expected an e-mail address"): 1,
        ("orders", "expected a whole number from 0 to 10000"): 1,
        ("born", "expected a whole number from 1900 to 2100"): 1,
        ("genres.favourite", rejects[3].reason): 1,
        ("id", "expected the other system's id, of at most 200 characters"): 1,
        ("", "not JSON"): 1,
    }
    assert (await bring_json(means, sample_of_json()))[0] == Summary(read=506, unchanged=500, rejected=6)


async def bring_json(means: Means, text: str) -> tuple[Summary, list[Reject]]:
    rejects: list[Reject] = []
    read = jsonlines.rows(text.encode().splitlines(), NEW_SHOP, set())
    return await import_customers(means, NEW_SHOP, read, reject=rejects.append), rejects


async def test_the_same_people_are_the_same_in_either_format(means: Means) -> None:
    first, _ = await bring(means, "".join(as_csv(many(120))))
    before = await everything(means)
    second, _ = await bring_json(means, "".join(as_json(many(120))))
    assert (first, second) == (Summary(read=120, created=120), Summary(read=120, unchanged=120))
    assert await everything(means) == before


async def test_abbie_is_there_with_everything(means: Means) -> None:
    await bring(means, sample().encode("utf-8-sig"))
    id_ = await whom(means, IdentifierKind.EMAIL, "abbie@example.com")
    assert id_ == await whom(means, IdentifierKind.PHONE, "+447700900000")
    assert id_ == await whom(means, IdentifierKind.LOYALTY, "HB00000001")
    assert id_ is not None
    async with means.database.connection() as connection:
        abbie = await person(connection, means.keyring, id_)
    assert abbie.age_band == "adult"
    assert {(each[0], each[1]): each[3] for each in abbie.facts} == {
        ("first_name", "volunteered"): b'"Abbie"',
        ("last_name", "volunteered"): b'"Harbour"',
        ("postal_address", "volunteered"): b'"The \\"Old Chandlery\\", 1 Quay Street\\nWhitmouth\\nHB1 1AA"',
        ("contact_email", "volunteered"): b'"Abbie@Example.com"',
        ("birth_year", "volunteered"): b"1985",
        ("favourite_genres", "volunteered"): b'["crime","travel"]',
        ("accessibility_needs", "volunteered"): b'["large-print"]',
        ("browsed_genres", "observed"): b'["history","nature"]',
        ("last_destination", "observed"): b'"Lisbon"',
        ("orders_this_year", "observed"): b"7",
        ("postcode_area", "observed"): b'"HB"',
    }


async def test_an_import_brings_no_consents(means: Means) -> None:
    await bring(means, sample().encode("utf-8-sig"))
    assert (await everything(means))["consent"] == []


# --- again and again ------------------------------------------------------------------------------------------


async def test_the_same_file_twice_changes_nothing(means: Means) -> None:
    first, rejects = await bring(means, sample())
    before = await everything(means)
    second, rejects_again = await bring(means, sample())
    assert await everything(means) == before
    assert second == Summary(read=513, unchanged=505, rejected=8)
    assert (first.read, rejects) == (second.read, rejects_again)


@pytest.mark.parametrize("transactions", [1, 4])
async def test_an_import_that_ends_between_transactions_and_is_repeated_is_like_one(
    means: Means, another: Means, transactions: int
) -> None:
    def die(summary: Summary) -> None:
        if summary.created > 100 * (transactions - 1):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await bring(means, sample(), progress=die)
    assert 0 < len(await people(means)) < 504
    await bring(means, sample())
    await bring(another, sample())
    assert Counter(await people(means)) == Counter(await people(another))


async def test_an_import_whose_connection_dies_in_a_transaction_and_is_repeated_is_like_one(
    means: Means, another: Means, superuser_url: str
) -> None:
    await bring(means, sheet(*numbered(50)))
    holder = await asyncpg.connect(superuser_url)
    try:
        async with holder.transaction():
            # Entries are the last that a transaction writes, so everything else of it is there and not committed.
            await holder.execute("LOCK TABLE queue IN SHARE MODE")
            running = asyncio.create_task(bring(means, sheet(*numbered(250))))
            blocked = await blocked_by(holder)
            await holder.execute("SELECT pg_terminate_backend($1)", blocked)
            with pytest.raises(DatabaseUnavailableError):
                await running
    finally:
        await holder.close()
    assert len(await people(means)) == 50
    await bring(means, sheet(*numbered(250)))
    await bring(another, sheet(*numbered(250)))
    assert Counter(await people(means)) == Counter(await people(another))


async def test_two_imports_of_one_file_at_once_are_like_one(means: Means, another: Means, database_url: str) -> None:
    async with opened(database_url, patience=UNHURRIED) as unhurried:
        patient = structs.replace(means, database=unhurried)
        await asyncio.gather(bring(patient, sample()), bring(patient, sample()))
    await bring(another, sample())
    assert Counter(await people(means)) == Counter(await people(another))


def numbered(count: int) -> list[dict[str, str]]:
    return [
        {"Customer no": str(n), "E-Mail": f"p{n}@example.com", "First name": f"P{n}", "Orders": "1"}
        for n in range(count)
    ]


# --- a row that changed ---------------------------------------------------------------------------------------


async def test_a_changed_row_changes_what_it_says_with_one_entry(means: Means) -> None:
    await bring(means, sheet({"Customer no": "1", "E-Mail": "a@example.com", "First name": "Ann", "Orders": "1"}))
    changed = sheet({"Customer no": "1", "E-Mail": "a2@example.com", "First name": "Anne", "Orders": ""})
    summary, _ = await bring(means, changed)
    assert summary == Summary(read=1, updated=1)
    [ann] = await people(means)
    assert ann.identifiers == {("email", "a@example.com"), ("email", "a2@example.com")}
    assert {(each[0], each[3]) for each in ann.facts} == {
        ("first_name", b'"Anne"'),
        ("contact_email", b'"a2@example.com"'),
        ("orders_this_year", b"1"),
    }
    assert ann.entries == 2


async def test_the_entry_says_who_and_what_and_no_value(means: Means) -> None:
    await bring(means, sheet({"Customer no": MARKER, "E-Mail": f"{MARKER}@example.com", "First name": MARKER}))
    async with means.database.connection() as connection:
        (line,) = await entered(connection, means.keyring, "import")
    assert line.actor == "operator:tests"
    assert line.act == {
        "facts": ["contact_email#volunteered", "first_name#volunteered"],
        "identifiers": ["email"],
        "kind": "import",
        "new": True,
    }
    assert MARKER not in line.text


async def test_an_older_row_changes_nothing(means: Means) -> None:
    new = {"Customer no": "1", "E-Mail": "a@example.com", "First name": "Anne", "Last change": "2026-03-01"}
    old = {
        "Customer no": "1",
        "E-Mail": "old@example.com",
        "First name": "Ann",
        "Orders": "3",
        "Last change": "2026-02-01",
    }
    await bring(means, sheet(new), DATED)
    before = await everything(means)
    summary, _ = await bring(means, sheet(old), DATED)
    assert summary == Summary(read=1, unchanged=1)
    assert await everything(means) == before


async def test_a_file_with_a_row_and_its_newer_form_can_come_twice(means: Means) -> None:
    text = sheet(
        {"Customer no": "1", "First name": "Ann", "Orders": "3", "Last change": "2026-02-01"},
        {"Customer no": "1", "First name": "Anne", "Last change": "2026-03-01T10:00:00+01:00"},
    )
    first, _ = await bring(means, text, DATED)
    before = await everything(means)
    second, _ = await bring(means, text, DATED)
    assert (first, second) == (Summary(read=2, created=1, updated=1), Summary(read=2, unchanged=2))
    assert await everything(means) == before


async def test_a_fact_older_than_what_the_same_service_said_does_not_replace_it(
    means: Means, database: Database, keyring: Keyring, policies: Policies
) -> None:
    shop = await let_in(database, "shop")
    her = identifier(IdentifierKind.EMAIL, "a@example.com")
    known = await enrol(database, keyring, policies, shop, Newcomer([her], AgeBand.ADULT))
    said = Claim(AttributeId("first_name"), Provenance.VOLUNTEERED, b'"Now"', None)
    await contribute(database, keyring, policies, shop, known.customer, [said])
    row = {
        "Customer no": "1",
        "E-Mail": "a@example.com",
        "First name": "Then",
        "Orders": "2",
        "Last change": "2026-01-01",
    }
    summary, _ = await bring(means, sheet(row), DATED)
    assert summary.linked == 1
    id_ = await whom(means, IdentifierKind.EMAIL, "a@example.com")
    assert await value(means, id_, "first_name") == b'"Now"'
    assert await value(means, id_, "orders_this_year") == b"2"
    # Not even later, when nothing in the row is newer than what is there: then nothing at all is written.
    before = await everything(means)
    assert (await bring(means, sheet(row | {"E-Mail": "", "Orders": ""}), DATED))[0].unchanged == 1
    assert await everything(means) == before


async def test_an_import_passes_over_what_she_disowned_and_says_so(
    means: Means, database: Database, keyring: Keyring
) -> None:
    row = {"Customer no": "1", "E-Mail": "a@example.com", "Phone": "+44 7700 900123", "First name": "Abbie"}
    await bring(means, sheet(row))
    id_ = await whom(means, IdentifierKind.EMAIL, "a@example.com")
    assert id_ is not None
    me = CustomerCaller(id_, proven=True)
    (phone,) = [e for e in await identifiers.identifiers(database, keyring, me) if e.kind is IdentifierKind.PHONE]
    await identifiers.disown(database, keyring, me, phone.reference)
    summary, rejects = await bring(means, sheet(row | {"First name": "Abigail"}))
    assert summary == Summary(read=1, updated=1)
    assert [each.reason for each in rejects] == [NOT_HERS.format("phone")]
    assert await whom(means, IdentifierKind.PHONE, "+447700900123") is None
    assert await value(means, id_, "first_name") == b'"Abigail"'
    # Somebody else's row with that number is somebody else.
    other = {"Customer no": "2", "E-Mail": "b@example.com", "Phone": "+44 7700 900123"}
    assert (await bring(means, sheet(other)))[0] == Summary(read=1, created=1)
    assert await whom(means, IdentifierKind.PHONE, "+447700900123") == await whom(
        means, IdentifierKind.EMAIL, "b@example.com"
    )


async def test_a_minor_of_one_side_is_a_minor_of_both_and_a_batch_may_hold_both_sides(
    means: Means, database: Database, keyring: Keyring
) -> None:
    people = [{"Customer no": str(n), "E-Mail": f"{n}@example.com"} for n in (1, 2)]
    await bring(means, sheet(*people))
    hers = [identifier(IdentifierKind.EMAIL, each["E-Mail"]) for each in people]
    await merges.merge(database, keyring, OperatorCaller("tests", "a test"), (hers[0], hers[1]))
    summary, _ = await bring(means, sheet(people[0] | {"Adult": "N"}, people[1] | {"First name": "Bo"}))
    assert summary == Summary(read=2, updated=2)
    async with database.connection() as connection:
        bands = await connection.fetchval("SELECT array_agg(age_band) FROM restrictions")
    assert bands == ["minor", "minor"]


async def test_an_import_replaces_only_its_own_facts(means: Means) -> None:
    await bring(means, sheet({"Customer no": "1", "Area": "HB", "E-Mail": "a@example.com"}))
    finance = read_columns(
        b'service = "finance"\nsource_id = "Customer no"\nidentifiers = { email = "E-Mail" }\n'
        b'attributes = { postcode_area = { column = "Area", provenance = "acquired" } }'
    )
    summary, _ = await bring(means, sheet({"Customer no": "1", "Area": "QV", "E-Mail": "a@example.com"}), finance)
    assert summary == Summary(read=1, linked=1), "the same number means nothing in another system"
    [ann] = await people(means)
    assert {each[:2] + each[2:] for each in ann.facts if each[0] == "postcode_area"} == {
        ("postcode_area", "observed", "shop", b'"HB"'),
        ("postcode_area", "acquired", "finance", b'"QV"'),
    }


# --- who is who -----------------------------------------------------------------------------------------------


async def test_one_whom_the_api_knows_is_linked_and_keeps_her_restrictions(
    means: Means, database: Database, keyring: Keyring, policies: Policies
) -> None:
    her = [identifier(IdentifierKind.EMAIL, "a@example.com")]
    newsletter = await let_in(database, "newsletter")
    await enrol(database, keyring, policies, newsletter, Newcomer(her, AgeBand.MINOR))
    row = {"Customer no": "1", "E-Mail": "A@example.com", "Phone": "07700 900001", "First name": "Ann", "Adult": "Y"}
    summary, _ = await bring(means, sheet(row))
    assert summary == Summary(read=1, linked=1)
    [ann] = await people(means)
    assert ann.identifiers == {("email", "a@example.com"), ("phone", "+447700900001")}
    assert (ann.age_band, ann.rows, ann.entries) == ("minor", 1, 2)


async def test_a_second_row_of_the_same_system_is_somebody_else_and_what_both_claim_is_shared(means: Means) -> None:
    summary, _ = await bring(
        means,
        sheet(
            {"Customer no": "1", "E-Mail": "both@example.com", "Phone": "07700 900001"},
            {"Customer no": "2", "E-Mail": "BOTH@example.com", "Phone": "07700 900002"},
        ),
    )
    assert summary == Summary(read=2, created=2, shared=1)
    assert await whom(means, IdentifierKind.EMAIL, "both@example.com") is None
    found = {await whom(means, IdentifierKind.PHONE, f"07700 90000{n}") for n in (1, 2)}
    assert len(found - {None}) == 2


async def test_a_row_that_finds_two_customers_is_a_third(
    means: Means, database: Database, keyring: Keyring, policies: Policies
) -> None:
    shop = await let_in(database, "shop")
    for each in (Identifier(IdentifierKind.EMAIL, "a@example.com"), Identifier(IdentifierKind.LOYALTY, "CARD1")):
        await enrol(database, keyring, policies, shop, Newcomer([each], AgeBand.ADULT))
    summary, _ = await bring(means, sheet({"Customer no": "1", "E-Mail": "a@example.com", "Card": "CARD1"}))
    assert summary == Summary(read=1, created=1, shared=2)
    assert await whom(means, IdentifierKind.EMAIL, "a@example.com") is None


async def test_what_two_share_says_nothing_beside_what_is_hers_alone(
    means: Means, database: Database, keyring: Keyring, policies: Policies
) -> None:
    shop = await let_in(database, "shop")
    her = identifier(IdentifierKind.EMAIL, "a@example.com")
    await bring(means, sheet({"Customer no": "1", "Card": "CARD1"}, {"Customer no": "2", "Card": "CARD1"}))
    await enrol(database, keyring, policies, shop, Newcomer([her], AgeBand.ADULT))
    summary, _ = await bring(means, sheet({"Customer no": "3", "Card": "CARD1", "E-Mail": "a@example.com"}))
    assert summary == Summary(read=1, linked=1, shared=1)


async def test_two_rows_that_find_one_customer_are_two_people(
    means: Means, database: Database, keyring: Keyring, policies: Policies
) -> None:
    shop = await let_in(database, "shop")
    hers = [identifier(IdentifierKind.EMAIL, f"{name}@example.com") for name in "ab"]
    await enrol(database, keyring, policies, shop, Newcomer(hers, AgeBand.ADULT))
    # Nothing that stands in one of the rows stands in the other: only the database knows that they meet.
    rows_ = [{"Customer no": n, "E-Mail": f"{name}@example.com"} for n, name in (("1", "a"), ("2", "b"))]
    summary, _ = await bring(means, sheet(*rows_))
    assert summary == Summary(read=2, linked=1, created=1, shared=1)


async def test_two_rows_of_one_customer_take_their_turns(means: Means) -> None:
    text = sheet({"Customer no": "1", "First name": "Ann"}, {"Customer no": "2", "First name": "Bo"})
    await bring(means, text)
    # As after a merge of the two, which is yet to be built.
    async with tampering_with(means.database) as connection:
        await connection.execute("UPDATE source_record SET customer = (SELECT customer FROM source_record LIMIT 1)")
    summary, _ = await bring(means, text.replace("Ann", "Anne").replace("Bo", "Bob"))
    assert summary == Summary(read=2, updated=2)
    assert sorted((each.entries, each.rows) for each in await people(means)) == [(1, 0), (3, 2)]


async def test_a_placeholder_that_everybody_shares_finds_nobody_and_stops_nothing(means: Means) -> None:
    crowd = [{"Customer no": str(n), "Card": "00000000", "E-Mail": f"p{n}@example.com"} for n in range(150)]
    summary, _ = await bring(means, sheet(*crowd))
    assert summary == Summary(read=150, created=150, shared=149)
    assert await whom(means, IdentifierKind.LOYALTY, "00000000") is None


async def test_one_whose_data_was_erased_does_not_come_back(means: Means) -> None:
    text = sheet({"Customer no": "1", "First name": "Ann"}, {"Customer no": "2", "First name": "Bo"})
    await bring(means, text)
    async with tampering_with(means.database) as connection:
        erased = await connection.fetchval(
            "DELETE FROM customer_key WHERE customer = (SELECT customer FROM source_record LIMIT 1) RETURNING customer"
        )
        await connection.execute("DELETE FROM fact WHERE customer = $1", erased)
    summary, [reject] = await bring(means, text.replace("Ann", "Anne").replace("Bo", "Bob"))
    assert summary == Summary(read=2, updated=1, rejected=1)
    assert reject.reason == "this customer's key is gone, as after erasure, or does not open"
    async with means.database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM fact WHERE customer = $1", erased) == 0


async def test_a_damaged_key_is_an_alarm_and_stops_nobody_else(means: Means) -> None:
    await bring(means, sheet(*numbered(2)))
    async with tampering_with(means.database) as connection:
        await connection.execute(
            "UPDATE customer_key SET wrapped = wrapped || '\\x00' WHERE customer = (SELECT id FROM customer LIMIT 1)"
        )
    with capture_logs() as logs:
        summary, _ = await bring(means, sheet(*numbered(2)).replace(",1,", ",2,"))
    assert summary == Summary(read=2, updated=1, rejected=1)
    assert [each["event"] for each in logs] == ["alarm: a customer's key does not open"]


# --- what an import never opens ------------------------------------------------------------------------------


async def test_an_import_keeps_every_no_and_every_restriction(means: Means, api: Api, abbie: Enrolled) -> None:
    purposes = (await api.call("GET", "/v1/purposes", "shop")).json()["purposes"]
    for each in purposes:
        if each["basis"] == "consent":
            no = {"purpose": each["id"], "answer": "refused"}
            await api.post(f"/v1/customers/{abbie.at_shop}/consents", "shop", no)
    await restrict(means, Restrictions(age_band=AgeBand.ADULT, may_process=True, more_than_told=True))
    kept = ("consent", "consent_event", "restrictions")
    before = await everything(means, kept)
    assert "refused" in str(before["consent"])
    assert "given" not in str(before["consent"])
    row = {"Customer no": "1", "E-Mail": "abbie@example.com", "First name": "Abbie", "Adult": "Y"}
    for changes in ({}, {"First name": "Abby"}, {"Orders": "7"}):
        summary, _ = await bring(means, sheet(row | changes))
        assert summary.linked + summary.updated == 1
        assert await everything(means, kept) == before
    asked = {"customer": {"id": abbie.at_recommender}, "purpose": "personalise.recommendations", "channel": "web"}
    answer = await api.post("/v1/releases", "recommender", asked | {"attributes": ["first_name", "orders_this_year"]})
    assert (answer["decision"], answer["released"]) == ("deny", {})


async def restrict(means: Means, limits: Restrictions) -> CustomerId:
    """Let the only customer forbid what she forbids."""
    async with means.database.connection() as connection:
        id_: CustomerId = await connection.fetchval("SELECT id FROM customer")
        await customers.put_restrictions(connection, means.keyring, id_, limits)
    return id_


async def test_a_later_row_makes_a_minor_and_no_row_makes_her_an_adult_again(means: Means) -> None:
    row = {"Customer no": "1", "E-Mail": "a@example.com"}
    said = [("", "unknown"), ("Y", "adult"), ("", "adult"), ("N", "minor"), ("Y", "minor"), ("", "minor")]
    for cell, band in said:
        await bring(means, sheet(row | {"Adult": cell}))
        [ann] = await people(means)
        assert ann.age_band == band
    async with means.database.connection() as connection:
        acts = [each.act for each in await entered(connection, means.keyring, "import")]
    assert [act.get("restrictions") == ["age_band"] for act in acts].count(True) == 2


async def test_what_holds_after_imports_is_the_replay_of_what_they_said_of_her_age(means: Means) -> None:
    everybody = [{"Customer no": str(n), "E-Mail": f"p{n}@example.com", "Adult": "YN"[n % 2 :][:1]} for n in range(6)]
    await bring(means, sheet(*everybody, {"Customer no": "7", "E-Mail": "p7@example.com"}))
    await bring(means, sheet(*({**each, "Adult": "N"} for each in everybody)))
    async with means.database.connection() as connection:
        ids = [row["id"] for row in await connection.fetch("SELECT id FROM customer")]
        held = await customers.restrictions_of(connection, means.keyring, ids)
        said = {id_: [each for _, each in await choices.history(connection, id_, LAST, 10)] for id_ in ids}
        late = (
            "SELECT count(*) FROM choice_event e JOIN customer c ON c.id = e.customer AND e.recorded_at > c.changed_at"
        )
        assert await connection.fetchval(late) == 0
    assert held == {id_: replay(each.choice for each in reversed(events)) for id_, events in said.items()}
    assert sorted(len(events) for events in said.values()) == [0, 1, 1, 1, 2, 2, 2]


async def test_a_row_of_which_only_the_age_band_is_new_is_an_update(means: Means) -> None:
    await bring(means, sheet({"Customer no": "1", "Card": "CARD1", "Adult": "Y"}))
    text = sheet({"Customer no": "1", "Card": "CARD1", "Adult": "N"})
    assert (await bring(means, text))[0] == Summary(read=1, updated=1)
    before = await everything(means)
    assert (await bring(means, text))[0] == Summary(read=1, unchanged=1)
    assert await everything(means) == before


async def test_an_unknown_age_is_not_filled_by_a_system_that_may_not_record_a_yes(means: Means) -> None:
    await bring(means, sheet({"Customer no": "1", "E-Mail": "a@example.com"}))
    finance = read_columns(
        b'service = "finance"\nsource_id = "Customer no"\nidentifiers = { email = "E-Mail" }\n'
        b'age_band = { column = "Adult", adult = ["Y"], minor = ["N"] }'
    )
    for cell, band in (("Y", "unknown"), ("N", "minor")):
        await bring(means, sheet({"Customer no": "9", "E-Mail": "a@example.com", "Adult": cell}), finance)
        [ann] = await people(means)
        assert ann.age_band == band


@pytest.mark.parametrize("tampering", ["UPDATE restrictions SET inferred_allowed = true", "DELETE FROM restrictions"])
@pytest.mark.parametrize("cell", ["Y", "N", ""])
async def test_restrictions_that_were_tampered_with_never_get_our_mac(means: Means, tampering: str, cell: str) -> None:
    await bring(means, sheet({"Customer no": "1", "First name": "Ann"}, {"Customer no": "2", "First name": "Bo"}))
    async with tampering_with(means.database) as connection:
        await connection.execute(f"{tampering} WHERE customer = (SELECT customer FROM source_record LIMIT 1)")  # noqa: S608  ours
    before = (await everything(means))["restrictions"]
    changed = [{"Customer no": n, "First name": f"{n}!", "Adult": cell} for n in ("1", "2")]
    summary, rejects = await bring(means, sheet(*changed))
    after = (await everything(means))["restrictions"]
    if cell:
        assert summary == Summary(read=2, updated=1, rejected=1)
        assert "does not carry our MAC" in rejects[0].reason
        assert len(set(before) - set(after)) == 1, "the other customer's"
    else:
        assert summary == Summary(read=2, updated=2)
        assert after == before


# --- bad rows -------------------------------------------------------------------------------------------------

BAD = {
    "no id": ({"Customer no": "", "First name": MARKER}, "Customer no"),
    "e-mail": ({"E-Mail": MARKER}, "E-Mail"),
    "choice": ({"Favourite genres": f"crime; {MARKER}"}, "Favourite genres"),
    "number": ({"Birth year": MARKER}, "Birth year"),
    "length": ({"First name": MARKER * 100}, "First name"),
    "nul": ({"First name": f"{MARKER}\0"}, "First name"),
}


@pytest.mark.parametrize("case", BAD)
async def test_a_bad_row_is_reported_by_line_and_column_and_the_others_land(means: Means, case: str) -> None:
    cells, column = BAD[case]
    good = numbered(3)
    summary, rejects = await bring(means, sheet(good[0], {"Customer no": "bad"} | cells, good[1], good[2]))
    assert summary == Summary(read=4, created=3, rejected=1)
    assert [(each.line, each.column) for each in rejects] == [(3, column)]
    assert {each.identifiers for each in await people(means)} == {
        frozenset({("email", f"p{n}@example.com")}) for n in range(3)
    }


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda row: row.replace(b"P1", b"P\xff"), "expected text in the encoding of the map"),
        (lambda row: row.replace(b"P1", b'"P1'), "broken quoting"),
        (lambda row: row.replace(b"P1", b'"P"1'), "broken quoting"),
        (lambda row: row.replace(b"P1", b"P1,,"), "16 columns expected, 18 found"),
    ],
)
async def test_a_broken_row_costs_itself_only(means: Means, spoil: Callable[[bytes], bytes], reason: str) -> None:
    summary, rejects = await bring(means, spoil(sheet(*numbered(3)).encode()))
    assert summary == Summary(read=3, created=2, rejected=1)
    assert [(each.line, each.reason) for each in rejects] == [(3, reason)]


async def test_no_value_reaches_the_rejects_the_log_or_a_repr(means: Means) -> None:
    bad = [{"Customer no": MARKER, "E-Mail": f"{MARKER}@example.com"} | cells for cells, _ in BAD.values()]
    text = sheet(*bad) + f'"{MARKER}"{MARKER}\n{MARKER}\n'
    file = io.StringIO()
    with capture_logs() as logs:
        await import_customers(
            means, SHOP, rows(lines(io.BytesIO(text.encode()), "utf-8"), SHOP), reject=rejects_into(file)
        )
    written = list(csv.reader(io.StringIO(file.getvalue())))
    assert written[0] == ["line", "column", "reason"]
    assert len(written) == 1 + 8
    assert MARKER not in file.getvalue().casefold() + repr(logs) + repr(Row(1, {"x": MARKER}))


async def test_another_encoding_is_read_when_the_map_says_so(means: Means) -> None:
    latin = read_columns(MAP.replace("[age_band]", 'encoding = "cp1252"\n[age_band]').encode())
    await bring(means, sheet({"Customer no": "1", "First name": "Zoë", "Card": "CARD1"}).encode("cp1252"), latin)
    assert await value(means, await whom(means, IdentifierKind.LOYALTY, "CARD1"), "first_name") == '"Zoë"'.encode()


@pytest.mark.parametrize("text", ["", "\n", "a,b\n1,2\n", "\0\0", "\ufeff"])
async def test_a_file_that_is_none_is_refused_and_nothing_is_written(means: Means, text: str) -> None:
    with pytest.raises(ImportFileError):
        await bring(means, text)
    assert await people(means) == []


# --- rights ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "refusal", "named"),
    [
        (('service = "shop"', 'service = "recommender"'), NotGrantedError, "first_name"),
        (
            ('"Orders", provenance = "observed"', '"Orders", provenance = "volunteered"'),
            NotGrantedError,
            "orders_this_year",
        ),
        (('service = "shop"', 'service = "nobody"'), UnknownServiceError, "nobody"),
        (("birth_year =", "shoe_size ="), UnknownAttributeError, "shoe_size"),
        ((', split = ";"', ""), ImportFileError, "favourite_genres.split"),
    ],
)
async def test_a_map_that_says_what_its_service_may_not_is_refused_before_the_first_row(
    means: Means, change: tuple[str, str], refusal: type[ServiceError], named: str
) -> None:
    untouched = iter([Row(2, {"Customer no": "1"})])
    assert change[0] in MAP
    columns = read_columns(MAP.replace(*change).encode())
    with pytest.raises(refusal) as refused:
        await import_customers(means, columns, untouched, reject=lambda _: None)
    assert named in refused.value.detail
    assert list(untouched), "no row was taken"


# --- the law: however the rows are cut into transactions, they come in as if one by one -------------------------

CELLS = st.fixed_dictionaries(
    {
        "Customer no": st.sampled_from(["1", "2", "3", "4"]),
        "E-Mail": st.sampled_from(["", "a@example.com", "b@example.com", "c@example.com"]),
        "Card": st.sampled_from(["", "CARD1", "CARD2"]),
        "First name": st.sampled_from(["", "Ann", "Bo"]),
    }
)


@some(10)
@given(st.lists(CELLS, min_size=2, max_size=8))
async def test_rows_in_one_transaction_are_as_rows_one_by_one(
    means: Means, another: Means, file: list[dict[str, str]]
) -> None:
    for each in (means, another):
        await forget(each)
    together, _ = await bring(means, sheet(*file))
    apart = Counter[str]()
    for row in file:
        apart += Counter(as_counts((await bring(another, sheet(row)))[0]))
    assert as_counts(together) == dict(apart) | {name: 0 for name in Summary.__struct_fields__ if name not in apart}
    assert Counter(await people(means)) == Counter(await people(another))


def as_counts(summary: Summary) -> dict[str, int]:
    return {name: getattr(summary, name) for name in Summary.__struct_fields__}


async def forget(means: Means) -> None:
    async with tampering_with(means.database) as connection:
        await connection.execute(f"TRUNCATE {', '.join(TABLES)} CASCADE")

"""Receipts: each act has one, it is the same whenever it is asked for, and nobody reads what is not theirs."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from structlog.testing import capture_logs

from service.app import House
from service.crypto.keyring import Keyring
from service.crypto.random import random_word
from service.crypto.signing import public_key, read, sign
from service.database import Database
from service.errors import KeysUnavailableError
from service.model.callers import CustomerCaller, ServiceCaller
from service.model.consent import Answer, Shown
from service.model.facts import Publication
from service.model.identifiers import identifier
from service.model.ledger import LookedUp, entry
from service.model.words import (
    Acting,
    Channel,
    CustomerId,
    EntryId,
    IdentifierKind,
    Method,
    PairwiseId,
    PolicyVersion,
    PurposeId,
    ServiceId,
    Status,
)
from service.policy.bundle import Bundle, read_bundle
from service.rootkey import read_root_key
from service.schema import shipped
from service.storage import consents, customers, keys, ledger, publications
from service.usecases import access, receipts
from service.usecases.keys import AHEAD, make, rotate
from tests.api.conftest import Walker
from tests.conftest import OPERATOR, PROOF, Api, Person, Template, allow, enrol, tampering_with
from tests.examples import some

RECOMMENDATIONS, NEWSLETTER = "personalise.recommendations", "market.newsletter"
NOBODYS = "ent_" + "0" * 26
SHOP = ServiceCaller(ServiceId("shop"), "key", proven=True)


class Hers:
    """A customer who asks for her own receipts."""

    def __init__(self, api: Api, person: Person, token: str) -> None:
        self.api = api
        self.person = person
        self.token = token

    async def say(self, answer: str, purpose: str = RECOMMENDATIONS, **more: Any) -> str:
        """Answer herself; returns the entry."""
        proof = {"evidence": PROOF["evidence"]} if answer in {"given", "renewed"} else {}
        body = {"purpose": purpose, "answer": answer, **proof, **more}
        done: str = (await self.api.post("/v1/me/consents", self.token, body))["entry"]
        return done

    async def act(self, path: str, body: dict[str, Any]) -> str:
        """Do something at ``/v1/me``; returns the entry."""
        headers = {}
        if path == "preferences":
            seen = await self.api.call("GET", "/v1/me/preferences", self.token)
            headers = {"if-match": seen.headers["etag"]}
        method = "PUT" if path == "preferences" else "POST"
        response = await self.api.call(method, f"/v1/me/{path}", self.token, body, headers=headers)
        assert response.status_code == 200, (path, body, response.text)
        done: str = response.json()["entry"]
        return done

    async def receipt(self, of: str, query: str = "") -> dict[str, Any]:
        """Return a receipt, which there is."""
        response = await self.api.call("GET", f"/v1/me/receipts/{of}{query}", self.token)
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found

    async def code(self, of: str) -> tuple[int, str]:
        """Return how a receipt is refused."""
        response = await self.api.call("GET", f"/v1/me/receipts/{of}", self.token)
        return response.status_code, response.json().get("code", "")

    async def page(self, query: str = "") -> dict[str, Any]:
        """Return a page of her list."""
        found: dict[str, Any] = (await self.api.call("GET", f"/v1/me/receipts{query}", self.token)).json()
        return found


async def token_of(database: Database, keyring: Keyring, person: Person) -> str:
    found_by = identifier(IdentifierKind.EMAIL, person.email)
    return (await access.make_customer_token(database, keyring, OPERATOR, found_by, 60)).text


@pytest.fixture
async def hers(api: Api, abbie: Person, database: Database, keyring: Keyring) -> Hers:
    return Hers(api, abbie, await token_of(database, keyring, abbie))


@pytest.fixture
async def bos(api: Api, database: Database, keyring: Keyring) -> Hers:
    person = await enrol(api, "bo@example.com", {})
    return Hers(api, person, await token_of(database, keyring, person))


async def customer_of(database: Database, person: Person) -> CustomerId:
    async with database.connection() as connection:
        found: CustomerId = await connection.fetchval("SELECT customer FROM pairwise WHERE id = $1", person.at_shop)
    return found


async def act(database: Database, person: Person, **changes: Any) -> EntryId:
    """Record an event of any kind, as a use case would: a change, the event, one entry."""
    customer = await customer_of(database, person)
    async with database.transaction() as connection:
        change = await customers.bump(connection, customer)
        id_ = ledger.new_entry_id(change.now)
        version = await publications.current_version(connection)
        words: dict[str, Any] = {
            "purpose": PurposeId(RECOMMENDATIONS),
            "channel": Channel.WEB,
            "status": Status.GIVEN,
            "notice": 2,
            "explicit": False,
            "method": Method.API,
            "actor": "",
            "given_at": change.now,
            "recorded_at": change.now,
            "recorder": "service:shop",
            "policy_version": version,
            "entry": id_,
        }
        await consents.record(connection, customer, Answer(**(words | changes)))
        said = LookedUp(what="test", reason="")
        await ledger.append(connection, None, entry(id_, customer, OPERATOR, change.now, said))
    return id_


async def choose(database: Database, person: Person, choice: str, value: str, recorder: str = "customer") -> EntryId:
    """Record a choice of any kind, likewise."""
    customer = await customer_of(database, person)
    async with database.transaction() as connection:
        change = await customers.bump(connection, customer)
        id_ = ledger.new_entry_id(change.now)
        await connection.execute(
            "INSERT INTO choice_event (customer, choice, value, method, acting, actor, recorder, given_at,"
            " recorded_at, entry) VALUES ($1, $2, $3, 'portal', 'herself', '', $4, $5, $5, $6)",
            customer,
            choice,
            value,
            recorder,
            change.now,
            id_,
        )
        said = LookedUp(what="test", reason="")
        await ledger.append(connection, None, entry(id_, customer, OPERATOR, change.now, said))
    return id_


def header_of(signed: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(read(signed.split(".", maxsplit=1)[0]) or b"")
    return found


def payload_of(signed: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(read(signed.split(".")[1]) or b"")
    return found


async def verify(api: Api, signed: str) -> dict[str, Any]:
    return await api.post("/v1/receipts/verify", None, {"receipt": signed})


# --- every act has one ---------------------------------------------------------------------------------------


async def test_what_she_says_has_a_receipt_that_anybody_can_verify(hers: Hers) -> None:
    yes: dict[str, Any] = {"channel": "web", "notice": 2}
    for answer, more in (("given", yes), ("refused", {}), ("withdrawn", {})):
        receipt = await hers.receipt(await hers.say(answer, **more))
        assert payload_of(receipt["receipt"]) == receipt["record"]
        verdict = await verify(hers.api, receipt["receipt"])
        key = header_of(receipt["receipt"])["kid"]
        assert verdict == {"valid": True, "kid": key, "record": receipt["record"]}
        (record,) = receipt["record"]["dpv:hasRecordOfActivity"]
        assert record["dpv:hasConsentStatus"][0]["@type"][0] == f"dpv:Consent{answer.title()}"


async def test_every_act_that_a_customer_has_at_this_api_has_a_receipt(hers: Hers, bos: Hers) -> None:
    yes: dict[str, Any] = {"channel": "web", "notice": 2}
    later = {"until": "2100-01-01T00:00:00Z"}
    acts: list[tuple[str, dict[str, Any]]] = [
        ("consents", {"purpose": RECOMMENDATIONS, "answer": "renewed", "evidence": "scan-7", **yes}),
        ("consents", {"purpose": NEWSLETTER, "answer": "deferred", "channel": "email"}),
        ("consents", {"purpose": RECOMMENDATIONS, "answer": "withdrawn", "channel": "web"}),
        ("withdrawals", {"purpose": NEWSLETTER, "channel": "email"}),
        ("withdrawals", {"all": "marketing"}),
        ("withdrawals", {"all": "everything"}),
        ("choices", {"choice": "objection", "value": "raised", "purpose": "prevent.fraud"}),
        ("choices", {"choice": "processing", "value": "no"}),
        ("choices", {"choice": "processing", "value": "yes"}),
        ("choices", {"choice": "more-than-told", "value": "no"}),
        ("choices", {"choice": "pause", "value": later["until"]}),
        ("preferences", {"preferences": [], "quiet_hours": "22:00-07:00 Europe/Berlin"}),
    ]
    entries = [await hers.act(path, body) for path, body in acts]
    listed = {each["entry"] for each in (await hers.page("?limit=100"))["receipts"]}
    assert set(entries) <= listed
    for of in entries:
        receipt = await hers.receipt(of)
        assert (await verify(hers.api, receipt["receipt"]))["valid"] is True
        assert PROOF["evidence"] not in str(receipt)
        assert await bos.code(of) == (404, "unknown-receipt")
    everything = await hers.receipt(entries[5])
    assert len(everything["record"]["dpv:hasRecordOfActivity"]) > 1
    assert everything["text"].count("no longer") == 2 * everything["text"].count("said by")


@pytest.mark.parametrize("status", Status)
async def test_every_kind_of_answer_has_a_receipt(status: Status, hers: Hers, database: Database) -> None:
    receipt = await hers.receipt(await act(database, hers.person, status=status, acting=Acting.CONTROLLER))
    assert (await verify(hers.api, receipt["receipt"]))["valid"] is True
    assert receipt["text"].startswith("Receipt ent_")


@pytest.mark.parametrize(
    ("choice", "value", "told"),
    [
        ("objection", NEWSLETTER, f"objection: {NEWSLETTER}"),
        ("restriction", "on", "restriction: on"),
        ("pause", "2027-01-01T00:00:00Z", "Pause until 2027-01-01 00:00:00 UTC"),
        ("x", "", "x:"),
    ],
)
async def test_every_choice_has_a_receipt(choice: str, value: str, told: str, hers: Hers, database: Database) -> None:
    receipt = await hers.receipt(await choose(database, hers.person, choice, value))
    (record,) = receipt["record"]["dpv:hasRecordOfActivity"]
    assert (record["@type"], record["dct:title"], record["rdf:value"]) == (["dpv:Record"], choice, value)
    assert told in receipt["text"].splitlines()


async def test_a_no_to_what_is_asked_no_more_has_a_receipt(hers: Hers, database: Database) -> None:
    receipt = await hers.receipt(
        await act(database, hers.person, purpose=PurposeId("gone.purpose"), status=Status.WITHDRAWN, notice=0)
    )
    assert "gone.purpose, on the web: no longer" in receipt["text"]


async def test_an_answer_that_was_recorded_without_policies_is_told_by_those_of_its_day(
    hers: Hers, database: Database
) -> None:
    receipt = await hers.receipt(
        await act(database, hers.person, policy_version=PolicyVersion(""), status=Status.WITHDRAWN, notice=0)
    )
    assert "Harbour Books & Travel" in receipt["text"]


async def test_the_text_is_in_the_language_in_which_she_was_asked_else_as_wished_else_in_english(
    hers: Hers, database: Database
) -> None:
    shown = Shown("de", "sheet", "ab" * 32, (await publication_time(database)) - timedelta(days=1))
    asked = await act(database, hers.person, shown=shown)
    unknown = await act(database, hers.person)
    first_words = {
        (name, query): (await hers.receipt(of, query))["text"].split()[0]
        for name, of in (("asked", asked), ("unknown", unknown))
        for query in ("", "?language=de", "?language=en", "?language=fr")
    }
    assert first_words == {
        ("asked", ""): "Beleg",
        ("asked", "?language=de"): "Beleg",
        ("asked", "?language=en"): "Beleg",
        ("asked", "?language=fr"): "Beleg",
        ("unknown", ""): "Receipt",
        ("unknown", "?language=de"): "Beleg",
        ("unknown", "?language=en"): "Receipt",
        ("unknown", "?language=fr"): "Receipt",
    }
    signed = {(await hers.receipt(unknown, query))["receipt"] for query in ("", "?language=de")}
    assert len(signed) == 1


async def publication_time(database: Database) -> Any:
    async with database.connection() as connection:
        return await connection.fetchval("SELECT min(published_at) FROM publication")


async def test_the_text_says_what_holds_now_and_the_receipt_stays(hers: Hers) -> None:
    given = await hers.say("given", channel="web", notice=2)
    before = await hers.receipt(given)
    await hers.say("withdrawn")
    after = await hers.receipt(given)
    assert "What holds now" in after["text"]
    assert before["text"].count("on the web: yes") == 2
    assert (after["text"].count("on the web: yes"), after["text"].count("on the web: no longer")) == (1, 1)
    assert after["receipt"] == before["receipt"]


# --- the same, whenever it is asked for ----------------------------------------------------------------------


async def test_it_is_the_same_to_the_byte_after_a_restart_a_rotation_and_a_publication(
    hers: Hers, house: House, database: Database, template: Template
) -> None:
    entries = [await hers.say("given", channel="web", notice=2), await choose(database, hers.person, "pause", "x")]
    before = [(await hers.receipt(each))["receipt"] for each in entries]
    await rotate(database, read_root_key(template.root_key_file), OPERATOR, "receipt")
    await takes_effect(database, 2)
    await publish(database, await house.keys(), with_name("Another Name"))
    assert [(await hers.receipt(each))["receipt"] for each in entries] == before
    restarted = House(database, template.root_key_file)
    hers_again = CustomerCaller(await customer_of(database, hers.person), proven=True)
    for each, signed in zip(entries, before, strict=True):
        assert await restarted.actions.receipt_after(hers_again, EntryId(each), None) == signed


async def takes_effect(database: Database, version: int) -> None:
    """Let a key sign from this moment on."""
    async with tampering_with(database) as connection:
        await connection.execute(
            "UPDATE wrapped_key SET created_at = clock_timestamp() WHERE role = 'receipt' AND version = $1", version
        )


def with_name(name: str) -> Bundle:
    files = dict(read_bundle(shipped("policies")).files)
    return Bundle({**files, "company.toml": files["company.toml"].replace("Harbour Books & Travel", name)})


async def publish(database: Database, keyring: Keyring, bundle: Bundle) -> None:
    async with database.transaction() as connection:
        before = await publications.current(connection, keyring)
        sequence = 1 if before is None else before.sequence + 1
        await publications.publish(connection, keyring, Publication(sequence, bundle.version), bundle.encode())


async def test_a_new_key_is_published_at_once_signs_later_and_what_the_old_one_signed_stays_valid(
    hers: Hers, database: Database, template: Template
) -> None:
    async def published() -> list[str]:
        return [key["kid"] for key in (await hers.api.call("GET", "/.well-known/jwks.json", None)).json()["keys"]]

    first = await hers.receipt(await hers.say("given", channel="web", notice=2))
    (old,) = await published()
    await rotate(database, read_root_key(template.root_key_file), OPERATOR, "receipt")
    new, *others = await published()
    assert others == [old]
    waiting = await hers.receipt(await hers.say("withdrawn"))
    assert header_of(waiting["receipt"])["kid"] == old
    await takes_effect(database, 2)
    second = await hers.receipt(await hers.say("given", channel="web", notice=2))
    assert header_of(second["receipt"])["kid"] == new
    for each in (first, waiting, second):
        assert (await verify(hers.api, each["receipt"]))["valid"] is True


async def test_a_key_waits_longer_than_anybody_keeps_the_key_set(
    hers: Hers, database: Database, template: Template
) -> None:
    response = await hers.api.call("GET", "/.well-known/jwks.json", None)
    kept = int(response.headers["cache-control"].removeprefix("max-age="))
    assert timedelta(seconds=kept) < AHEAD
    await rotate(database, read_root_key(template.root_key_file), OPERATOR, "receipt")
    async with database.connection() as connection:
        ahead = await connection.fetchval("SELECT max(created_at) - clock_timestamp() FROM wrapped_key")
    assert AHEAD - timedelta(minutes=1) < ahead <= AHEAD


async def test_a_receipt_of_another_company_is_unknown_here(hers: Hers) -> None:
    receipt = await hers.receipt(await hers.say("refused"))
    forged = sign(bytes(32), read(receipt["receipt"].split(".")[1]) or b"")
    assert await verify(hers.api, forged) == {"valid": False, "reason": "unknown-key"}
    assert public_key(bytes(32)).id != header_of(receipt["receipt"])["kid"]


async def test_what_our_key_signed_and_is_no_receipt_is_none(hers: Hers, house: House) -> None:
    seed = (await house.keys()).key("receipt", 1)
    for payload in (b"", b"{}", b"[]", b'{"@type":["dpv:ConsentRecord"]}', b'{"@type":"x"}', b"[" * 5_000, b"\xff"):
        assert await verify(hers.api, sign(seed, payload)) == {"valid": False, "reason": "not-a-receipt"}


# --- who may read it -----------------------------------------------------------------------------------------


async def test_nobody_reads_the_receipt_of_somebody_else_and_is_told_what_an_entry_without_one_is_told(
    hers: Hers, bos: Hers, database: Database
) -> None:
    mine, look_up = await hers.say("given", channel="web", notice=2), await a_look_up(database, hers.person)
    told = {await bos.code(of) for of in (mine, NOBODYS, look_up)} | {await hers.code(of) for of in (NOBODYS, look_up)}
    assert told == {(404, "unknown-receipt")}
    for of in (mine, NOBODYS):
        at_bo = await hers.api.call("GET", f"/v1/customers/{bos.person.at_shop}/receipts/{of}", "shop")
        assert (at_bo.status_code, at_bo.json()["code"]) == (404, "unknown-receipt")
    as_other = await hers.api.call("GET", f"/v1/customers/{hers.person.at_recommender}/receipts/{mine}", "shop")
    assert (as_other.status_code, as_other.json()["code"]) == (404, "unknown-customer")


async def a_look_up(database: Database, person: Person) -> str:
    """Return an entry of hers about which there is no receipt."""
    async with database.connection() as connection:
        found: str = await connection.fetchval(
            "SELECT id FROM queue WHERE customer = $1 AND kind = 'contribute' LIMIT 1",
            await customer_of(database, person),
        )
    return found


@pytest.mark.parametrize("odd", ["ent_", "ent_" + "I" * 26, "ent_" + "0" * 27, NOBODYS + "%0a", NOBODYS.lower(), "*"])
async def test_an_odd_entry_has_no_receipt(odd: str, hers: Hers) -> None:
    assert await hers.code(odd) == (404, "unknown-receipt")


async def test_a_service_reads_what_is_about_its_purposes_and_nothing_more(hers: Hers, database: Database) -> None:
    async def read_by(service: str, at: str, of: str) -> tuple[int, list[str]]:
        response = await hers.api.call("GET", f"/v1/customers/{at}/receipts/{of}", service)
        if response.status_code != 200:
            return response.status_code, []
        records = response.json()["record"]["dpv:hasRecordOfActivity"]
        return 200, [r["dpv:hasProcess"][0]["dpv:hasPurpose"][0]["dpv:hasIdentifier"] for r in records]

    recommendations = await hers.say("refused")
    newsletter = await hers.say("refused", NEWSLETTER)
    both = await act(database, hers.person)
    await add_to(database, both, NEWSLETTER)
    person = hers.person
    assert await read_by("recommender", person.at_recommender, recommendations) == (200, [RECOMMENDATIONS])
    assert await read_by("recommender", person.at_recommender, newsletter) == (404, [])
    assert await read_by("recommender", person.at_recommender, both) == (200, [RECOMMENDATIONS])
    assert await read_by("shop", person.at_shop, both) == (200, [NEWSLETTER, RECOMMENDATIONS])


async def add_to(database: Database, of: str, purpose: str) -> None:
    """Let an act be about a further purpose."""
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO consent_event (customer, purpose, channel, status, notice, explicit, method, recorder, actor,"
            " given_at, recorded_at, policy_version, entry)"
            " SELECT customer, $2, channel, status, notice, explicit, method, recorder, actor, given_at, recorded_at,"
            " policy_version, entry FROM consent_event WHERE entry = $1 LIMIT 1",
            of,
            purpose,
        )


async def test_a_service_reads_the_choices_that_it_recorded_and_no_others(hers: Hers, database: Database) -> None:
    its, her = [await choose(database, hers.person, "pause", "x", who) for who in ("service:shop", "customer")]
    statuses = [
        (await hers.api.call("GET", f"/v1/customers/{hers.person.at_shop}/receipts/{of}", "shop")).status_code
        for of in (its, her)
    ]
    assert statuses == [200, 404]


async def test_each_reader_knows_her_by_another_name_and_none_is_that_of_the_database(
    hers: Hers, database: Database
) -> None:
    of = await allow(hers.api, hers.person)
    customer = await customer_of(database, hers.person)
    names = []
    for receipt in (
        await hers.receipt(of),
        (await hers.api.call("GET", f"/v1/customers/{hers.person.at_shop}/receipts/{of}", "shop")).json(),
        (await hers.api.call("GET", f"/v1/customers/{hers.person.at_recommender}/receipts/{of}", "recommender")).json(),
    ):
        (record,) = receipt["record"]["dpv:hasRecordOfActivity"]
        names.append(record["dpv:hasDataSubject"][0]["dpv:hasIdentifier"])
        shown = json.dumps(receipt)
        assert not any(word in shown for word in (str(customer), customer.hex, hers.person.email, "Abbie", "crime"))
    assert names[1:] == [hers.person.at_shop, hers.person.at_recommender]
    assert names[0].startswith("byh_")
    assert (await hers.receipt(await hers.say("refused")))["record"]["dpv:hasRecordOfActivity"][0][
        "dpv:hasDataSubject"
    ][0]["dpv:hasIdentifier"] == names[0]


async def test_an_event_that_no_entry_of_hers_speaks_of_is_not_signed(hers: Hers, database: Database) -> None:
    """Whoever puts an event into the database has to write it into the ledger as well."""
    of = await hers.say("refused")
    async with tampering_with(database) as connection:
        await connection.execute("UPDATE consent_event SET entry = $2 WHERE entry = $1", of, NOBODYS)
    assert await hers.code(NOBODYS) == (404, "unknown-receipt")


# --- her list ------------------------------------------------------------------------------------------------


async def test_her_list_has_every_act_newest_first_page_by_page(hers: Hers, bos: Hers, database: Database) -> None:
    made = [each["entry"] for each in (await hers.page())["receipts"]][::-1]
    made += [
        await choose(database, hers.person, "pause", "x") if number % 3 else await hers.say("refused")
        for number in range(7)
    ]
    await bos.say("refused")
    seen: list[str] = []
    page = await hers.page("?limit=3")
    while True:
        seen += [each["entry"] for each in page["receipts"]]
        await hers.say("withdrawn")
        if "next" not in page:
            break
        page = await hers.page(f"?limit=3&cursor={page['next']}")
    assert seen == made[::-1]
    newest, *_ = (await hers.page("?limit=1"))["receipts"]
    assert (newest["purposes"], newest["choices"]) == ([RECOMMENDATIONS], [])
    of_choice = next(each for each in (await hers.page())["receipts"] if each["choices"])
    assert (of_choice["purposes"], of_choice["choices"]) == ([], ["pause"])


async def test_an_act_that_is_an_answer_and_a_choice_is_listed_once(hers: Hers, database: Database) -> None:
    async with tampering_with(database) as connection:
        await connection.execute("DELETE FROM choice_event")
    of = await choose(database, hers.person, "pause", "x")
    async with tampering_with(database) as connection:
        await connection.execute(
            "UPDATE consent_event e SET entry = c.entry, recorded_at = c.recorded_at FROM choice_event c"
            " WHERE c.customer = e.customer"
        )
    (only,) = (await hers.page())["receipts"]
    assert (only["entry"], only["purposes"], only["choices"]) == (of, [RECOMMENDATIONS], ["pause"])
    assert len((await hers.receipt(of))["record"]["dpv:hasRecordOfActivity"]) == 2


async def test_a_cursor_is_good_for_her_own_list_only(hers: Hers, bos: Hers) -> None:
    await hers.say("refused")
    cursor = (await hers.page("?limit=1"))["next"]
    for who, query in ((bos, cursor), (hers, cursor[:-2]), (hers, "A" * 56)):
        response = await hers.api.call("GET", f"/v1/me/receipts?cursor={query}", who.token)
        assert (response.status_code, response.json()["code"]) == (400, "bad-cursor")
    used = await hers.api.call("GET", f"/v1/me/use?cursor={cursor}", hers.token)
    assert used.status_code == 400


# --- without a key -------------------------------------------------------------------------------------------


@pytest.fixture
async def without_a_key(database: Database) -> None:
    async with tampering_with(database) as connection:
        await connection.execute("DELETE FROM wrapped_key WHERE role = 'receipt'")


async def test_without_a_receipt_key_everything_works_and_receipts_follow_when_it_is_made(
    without_a_key: None, hers: Hers, database: Database, template: Template
) -> None:
    of = await hers.say("given", channel="web", notice=2)
    ask = {
        "customer": {"email": hers.person.email},
        "purpose": RECOMMENDATIONS,
        "channel": "web",
        "attributes": ["first_name"],
    }
    assert (await hers.api.post("/v1/releases", "recommender", ask))["decision"] == "permit"
    withdrawn = await hers.say("withdrawn")
    assert (await hers.api.post("/v1/releases", "recommender", ask))["decision"] == "deny"
    assert (await hers.api.call("GET", "/health/ready", None)).status_code == 200
    assert {await hers.code(each) for each in (of, withdrawn)} == {(503, "keys-unavailable")}
    for method, path, body in (
        ("GET", "/.well-known/jwks.json", None),
        ("POST", "/v1/receipts/verify", {"receipt": "a.b.c"}),
    ):
        response = await hers.api.call(method, path, None, body)
        assert (response.status_code, response.json()["code"]) == (503, "keys-unavailable")
    assert {of, withdrawn} <= {each["entry"] for each in (await hers.page())["receipts"]}
    (made,) = await make(database, read_root_key(template.root_key_file), OPERATOR)
    assert (made.role, made.version) == ("receipt", 1)
    for each in (of, withdrawn):
        assert (await verify(hers.api, (await hers.receipt(each))["receipt"]))["valid"] is True
    assert await make(database, read_root_key(template.root_key_file), OPERATOR) == []


async def test_the_receipt_after_an_act_is_the_one_that_is_read_later_or_follows(
    hers: Hers, house: House, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = EntryId(await allow(hers.api, hers.person))
    her = CustomerCaller(await customer_of(database, hers.person), proven=True)
    assert await house.actions.receipt_after(her, of, None) == (await hers.receipt(of))["receipt"]
    at_shop = await hers.api.call("GET", f"/v1/customers/{hers.person.at_shop}/receipts/{of}", "shop")
    assert await house.actions.receipt_after(SHOP, of, PairwiseId(hers.person.at_shop)) == at_shop.json()["receipt"]
    assert await house.actions.receipt_after(structs.replace(her, proven=False), of, None) is None
    assert await house.actions.receipt_after(her, EntryId(NOBODYS), None) is None

    async def broken(*_: object) -> receipts.Receipt:
        raise RuntimeError(random_word(5))

    monkeypatch.setattr(receipts, "receipt_of", broken)
    assert await house.actions.receipt_after(her, of, None) is None


async def test_who_reports_a_no_to_what_is_not_for_its_eyes_gets_no_receipt_and_none_is_promised(hers: Hers) -> None:
    said = {"purpose": NEWSLETTER, "answer": "withdrawn", "method": "phone"}
    at = f"/v1/customers/{hers.person.at_recommender}/consents"
    with capture_logs() as lines:
        response = await hers.api.call("POST", at, "recommender", said)
    assert response.status_code == 200
    assert {each["status"] for each in response.json()["standing"]} == {"withdrawn"}
    assert "receipt" not in response.json()
    assert [line for line in lines if "receipt" in line["event"]] == []
    assert (await hers.receipt(response.json()["entry"]))["receipt"]


async def test_keys_that_are_there_stay_when_they_cannot_be_opened_anew(
    without_a_key: None, hers: Hers, house: House, template: Template
) -> None:
    held = await house.keys()
    hidden = template.root_key_file.rename(template.root_key_file.with_suffix(".hidden"))
    try:
        with pytest.raises(KeysUnavailableError):
            await house.keys.anew()
        assert await house.keys() is held
    finally:
        hidden.rename(template.root_key_file)


async def test_making_keys_never_makes_one_in_the_place_of_one_that_was_lost(
    database: Database, template: Template
) -> None:
    async with tampering_with(database) as connection:
        await connection.execute("DELETE FROM wrapped_key WHERE role = 'index'")
        before = await keys.wrapped_keys(connection)
    with pytest.raises(KeysUnavailableError, match="index"):
        await make(database, read_root_key(template.root_key_file), OPERATOR)
    async with database.connection() as connection:
        assert await keys.wrapped_keys(connection) == before


# --- who the company is --------------------------------------------------------------------------------------


async def test_what_was_published_before_the_company_was_named_has_receipts_once_it_is(
    hers: Hers, database: Database, keyring: Keyring
) -> None:
    files = {path: text for path, text in read_bundle(shipped("policies")).files.items() if path != "company.toml"}
    await publish(database, keyring, Bundle(files))
    of = await hers.say("refused")
    assert await hers.code(of) == (503, "policies-unavailable")
    await publish(database, keyring, with_name("First Name"))
    first = await hers.receipt(of)
    assert "First Name" in first["text"]
    await publish(database, keyring, with_name("Second Name"))
    assert (await hers.receipt(of))["receipt"] == first["receipt"]


# --- verifying -----------------------------------------------------------------------------------------------


async def test_one_byte_changed_anywhere_is_refused_with_a_reason(hers: Hers) -> None:
    signed = (await hers.receipt(await hers.say("refused")))["receipt"]
    reasons = set()
    for place in range(0, len(signed), 97):
        changed = signed[:place] + ("A" if signed[place] != "A" else "B") + signed[place + 1 :]
        verdict = await verify(hers.api, changed)
        assert verdict["valid"] is False
        assert "record" not in verdict
        reasons.add(verdict["reason"])
    assert reasons <= {"malformed", "bad-signature", "unsupported-algorithm", "unknown-key", "not-a-receipt"}


@some(80)
@given(st.text(max_size=400) | st.binary(max_size=300).map(lambda data: ".".join([data.hex()] * 3)))
async def test_whatever_is_presented_is_judged_and_never_a_fault(walker: Walker, presented: str) -> None:
    response = await walker.api.call("POST", "/v1/receipts/verify", None, {"receipt": presented})
    # No text of ours is empty or holds U+0000.
    assert response.status_code == (422 if not presented else 400 if "\0" in presented else 200)
    assert response.json().get("valid") is not True


async def test_the_receipt_of_every_purpose_at_once_can_be_presented(hers: Hers, database: Database) -> None:
    of = await act(database, hers.person, status=Status.WITHDRAWN, notice=0)
    for purpose in (NEWSLETTER, "market.phone-offers", "research.panel", "share.airline"):
        await add_to(database, of, purpose)
    receipt = await hers.receipt(of)
    assert len(receipt["record"]["dpv:hasRecordOfActivity"]) == 5
    assert len(receipt["receipt"]) < 40_000
    assert (await verify(hers.api, receipt["receipt"]))["valid"] is True

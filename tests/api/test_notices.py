"""Asking a customer: whether to, in which words, with proof of what was shown, and what an answer to it proves."""

import hashlib
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from msgspec import structs

from service.crypto.keyring import Keyring
from service.crypto.snapshots import make_snapshot, read_snapshot
from service.database import Database
from service.model.identifiers import identifier
from service.model.snapshots import LIFE
from service.model.words import Channel, CustomerId, IdentifierKind, PurposeId
from service.policy.engine import Policies
from service.storage import consents
from service.usecases import merges
from service.usecases.access import make_customer_token
from tests.conftest import OPERATOR, Api, Person, allow, enrol, tampering_with
from tests.reading import entry_of

Json = dict[str, Any]

PICKS, LETTER = "personalise.recommendations", "market.newsletter"
PAGE = {"purpose": PICKS, "channel": "web", "language": "de", "layout": "checkout-3"}
YES = {"purpose": PICKS, "answer": "given", "channel": "web", "notice": 2}


class Ana:
    """A customer who was never asked anything, and what the database holds of her."""

    def __init__(self, api: Api, database: Database, person: Person, id_: CustomerId, token: str) -> None:
        self.api = api
        self.database = database
        self.at_shop = person.at_shop
        self.person = person
        self.id = id_
        self.token = token

    async def page(self, caller: str = "shop", **more: Any) -> Json:
        """Let a page be shown, by a service or by herself."""
        herself = caller == self.token
        path = "/v1/me/notices/served" if herself else "/v1/notices/served"
        return await self.api.post(path, caller, {**PAGE, **({} if herself else {"customer": self.at_shop}), **more})

    async def answer(self, caller: str = "shop", **more: Any) -> Json:
        """Record an answer; returns the body of the response, with its status."""
        path = "/v1/me/consents" if caller == self.token else f"/v1/customers/{self.at_shop}/consents"
        response = await self.api.call("POST", path, caller, {**YES, **more})
        return {**response.json(), "http": response.status_code}

    async def prompts(self, caller: str = "shop", channel: str = "web", language: str = "en") -> dict[str, Json]:
        """Return what to ask, by purpose."""
        path = "/v1/me/prompts" if caller == self.token else f"/v1/customers/{self.at_shop}/prompts"
        response = await self.api.call("GET", f"{path}?channel={channel}&language={language}", caller)
        assert response.status_code == 200, response.text
        return {each["purpose"]: each for each in response.json()["prompts"]}

    async def reason(self, **where: Any) -> tuple[bool, str]:
        """Return whether to ask for recommendations, and why."""
        prompt = (await self.prompts(**where))[PICKS]
        return prompt["ask"], prompt["reason"]

    async def events(self) -> list[Json]:
        """Return every event, oldest first."""
        async with self.database.connection() as connection:
            rows = await connection.fetch("SELECT * FROM consent_event WHERE customer = $1 ORDER BY sequence", self.id)
        return [dict(row) for row in rows]

    async def standing(self) -> Json:
        """Return what stands for recommendations on the web."""
        async with self.database.connection() as connection:
            row = await connection.fetchrow(
                "SELECT * FROM consent WHERE customer = $1 AND purpose = $2 AND channel = 'web'", self.id, PICKS
            )
        return {} if row is None else dict(row)

    async def later(self, by: timedelta) -> None:
        """Let time pass: everything that happened was longer ago."""
        async with tampering_with(self.database) as connection:
            await connection.execute(
                """UPDATE consent_event SET given_at = given_at - $2::interval, recorded_at = recorded_at - $2::interval
                    WHERE customer = $1""",
                self.id,
                by,
            )
            await connection.execute(
                "UPDATE consent SET decided_at = decided_at - $2::interval WHERE customer = $1", self.id, by
            )


@pytest.fixture
async def ana(api: Api, database: Database, keyring: Keyring) -> Ana:
    return await newcomer(api, database, keyring, "ana@example.com")


async def newcomer(api: Api, database: Database, keyring: Keyring, email: str) -> Ana:
    person = await enrol(api, email)
    found_by = identifier(IdentifierKind.EMAIL, email)
    token = (await make_customer_token(database, keyring, OPERATOR, found_by, 5)).text
    async with database.connection() as connection:
        id_ = await connection.fetchval("SELECT customer FROM pairwise WHERE id = $1", person.at_shop)
    return Ana(api, database, person, CustomerId(id_), token)


# --- serving ---


async def test_what_is_served_is_the_notice_in_force_word_for_word(ana: Ana, policies: Policies) -> None:
    served = await ana.page()
    notice = policies.catalogue.notices[PurposeId(PICKS), 2, "de"]
    assert served["notice"] == {
        "purpose": PICKS,
        "version": 2,
        "language": "de",
        "digest": hashlib.sha256(notice.text.encode()).hexdigest(),
        "title": notice.title,
        "text": notice.text,
    }


@pytest.mark.usefixtures("all_said")
async def test_being_shown_a_notice_is_an_event_of_hers_and_an_entry(ana: Ana, keyring: Keyring) -> None:
    served = await ana.page()
    (event,) = await ana.events()
    assert (event["status"], event["notice"], event["acting"], event["method"]) == (
        "requested",
        2,
        "controller",
        "system",
    )
    assert (event["language"], event["layout"], event["digest"]) == ("de", "checkout-3", served["notice"]["digest"])
    assert event["shown_at"] == event["recorded_at"] == event["given_at"]
    assert datetime.fromisoformat(served["expires_at"]) == event["shown_at"] + LIFE
    assert (event["entry"], event["recorder"]) == (served["entry"], "service:shop")
    assert ((await ana.standing())["status"], (await ana.standing())["mac"]) == ("requested", None)
    assert read_snapshot(keyring, served["snapshot"], ana.id).at == event["shown_at"]
    async with ana.database.connection() as connection:
        entry = await entry_of(connection, keyring, served["entry"])
    assert (entry.customer, entry.actor) == (ana.id, "service:shop")
    assert entry.act == {
        "kind": "served",
        "purpose": PICKS,
        "channel": "web",
        "notice": 2,
        "language": "de",
        "layout": "checkout-3",
        "digest": served["notice"]["digest"],
    }


@pytest.mark.usefixtures("all_said")
async def test_a_page_for_somebody_not_known_yet_leaves_an_entry_and_no_event(ana: Ana) -> None:
    before = await ana.standing()
    served = await ana.page(customer=None)
    assert "version" not in served
    assert (await ana.events(), await ana.standing()) == ([], before)
    async with ana.database.connection() as connection:
        assert await connection.fetchval("SELECT customer FROM queue WHERE id = $1", served["entry"]) is None


@pytest.mark.usefixtures("all_said")
@pytest.mark.parametrize("answer", ["given", "refused", "withdrawn"])
async def test_being_shown_a_notice_changes_neither_a_yes_nor_a_no(ana: Ana, answer: str) -> None:
    await ana.answer(answer=answer, evidence="scan-1", method="counter")
    stood = await ana.standing()
    await ana.page()
    await ana.page(ana.token)
    assert await ana.standing() == stood
    assert [event["status"] for event in await ana.events()] == [answer, "requested", "requested"]


async def test_what_was_served_once_is_served_once_however_often_it_is_sent(ana: Ana) -> None:
    body, key = {**PAGE, "customer": ana.at_shop}, {"idempotency-key": '"page-1"'}
    answers = [(await ana.api.call("POST", "/v1/notices/served", "shop", body, headers=key)).json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert len(await ana.events()) == 1
    assert (await ana.answer(snapshot=answers[1]["snapshot"]))["http"] == 200


SERVES = [
    ("shop", {"version": 1}, 409, "notice-superseded", "/version"),
    ("shop", {"version": 3}, 404, "unknown-notice", "/version"),
    ("shop", {"language": "fr"}, 404, "unknown-notice", "/language"),
    ("shop", {"purpose": "no.such"}, 404, "unknown-purpose", "/purpose"),
    ("shop", {"purpose": "comply.tax"}, 409, "not-consent-based", "/purpose"),
    ("shop", {"channel": "sms"}, 404, "unknown-channel", "/channel"),
    ("recommender", {}, 403, "not-granted", "/purpose"),
    ("call-centre", {}, 404, "unknown-customer", None),
]


@pytest.mark.parametrize(("caller", "change", "status", "code", "pointer"), SERVES)
async def test_no_other_notice_is_served_and_by_no_other(
    ana: Ana, caller: str, change: Json, status: int, code: str, pointer: str | None
) -> None:
    response = await ana.api.call("POST", "/v1/notices/served", caller, {**PAGE, "customer": ana.at_shop, **change})
    assert (response.status_code, response.json()["code"], response.json().get("pointer")) == (status, code, pointer)
    assert await ana.events() == []


# --- an answer to what was served ---


@pytest.mark.usefixtures("all_said")
async def test_a_yes_with_a_snapshot_proves_what_was_on_the_screen(ana: Ana) -> None:
    served = await ana.page()
    done = await ana.answer(snapshot=served["snapshot"])
    assert (done["http"], done["standing"][0]["status"]) == (200, "given")
    shown, given = await ana.events()
    said = ("notice", "language", "layout", "digest", "shown_at")
    assert [given[name] for name in said] == [shown[name] for name in said]
    assert given["evidence"] is None
    asked = {"customer": {"id": ana.person.at_recommender}, "purpose": PICKS, "channel": "web"}
    answer = await ana.api.post("/v1/releases", "recommender", {**asked, "attributes": ["first_name"]})
    assert answer["decision"] == "permit"


@pytest.mark.usefixtures("all_said")
async def test_she_answers_what_she_showed_herself(ana: Ana) -> None:
    served = await ana.page(ana.token)
    assert (await ana.answer(ana.token, snapshot=served["snapshot"]))["http"] == 200
    history = (await ana.api.call("GET", "/v1/me/consents", ana.token)).json()["history"]
    assert [(each["status"], each["layout"]) for each in history] == [
        ("given", "checkout-3"),
        ("requested", "checkout-3"),
    ]


async def test_a_form_shown_before_she_was_known_proves_her_answer_too(ana: Ana) -> None:
    served = await ana.page(customer=None)
    assert (await ana.answer(snapshot=served["snapshot"]))["http"] == 200


async def test_a_snapshot_of_another_screen_proves_no_yes(
    ana: Ana, api: Api, database: Database, keyring: Keyring
) -> None:
    bo = await newcomer(api, database, keyring, "bo@example.com")
    hers = (await ana.page())["snapshot"]
    refused = [
        (await bo.answer(snapshot=hers), "/snapshot"),
        (await ana.answer(ana.token, snapshot=hers), "/snapshot"),
        (await ana.answer(snapshot=(await ana.page(ana.token))["snapshot"]), "/snapshot"),
        (await ana.answer(snapshot=("A" if hers[0] != "A" else "E") + hers[1:]), "/snapshot"),
        (await ana.answer(snapshot=hers, channel="app"), "/channel"),
        (await ana.answer(snapshot=(await ana.page(channel="app"))["snapshot"]), "/channel"),
        (await ana.answer(snapshot=hers, purpose=LETTER, channel="email"), "/purpose"),
        (await ana.answer(snapshot=hers, given_at="2026-01-01T00:00:00Z"), "/given_at"),
    ]
    for response, pointer in refused:
        assert (response["http"], response["code"], response["pointer"]) == (422, "bad-snapshot", pointer)
    assert {event["status"] for event in [*await ana.events(), *await bo.events()]} == {"requested"}
    # Another service, which may record a yes to the same purpose, did not show it.
    who = {"identifiers": {"email": "ana@example.com"}}
    at_centre = (await api.post("/v1/customers", "call-centre", who))["customer"]
    other = await api.call("POST", f"/v1/customers/{at_centre}/consents", "call-centre", {**YES, "snapshot": hers})
    assert (other.status_code, other.json()["code"]) == (422, "bad-snapshot")


async def test_a_page_that_was_open_for_too_long_proves_no_yes_and_a_no_counts_all_the_same(
    ana: Ana, keyring: Keyring
) -> None:
    said = read_snapshot(keyring, (await ana.page())["snapshot"], ana.id)
    late = make_snapshot(keyring, structs.replace(said, at=said.at - LIFE), ana.id)
    response = await ana.answer(snapshot=late)
    assert (response["http"], response["code"]) == (409, "snapshot-expired")
    just_in_time = make_snapshot(keyring, structs.replace(said, at=said.at - LIFE + timedelta(minutes=1)), ana.id)
    assert (await ana.answer(snapshot=just_in_time))["http"] == 200
    for snapshot in (late, "made-up"):
        assert (await ana.answer(answer="refused", snapshot=snapshot))["standing"][0]["status"] == "refused"
        assert (await ana.events())[-1]["digest"] == ""


@pytest.mark.usefixtures("all_said")
async def test_a_no_says_what_she_saw_too(ana: Ana) -> None:
    served = await ana.page()
    assert (await ana.answer(answer="refused", notice=None, snapshot=served["snapshot"]))["http"] == 200
    refused = (await ana.events())[-1]
    assert (refused["notice"], refused["layout"], refused["digest"]) == (2, "checkout-3", served["notice"]["digest"])


async def test_without_a_snapshot_a_yes_needs_evidence_and_from_a_service_a_method(ana: Ana) -> None:
    for more, pointer in [({}, "/method"), ({"method": "counter"}, "/evidence")]:
        response = await ana.answer(**more)
        assert (response["http"], response["code"], response["pointer"]) == (422, "missing-field", pointer)
    assert (await ana.answer(method="counter", evidence="scan-1"))["http"] == 200


# --- whether to ask ---


async def test_she_is_asked_once_and_left_in_peace_for_a_year(ana: Ana) -> None:
    prompt = (await ana.prompts())[PICKS]
    assert (prompt["ask"], prompt["reason"]) == (True, "never-asked")
    assert (prompt["words"]["notice"], prompt["words"]["language"], prompt["words"]["material"]) == (2, "en", True)
    await ana.page()
    assert await ana.reason() == (True, "being-asked")
    await ana.later(timedelta(minutes=20))
    await ana.page()
    assert await ana.reason() == (True, "being-asked")
    await ana.later(timedelta(minutes=10))
    # She did not answer; that the page was loaded again meanwhile makes the asking no longer.
    assert await ana.reason() == (False, "asked-recently")
    await ana.later(timedelta(days=364))
    assert await ana.reason() == (False, "asked-recently")
    await ana.later(timedelta(days=1))
    assert await ana.reason() == (True, "asked-long-ago")
    assert await ana.reason(channel="app") == (True, "never-asked")


async def test_who_answered_is_not_asked(ana: Ana) -> None:
    await ana.answer(snapshot=(await ana.page())["snapshot"])
    assert await ana.reason() == (False, "answered")
    await ana.answer(answer="withdrawn", notice=None)
    assert await ana.reason() == (False, "refused-recently")
    assert await ana.reason(language="fr") == (False, "no-notice-in-this-language")
    await ana.page()
    assert await ana.reason() == (False, "refused-recently")


@pytest.mark.usefixtures("all_said")
async def test_who_put_it_off_is_not_asked_and_a_yes_of_hers_still_counts(ana: Ana) -> None:
    await ana.answer(answer="deferred")
    assert await ana.reason() == (False, "deferred-recently")
    assert (await ana.answer(method="counter", evidence="scan-1"))["standing"][0]["status"] == "given"


async def test_a_service_is_told_of_what_it_records_and_she_of_everything(ana: Ana) -> None:
    assert set(await ana.prompts(channel="email")) == {PICKS, LETTER, "research.panel", "share.airline"}
    assert set(await ana.prompts(ana.token, channel="email")) == {PICKS, LETTER, "research.panel", "share.airline"}
    path = f"/v1/customers/{ana.person.at_recommender}/prompts?channel=email&language=en"
    assert (await ana.api.call("GET", path, "recommender")).json() == {"prompts": []}
    path = f"/v1/customers/{ana.at_shop}/prompts?channel=email&language=en"
    assert (await ana.api.call("GET", path, "recommender")).json()["code"] == "unknown-customer"


@pytest.mark.parametrize(
    "query", ["", "?channel=web", "?language=en", "?channel=fax&language=en", "?channel=web&language="]
)
async def test_a_question_for_prompts_that_lacks_its_place_is_refused(ana: Ana, query: str) -> None:
    response = await ana.api.call("GET", f"/v1/me/prompts{query}", ana.token)
    assert (response.status_code, response.json()["code"]) in {(422, "missing-field"), (422, "wrong-kind")}


async def test_while_she_pauses_nobody_asks(ana: Ana) -> None:
    async with ana.database.connection() as connection:
        until = await connection.fetchval("SELECT clock_timestamp() + interval '1 day'")
    choice = {"choice": "pause", "value": until.isoformat()}
    await ana.api.post("/v1/me/choices", ana.token, choice)
    assert await ana.reason() == (False, "not-now")


# --- whether to ask who is two customers of ours ---


async def merge(one: Ana, other: Ana, keyring: Keyring) -> UUID:
    """Say that two are one person."""
    found_by = (
        identifier(IdentifierKind.EMAIL, one.person.email),
        identifier(IdentifierKind.EMAIL, other.person.email),
    )
    return (await merges.merge(one.database, keyring, OPERATOR, found_by)).link


@pytest.fixture
async def bo(api: Api, database: Database, keyring: Keyring) -> Ana:
    return await newcomer(api, database, keyring, "bo@example.com")


async def test_who_refused_on_one_side_is_asked_on_none(ana: Ana, bo: Ana, keyring: Keyring) -> None:
    await bo.answer(answer="refused")
    link = await merge(ana, bo, keyring)
    assert await ana.reason() == await bo.reason() == (False, "refused-recently")
    assert await ana.reason(caller=ana.token) == (False, "refused-recently")
    await bo.later(timedelta(days=365))
    assert await ana.reason() == (True, "asked-long-ago")
    await merges.unmerge(ana.database, keyring, OPERATOR, link)
    assert await ana.reason() == (True, "never-asked")


async def test_who_is_being_asked_on_one_side_is_asked_with_that_page_on_the_other(
    ana: Ana, bo: Ana, keyring: Keyring
) -> None:
    await merge(ana, bo, keyring)
    await bo.page()
    assert await ana.reason() == (True, "being-asked")
    await bo.later(LIFE)
    assert await ana.reason() == (False, "asked-recently")


@pytest.mark.usefixtures("all_said")
async def test_a_yes_that_came_by_a_link_is_an_answer(ana: Ana, bo: Ana, keyring: Keyring) -> None:
    await merge(ana, bo, keyring)
    await bo.answer(method="counter", evidence="scan-1")
    assert await ana.reason() == await bo.reason() == (False, "answered")


async def test_a_yes_of_before_the_merge_counts_for_one_side_and_she_is_not_asked_again_within_a_year(
    ana: Ana, bo: Ana, keyring: Keyring
) -> None:
    await bo.answer(method="counter", evidence="scan-1")
    await merge(ana, bo, keyring)
    assert await ana.reason() == await bo.reason() == (False, "asked-recently")
    await bo.later(timedelta(days=365))
    assert await ana.reason() == await bo.reason() == (True, "asked-long-ago")


@pytest.mark.parametrize("choice", [{"choice": "profiling", "value": "no"}, {"choice": "processing", "value": "no"}])
async def test_what_one_side_forbids_is_asked_for_on_none(ana: Ana, bo: Ana, keyring: Keyring, choice: Json) -> None:
    await bo.api.post("/v1/me/choices", bo.token, choice)
    await merge(ana, bo, keyring)
    assert await ana.reason() == await bo.reason() == (False, "not-now")


async def test_while_one_side_pauses_nobody_asks_the_other(ana: Ana, bo: Ana, keyring: Keyring) -> None:
    async with ana.database.connection() as connection:
        until = await connection.fetchval("SELECT clock_timestamp() + interval '1 day'")
    await bo.api.post("/v1/me/choices", bo.token, {"choice": "pause", "value": until.isoformat()})
    await merge(ana, bo, keyring)
    assert await ana.reason() == (False, "not-now")


async def test_who_is_not_known_to_be_an_adult_on_one_side_is_not_asked_for_profiling(
    ana: Ana, bo: Ana, keyring: Keyring
) -> None:
    who = {"identifiers": {"email": "bo@example.com"}, "age_band": "minor"}
    await bo.api.post("/v1/customers", "shop", who)
    await merge(ana, bo, keyring)
    assert await ana.reason() == (False, "adults-only")


BENT = [
    "DELETE FROM restrictions WHERE customer = $1",
    "UPDATE restrictions SET linked = '{}' WHERE customer = $1",
    "UPDATE restrictions SET mac = sha256('x') WHERE customer = $1",
]


@pytest.mark.parametrize("bent", BENT)
async def test_nobody_is_asked_while_it_is_not_proven_what_the_other_side_forbids(
    ana: Ana, bo: Ana, keyring: Keyring, owner: asyncpg.Connection, bent: str
) -> None:
    await merge(ana, bo, keyring)
    assert (await ana.reason())[0]
    await owner.execute(bent, bo.id)
    assert await ana.reason() == await bo.reason() == (False, "unverified")


# --- scope ---


async def test_a_yes_to_an_older_notice_goes_on_for_what_that_asked_for(ana: Ana, keyring: Keyring) -> None:
    facts = [{"attribute": "last_destination", "value": "Lisbon", "provenance": "observed"}]
    await ana.api.post(f"/v1/customers/{ana.at_shop}/attributes", "shop", {"facts": facts})
    await allow(ana.api, ana.person)
    await let_stand_as_to_notice_one(ana, keyring)
    asked = {
        "customer": {"id": ana.person.at_recommender},
        "purpose": PICKS,
        "channel": "web",
        "attributes": ["first_name", "favourite_genres", "last_destination"],
    }
    answer = await ana.api.post("/v1/releases", "recommender", asked)
    assert (answer["decision"], set(answer["released"])) == ("partial", {"first_name", "favourite_genres"})
    assert [(no["attribute"], no["reason"]) for no in answer["withheld"]] == [("last_destination", "notice-superseded")]
    assert answer["consent"] == {"status": "given", "notice": 1}
    facts = (await ana.api.call("GET", "/v1/me/facts", ana.token)).json()["facts"]
    usable = {each["attribute"]: {use["purpose"] for use in each["usable"]} for each in facts}
    assert PICKS in usable["favourite_genres"]
    assert PICKS not in usable["last_destination"]


async def let_stand_as_to_notice_one(ana: Ana, keyring: Keyring) -> None:
    """Let her yes be one to the first notice, as it would be had she given it before the second was published."""
    async with ana.database.transaction() as connection:
        stands = await consents.standing(connection, ana.id, PurposeId(PICKS), Channel.WEB)
        assert stands is not None
        await consents.put(connection, keyring, [(ana.id, structs.replace(stands, notice=1))])


async def test_the_purposes_say_since_which_notice_each_attribute_is_covered(api: Api) -> None:
    for service in ("shop", "finance"):
        purposes = (await api.call("GET", "/v1/purposes", service)).json()["purposes"]
        since = {each["id"]: each["since"] for each in purposes}
        assert since.pop(PICKS) == {"last_destination": 2, "orders_this_year": 2, "accessibility_needs": 2}
        assert not any(since.values())

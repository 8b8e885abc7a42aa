"""Answers of every kind: what each undoes, who may give it, how far it reaches, and what is kept of it."""

import json
from typing import Any

import asyncpg
import pytest

from service.crypto.keyring import Keyring
from service.database import Database
from service.errors import IntegrityError, UnknownCustomerError, UnknownNoticeError
from service.model.callers import CustomerCaller, OperatorCaller
from service.model.identifiers import Identifier
from service.model.words import Acting, Channel, IdentifierKind, Method, PurposeId, Status
from service.policy.engine import Policies
from service.storage.consents import SQL
from service.usecases import consents, records
from service.usecases.consents import Said
from tests.conftest import PROOF, Api, Person, allow, enrol, say_often
from tests.reading import entered

OFFICER = OperatorCaller("officer", "the notice said too little")
PURPOSE = PurposeId("personalise.recommendations")


def revoked(email: str, **more: Any) -> Said:
    return Said(
        purpose=PURPOSE,
        status=Status.REVOKED,
        method=Method.SYSTEM,
        customer=Identifier(IdentifierKind.EMAIL, email),
        acting=Acting.CONTROLLER,
        actor=OFFICER.account,
        reason=OFFICER.reason,
        **more,
    )


async def decision(api: Api, person: Person) -> str:
    asked = {
        "customer": {"id": person.at_recommender},
        "purpose": PURPOSE,
        "channel": "web",
        "attributes": ["first_name"],
    }
    found: str = (await api.post("/v1/releases", "recommender", asked))["decision"]
    return found


@pytest.mark.usefixtures("all_said")
async def test_a_revoked_consent_permits_nothing_and_says_who_took_it_back_and_why(
    api: Api, abbie: Person, database: Database, keyring: Keyring, policies: Policies, owner: asyncpg.Connection
) -> None:
    assert await decision(api, abbie) == "permit"
    await consents.record_no(database, keyring, policies, OFFICER, revoked(abbie.email, channel=Channel.WEB))
    assert await decision(api, abbie) == "deny"
    told = await api.call("GET", f"/v1/customers/{abbie.at_shop}/consents/history", "shop")
    last = told.json()["history"][0]
    assert (last["status"], last["acting"], last["recorded_by"]) == ("revoked", "controller", "operator:officer")
    assert (await entered(owner, keyring, "consent"))[-1].act["reason"] == OFFICER.reason


@pytest.mark.usefixtures("all_said")
async def test_she_may_say_yes_again_after_it_was_revoked(
    api: Api, abbie: Person, database: Database, keyring: Keyring, policies: Policies
) -> None:
    await consents.record_no(database, keyring, policies, OFFICER, revoked(abbie.email))
    await allow(api, abbie)
    assert await decision(api, abbie) == "permit"


async def test_nobody_is_revoked_who_is_not_found(database: Database, keyring: Keyring, policies: Policies) -> None:
    with pytest.raises(UnknownCustomerError):
        await consents.record_no(database, keyring, policies, OFFICER, revoked("nobody@example.com"))


@pytest.mark.usefixtures("all_said")
async def test_what_rests_on_a_wrong_notice_is_invalid_for_everybody_and_nothing_else_is(
    api: Api, database: Database, policies: Policies, owner: asyncpg.Connection
) -> None:
    people = [await enrol(api, f"{name}@example.com", {}) for name in ("ana", "bo", "cem", "dee")]
    for person in people:
        await allow(api, person)
        await allow(api, person, channel="email")
        await allow(api, person, "market.newsletter", "email")
    await owner.execute(
        "UPDATE consent SET notice = 1 WHERE customer = (SELECT customer FROM pairwise WHERE id = $1)",
        people[3].at_shop,
    )
    assert await consents.invalidate(database, policies, OFFICER, PURPOSE, 2) == 3
    stands = await owner.fetch("SELECT purpose, notice, status, count(*) FROM consent GROUP BY 1, 2, 3")
    assert {tuple(row) for row in stands} == {
        (PURPOSE, 2, "invalidated", 6),
        (PURPOSE, 1, "given", 2),
        ("market.newsletter", 1, "given", 1),
        ("market.newsletter", 2, "given", 3),
    }
    assert await consents.invalidate(database, policies, OFFICER, PURPOSE, 2) == 0


async def test_a_notice_that_never_was_invalidates_nothing(database: Database, policies: Policies) -> None:
    with pytest.raises(UnknownNoticeError):
        await consents.invalidate(database, policies, OFFICER, PURPOSE, 3)


# --- what only she or a trusted service can do ---


@pytest.mark.usefixtures("all_said")
async def test_a_deferral_undoes_neither_a_yes_nor_a_no(api: Api, abbie: Person) -> None:
    async def say(answer: str, **more: Any) -> list[str]:
        body = {"purpose": PURPOSE, "answer": answer, "channel": "web", "notice": 2, **more}
        done = await api.post(f"/v1/customers/{abbie.at_shop}/consents", "shop", body)
        return [each["status"] for each in done["standing"]]

    assert await say("deferred") == ["given"]
    assert await say("refused") == ["refused"]
    assert await say("deferred") == ["refused"]
    assert await say("given", **PROOF) == ["given"]
    assert await say("renewed", **PROOF) == ["renewed"]
    bo = await enrol(api, "bo@example.com", {})
    answer = {"purpose": PURPOSE, "answer": "deferred", "channel": "web"}
    done = await api.post(f"/v1/customers/{bo.at_shop}/consents", "shop", answer)
    assert [each["status"] for each in done["standing"]] == ["deferred"]
    assert await decision(api, bo) == "deny"
    # A paper from before she put it off is still her yes.
    paper = {"purpose": PURPOSE, "answer": "given", "channel": "web", "notice": 2, **PROOF}
    shown = await api.call("GET", f"/v1/customers/{bo.at_shop}/consents/history", "shop")
    from_before = shown.json()["history"][0]["recorded_at"]
    done = await api.post(f"/v1/customers/{bo.at_shop}/consents", "shop", {**paper, "given_at": from_before})
    assert [each["status"] for each in done["standing"]] == ["given"]


@pytest.mark.usefixtures("all_said")
async def test_everything_ends_in_one_call_also_what_is_offered_no_more(
    api: Api, abbie: Person, owner: asyncpg.Connection
) -> None:
    await allow(api, abbie, "market.newsletter", "email")
    await owner.execute("UPDATE consent SET channel = 'post' WHERE purpose = 'market.newsletter'")
    done = await api.post(f"/v1/customers/{abbie.at_recommender}/withdrawals", "recommender", {"all": "everything"})
    assert {each["status"] for each in done["standing"]} == {"withdrawn"}
    assert ("market.newsletter", "post") in {(each["purpose"], each["channel"]) for each in done["standing"]}
    assert await owner.fetchval("SELECT count(*) FROM consent WHERE status <> 'withdrawn'") == 0
    assert await owner.fetchval("SELECT count(*) FROM queue WHERE kind = 'consent-wide'") == 1


@pytest.mark.usefixtures("all_said")
async def test_all_marketing_ends_in_one_call_and_the_rest_stays(
    api: Api, abbie: Person, owner: asyncpg.Connection
) -> None:
    for purpose, channel in (("market.newsletter", "email"), ("share.airline", "email"), ("research.panel", "email")):
        await allow(api, abbie, purpose, channel)
    await api.post(f"/v1/customers/{abbie.at_shop}/withdrawals", "shop", {"all": "marketing"})
    stands = await owner.fetch("SELECT DISTINCT purpose FROM consent WHERE status = 'given' ORDER BY purpose")
    assert [row["purpose"] for row in stands] == [PURPOSE, "research.panel"]


async def test_the_first_page_of_a_long_history_reads_no_more_than_a_page(
    api: Api, abbie: Person, owner: asyncpg.Connection
) -> None:
    await say_often(owner, "withdrawn", 100_000)
    await owner.execute("ANALYZE consent_event")
    sql = SQL["history"]
    customer = await owner.fetchval("SELECT id FROM customer")
    explained = await owner.fetch(
        f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", customer, [PURPOSE, "market.newsletter"], 2**63 - 1, 51, []
    )
    plan = json.loads(explained[0][0])[0]["Plan"]
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 300
    seen, cursor = 0, ""
    for _ in range(3):
        answer = await api.call("GET", f"/v1/customers/{abbie.at_shop}/consents/history?limit=50{cursor}", "shop")
        page = answer.json()
        seen, cursor = seen + len(page["history"]), f"&cursor={page['next']}"
    assert seen == 150


async def test_where_the_proof_lies_is_sealed_and_opened_for_herself_alone(
    api: Api, abbie: Person, database: Database, keyring: Keyring, policies: Policies, owner: asyncpg.Connection
) -> None:
    sealed: bytes = await owner.fetchval("SELECT evidence FROM consent_event")
    assert sealed
    assert PROOF["evidence"].encode() not in sealed
    told = await api.call("GET", f"/v1/customers/{abbie.at_shop}/consents/history", "shop")
    assert "evidence" not in told.json()["history"][0]
    customer = await owner.fetchval("SELECT customer FROM pairwise WHERE id = $1", abbie.at_shop)
    herself = CustomerCaller(customer, proven=True)
    page = await records.history(database, keyring, policies, herself, None, after=None, most=5)
    assert page.answers[0].evidence == PROOF["evidence"]
    assert PROOF["evidence"] not in repr(page)
    # Moved to another act of hers, or to another purpose of the same act, it does not open.
    for change in ("entry = 'ent_other'", "entry = entry, channel = 'app'", "purpose = 'market.newsletter'"):
        async with owner.transaction():
            await owner.execute(f"UPDATE consent_event SET {change}")  # noqa: S608  ours
        with pytest.raises(IntegrityError):
            await records.history(database, keyring, policies, herself, None, after=None, most=5)


async def test_an_operator_sees_who_said_what_and_where_the_proof_lies_and_that_stands_in_her_ledger(
    abbie: Person, database: Database, keyring: Keyring, owner: asyncpg.Connection
) -> None:
    (past,) = await records.shown(database, keyring, OFFICER, Identifier(IdentifierKind.EMAIL, abbie.email))
    assert (past.evidence, past.answer.status, past.answer.recorder) == (PROOF["evidence"], "given", "service:shop")
    look = (await entered(owner, keyring))[-1]
    assert (look.kind, look.actor) == ("look-up", "operator:officer")
    assert look.act["reason"] == OFFICER.reason
    with pytest.raises(UnknownCustomerError):
        await records.shown(database, keyring, OFFICER, Identifier(IdentifierKind.EMAIL, "nobody@example.com"))

"""Arranged races: a release and a withdrawal of the same customer, in every order that matters."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx
import pytest

from service.app import House
from service.crypto.credentials import Credential, read_api_key
from service.crypto.keyring import Keyring
from service.database import Connection, Database
from service.errors import FactsChangedError, UnauthenticatedError
from service.model.callers import ServiceCaller
from service.model.consent import Answer, standing_after
from service.model.decision import Outcome
from service.model.facts import Publication, Standing
from service.model.ledger import Answered, entry
from service.model.words import (
    AttributeId,
    Channel,
    CustomerId,
    Method,
    PairwiseId,
    PolicyVersion,
    PurposeId,
    ServiceId,
    Status,
)
from service.policy.engine import Policies
from service.storage import consents, customers, ledger, publications
from service.usecases.access import revoke_api_keys
from service.usecases.releases import Gate, Rails, Wanted, release
from tests.conftest import OPERATOR, Api, Person, Template
from tests.waiting import until_blocked

RECOMMENDER = ServiceId("recommender")
PURPOSE = PurposeId("personalise.recommendations")
KINDS = "SELECT kind, outcome FROM queue WHERE customer = $1 AND kind IN ('release', 'consent') ORDER BY number"


def question(person: Person) -> dict[str, Any]:
    return {
        "customer": {"id": person.at_recommender},
        "purpose": PURPOSE,
        "channel": "web",
        "attributes": ["first_name"],
    }


async def heedless(_: ServiceCaller, customer: CustomerId) -> object:
    raise AssertionError(customer)


async def customer_of(database: Database, person: Person) -> CustomerId:
    async with database.connection() as connection:
        found = await customers.by_pairwise(connection, None, ServiceId("shop"), PairwiseId(person.at_shop))
    assert found is not None
    return found


@asynccontextmanager
async def withdrawing(url: str, customer: CustomerId, policies: Policies) -> AsyncIterator[None]:
    """Withdraw in a transaction that stays open for the length of the block."""
    connection: Connection = await asyncpg.connect(url)  # type: ignore[assignment]  # a connection outside a pool
    async with connection.transaction():
        change = await customers.bump(connection, customer)
        line = ledger.new_entry_id(change.now)
        answer = Answer(
            purpose=PURPOSE,
            channel=Channel.WEB,
            status=Status.WITHDRAWN,
            notice=0,
            explicit=False,
            method=Method.PHONE,
            actor="",
            given_at=change.now,
            recorded_at=change.now,
            recorder="customer",
            policy_version=PolicyVersion(policies.version),
            entry=line,
        )
        await consents.put(connection, None, [(customer, standing_after(None, answer))])
        act = Answered(PURPOSE, [Channel.WEB], Status.WITHDRAWN, 0, explicit=False, method=Method.PHONE, given_at="")
        await ledger.append(connection, None, entry(line, customer, OPERATOR, change.now, act))
        yield
    await connection.close()


async def outcomes(database: Database, customer: CustomerId) -> list[str]:
    """Return the ledger of a customer, releases by their outcome."""
    async with database.connection() as connection:
        return [row["outcome"] or row["kind"] for row in await connection.fetch(KINDS, customer)]


async def test_a_release_decided_before_a_withdrawal_waits_for_it_and_is_then_denied(
    api: Api, abbie: Person, database: Database, database_url: str, policies: Policies
) -> None:
    customer = await customer_of(database, abbie)
    async with withdrawing(database_url, customer, policies):
        asked = asyncio.create_task(api.call("POST", "/v1/releases", "recommender", question(abbie)))
        await until_blocked(database_url)
    answer = (await asked).json()
    assert (answer["decision"], answer["released"]) == ("deny", {})
    assert [each["reason"] for each in answer["withheld"]] == ["withdrawn"]
    assert await outcomes(database, customer) == ["consent", "consent", "deny"]


async def test_a_withdrawal_waits_for_a_release_that_is_being_entered_and_comes_after_it(
    api: Api, abbie: Person, database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = await customer_of(database, abbie)
    entered, go_on = asyncio.Event(), asyncio.Event()
    really = ledger.append_unchanged

    async def slowly(connection: Connection, entries: Sequence[ledger.Ready]) -> list[bool]:
        async with connection.transaction():
            done = await really(connection, entries)
            entered.set()
            await go_on.wait()
        return done

    monkeypatch.setattr(ledger, "append_unchanged", slowly)
    asked = asyncio.create_task(api.call("POST", "/v1/releases", "recommender", question(abbie)))
    await entered.wait()
    no = {"purpose": PURPOSE, "answer": "withdrawn"}
    withdrawn = asyncio.create_task(api.call("POST", f"/v1/customers/{abbie.at_shop}/consents", "shop", no))
    await until_blocked(database_url)
    assert not withdrawn.done()
    go_on.set()
    answers: list[httpx.Response] = list(await asyncio.gather(asked, withdrawn))
    assert [each.status_code for each in answers] == [200, 200]
    assert answers[0].json()["decision"] == "permit"
    assert await outcomes(database, customer) == ["consent", "permit", "consent"]


async def test_without_the_lock_a_release_would_follow_a_withdrawal_in_the_ledger(
    api: Api,
    abbie: Person,
    database: Database,
    database_url: str,
    policies: Policies,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The arrangement above sees the fault: this is the same race on the same statement with its lock taken out."""
    unlocked = ledger.SQL["append_unchanged"].replace("FOR SHARE SKIP LOCKED", "")
    monkeypatch.setitem(ledger.SQL, "append_unchanged", unlocked)
    customer = await customer_of(database, abbie)
    async with withdrawing(database_url, customer, policies):
        answer = await api.post("/v1/releases", "recommender", question(abbie))
    assert answer["decision"] == "permit"
    assert await outcomes(database, customer) == ["consent", "consent", "permit"]


async def test_a_customer_who_keeps_changing_is_decided_three_times_and_then_not_at_all(
    abbie: Person, database: Database, keyring: Keyring, house: House, template: Template
) -> None:
    customer = await customer_of(database, abbie)
    decided = 0

    async def changing(version: PolicyVersion) -> Policies:
        nonlocal decided
        decided += 1
        async with database.transaction() as connection:
            await customers.bump(connection, customer)
        return await house.library.at(version)

    gate = Gate(Rails(database), database, keyring, changing, time.monotonic, heedless)
    with pytest.raises(FactsChangedError):
        await release(gate, asking(template), wanted_of(abbie))
    assert decided == 3
    assert await outcomes(database, customer) == ["consent"]


async def test_after_an_acknowledged_withdrawal_no_release_is_permitted(api: Api, abbie: Person) -> None:
    """Eight askers run all the while; a decision that starts after the acknowledgement is a deny (P1, one process)."""
    acknowledged: list[float] = []
    permitted: list[float] = []

    async def ask() -> None:
        while not acknowledged or time.monotonic() < acknowledged[0] + 0.3:
            started = time.monotonic()
            answer = await api.post("/v1/releases", "recommender", question(abbie))
            if answer["decision"] != "deny":
                permitted.append(started)

    askers = [asyncio.create_task(ask()) for _ in range(8)]
    while len(permitted) < len(askers):  # noqa: ASYNC110  each of them says so
        await asyncio.sleep(0.01)
    await api.post(f"/v1/customers/{abbie.at_shop}/consents", "shop", {"purpose": PURPOSE, "answer": "withdrawn"})
    acknowledged.append(time.monotonic())
    await asyncio.gather(*askers)
    assert max(permitted) < acknowledged[0]


def asking(template: Template) -> Credential:
    """Return what the recommender presents."""
    return read_api_key(template.api_keys[RECOMMENDER])


def wanted_of(person: Person) -> Wanted:
    """Return what the recommender wants of her."""
    return Wanted(PairwiseId(person.at_recommender), PURPOSE, Channel.WEB, (AttributeId("first_name"),), hand_over=True)


async def test_a_key_revoked_since_its_bearer_was_let_in_releases_nothing(
    abbie: Person, database: Database, keyring: Keyring, house: House, template: Template
) -> None:
    """A request may take its time to arrive: what counts is the moment at which it is acted on."""
    gate = Gate(Rails(database), database, keyring, house.library.at, time.monotonic, heedless)
    caller = asking(template)
    assert (await release(gate, caller, wanted_of(abbie))).decision.outcome is Outcome.PERMIT
    await revoke_api_keys(database, OPERATOR, RECOMMENDER)
    with pytest.raises(UnauthenticatedError):
        await release(gate, caller, wanted_of(abbie))


async def test_a_key_revoked_while_a_release_is_decided_releases_nothing(
    abbie: Person, database: Database, keyring: Keyring, house: House, template: Template
) -> None:
    async def revoking(version: PolicyVersion) -> Policies:
        await revoke_api_keys(database, OPERATOR, RECOMMENDER)
        return await house.library.at(version)

    gate = Gate(Rails(database), database, keyring, revoking, time.monotonic, heedless)
    with pytest.raises(UnauthenticatedError):
        await release(gate, asking(template), wanted_of(abbie))
    assert await outcomes(database, await customer_of(database, abbie)) == ["consent"]


async def test_policies_published_while_a_release_is_decided_make_it_decide_again(
    abbie: Person, database: Database, keyring: Keyring, house: House, template: Template
) -> None:
    decided = 0

    async def publishing(version: PolicyVersion) -> Policies:
        nonlocal decided
        decided += 1
        if decided == 1:
            async with database.transaction() as connection:
                files = await publications.bundle(connection, version)
                await publications.publish(connection, keyring, Publication(2, version), files)
        return await house.library.at(version)

    answer = await release(
        Gate(Rails(database), database, keyring, publishing, time.monotonic, heedless),
        asking(template),
        wanted_of(abbie),
    )
    assert (answer.decision.outcome, decided) == (Outcome.PERMIT, 2)


async def test_a_no_reaches_a_yes_on_a_channel_that_is_offered_no_more(
    api: Api, abbie: Person, database: Database, keyring: Keyring
) -> None:
    customer = await customer_of(database, abbie)
    async with database.transaction() as connection:
        now = await customers.clock(connection)
        yes = Standing(PURPOSE, Channel.POST, Status.GIVEN, 2, False, now, None)
        await consents.put(connection, keyring, [(customer, yes)])
    answer = await api.post(
        f"/v1/customers/{abbie.at_shop}/consents", "shop", {"purpose": PURPOSE, "answer": "withdrawn"}
    )
    assert {each["channel"]: each["status"] for each in answer["standing"]}["post"] == "withdrawn"

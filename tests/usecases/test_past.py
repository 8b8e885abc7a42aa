"""What was allowed at any instant, and why; and that what stands is what was said."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest

from service.app import House
from service.crypto.keyring import Keyring
from service.database import Database
from service.errors import WrongKindError
from service.model.callers import CustomerCaller, OperatorCaller
from service.model.identifiers import Identifier
from service.model.words import Channel, IdentifierKind, PurposeId, Status
from service.usecases import access, past
from service.usecases.audits import audit_state
from service.usecases.past import Allowed, Question, Then
from tests.conftest import Api, Person, allow, enrol
from tests.reading import entered

PURPOSE = PurposeId("personalise.recommendations")
OFFICER = OperatorCaller("officer", "she asked what we knew in March")
At = Callable[[datetime | None], Awaitable[Then]]


@pytest.fixture
async def at(house: House, abbie: Person, owner: asyncpg.Connection) -> At:
    """Ask as Abbie what was allowed at an instant."""
    customer = await owner.fetchval("SELECT customer FROM pairwise WHERE id = $1", abbie.at_shop)
    herself = CustomerCaller(customer, proven=True)

    async def ask(instant: datetime | None) -> Then:
        question = Question(at=instant, purpose=PURPOSE)
        return await past.allowed_to_herself(house.database, house.library.at, herself, question)

    return ask


async def now(owner: asyncpg.Connection) -> datetime:
    instant: datetime = await owner.fetchval("SELECT clock_timestamp()")
    return instant


def of(then: Then, service: str = "recommender", channel: Channel = Channel.WEB) -> Allowed:
    return next(each for each in then.allowed if (each.asked.service, each.asked.channel) == (service, channel))


def permitted(then: Then) -> set[str]:
    return {permit.fact.attribute for permit in of(then).decision.permits}


def status(then: Then) -> Status | None:
    answered = of(then).answered
    return None if answered is None else answered.status


async def test_each_instant_shows_what_held_then_and_the_answer_that_it_rests_on(
    api: Api, abbie: Person, at: At, owner: asyncpg.Connection
) -> None:
    allowed = await now(owner)
    await api.post(f"/v1/customers/{abbie.at_shop}/withdrawals", "shop", {"purpose": PURPOSE})
    withdrawn = await now(owner)
    await allow(api, abbie)
    entries = [row["entry"] for row in await owner.fetch("SELECT entry FROM consent_event WHERE channel = 'web'")]

    assert [status(await at(instant)) for instant in (allowed, withdrawn, None)] == ["given", "withdrawn", "given"]
    assert "first_name" in permitted(await at(allowed))
    assert permitted(await at(withdrawn)) == set()
    assert "first_name" in permitted(await at(None))
    resting = [of(await at(instant)).answered for instant in (allowed, withdrawn, None)]
    assert [each.entry for each in resting if each is not None] == entries


async def test_the_very_instant_of_an_act_shows_it_and_the_one_before_does_not(
    api: Api, abbie: Person, at: At, owner: asyncpg.Connection
) -> None:
    await api.post(f"/v1/customers/{abbie.at_shop}/withdrawals", "shop", {"purpose": PURPOSE})
    recorded: datetime = await owner.fetchval("SELECT max(recorded_at) FROM consent_event")
    assert status(await at(recorded)) is Status.WITHDRAWN
    assert status(await at(recorded - timedelta(microseconds=1))) is Status.GIVEN


async def test_choices_beyond_purposes_count_from_when_they_were_made(
    api: Api, abbie: Person, at: At, owner: asyncpg.Connection
) -> None:
    before = await now(owner)
    await api.post(f"/v1/customers/{abbie.at_shop}/choices", "shop", {"choice": "profiling", "value": "no"})
    reasons = {each.reason for each in of(await at(None)).decision.withheld}
    assert "no-profiling" in reasons
    assert "first_name" in permitted(await at(before))


async def test_a_consent_had_ended_when_its_time_had_run_whether_or_not_a_worker_said_so(
    abbie: Person, at: At, owner: asyncpg.Connection
) -> None:
    instant = await now(owner)
    await owner.execute("UPDATE consent_event SET expires_at = $1", instant - timedelta(microseconds=1))
    assert status(await at(instant)) is Status.EXPIRED


async def test_before_she_was_known_nothing_was_allowed(abbie: Person, at: At, owner: asyncpg.Connection) -> None:
    enrolled: datetime = await owner.fetchval("SELECT min(enrolled_at) FROM customer")
    assert (await at(enrolled - timedelta(seconds=1))).allowed == []


async def test_what_will_be_allowed_nobody_knows(abbie: Person, at: At, owner: asyncpg.Connection) -> None:
    with pytest.raises(WrongKindError):
        await at(await now(owner) + timedelta(seconds=30))


async def test_the_policies_of_that_day_decide_about_that_day(
    house: House, abbie: Person, at: At, owner: asyncpg.Connection, keyring: Keyring
) -> None:
    before = await now(owner)
    version = (await at(None)).policies
    await owner.execute("UPDATE publication SET published_at = $1", before + timedelta(milliseconds=1))
    assert (await at(before)).allowed == []
    assert (await at(None)).policies == version


async def test_an_operators_look_at_her_past_stands_in_her_ledger(
    house: House, abbie: Person, keyring: Keyring, owner: asyncpg.Connection
) -> None:
    email = Identifier(IdentifierKind.EMAIL, abbie.email)
    then = await past.allowed(house.database, keyring, house.library.at, OFFICER, email, Question())
    assert then.allowed
    look = (await entered(owner, keyring))[-1]
    assert (look.actor, look.kind) == ("operator:officer", "look-up")
    assert look.act["reason"] == OFFICER.reason


async def test_she_asks_over_the_api_and_gets_the_same(
    api: Api, abbie: Person, owner: asyncpg.Connection, database: Database, keyring: Keyring
) -> None:
    token = await token_of(database, keyring, abbie)
    instant = (await now(owner)).isoformat().replace("+00:00", "Z")
    answer = await api.call("GET", f"/v1/me/permissions?at={instant}&purpose={PURPOSE}", token)
    assert answer.status_code == 200, answer.text
    shown = next(
        each for each in answer.json()["permissions"] if (each["service"], each["channel"]) == ("recommender", "web")
    )
    assert (shown["consent"]["status"], "first_name" in shown["permitted"]) == ("given", True)
    future = await api.call("GET", "/v1/me/permissions?at=2999-01-01T00:00:00Z", token)
    assert (future.status_code, future.json()["pointer"]) == (422, "/at")


async def token_of(database: Database, keyring: Keyring, person: Person) -> str:
    from_mail = Identifier(IdentifierKind.EMAIL, person.email)
    return (await access.make_customer_token(database, keyring, OFFICER, from_mail, 5)).text


# --- what stands is what was said ---


async def differences(database: Database, keyring: Keyring) -> list[str]:
    return [found.what async for batch in audit_state(database, keyring) for found in batch.differences]


async def busy(api: Api) -> list[Person]:
    """Let some people say all sorts of things."""
    people = [await enrol(api, f"{name}@example.com", {}) for name in ("ana", "bo", "cem")]
    for person in people:
        await allow(api, person)
        await allow(api, person, "market.newsletter", "email")
    at_shop = f"/v1/customers/{people[0].at_shop}"
    await api.post(f"{at_shop}/withdrawals", "shop", {"all": "marketing"})
    await api.post(f"{at_shop}/choices", "shop", {"choice": "sharing", "value": "no"})
    await api.post(f"{at_shop}/choices", "shop", {"choice": "objection", "value": "raised", "purpose": "prevent.fraud"})
    return people


async def test_nothing_differs_where_nobody_meddled(api: Api, database: Database, keyring: Keyring) -> None:
    await busy(api)
    assert await differences(database, keyring) == []


TAMPERED = [
    ("a row rolled back to an old yes", "UPDATE consent SET status = 'given' WHERE status = 'withdrawn'"),
    ("a no deleted", "DELETE FROM consent WHERE status = 'withdrawn'"),
    ("a yes forged without its event", "DELETE FROM consent_event WHERE status = 'given'"),
    ("a yes that lasts longer", "UPDATE consent SET expires_at = expires_at + interval '1 day' WHERE status = 'given'"),
    ("a withdrawal struck out of the history", "DELETE FROM consent_event WHERE status = 'withdrawn'"),
    ("a MAC damaged", "UPDATE consent SET mac = sha256('x') WHERE status = 'given'"),
    ("restrictions gone", "DELETE FROM restrictions"),
    ("a restriction lifted", "UPDATE restrictions SET may_share = true"),
    ("an objection struck out", "DELETE FROM choice_event WHERE choice = 'objection'"),
]


@pytest.mark.parametrize("statement", [s for _, s in TAMPERED], ids=[name for name, _ in TAMPERED])
async def test_whatever_is_changed_by_sql_is_found(
    statement: str, api: Api, database: Database, keyring: Keyring, owner: asyncpg.Connection
) -> None:
    await busy(api)
    await owner.execute(statement)
    found: list[Any] = await differences(database, keyring)
    assert found


async def test_a_whole_row_put_back_as_it_was_is_found(
    api: Api, database: Database, keyring: Keyring, owner: asyncpg.Connection
) -> None:
    """The row carries a MAC of ours; only the replay knows that it is not the last word."""
    people = await busy(api)
    await owner.execute("CREATE TEMP TABLE kept AS SELECT * FROM consent WHERE status = 'given'")
    await api.post(f"/v1/customers/{people[1].at_shop}/withdrawals", "shop", {"all": "everything"})
    assert await differences(database, keyring) == []
    await owner.execute(
        """
        UPDATE consent c SET status = k.status, notice = k.notice, explicit = k.explicit, decided_at = k.decided_at,
                             expires_at = k.expires_at, mac_version = k.mac_version, mac = k.mac
          FROM kept k
         WHERE k.customer = c.customer AND k.purpose = c.purpose AND k.channel = c.channel
        """
    )
    found = await differences(database, keyring)
    assert found
    assert all("does not follow from what was recorded" in each for each in found)

"""A consent ends when its time has run: once, as an event; and services hear of it in time."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest

from service.app import House
from service.crypto.keyring import Keyring
from service.database import Database
from service.model.words import Status
from service.usecases.announcements import announce_renewals
from service.usecases.retention import end_expired_consents
from service.worker.run import work
from tests.conftest import PROOF, Api, Person, allow, enrol

pytestmark = pytest.mark.usefixtures("all_said")

PURPOSE = "personalise.recommendations"
ENDS_IN = "UPDATE consent SET expires_at = clock_timestamp() + $1::interval WHERE status IN ('given', 'renewed')"
ENTERED = "SELECT count(*) FROM queue WHERE kind = $1"


async def history(api: Api, person: Person) -> list[dict[str, Any]]:
    answer = (await api.call("GET", f"/v1/customers/{person.at_shop}/consents/history", "shop")).json()
    found: list[dict[str, Any]] = answer["history"]
    return found


async def announced(api: Api, service: str, cursor: str = "") -> dict[str, Any]:
    answer = await api.call("GET", f"/v1/announcements{'?cursor=' if cursor else ''}{cursor}", service)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_consent_that_has_run_its_time_ends_as_an_event_once_whatever_number_of_workers_runs(
    api: Api, database: Database, keyring: Keyring, owner: asyncpg.Connection
) -> None:
    people = [await enrol(api, f"{name}@example.com", {}) for name in ("ana", "bo", "cem")]
    for person in people:
        await allow(api, person)
        await allow(api, person, channel="email")
    await owner.execute(ENDS_IN, timedelta(seconds=-1))
    ended = await asyncio.gather(*(end_expired_consents(database, keyring) for _ in range(5)))
    assert sum(ended) == len(people)
    assert await owner.fetchval(ENTERED, "expiry") == len(people)
    for person in people:
        last = (await history(api, person))[:2]
        assert {(each["channel"], each["status"]) for each in last} == {("web", "expired"), ("email", "expired")}
        assert {(each["method"], each["acting"], each["recorded_by"]) for each in last} == {
            ("system", "worker", "worker")
        }
    assert await end_expired_consents(database, keyring) == 0


@pytest.mark.parametrize("which", [0, 1, 2])
async def test_what_somebody_changed_of_one_customer_keeps_no_other_from_her_end(
    api: Api, database: Database, keyring: Keyring, owner: asyncpg.Connection, which: int
) -> None:
    for name in ("ana", "bo", "cem"):
        await allow(api, await enrol(api, f"{name}@example.com", {}))
    await owner.execute(ENDS_IN, timedelta(seconds=-1))
    changed = "SELECT customer FROM consent ORDER BY customer LIMIT 1 OFFSET $1"
    await owner.execute("UPDATE consent SET channel = 'fax' WHERE customer = $1", await owner.fetchval(changed, which))
    with pytest.raises(ValueError, match="Channel"):
        await end_expired_consents(database, keyring)
    assert await owner.fetchval(ENTERED, "expiry") == 2


async def test_a_consent_that_still_holds_is_left_alone(
    api: Api, abbie: Person, database: Database, keyring: Keyring, owner: asyncpg.Connection
) -> None:
    await owner.execute(ENDS_IN, timedelta(seconds=60))
    assert await end_expired_consents(database, keyring) == 0
    assert [each["status"] for each in await history(api, abbie)] == ["given"]


async def test_an_expired_consent_can_be_renewed_also_by_a_yes_given_before_it_ended(
    api: Api, abbie: Person, database: Database, keyring: Keyring, owner: asyncpg.Connection
) -> None:
    await owner.execute("UPDATE consent SET decided_at = decided_at - interval '800 days'")
    await owner.execute(ENDS_IN, timedelta(seconds=-1))
    before: datetime = await owner.fetchval("SELECT clock_timestamp()")
    assert await end_expired_consents(database, keyring) == 1
    again = {
        "purpose": PURPOSE,
        "answer": "renewed",
        "channel": "web",
        "notice": 2,
        "given_at": before.isoformat(),
        **PROOF,
    }
    done = await api.post(f"/v1/customers/{abbie.at_shop}/consents", "shop", again)
    assert [each["status"] for each in done["standing"]] == [Status.RENEWED]


async def test_an_end_within_30_days_is_announced_once_to_who_may_ask_again_and_knows_her(
    api: Api, abbie: Person, database: Database, keyring: Keyring, owner: asyncpg.Connection
) -> None:
    assert await announce_renewals(database, keyring) == 0
    await owner.execute(ENDS_IN, timedelta(days=29))
    told = await asyncio.gather(*(announce_renewals(database, keyring) for _ in range(5)))
    assert (sum(told), await owner.fetchval(ENTERED, "renewal-due")) == (1, 1)
    heard = await announced(api, "shop")
    ((due),) = heard["announcements"]
    assert (due["kind"], due["customer"], due["purpose"], due["channel"]) == (
        "renewal-due",
        abbie.at_shop,
        PURPOSE,
        "web",
    )
    assert (await announced(api, "shop", heard["next"]))["announcements"] == []
    assert [each["customer"] for each in (await announced(api, "recommender"))["announcements"]] == [
        abbie.at_recommender
    ]
    # Who serves another purpose hears nothing, and neither does who does not know her.
    assert (await announced(api, "finance"))["announcements"] == []
    assert (await announced(api, "call-centre"))["announcements"] == []


async def test_what_was_announced_and_holds_no_more_is_not_told(
    api: Api, abbie: Person, database: Database, keyring: Keyring, owner: asyncpg.Connection
) -> None:
    await owner.execute(ENDS_IN, timedelta(days=29))
    await announce_renewals(database, keyring)
    await api.post(f"/v1/customers/{abbie.at_shop}/withdrawals", "shop", {"all": "everything"})
    assert (await announced(api, "shop"))["announcements"] == []


async def test_a_cursor_of_another_service_is_refused(api: Api, abbie: Person) -> None:
    heard = await announced(api, "shop")
    other = await api.call("GET", f"/v1/announcements?cursor={heard['next']}", "recommender")
    assert (other.status_code, other.json()["code"]) == (400, "bad-cursor")


async def test_the_worker_does_both(api: Api, abbie: Person, house: House, owner: asyncpg.Connection) -> None:
    await owner.execute(ENDS_IN, timedelta(days=-1))
    assert await work(house.database, house.keys.or_none, house.library.current, once=True)
    assert [each["status"] for each in await history(api, abbie)] == ["expired", "given"]

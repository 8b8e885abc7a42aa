"""The laws of consent: a no holds from when it is recorded, a yes must come after the last no, nothing is lost."""

from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from service.crypto.keyring import Keyring
from service.database import Database
from service.errors import (
    MissingFieldError,
    NotConsentBasedError,
    NotGrantedError,
    NothingToRenewError,
    NoticeSupersededError,
    ServiceError,
    UnauthenticatedError,
    UnknownChannelError,
    UnknownCustomerError,
    UnknownNoticeError,
    UnknownPurposeError,
    WrongKindError,
)
from service.model.callers import Caller, CustomerCaller, ServiceCaller
from service.model.consent import Answer
from service.model.identifiers import Identifier
from service.model.words import (
    AgeBand,
    Channel,
    CustomerId,
    IdentifierKind,
    Method,
    PairwiseId,
    PurposeId,
    ServiceId,
    Status,
)
from service.policy.engine import Policies
from service.usecases import consents, customers, records
from service.usecases.consents import Acknowledged, Said
from service.usecases.customers import Newcomer
from tests.examples import some
from tests.reading import entered

pytestmark = pytest.mark.usefixtures("all_said")

RECOMMENDATIONS = PurposeId("personalise.recommendations")
CHANNELS = (Channel.WEB, Channel.APP, Channel.EMAIL)
IN_FORCE = 2
NUMBERS = count()
EXPIRES = timedelta(days=730)
LIVE = """INSERT INTO credential (id, service, digest, mac_version, mac) VALUES ('key', 'shop', sha256(''), 1, '')
              ON CONFLICT DO NOTHING"""
"""The key that the callers of these tests name."""
SHOP = ServiceCaller(ServiceId("shop"), "key", proven=True)


class Desk(Struct, frozen=True):
    """Where one customer's answers are recorded and read."""

    database: Database
    keyring: Keyring
    policies: Policies
    customer: CustomerId
    at_shop: PairwiseId

    async def say(
        self, status: Status, channel: Channel | None = Channel.WEB, caller: Caller = SHOP, **more: Any
    ) -> Acknowledged:
        """Record an answer as the composition root would."""
        words: dict[str, Any] = {
            "purpose": RECOMMENDATIONS,
            "method": Method.COUNTER,
            "notice": IN_FORCE,
            "customer": self.at_shop,
            "evidence": "scan-4711",
        }
        said = Said(status=status, channel=channel, **(words | more))
        if status.valid:
            return await consents.record_yes(self.database, self.keyring, self.policies, caller, said)
        keyring = self.keyring if getattr(caller, "proven", True) else None
        return await consents.record_no(self.database, keyring, self.policies, caller, said)

    async def stands(self) -> dict[Channel, Status]:
        """Return what stands for recommendations."""
        record = await self.record()
        return {standing.channel: status for standing, status in record.standing if standing.purpose == RECOMMENDATIONS}

    async def record(self) -> records.Record:
        """Return what she herself is shown."""
        return await records.read(self.database, None, self.policies, CustomerCaller(self.customer, proven=True), None)

    async def rows(self) -> list[str]:
        """Return every row that says something about her."""
        async with self.database.connection() as connection:
            return [
                str(row)
                for table in ("customer", "consent", "consent_event", "queue")
                for row in await connection.fetch(f"SELECT * FROM {table}")  # noqa: S608  names of our own
            ]

    async def entries(self) -> list[dict[str, Any]]:
        """Return what the ledger says of her answers."""
        async with self.database.connection() as connection:
            return [each.act for each in await entered(connection, self.keyring, "consent", self.customer)]

    async def now(self) -> datetime:
        """Return the database's time."""
        async with self.database.connection() as connection:
            now: datetime = await connection.fetchval("SELECT clock_timestamp()")
            return now


def stands(channel: Channel, status: Status) -> consents.Stands:
    """Return what an acknowledgement says of recommendations."""
    return consents.Stands(RECOMMENDATIONS, channel, status)


async def newcomer(database: Database, keyring: Keyring, policies: Policies) -> Desk:
    """Enrol somebody new."""
    async with database.connection() as connection:
        await connection.execute(LIVE)
    found_by = [Identifier(IdentifierKind.EMAIL, f"customer-{next(NUMBERS)}@example.com")]
    enrolled = await customers.enrol(database, keyring, policies, SHOP, Newcomer(found_by, AgeBand.ADULT))
    async with database.connection() as connection:
        customer: UUID = await connection.fetchval("SELECT customer FROM pairwise WHERE id = $1", enrolled.customer)
    return Desk(database, keyring, policies, CustomerId(customer), enrolled.customer)


@pytest.fixture
async def desk(database: Database, keyring: Keyring, policies: Policies) -> Desk:
    return await newcomer(database, keyring, policies)


# --- a no ---


async def test_a_no_counts_from_when_it_was_recorded_whatever_it_says_of_itself(desk: Desk) -> None:
    before = await desk.now()
    await desk.say(Status.WITHDRAWN, given_at=before - timedelta(days=300))
    ((standing, status),) = (await desk.record()).standing
    assert status is Status.WITHDRAWN
    assert before <= standing.decided_at <= await desk.now()


async def test_a_no_that_claims_to_be_older_than_the_yes_still_ends_it(desk: Desk) -> None:
    await desk.say(Status.GIVEN)
    await desk.say(Status.REFUSED, given_at=await desk.now() - timedelta(days=300))
    assert await desk.stands() == {Channel.WEB: Status.REFUSED}


async def test_a_yes_given_before_a_recorded_no_changes_nothing_and_is_kept(desk: Desk) -> None:
    before = await desk.now()
    await desk.say(Status.WITHDRAWN)
    stood = (await desk.record()).standing
    done = await desk.say(Status.GIVEN, given_at=before)
    assert done.standing == [stands(Channel.WEB, Status.WITHDRAWN)]
    record = await desk.record()
    assert record.standing == stood
    assert [each.status for each in record.history] == [Status.GIVEN, Status.WITHDRAWN]
    assert [each["answer"] for each in await desk.entries()] == ["withdrawn", "given"]


async def test_a_yes_given_at_the_very_instant_of_the_no_changes_nothing(desk: Desk) -> None:
    await desk.say(Status.WITHDRAWN)
    ((standing, _),) = (await desk.record()).standing
    await desk.say(Status.GIVEN, given_at=standing.decided_at)
    assert await desk.stands() == {Channel.WEB: Status.WITHDRAWN}
    await desk.say(Status.GIVEN, given_at=standing.decided_at + timedelta(microseconds=1))
    assert await desk.stands() == {Channel.WEB: Status.GIVEN}


async def test_withdrawing_twice_changes_nothing_more_and_leaves_an_entry_each(desk: Desk) -> None:
    await desk.say(Status.GIVEN)
    first, second = await desk.say(Status.WITHDRAWN), await desk.say(Status.WITHDRAWN)
    assert first.standing == second.standing == [stands(Channel.WEB, Status.WITHDRAWN)]
    assert (second.version, first.entry != second.entry) == (first.version + 1, True)
    assert await desk.stands() == {Channel.WEB: Status.WITHDRAWN}
    assert [each["answer"] for each in await desk.entries()] == ["given", "withdrawn", "withdrawn"]


@pytest.mark.parametrize("no", [Status.REFUSED, Status.WITHDRAWN])
async def test_a_no_without_a_channel_covers_every_channel_of_the_purpose_and_no_other(desk: Desk, no: Status) -> None:
    for channel in CHANNELS[:2]:
        await desk.say(Status.GIVEN, channel)
    newsletter: dict[str, Any] = {"purpose": PurposeId("market.newsletter"), "notice": 2}
    await desk.say(Status.GIVEN, Channel.EMAIL, **newsletter)
    done = await desk.say(no, None)
    assert done.standing == [stands(channel, no) for channel in CHANNELS]
    assert await desk.stands() == dict.fromkeys(CHANNELS, no)
    record = await desk.record()
    assert {s.purpose: status for s, status in record.standing}[PurposeId("market.newsletter")] is Status.GIVEN
    assert len({each.entry for each in record.history if each.status is no}) == 1


async def test_a_no_for_one_channel_leaves_the_others(desk: Desk) -> None:
    for channel in CHANNELS:
        await desk.say(Status.GIVEN, channel)
    await desk.say(Status.WITHDRAWN, Channel.APP)
    assert await desk.stands() == {
        Channel.WEB: Status.GIVEN,
        Channel.APP: Status.WITHDRAWN,
        Channel.EMAIL: Status.GIVEN,
    }


async def test_a_no_asks_for_no_notice_no_right_and_no_proof(desk: Desk) -> None:
    await desk.say(Status.GIVEN)
    unproven = ServiceCaller(ServiceId("shop"), "key", proven=False)
    for caller in (unproven, CustomerCaller(desk.customer, proven=True)):
        for notice in (None, 1, 2, 99):
            await desk.say(Status.WITHDRAWN, caller=caller, notice=notice)
            assert await desk.stands() == {Channel.WEB: Status.WITHDRAWN}


# --- a yes ---


async def test_a_yes_stands_from_when_it_was_given_until_its_time_has_run(desk: Desk) -> None:
    given_at = await desk.now() - timedelta(days=10)
    await desk.say(Status.GIVEN, given_at=given_at, explicit=True)
    ((standing, status),) = (await desk.record()).standing
    assert (status, standing.decided_at, standing.expires_at) == (Status.GIVEN, given_at, given_at + EXPIRES)
    assert (standing.notice, standing.explicit) == (IN_FORCE, True)


async def test_a_yes_that_has_run_its_time_before_it_reaches_us_is_called_expired(desk: Desk) -> None:
    done = await desk.say(Status.GIVEN, given_at=await desk.now() - EXPIRES)
    assert done.standing == [stands(Channel.WEB, Status.EXPIRED)]
    assert await desk.stands() == {Channel.WEB: Status.EXPIRED}


async def test_a_clock_that_is_a_little_ahead_is_set_right_everywhere(desk: Desk) -> None:
    done = await desk.say(Status.GIVEN, given_at=await desk.now() + timedelta(minutes=4))
    record = await desk.record()
    (event,), ((standing, _),) = record.history, record.standing
    assert event.given_at == event.recorded_at == standing.decided_at
    assert datetime.fromisoformat((await desk.entries())[0]["given_at"]) == event.given_at
    assert event.entry == done.entry


async def test_what_she_said_is_kept_with_how_and_by_whom(desk: Desk) -> None:
    done = await desk.say(Status.GIVEN, actor="till-4", method=Method.PAPER, explicit=True)
    (event,) = (await desk.record()).history
    assert (event.actor, event.recorder, event.method) == ("till-4", "service:shop", Method.PAPER)
    assert (event.notice, event.explicit, event.policy_version) == (IN_FORCE, True, desk.policies.version)
    assert event.entry == done.entry


# --- what is refused ---

FINANCE = ServiceCaller(ServiceId("finance"), "key", proven=True)
UNPROVEN = ServiceCaller(ServiceId("shop"), "key", proven=False)
GONE = ServiceCaller(ServiceId("closed-down"), "key", proven=True)
REFUSED: list[tuple[dict[str, Any], type[ServiceError], str | None]] = [
    ({"notice": 1}, NoticeSupersededError, "/notice"),
    ({"notice": 3}, UnknownNoticeError, "/notice"),
    ({"notice": 0}, UnknownNoticeError, "/notice"),
    ({"notice": -1}, UnknownNoticeError, "/notice"),
    ({"notice": None}, MissingFieldError, "/notice"),
    ({"channel": None}, MissingFieldError, "/channel"),
    ({"evidence": ""}, MissingFieldError, "/evidence"),
    ({"status": Status.RENEWED, "channel": Channel.APP}, NothingToRenewError, "/answer"),
    ({"channel": Channel.POST}, UnknownChannelError, "/channel"),
    ({"channel": Channel.POST, "status": Status.WITHDRAWN}, UnknownChannelError, "/channel"),
    ({"purpose": PurposeId("no.such")}, UnknownPurposeError, "/purpose"),
    ({"purpose": PurposeId("no.such"), "status": Status.WITHDRAWN}, UnknownPurposeError, "/purpose"),
    ({"caller": FINANCE}, NotGrantedError, "/purpose"),
    ({"caller": GONE}, NotGrantedError, "/purpose"),
    ({"caller": UNPROVEN}, UnauthenticatedError, None),
    ({"customer": PairwiseId("byc_" + "a" * 26)}, UnknownCustomerError, None),
    ({"customer": None}, UnknownCustomerError, None),
    ({"customer": None, "status": Status.WITHDRAWN}, UnknownCustomerError, None),
    *(
        ({"purpose": PurposeId(purpose), "status": status, "notice": 1}, NotConsentBasedError, "/purpose")
        for purpose in ("fulfil.orders", "comply.tax")
        for status in (Status.GIVEN, Status.REFUSED, Status.WITHDRAWN)
    ),
]


async def test_what_is_refused_writes_nothing(desk: Desk) -> None:
    await desk.say(Status.GIVEN)
    before = await desk.rows()
    for change, kind, pointer in REFUSED:
        with pytest.raises(kind) as refused:
            await desk.say(**({"status": Status.GIVEN} | change))
        assert type(refused.value) is kind
        assert refused.value.pointer == pointer
        assert await desk.rows() == before


@pytest.mark.parametrize("status", [Status.GIVEN, Status.WITHDRAWN])
async def test_nobody_has_answered_in_the_future(desk: Desk, status: Status) -> None:
    before = await desk.rows()
    with pytest.raises(WrongKindError) as refused:
        await desk.say(status, given_at=await desk.now() + timedelta(minutes=6))
    assert refused.value.pointer == "/given_at"
    assert await desk.rows() == before


async def test_an_answer_of_one_customer_changes_nothing_of_another(
    database: Database, keyring: Keyring, policies: Policies
) -> None:
    ana, bo = [await newcomer(database, keyring, policies) for _ in range(2)]
    await ana.say(Status.GIVEN)
    await bo.say(Status.WITHDRAWN, None)
    assert await ana.stands() == {Channel.WEB: Status.GIVEN}
    with pytest.raises(UnknownCustomerError):
        await ana.say(Status.WITHDRAWN, caller=FINANCE)
    # A customer speaks for herself only, whatever id she names.
    await bo.say(Status.GIVEN, caller=CustomerCaller(bo.customer, proven=True), customer=ana.at_shop)
    assert (await bo.stands())[Channel.WEB] is Status.GIVEN
    assert len((await ana.record()).history) == 1


# --- any sequence ---


class Step(Struct, frozen=True):
    """One answer. ``since`` says when she gave it, counted from when the one before was recorded."""

    status: Status
    channel: Channel | None
    since: timedelta | None
    herself: bool


SINCE = [
    None,
    timedelta(0),
    timedelta(microseconds=1),
    timedelta(microseconds=-1),
    timedelta(hours=-1),
    timedelta(days=-1),
    timedelta(days=-1500),
    timedelta(minutes=4),
]
YES = st.builds(Step, st.just(Status.GIVEN), st.sampled_from(CHANNELS), st.sampled_from(SINCE), st.booleans())
NO = st.builds(
    Step,
    st.sampled_from([Status.REFUSED, Status.WITHDRAWN]),
    st.sampled_from([*CHANNELS, None]),
    st.sampled_from(SINCE),
    st.booleans(),
)


def reference(history: list[Answer], now: datetime) -> dict[Channel, Status]:
    """Return what stands after these answers, oldest first, by the laws at the head of this file."""
    stands: dict[Channel, tuple[Status, datetime]] = {}
    for event in history:
        if event.status is not Status.GIVEN:
            stands[event.channel] = (event.status, event.recorded_at)
        elif event.channel not in stands or event.given_at > stands[event.channel][1]:
            stands[event.channel] = (event.status, event.given_at)
    return {
        channel: Status.EXPIRED if status is Status.GIVEN and since + EXPIRES <= now else status
        for channel, (status, since) in stands.items()
    }


@given(steps=st.lists(YES | NO, min_size=1, max_size=8))
@some(60)
async def test_after_any_answers_what_stands_is_what_the_laws_say_and_nothing_is_lost(
    database: Database, keyring: Keyring, policies: Policies, steps: list[Step]
) -> None:
    desk = await newcomer(database, keyring, policies)
    last, seen = await desk.now(), 0
    for step in steps:
        given_at = None if step.since is None else last + step.since
        caller = CustomerCaller(desk.customer, proven=True) if step.herself else SHOP
        done = await desk.say(step.status, step.channel, caller, given_at=given_at)
        record = await desk.record()
        new, history = record.history[: len(record.history) - seen], record.history[::-1]
        last, seen = record.history[0].recorded_at, len(record.history)
        assert {each.channel for each in new} == set(CHANNELS if step.channel is None else [step.channel])
        assert {(each.status, each.entry) for each in new} == {(step.status, done.entry)}
        assert all(each.given_at == min(given_at or last, last) for each in new)
        expected = reference(history, last)
        assert await desk.stands() == expected
        assert {each.channel: each.status for each in done.standing} == {c.channel: expected[c.channel] for c in new}
    assert len(await desk.entries()) == len(steps)


async def test_no_answer_is_lost_from_the_record_when_there_are_more_than_a_page(desk: Desk) -> None:
    for _ in range(40):
        await desk.say(Status.WITHDRAWN, None)
    assert len((await desk.record()).history) == records.LATEST
    async with desk.database.connection() as connection:
        kept = await connection.fetchval("SELECT count(*) FROM consent_event WHERE customer = $1", desk.customer)
    assert kept == 40 * len(CHANNELS)

"""Passkeys: what a device that she owns opens, and what anybody else's answer does not."""

import json
from typing import Any
from uuid import UUID

import pytest

from service.crypto.keyring import Keyring
from service.crypto.passkeys import Party
from service.database import Database
from service.errors import (
    PasskeyRefusedError,
    SignInOverError,
    StepUpRequiredError,
    TooManyTriesError,
    UnknownPasskeyError,
    WrongKindError,
)
from service.model.signin import Session, Way
from service.model.words import CustomerId
from service.storage import customers
from service.usecases import passkeys, sessions
from service.usecases.passkeys import Answer, Ceremony
from tests.authenticator import Authenticator
from tests.conftest import Owner
from tests.passing_time import Clock
from tests.reading import entered

PARTY = Party("localhost", "http://localhost:8400", "Harbour Books & Travel")
HERE, SAFARI = "192.0.2.7", "Safari/iOS"


class Pocket:
    """What she carries: a device, and a browser with a session."""

    def __init__(self, database: Database, keyring: Keyring, customer: CustomerId) -> None:
        self.database = database
        self.keyring = keyring
        self.customer = customer
        self.device = Authenticator(PARTY.origin)

    async def session(self) -> Session:
        cookie = await sessions.begin_for_show(self.database, self.keyring, self.customer, SAFARI)
        return await self.session_of(cookie)

    async def session_of(self, cookie: str) -> Session:
        return await sessions.session(self.database, self.keyring, cookie)

    async def add(self, label: str = "My phone", device: Authenticator | None = None) -> Session:
        session = await self.session()
        asked = await passkeys.ask_to_add(self.database, self.keyring, PARTY, session, "abbie@example.com")
        made = Answer(asked.waiting, (device or self.device).make(asked.options))
        await passkeys.add(self.database, self.keyring, PARTY, session, made, label)
        return session

    async def ask(self) -> Ceremony:
        return await passkeys.ask(self.database, self.keyring, PARTY, HERE)

    async def enter(self, asked: Ceremony, answer: str) -> passkeys.Entered:
        return await passkeys.enter(self.database, self.keyring, PARTY, Answer(asked.waiting, answer), SAFARI)

    async def sign_in(self, device: Authenticator | None = None) -> Session:
        asked = await self.ask()
        return await self.session_of((await self.enter(asked, (device or self.device).use(asked.options))).cookie)

    async def listed(self, session: Session) -> list[passkeys.HerPasskey]:
        return await passkeys.listed(self.database, self.keyring, session.caller)

    async def last(self) -> dict[str, Any]:
        async with self.database.connection() as connection:
            return (await entered(connection, self.keyring))[-1].act


@pytest.fixture
async def clock(superuser_url: str) -> Clock:
    """The database's clock, which can be put forward."""
    made = Clock(superuser_url)
    await made.install()
    return made


@pytest.fixture
def pocket(clock: Clock, database: Database, keyring: Keyring, customer: CustomerId) -> Pocket:
    """Abbie's."""
    return Pocket(database, keyring, customer)


async def test_she_adds_a_passkey_and_signs_in_with_it_saying_nothing_of_herself(pocket: Pocket) -> None:
    added = await pocket.add()
    assert await pocket.last() == {"kind": "passkey", "change": "added"}
    session = await pocket.sign_in()
    assert (session.caller.customer, session.way, session.strong) == (pocket.customer, Way.PASSKEY, True)
    assert await pocket.last() == {"kind": "sign-in", "way": "passkey"}
    (kept,) = await pocket.listed(added)
    assert (kept.label, kept.used_at is not None) == ("My phone", True)


async def test_the_device_is_asked_to_verify_her_and_to_keep_the_key(pocket: Pocket) -> None:
    session = await pocket.session()
    asked = await passkeys.ask_to_add(pocket.database, pocket.keyring, PARTY, session, "abbie@example.com")
    options = json.loads(asked.options)
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["rp"] == {"id": "localhost", "name": PARTY.name}
    assert json.loads((await pocket.ask()).options)["userVerification"] == "required"
    assert str(pocket.customer) not in asked.options


async def test_a_device_that_did_not_verify_her_is_refused(pocket: Pocket) -> None:
    careless = Authenticator(PARTY.origin, verifies=False)
    with pytest.raises(PasskeyRefusedError):
        await pocket.add(device=careless)


async def test_a_page_of_another_origin_is_refused(pocket: Pocket) -> None:
    await pocket.add()
    pocket.device.origin = "http://localhost:9999"
    with pytest.raises(PasskeyRefusedError):
        await pocket.sign_in()


async def test_an_answer_is_used_once_and_no_other_question_fits_it(pocket: Pocket) -> None:
    await pocket.add()
    asked, other = await pocket.ask(), await pocket.ask()
    answer = pocket.device.use(asked.options)
    with pytest.raises(PasskeyRefusedError):
        await pocket.enter(other, answer)
    await pocket.enter(asked, answer)
    for each in (asked, other):
        with pytest.raises(SignInOverError):
            await pocket.enter(each, answer)


async def test_a_question_waits_for_five_minutes(pocket: Pocket, clock: Clock) -> None:
    await pocket.add()
    asked = await pocket.ask()
    await clock.later(minutes=5.1)
    with pytest.raises(SignInOverError):
        await pocket.enter(asked, pocket.device.use(asked.options))


async def test_a_copy_of_a_device_that_counts_is_noticed(pocket: Pocket) -> None:
    await pocket.add()
    await pocket.sign_in()
    pocket.device.uses = 0
    with pytest.raises(PasskeyRefusedError):
        await pocket.sign_in()


async def test_a_device_that_does_not_count_works_again_and_again(pocket: Pocket) -> None:
    pocket.device = Authenticator(PARTY.origin, counts=False)
    await pocket.add()
    for _ in range(3):
        await pocket.sign_in()


async def test_a_passkey_that_is_not_kept_here_opens_nothing(pocket: Pocket) -> None:
    stranger = Authenticator(PARTY.origin)
    with pytest.raises(PasskeyRefusedError):
        await pocket.sign_in(stranger)
    await pocket.add()
    stranger.id = pocket.device.id
    stranger.handle = pocket.device.handle
    with pytest.raises(PasskeyRefusedError):
        await pocket.sign_in(stranger)


@pytest.mark.parametrize("answer", ["", "{}", "[" * 5000, '{"id": 1}', "x" * 20_000, '{"id":"AA","rawId":"AA"}'])
async def test_nonsense_is_refused_as_such(pocket: Pocket, answer: str) -> None:
    with pytest.raises(PasskeyRefusedError):
        await pocket.enter(await pocket.ask(), answer)


async def test_only_a_fresh_session_adds_one_and_no_other_session_finishes_it(pocket: Pocket, clock: Clock) -> None:
    session, other = await pocket.session(), await pocket.session()
    asked = await passkeys.ask_to_add(pocket.database, pocket.keyring, PARTY, session, "abbie@example.com")
    made = Answer(asked.waiting, pocket.device.make(asked.options))
    with pytest.raises(SignInOverError):
        await passkeys.add(pocket.database, pocket.keyring, PARTY, other, made, "Mine")
    cookie = await sessions.begin_for_show(pocket.database, pocket.keyring, pocket.customer, SAFARI)
    await clock.later(minutes=6)
    weak = await pocket.session_of(cookie)
    with pytest.raises(StepUpRequiredError):
        await passkeys.ask_to_add(pocket.database, pocket.keyring, PARTY, weak, "abbie@example.com")


async def test_she_proves_afresh_that_it_is_she_and_nobody_elses_passkey_does(pocket: Pocket, clock: Clock) -> None:
    await pocket.add()
    cookie = await sessions.begin_for_show(pocket.database, pocket.keyring, pocket.customer, SAFARI)
    await clock.later(minutes=6)
    weak = await pocket.session_of(cookie)
    asked = await passkeys.ask_again(pocket.database, pocket.keyring, PARTY, weak)
    answer = Answer(asked.waiting, pocket.device.use(asked.options))
    await passkeys.enter_again(pocket.database, pocket.keyring, PARTY, weak, answer)
    assert (await pocket.session_of(cookie)).strong
    assert await pocket.last() == {"kind": "sign-in", "way": "passkey", "again": True}


async def test_somebody_elses_passkey_does_not_prove_who_she_is(pocket: Pocket, owner: Owner) -> None:
    other = Pocket(pocket.database, pocket.keyring, await _somebody(pocket))
    await other.add()
    session = await pocket.session()
    asked = await passkeys.ask_again(pocket.database, pocket.keyring, PARTY, session)
    answer = Answer(asked.waiting, other.device.use(asked.options))
    with pytest.raises(PasskeyRefusedError):
        await passkeys.enter_again(pocket.database, pocket.keyring, PARTY, session, answer)


async def _somebody(pocket: Pocket) -> CustomerId:
    made = CustomerId(UUID(int=7))
    async with pocket.database.transaction() as connection:
        await customers.create(connection, pocket.keyring, made)
    return made


@pytest.mark.parametrize("change", ["customer = '{other}'", "public_key = '\\x00'", "uses = 0"])
async def test_a_passkey_that_somebody_at_the_database_changed_opens_nothing(
    pocket: Pocket, owner: Owner, change: str
) -> None:
    await pocket.add()
    await pocket.sign_in()
    await owner.execute(f"UPDATE passkey SET {change.format(other=await _somebody(pocket))}")  # noqa: S608  ours
    with pytest.raises(PasskeyRefusedError):
        await pocket.sign_in()


async def test_she_calls_it_as_she_likes_and_nobody_at_the_database_reads_that(pocket: Pocket, owner: Owner) -> None:
    session = await pocket.add("Zephyrines phone")
    (kept,) = await pocket.listed(session)
    assert "Zephyrine" not in str(await owner.fetchval("SELECT encode(label, 'escape') FROM passkey"))
    await passkeys.relabel(pocket.database, pocket.keyring, session.caller, kept.name, "Work")
    assert [each.label for each in await pocket.listed(session)] == ["Work"]
    for label in ("", "   ", "x" * 61, "a\nb"):
        with pytest.raises(WrongKindError):
            await passkeys.relabel(pocket.database, pocket.keyring, session.caller, kept.name, label)


async def test_a_removed_passkey_opens_nothing_and_needs_no_key_to_be_removed(pocket: Pocket) -> None:
    session = await pocket.add()
    (kept,) = await pocket.listed(session)
    await passkeys.remove(pocket.database, None, session.caller, kept.name)
    with pytest.raises(PasskeyRefusedError):
        await pocket.sign_in()
    with pytest.raises(UnknownPasskeyError):
        await passkeys.remove(pocket.database, None, session.caller, kept.name)


async def test_questions_are_counted(pocket: Pocket) -> None:
    for _ in range(40):
        await pocket.ask()
    with pytest.raises(TooManyTriesError):
        await pocket.ask()

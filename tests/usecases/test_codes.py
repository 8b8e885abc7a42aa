"""Signing in by e-mail: who is answered how, what a code opens and for how long, and what somebody else can do."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from service.crypto.keyring import Keyring
from service.database import Database
from service.errors import (
    IdentifierTakenError,
    IntegrityError,
    SignInOverError,
    StepUpRequiredError,
    SuppressedError,
    TooManyTriesError,
    UnauthenticatedError,
    WrongCodeError,
)
from service.model.identifiers import Identifier, identifier
from service.model.signin import Session, Way
from service.model.suppression import EVERYTHING, Suppression, Why
from service.model.words import CustomerId, IdentifierKind
from service.policy.engine import Policies
from service.storage import customers, suppressions
from service.usecases import codes, identifiers, sessions
from service.usecases.codes import Asked, Letter
from tests.conftest import Api, Owner, Person, enrol
from tests.passing_time import Clock
from tests.reading import entered

HERE, FIREFOX = "192.0.2.7", "Firefox/Linux"
EMAIL = IdentifierKind.EMAIL
ABBIE, NOBODY = identifier(EMAIL, "abbie@example.com"), identifier(EMAIL, "nobody@example.com")


@pytest.fixture
async def clock(superuser_url: str) -> Clock:
    """The database's clock, which can be put forward."""
    made = Clock(superuser_url)
    await made.install()
    return made


@pytest.fixture
async def ways(clock: Clock, database: Database, keyring: Keyring, abbie: Person) -> "Ways":
    """What a browser can do."""
    return Ways(database, keyring)


class Ways:
    """Signs in and looks who is in, over one database."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self.database = database
        self.keyring = keyring

    async def ask(self, address: Identifier = ABBIE, network: str = HERE) -> Asked:
        return await codes.ask(self.database, self.keyring, address, network)

    async def enter(self, waiting: str, code: str, network: str = HERE) -> codes.Entered:
        return await codes.enter(self.database, self.keyring, waiting, code, network, FIREFOX)

    async def press(self, link: str) -> codes.Entered:
        return await codes.press(self.database, self.keyring, link, HERE, FIREFOX)

    async def session(self, cookie: str, keyring: Keyring | None = None) -> Session:
        return await sessions.session(self.database, keyring or self.keyring, cookie)

    async def sign_in(self) -> Session:
        asked = await self.ask()
        return await self.session((await self.enter(asked.waiting, letter(asked).code)).cookie)

    async def kinds(self) -> list[tuple[str, dict[str, Any]]]:
        async with self.database.connection() as connection:
            return [(each.kind, each.act) for each in await entered(connection, self.keyring)]


def letter(asked: Asked) -> Letter:
    assert asked.letter is not None
    return asked.letter


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


async def test_a_code_signs_her_in_in_the_tab_that_asked(ways: Ways) -> None:
    session = await ways.sign_in()
    assert (session.way, session.strong) == (Way.EMAIL, True)
    assert (session.caller.proven, session.caller.strong) == (True, True)
    assert (await ways.kinds())[-1] == ("sign-in", {"kind": "sign-in", "way": "email"})


async def test_a_code_is_taken_as_people_paste_it(ways: Ways) -> None:
    asked = await ways.ask()
    code = letter(asked).code
    assert (await ways.enter(asked.waiting, f" {code[:3]} {code[3:]}\n")).cookie


async def test_a_code_is_of_no_use_in_another_tab(ways: Ways) -> None:
    mine, other = await ways.ask(), await ways.ask()
    with pytest.raises(WrongCodeError):
        await ways.enter(other.waiting, letter(mine).code)


async def test_a_code_is_used_once_and_takes_what_else_was_asked_for_with_it(ways: Ways) -> None:
    first, second = await ways.ask(), await ways.ask()
    await ways.enter(second.waiting, letter(second).code)
    for waiting, code in ((second.waiting, letter(second).code), (first.waiting, letter(first).code)):
        with pytest.raises(SignInOverError):
            await ways.enter(waiting, code)
    with pytest.raises(SignInOverError):
        await ways.press(letter(first).link)


async def test_of_two_who_enter_one_code_at_once_one_gets_in(ways: Ways) -> None:
    asked = await ways.ask()
    both = [ways.enter(asked.waiting, letter(asked).code) for _ in range(2)]
    done = await asyncio.gather(*both, return_exceptions=True)
    assert {type(each) for each in done} == {codes.Entered, SignInOverError}


async def test_five_wrong_codes_end_it_and_then_the_right_one_is_wrong_too(ways: Ways) -> None:
    asked = await ways.ask()
    code = letter(asked).code
    for _ in range(4):
        with pytest.raises(WrongCodeError):
            await ways.enter(asked.waiting, wrong(code))
    for each in (wrong(code), code):
        with pytest.raises(SignInOverError):
            await ways.enter(asked.waiting, each)


async def test_many_wrong_codes_at_once_are_no_more_than_five(ways: Ways) -> None:
    asked = await ways.ask()
    code = letter(asked).code
    many = [ways.enter(asked.waiting, wrong(code), f"192.0.2.{n}") for n in range(8)]
    done = await asyncio.gather(*many, return_exceptions=True)
    assert [type(each) for each in done].count(WrongCodeError) == 4
    with pytest.raises(SignInOverError):
        await ways.enter(asked.waiting, code)


async def test_after_a_quarter_of_an_hour_neither_code_nor_link_is_good(ways: Ways, clock: Clock) -> None:
    asked = await ways.ask()
    await clock.later(minutes=14.9)
    assert await codes.waits(ways.database, ways.keyring, letter(asked).link)
    await clock.later(minutes=0.2)
    assert not await codes.waits(ways.database, ways.keyring, letter(asked).link)
    with pytest.raises(SignInOverError):
        await ways.enter(asked.waiting, letter(asked).code)
    with pytest.raises(SignInOverError):
        await ways.press(letter(asked).link)


async def test_a_link_is_looked_at_by_many_and_pressed_once(ways: Ways) -> None:
    link = letter(await ways.ask()).link
    assert all([await codes.waits(ways.database, ways.keyring, link) for _ in range(5)])
    assert (await ways.session((await ways.press(link)).cookie)).caller.proven
    assert not await codes.waits(ways.database, ways.keyring, link)
    with pytest.raises(SignInOverError):
        await ways.press(link)


# --- who is not known ---


async def test_an_address_of_nobody_waits_for_a_code_that_no_one_has(ways: Ways) -> None:
    asked = await ways.ask(NOBODY)
    assert letter(asked) == Letter("nobody@example.com", letter(asked).aim)
    assert not letter(asked).code
    for _ in range(4):
        with pytest.raises(WrongCodeError):
            await ways.enter(asked.waiting, "123456")
    with pytest.raises(SignInOverError):
        await ways.enter(asked.waiting, "123456")


async def test_the_database_is_asked_the_same_whether_or_not_an_address_is_known(ways: Ways, owner: Owner) -> None:
    async def asked(address: Identifier) -> list[str]:
        heard: list[str] = []
        async with ways.database.connection() as connection:
            with connection.query_logger(lambda record: heard.append(record.query)):
                within = ways.database.within(connection)
                await codes.ask(within, ways.keyring, address, HERE)
        return heard

    await asked(ABBIE)  # the driver asks about types that it meets for the first time
    known, unknown = await asked(ABBIE), await asked(NOBODY)
    assert known == unknown
    assert len(known) > 4


async def test_what_waits_looks_alike_whether_or_not_an_address_is_known(ways: Ways, owner: Owner) -> None:
    mine, other = await ways.ask(), await ways.ask(NOBODY)
    assert len(mine.waiting) == len(other.waiting)
    rows = await owner.fetch("SELECT link, session, address, code, tries FROM sign_in")
    assert [[type(each) for each in row] for row in rows] == [[type(each) for each in rows[0]]] * 2


async def test_an_address_that_two_claim_finds_nobody(ways: Ways, api: Api) -> None:
    bo = await enrol(api, "bo@example.com", {})
    async with ways.database.transaction() as connection:
        other = await customers.by_identifier(
            connection, ways.keyring, EMAIL, ways.keyring.index_of(identifier(EMAIL, bo.email))
        )
        assert other is not None
        key = await customers.open_key(connection, ways.keyring, other)
        await customers.put_identifier(connection, ways.keyring, other, key, ABBIE)
    assert not letter(await ways.ask()).code


async def test_a_code_does_not_let_in_by_an_address_that_was_disowned_since(ways: Ways) -> None:
    session, asked = await ways.sign_in(), await ways.ask()
    (hers, *_) = await identifiers.identifiers(ways.database, ways.keyring, session.caller)
    await identifiers.disown(ways.database, ways.keyring, session.caller, hers.reference)
    with pytest.raises(SignInOverError):
        await ways.enter(asked.waiting, letter(asked).code)


async def test_to_disown_an_address_ends_her_other_sessions_and_whatever_waits(ways: Ways, owner: Owner) -> None:
    here, other = await ways.sign_in(), await ways.sign_in()
    (mine,) = await hers(ways, here)
    again = await codes.ask_again(ways.database, ways.keyring, other, mine.reference, HERE)
    await codes.ask_to_add(ways.database, ways.keyring, other, NOBODY, HERE)
    await identifiers.disown(ways.database, ways.keyring, here.caller, mine.reference, here.digest)
    assert [each.id for each in await sessions.listed(ways.database, ways.keyring, here)] == [here.id]
    assert await owner.fetchval("SELECT count(*) FROM sign_in") == 0
    kinds = await ways.kinds()
    assert kinds[-2:] == [
        ("disown", {"kind": "disown", "identifier": "email"}),
        ("sign-out", {"kind": "sign-out", "sessions": 1, "own": False}),
    ]
    with pytest.raises(SignInOverError):
        await codes.enter_again(ways.database, ways.keyring, other, again.waiting, letter(again).code, HERE)


async def test_to_disown_an_address_from_elsewhere_ends_every_session(ways: Ways) -> None:
    here, _ = await ways.sign_in(), await ways.sign_in()
    (mine,) = await hers(ways, here)
    await identifiers.disown(ways.database, ways.keyring, here.caller, mine.reference)
    assert await sessions.listed(ways.database, ways.keyring, here) == []
    assert (await ways.kinds())[-1] == ("sign-out", {"kind": "sign-out", "sessions": 2, "own": False})


async def test_a_code_proves_nothing_afresh_by_an_address_that_is_hers_no_more(ways: Ways, owner: Owner) -> None:
    session = await ways.sign_in()
    (mine,) = await hers(ways, session)
    again = await codes.ask_again(ways.database, ways.keyring, session, mine.reference, HERE)
    await owner.execute("CREATE TABLE kept AS TABLE sign_in")
    await identifiers.disown(ways.database, ways.keyring, session.caller, mine.reference, session.digest)
    await owner.execute("INSERT INTO sign_in TABLE kept")
    with pytest.raises(SignInOverError):
        await codes.enter_again(ways.database, ways.keyring, session, again.waiting, letter(again).code, HERE)


async def test_who_asked_to_be_forgotten_is_sent_nothing_and_waits_like_everybody(ways: Ways) -> None:
    await forget(ways, NOBODY)
    asked = await ways.ask(NOBODY)
    assert asked.letter is None
    with pytest.raises(WrongCodeError):
        await ways.enter(asked.waiting, "123456")


async def forget(ways: Ways, who: Identifier, why: Why = Why.ERASED) -> None:
    async with ways.database.transaction() as connection:
        now = await customers.clock(connection)
        digest = ways.keyring.index_of(who)
        await suppressions.put_all(connection, [Suppression(who.kind, digest, why, EVERYTHING, now)])


# --- too often ---


async def test_one_address_is_sent_five_codes_in_a_quarter_of_an_hour_known_or_not(ways: Ways, clock: Clock) -> None:
    for address in (ABBIE, NOBODY):
        for number in range(5):
            await ways.ask(address, f"192.0.2.{number}")
        with pytest.raises(TooManyTriesError) as refusal:
            await ways.ask(address, "198.51.100.1")
        assert 0 < refusal.value.retry <= 15 * 60
    await clock.later(minutes=15)
    await ways.ask()


async def test_who_asks_from_one_network_leaves_one_code_for_whoever_asks_from_another(ways: Ways) -> None:
    for _ in range(4):
        await ways.ask()
    with pytest.raises(TooManyTriesError):
        await ways.ask()
    assert letter(await ways.ask(network="198.51.100.1")).code


async def test_who_asks_without_end_keeps_her_out_for_no_longer_than_a_quarter_of_an_hour(
    ways: Ways, clock: Clock
) -> None:
    for _ in range(3):
        for number in range(40):
            with suppress(TooManyTriesError):
                await ways.ask(network=f"192.0.2.{number}")
        with pytest.raises(TooManyTriesError) as refusal:
            await ways.ask(network="198.51.100.1")
        assert 0 < refusal.value.retry <= 15 * 60
        await clock.later(minutes=15)
    assert letter(await ways.ask(network="198.51.100.1")).link


async def test_beyond_twenty_codes_in_a_day_an_address_is_sent_links_that_nobody_can_guess(
    ways: Ways, clock: Clock
) -> None:
    asked: list[Asked] = []
    for _ in range(24 * 4 - 1):
        for number in range(6):
            with suppress(TooManyTriesError):
                asked.append(await ways.ask(network=f"198.51.100.{number}"))
        await clock.later(minutes=15)
    coded = [each for each in asked if letter(each).code]
    assert 20 <= len(coded) <= 40  # a day of the clock may begin in between
    assert len(asked) - len(coded) <= 2 * 24 * 4
    last = await ways.ask(network="203.0.113.1")
    assert last.linked is not bool(letter(last).code)
    assert (await ways.press(letter(last).link)).cookie


async def test_a_link_alone_is_no_code_and_looks_alike_whether_or_not_an_address_is_known(
    ways: Ways, clock: Clock, owner: Owner
) -> None:
    for number in range(20):
        await ways.ask(ABBIE, f"192.0.2.{number}")
        await ways.ask(NOBODY, f"192.0.2.{number}")
        await clock.later(minutes=15 if number % 5 == 4 else 0)
    mine, other = await ways.ask(network="203.0.113.1"), await ways.ask(NOBODY, "203.0.113.2")
    assert (mine.linked, len(mine.waiting)) == (other.linked, len(other.waiting))
    rows = await owner.fetch("SELECT link, session, address, code, tries FROM sign_in")
    assert {tuple(type(each) for each in row) for row in rows} == {tuple(type(each) for each in rows[0])}


async def test_a_refused_try_is_counted_for_nobody_else(ways: Ways, owner: Owner) -> None:
    for number in range(40):
        await ways.ask(identifier(EMAIL, f"n{number}@example.com"))
    before = await owner.fetch("SELECT subject, times FROM rate ORDER BY subject")
    for address in (ABBIE, NOBODY):
        with pytest.raises(TooManyTriesError):
            await ways.ask(address)
    assert await owner.fetch("SELECT subject, times FROM rate ORDER BY subject") == before
    for _ in range(4):
        await ways.ask(network="198.51.100.1")


async def test_strangers_who_use_up_her_address_leave_her_the_code_that_proves_afresh_who_she_is(ways: Ways) -> None:
    session = await ways.sign_in()
    for number in range(10):
        with suppress(TooManyTriesError):
            await ways.ask(network=f"192.0.2.{number}")
    (mine, *_) = await hers(ways, session)
    for _ in range(5):
        assert letter(await codes.ask_again(ways.database, ways.keyring, session, mine.reference, HERE)).code
    with pytest.raises(TooManyTriesError):
        await codes.ask_again(ways.database, ways.keyring, session, mine.reference, HERE)


async def test_who_wants_to_add_her_address_takes_no_code_from_her_who_signs_in_by_it(ways: Ways, api: Api) -> None:
    await enrol(api, "bo@example.com", {})
    session = await ways.sign_in()
    bo = identifier(EMAIL, "bo@example.com")
    for number in range(5):
        await codes.ask_to_add(ways.database, ways.keyring, session, bo, f"192.0.2.{number}")
    with pytest.raises(TooManyTriesError):
        await codes.ask_to_add(ways.database, ways.keyring, session, bo, "192.0.2.9")
    assert letter(await ways.ask(bo, "198.51.100.1")).code


async def test_one_network_has_forty_tries_of_whatever_kind(ways: Ways) -> None:
    for number in range(39):
        await ways.ask(identifier(EMAIL, f"n{number}@example.com"))
    asked = await ways.ask()
    for attempt in (ways.ask(NOBODY), ways.enter(asked.waiting, "123456"), ways.press(letter(asked).link)):
        with pytest.raises(TooManyTriesError):
            await attempt
    assert (await ways.enter(asked.waiting, letter(asked).code, "198.51.100.1")).cookie


async def test_nothing_that_is_counted_says_of_whom(ways: Ways, owner: Owner) -> None:
    await ways.ask()
    rows = await owner.fetch("SELECT t::text FROM rate t UNION ALL SELECT t::text FROM sign_in t")
    dump = str([tuple(row) for row in rows])
    for word in ("abbie", "192.0.2", "byw_", "byo_", "rate"):
        assert word not in dump


async def test_what_has_run_its_time_is_deleted(ways: Ways, clock: Clock, owner: Owner) -> None:
    await ways.ask()
    await ways.sign_in()
    await clock.later(days=2)
    await codes.forget_old(ways.database)
    for table in ("rate", "sign_in", "session"):
        assert await owner.fetchval(f"SELECT count(*) FROM {table}") == 0  # noqa: S608  ours


# --- somebody at the database ---


async def test_a_code_put_on_another_customer_opens_nothing(ways: Ways, api: Api, owner: Owner) -> None:
    await enrol(api, "bo@example.com", {})
    asked = await ways.ask(identifier(EMAIL, "bo@example.com"))
    await owner.execute("UPDATE sign_in SET customer = $1", await abbies(ways))
    with pytest.raises(IntegrityError):
        await ways.enter(asked.waiting, letter(asked).code)
    with pytest.raises(IntegrityError):
        await ways.press(letter(asked).link)


async def abbies(ways: Ways) -> CustomerId:
    async with ways.database.connection() as connection:
        found = await customers.by_identifier(connection, ways.keyring, EMAIL, ways.keyring.index_of(ABBIE))
    assert found is not None
    return found


# --- once more ---


async def test_a_fresh_code_makes_a_session_strong_for_five_minutes(ways: Ways, clock: Clock) -> None:
    asked = await ways.ask()
    cookie = (await ways.enter(asked.waiting, letter(asked).code)).cookie
    await clock.later(minutes=4.9)
    assert (await ways.session(cookie)).strong
    await clock.later(minutes=0.2)
    weak = await ways.session(cookie)
    assert not weak.strong
    (hers, *_) = await identifiers.identifiers(ways.database, ways.keyring, weak.caller)
    again = await codes.ask_again(ways.database, ways.keyring, weak, hers.reference, HERE)
    assert letter(again).to == "abbie@example.com"
    assert not letter(again).link
    await codes.enter_again(ways.database, ways.keyring, weak, again.waiting, letter(again).code, HERE)
    assert (await ways.session(cookie)).strong
    assert (await ways.kinds())[-1] == ("sign-in", {"kind": "sign-in", "way": "email", "again": True})
    await clock.later(minutes=5.1)
    assert not (await ways.session(cookie)).strong


async def test_a_code_to_prove_it_afresh_is_good_in_that_session_only_and_signs_nobody_in(ways: Ways) -> None:
    one, other = await ways.sign_in(), await ways.sign_in()
    (hers, *_) = await identifiers.identifiers(ways.database, ways.keyring, one.caller)
    again = await codes.ask_again(ways.database, ways.keyring, one, hers.reference, HERE)
    with pytest.raises(SignInOverError):
        await codes.enter_again(ways.database, ways.keyring, other, again.waiting, letter(again).code, HERE)
    with pytest.raises(SignInOverError):
        await ways.enter(again.waiting, letter(again).code)


# --- another address ---


async def test_she_adds_an_address_by_its_code_and_is_found_by_it(ways: Ways, policies: Policies) -> None:
    session = await ways.sign_in()
    asked = await codes.ask_to_add(ways.database, ways.keyring, session, NOBODY, HERE)
    shown = codes.Shown(NOBODY, asked.waiting, letter(asked).code, HERE)
    await codes.add(ways.database, ways.keyring, policies, session, shown)
    found = {each.value: each.verified for each in await hers(ways, session)}
    assert found == {"abbie@example.com": False, "nobody@example.com": True}
    assert letter(await ways.ask(NOBODY)).code
    assert (await ways.kinds())[-1] == ("identify", {"kind": "identify", "identifier": "email"})


async def hers(ways: Ways, session: Session) -> list[identifiers.HerIdentifier]:
    return await identifiers.identifiers(ways.database, ways.keyring, session.caller)


async def test_a_session_that_is_not_fresh_adds_no_address(ways: Ways, clock: Clock) -> None:
    asked = await ways.ask()
    cookie = (await ways.enter(asked.waiting, letter(asked).code)).cookie
    await clock.later(minutes=6)
    with pytest.raises(StepUpRequiredError):
        await codes.ask_to_add(ways.database, ways.keyring, await ways.session(cookie), NOBODY, HERE)


async def test_the_code_of_one_address_does_not_add_another(ways: Ways, policies: Policies) -> None:
    session = await ways.sign_in()
    asked = await codes.ask_to_add(ways.database, ways.keyring, session, NOBODY, HERE)
    other = identifier(EMAIL, "victim@example.com")
    shown = codes.Shown(other, asked.waiting, letter(asked).code, HERE)
    with pytest.raises(WrongCodeError):
        await codes.add(ways.database, ways.keyring, policies, session, shown)


async def test_an_address_of_somebody_else_becomes_shared_and_is_not_told_apart(
    ways: Ways, api: Api, policies: Policies
) -> None:
    bo = identifier(EMAIL, (await enrol(api, "bo@example.com", {})).email)
    session = await ways.sign_in()
    asked = await codes.ask_to_add(ways.database, ways.keyring, session, bo, HERE)
    await codes.add(
        ways.database, ways.keyring, policies, session, codes.Shown(bo, asked.waiting, letter(asked).code, HERE)
    )
    assert not letter(await ways.ask(bo)).code
    assert letter(await ways.ask()).code


async def test_what_was_refused_by_an_address_while_it_was_nobodys_is_refused_for_her(
    ways: Ways, policies: Policies, owner: Owner
) -> None:
    await forget(ways, NOBODY, Why.OPTED_OUT)
    session = await ways.sign_in()
    asked = await codes.ask_to_add(ways.database, ways.keyring, session, NOBODY, HERE)
    shown = codes.Shown(NOBODY, asked.waiting, letter(asked).code, HERE)
    await codes.add(ways.database, ways.keyring, policies, session, shown)
    refused = await owner.fetchval("SELECT count(*) FROM consent WHERE status = 'refused'")
    assert refused > 3
    kind, act = (await ways.kinds())[-1]
    assert (kind, len(act["refused"])) == ("identify", refused)


async def test_neither_a_forgotten_address_nor_one_that_she_disowned_becomes_hers(
    ways: Ways, policies: Policies
) -> None:
    session = await ways.sign_in()
    asked = await codes.ask_to_add(ways.database, ways.keyring, session, NOBODY, HERE)
    shown = codes.Shown(NOBODY, asked.waiting, letter(asked).code, HERE)
    await forget(ways, NOBODY)
    with pytest.raises(SuppressedError):
        await codes.add(ways.database, ways.keyring, policies, session, shown)
    (mine,) = await hers(ways, session)
    await identifiers.disown(ways.database, ways.keyring, session.caller, mine.reference)
    asked = await codes.ask_to_add(ways.database, ways.keyring, session, ABBIE, HERE)
    shown = codes.Shown(ABBIE, asked.waiting, letter(asked).code, HERE)
    with pytest.raises(IdentifierTakenError):
        await codes.add(ways.database, ways.keyring, policies, session, shown)


# --- sessions ---


async def test_a_session_ends_after_an_hour_without_her_and_after_a_day_in_any_case(ways: Ways, clock: Clock) -> None:
    asked = await ways.ask()
    cookie = (await ways.enter(asked.waiting, letter(asked).code)).cookie
    for _ in range(26):
        await clock.later(minutes=55)
        await ways.session(cookie)
    await clock.later(minutes=11)
    with pytest.raises(UnauthenticatedError):
        await ways.session(cookie)
    other = await ways.ask(network="198.51.100.1")
    cookie = (await ways.enter(other.waiting, letter(other).code)).cookie
    await clock.later(minutes=60.1)
    with pytest.raises(UnauthenticatedError):
        await ways.session(cookie)


async def test_she_sees_where_she_is_signed_in_and_ends_one_or_all_others(ways: Ways) -> None:
    one, two, three = [await ways.sign_in() for _ in range(3)]
    listed = await sessions.listed(ways.database, ways.keyring, one)
    assert [each.this for each in listed] == [False, False, True]
    assert {(each.device, each.way) for each in listed} == {("Firefox/Linux", Way.EMAIL)}
    await sessions.end(ways.database, ways.keyring, one, two.id)
    assert (await ways.kinds())[-1] == ("sign-out", {"kind": "sign-out", "sessions": 1, "own": False})
    ended = await sessions.end_others(ways.database, ways.keyring, one)
    assert ended.count == 1
    assert [each.id for each in await sessions.listed(ways.database, ways.keyring, one)] == [one.id]
    assert three.id != one.id


async def test_without_keys_she_is_known_well_enough_to_say_no_and_to_sign_out(ways: Ways) -> None:
    asked = await ways.ask()
    cookie = (await ways.enter(asked.waiting, letter(asked).code)).cookie
    session = await sessions.session(ways.database, None, cookie)
    assert (session.caller.proven, session.strong) == (False, False)
    await sessions.end(ways.database, None, session, session.id)
    with pytest.raises(UnauthenticatedError):
        await ways.session(cookie)


@pytest.mark.parametrize(
    "change",
    [
        "customer = (SELECT id FROM customer WHERE id <> session.customer LIMIT 1)",
        "way = 'passkey'",
        "strong_at = clock_timestamp() + interval '1 second'",
        "ends_at = ends_at + interval '1 year'",
    ],
)
async def test_a_session_that_somebody_at_the_database_changed_is_not_proven(
    ways: Ways, api: Api, owner: Owner, change: str
) -> None:
    await enrol(api, "bo@example.com", {})
    asked = await ways.ask()
    cookie = (await ways.enter(asked.waiting, letter(asked).code)).cookie
    await owner.execute(f"UPDATE session SET {change}")  # noqa: S608  ours
    found = await ways.session(cookie)
    assert (found.caller.proven, found.strong) == (False, False)


async def test_looking_leaves_nothing_but_once_a_minute_that_she_was_there(
    ways: Ways, clock: Clock, owner: Owner
) -> None:
    asked = await ways.ask()
    cookie = (await ways.enter(asked.waiting, letter(asked).code)).cookie
    before = await owner.fetchval("SELECT seen_at FROM session")
    await ways.session(cookie)
    assert await owner.fetchval("SELECT seen_at FROM session") == before
    await clock.later(minutes=1.1)
    await ways.session(cookie)
    assert await owner.fetchval("SELECT seen_at FROM session") > before

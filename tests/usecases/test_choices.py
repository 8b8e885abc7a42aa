"""What holds for a customer is the replay of her choices, after any sequence, with and without keys."""

from datetime import UTC, datetime
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from service.crypto.cursors import LAST
from service.crypto.keyring import Keyring
from service.database import Connection, Database
from service.errors import KeysUnavailableError, NotGrantedError, UnauthenticatedError, WrongKindError
from service.model.callers import Caller, CustomerCaller, ServiceCaller
from service.model.choices import FLAG, Age, Allowed, Choice, Kind, Objection, Pause, Quiet, replay
from service.model.facts import restrictions_at_enrolment
from service.model.identifiers import Identifier
from service.model.words import AgeBand, CustomerId, IdentifierKind, Method, PurposeId, ServiceId
from service.policy.engine import Policies
from service.storage import choices as store
from service.storage import customers as customer_store
from service.usecases import choices, customers
from service.usecases.choices import Said
from tests.examples import some

pytestmark = pytest.mark.usefixtures("all_said")

NUMBERS = count()
SHOP = ServiceCaller(ServiceId("shop"), "key", proven=True)
LIVE = """INSERT INTO credential (id, service, digest, mac_version, mac) VALUES ('key', 'shop', sha256(''), 1, '')
              ON CONFLICT DO NOTHING"""
"""The key that the callers of these tests name."""
TIMES = st.none() | st.integers(2100, 2110).map(lambda year: datetime(year, 1, 1, tzinfo=UTC))
CHOICES: st.SearchStrategy[Choice] = st.one_of(
    st.builds(Allowed, st.sampled_from(list(FLAG)), st.booleans()),
    st.builds(Objection, st.just(PurposeId("prevent.fraud")), st.booleans()),
    st.builds(Pause, TIMES),
    st.builds(Quiet, st.sampled_from(["", "22:00-07:00 Europe/Berlin", "13:00-15:00 Asia/Kathmandu"])),
    st.builds(Age, st.just(AgeBand.MINOR)),
)


class Step(Struct, frozen=True):
    """One thing that happens: a choice, by herself or by the shop, with or without keys; or a word on her age."""

    choice: Choice
    herself: bool
    keys: bool
    enrols: AgeBand | None = None


STEPS = st.lists(
    st.builds(
        Step,
        CHOICES,
        st.booleans(),
        st.booleans(),
        st.sampled_from([None, None, None, AgeBand.ADULT, AgeBand.MINOR, AgeBand.UNKNOWN]),
    ),
    max_size=12,
)


@pytest.fixture
async def ready(database: Database) -> Database:
    async with database.connection() as connection:
        await connection.execute(LIVE)
    return database


@given(band=st.sampled_from(list(AgeBand)), steps=STEPS)
@some(15)
async def test_what_holds_is_the_replay_of_her_choices(
    ready: Database, keyring: Keyring, policies: Policies, band: AgeBand, steps: list[Step]
) -> None:
    found_by = [Identifier(IdentifierKind.EMAIL, f"customer-{next(NUMBERS)}@example.com")]
    enrolled = await customers.enrol(ready, keyring, policies, SHOP, customers.Newcomer(found_by, band))
    async with ready.connection() as connection:
        hers: CustomerId = await connection.fetchval("SELECT customer FROM pairwise WHERE id = $1", enrolled.customer)
        assert await holds(connection, keyring, hers) == restrictions_at_enrolment(band)
    for step in steps:
        caller: Caller = CustomerCaller(hers, proven=True) if step.herself else SHOP
        said = Said(choice=step.choice, method=Method.PORTAL, customer=enrolled.customer)
        if step.enrols is not None:
            await customers.enrol(ready, keyring, policies, SHOP, customers.Newcomer(found_by, step.enrols))
        try:
            await choices.choose(ready, keyring if step.keys else None, policies, caller, said)
        except NotGrantedError:
            assert not step.herself
        except KeysUnavailableError:
            assert not step.keys
        async with ready.connection() as connection:
            await holds(connection, keyring, hers)
    async with ready.connection() as connection:
        entries = await connection.fetch("SELECT id FROM queue WHERE customer = $1 AND kind = 'choice'", hers)
        events = [each for _, each in await store.history(connection, hers, LAST, 1000)]
    assert {row["id"] for row in entries} == {each.entry for each in events if each.method is Method.PORTAL}


async def holds(connection: Connection, keyring: Keyring, hers: CustomerId) -> object:
    """Return what holds, which is the replay, and what whoever asks for no proof sees as well."""
    limits = (await customer_store.restrictions_of(connection, keyring, [hers]))[hers]
    assert limits == replay(
        each.choice for each in reversed([each for _, each in await store.history(connection, hers, LAST, 1000)])
    )
    assert limits == await store.held(connection, hers)
    return limits


async def test_a_credential_that_is_not_ours_records_nothing(
    ready: Database, keyring: Keyring, policies: Policies
) -> None:
    found_by = [Identifier(IdentifierKind.EMAIL, "ann@example.com")]
    enrolled = await customers.enrol(ready, keyring, policies, SHOP, customers.Newcomer(found_by, AgeBand.ADULT))
    said = Said(choice=Allowed(Kind.MARKETING, allowed=False), method=Method.API, customer=enrolled.customer)
    stolen = ServiceCaller(ServiceId("shop"), "key", proven=False)
    with pytest.raises(UnauthenticatedError):
        await choices.choose(ready, keyring, policies, stolen, said)
    over = Said(choice=Pause(datetime(2020, 1, 1, tzinfo=UTC)), method=Method.API, customer=enrolled.customer)
    with pytest.raises(WrongKindError):
        await choices.choose(ready, keyring, policies, SHOP, over)
    async with ready.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM choice_event") == 1


async def test_two_signals_at_once_are_recorded_once(ready: Database, keyring: Keyring, policies: Policies) -> None:
    found_by = [Identifier(IdentifierKind.EMAIL, "ann@example.com")]
    await customers.enrol(ready, keyring, policies, SHOP, customers.Newcomer(found_by, AgeBand.ADULT))
    async with ready.connection() as connection:
        hers: CustomerId = await connection.fetchval("SELECT id FROM customer")
    async with ready.transaction() as connection:
        first = await choices.heed(ready.within(connection), keyring, policies, SHOP, hers)
        second = await choices.heed(ready.within(connection), None, policies, SHOP, hers)
    assert first is not None
    assert second is None

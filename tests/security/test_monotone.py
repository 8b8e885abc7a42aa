"""Removing a consent, a fact or a permission never widens what is released (P9), through the whole service."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import asyncpg
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct, structs

from service.crypto.keyring import Keyring
from service.database import Connection, Database
from service.model import facts as facts_model
from service.model.facts import Restrictions, Standing
from service.model.words import AgeBand, AttributeId, Channel, CustomerId, Provenance, PurposeId, Status
from service.storage import consents, customers, facts
from tests.conftest import Api, enrol, tampering_with
from tests.examples import some
from tests.security.conftest import id_of

NUMBERS = count()
MOSTLY = st.sampled_from([True, True, True, False])
AS_OF = datetime(2126, 1, 2, tzinfo=UTC)
"""Long ahead, so that nothing here grows old while this is a test."""

VALUES = {
    ("first_name", Provenance.VOLUNTEERED): b'"Zephyrine"',
    ("last_name", Provenance.VOLUNTEERED): b'"Quillfeather"',
    ("favourite_genres", Provenance.VOLUNTEERED): b'["cookery"]',
    ("browsed_genres", Provenance.OBSERVED): b'["poetry"]',
    ("guessed_genres", Provenance.INFERRED): b'["art"]',
    ("birth_year", Provenance.VOLUNTEERED): b"1931",
    ("accessibility_needs", Provenance.VOLUNTEERED): b"[]",
    ("credit_segment", Provenance.ACQUIRED): b'"a"',
    ("postcode_area", Provenance.OBSERVED): b'"YO21"',
    ("postcode_area", Provenance.ACQUIRED): b'"YO22"',
    ("orders_this_year", Provenance.OBSERVED): b"7",
}
ANSWERED = [
    ("personalise.recommendations", Channel.WEB),
    ("personalise.recommendations", Channel.EMAIL),
    ("market.newsletter", Channel.EMAIL),
]
ASKED = [
    ("recommender", "personalise.recommendations", "web"),
    ("recommender", "personalise.recommendations", "email"),
    ("shop", "personalise.recommendations", "web"),
    ("newsletter", "market.newsletter", "email"),
    ("fulfilment", "fulfil.orders", "internal"),
    ("finance", "comply.tax", "internal"),
]


class State(Struct, frozen=True):
    """All that a decision about one customer rests on."""

    facts: frozenset[tuple[str, Provenance]]
    consents: frozenset[Standing]
    restrictions: Restrictions | None


def standing(purpose: str, channel: Channel, *, status: Status, notice: int, explicit: bool) -> Standing:
    expires = AS_OF + timedelta(days=36_500)
    return Standing(PurposeId(purpose), channel, status, notice, explicit, AS_OF, expires)


ANSWERS = st.tuples(
    *(
        st.none() | st.builds(standing, st.just(p), st.just(c), status=st.just(s), notice=st.just(2), explicit=MOSTLY)
        for (p, c), s in zip(ANSWERED, (Status.GIVEN, Status.RENEWED, Status.GIVEN), strict=True)
    )
)
FLAGS = dict.fromkeys(facts_model.FLAGS, MOSTLY)
AGES = st.sampled_from([AgeBand.ADULT, AgeBand.ADULT, AgeBand.MINOR])
STATES = st.builds(
    State,
    facts=st.frozensets(st.sampled_from(list(VALUES)), min_size=4),
    consents=ANSWERS.map(lambda answers: frozenset(filter(None, answers))),
    restrictions=st.builds(Restrictions, age_band=AGES, **FLAGS),
)


def poorer(state: State) -> list[State]:
    """Return each state that lacks one thing of this one."""
    limits = state.restrictions
    assert limits is not None
    allowed = [name for name in FLAGS if getattr(limits, name)]
    return [
        *(structs.replace(state, facts=state.facts - {fact}) for fact in state.facts),
        *(structs.replace(state, consents=state.consents - {yes}) for yes in state.consents),
        *(structs.replace(state, consents=state.consents - {yes} | {taken_back(yes)}) for yes in state.consents),
        *(structs.replace(state, restrictions=structs.replace(limits, **{name: False})) for name in allowed),
        structs.replace(state, restrictions=structs.replace(limits, age_band=AgeBand.UNKNOWN)),
        structs.replace(state, restrictions=structs.replace(limits, barred=("favourite_genres personalisation",))),
        structs.replace(state, restrictions=None),
    ]


def taken_back(yes: Standing) -> Standing:
    return structs.replace(yes, status=Status.WITHDRAWN)


async def put(database: Database, keyring: Keyring, customer: CustomerId, state: State) -> None:
    """Make this, and nothing else, what is stored about her."""
    async with tampering_with(database) as connection, connection.transaction():
        await customers.bump(connection, customer)
        for table in ("fact", "consent", "restrictions"):
            await connection.execute(f"DELETE FROM {table} WHERE customer = $1", customer)  # noqa: S608  ours
        await _put_facts(connection, keyring, customer, state.facts)
        for answer in state.consents:
            await consents.put(connection, keyring, [(customer, answer)])
        if state.restrictions is not None:
            await customers.put_restrictions(connection, keyring, customer, state.restrictions)


async def _put_facts(
    connection: Connection, keyring: Keyring, customer: CustomerId, known: Iterable[tuple[str, Provenance]]
) -> None:
    key = await customers.open_key(connection, keyring, customer)
    for attribute, provenance in known:
        value = VALUES[attribute, provenance]
        fact = facts.NewFact(AttributeId(attribute), provenance, "shop", AS_OF, value)
        await facts.put(connection, customer, key, fact, 1)


async def released(api: Api, email: str) -> set[tuple[str, ...]]:
    """Return everything that all the services can have of her now."""
    everything: set[tuple[str, ...]] = set()
    for service, purpose, channel in ASKED:
        body: dict[str, Any] = {
            "customer": {"email": email},
            "purpose": purpose,
            "channel": channel,
            "attributes": sorted({attribute for attribute, _ in VALUES}),
        }
        answer = await api.post("/v1/releases", service, body)
        everything |= {(service, channel, attribute) for attribute in answer["released"]}
    return everything


@given(state=STATES, data=st.data())
@some(8)
async def test_taking_something_away_never_widens_a_release(
    api: Api, database: Database, keyring: Keyring, owner: asyncpg.Connection, state: State, data: st.DataObject
) -> None:
    person = await enrol(api, f"zephyrine{next(NUMBERS)}@example.com", {})
    customer = await id_of(owner, person)
    await put(database, keyring, customer, state)
    before = await released(api, person.email)
    for _ in range(3):
        if state.restrictions is None:
            break
        state = data.draw(st.sampled_from(poorer(state)))
        await put(database, keyring, customer, state)
        after = await released(api, person.email)
        assert after <= before
        before = after


@given(state=STATES, disputed=st.sets(st.sampled_from([f"{a}#{p}" for a, p in VALUES])))
@some(6)
async def test_that_something_else_was_not_her_never_widens_a_release(
    api: Api,
    database: Database,
    keyring: Keyring,
    owner: asyncpg.Connection,
    state: State,
    disputed: set[str],
) -> None:
    """A kind that is disputed takes nothing away that is there, and brings nothing that is not."""
    person = await enrol(api, f"zephyrine{next(NUMBERS)}@example.com", {})
    customer = await id_of(owner, person)
    await put(database, keyring, customer, state)
    before = await released(api, person.email)
    assert state.restrictions is not None
    limits = structs.replace(state.restrictions, disputed=tuple(sorted(disputed)))
    await put(database, keyring, customer, structs.replace(state, restrictions=limits))
    assert await released(api, person.email) == before


async def test_each_thing_there_is_can_make_a_difference(
    api: Api, database: Database, keyring: Keyring, owner: asyncpg.Connection
) -> None:
    """The control: from the richest state whatever is taken away narrows a release, so none of it is idle."""
    person = await enrol(api, "zephyrine@example.com", {})
    customer = await id_of(owner, person)
    yes = [standing(p, c, status=Status.GIVEN, notice=2, explicit=True) for p, c in ANSWERED]
    limits = structs.replace(Restrictions(AgeBand.ADULT), **dict.fromkeys(FLAGS, True))
    richest = State(frozenset(VALUES), frozenset(yes), limits)
    await put(database, keyring, customer, richest)
    everything = await released(api, person.email)
    idle = []
    for less in poorer(richest):
        await put(database, keyring, customer, less)
        if not await released(api, person.email) < everything:
            idle.append(richest.facts - less.facts)
    # Of two facts of one attribute either will do.
    assert sorted(idle, key=str) == sorted(
        [frozenset({("postcode_area", provenance)}) for provenance in (Provenance.OBSERVED, Provenance.ACQUIRED)],
        key=str,
    )

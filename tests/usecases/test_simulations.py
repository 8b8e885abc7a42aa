"""A simulation says what a release would, enters nothing, and is right about what would be otherwise."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from service.app import House
from service.crypto.keyring import Keyring
from service.database import Database
from service.errors import NotGrantedError, UnknownPurposeError
from service.model.callers import CustomerCaller, ServiceCaller
from service.model.situation import Asked
from service.model.suppositions import Supposed
from service.model.words import Channel, CustomerId, PurposeId, ServiceId, Status
from service.usecases.simulations import Seen
from tests.conftest import Api, Owner, Person, enrol
from tests.examples import some
from tests.merging import World
from tests.security.conftest import id_of
from tests.security.test_monotone import ASKED, NUMBERS, STATES, State, put, standing

WEB = Asked(ServiceId("recommender"), PurposeId("personalise.recommendations"), Channel.WEB)
NOTHING = Supposed()
QUESTIONS = [Asked(ServiceId(service), PurposeId(purpose), Channel(channel)) for service, purpose, channel in ASKED]
SUPPOSED = st.builds(
    Supposed,
    answer=st.sampled_from([None, "yes", "explicit", "no"]),
    only_told=st.sampled_from([None, True, False]),
    paused=st.sampled_from([None, True, False]),
)
Said = tuple[dict[str, bytes], dict[str, tuple[str, str | None]]]
"""What is seen, and of the rest why not."""


def said_by(seen: list[Seen]) -> Said:
    """Return what a simulation says."""
    values = {str(each.attribute): bytes(each.value or b"") for each in seen if each.fact is not None}
    noes = [each.withheld for each in seen if each.withheld is not None]
    return values, {str(each.attribute): (each.reason, each.policy) for each in noes}


async def released(api: Api, person: Person, asked: Asked, attributes: list[str]) -> Said:
    """Return what a release says, to a service that knows her by its own id."""
    who = {"identifiers": {"email": person.email}}
    hers = (await api.post("/v1/customers", asked.service, who))["customer"]
    body = {"customer": {"id": hers}, "purpose": asked.purpose, "channel": asked.channel, "attributes": attributes}
    answer = await api.post("/v1/releases", asked.service, body)
    values = {name: msgspec.json.encode(each["value"]) for name, each in answer["released"].items()}
    return values, {each["attribute"]: (each["reason"], each.get("policy")) for each in answer["withheld"]}


def really(state: State, asked: Asked, supposed: Supposed) -> State:
    """Return the state in which what she supposes is so."""
    limits, answers = state.restrictions, state.consents
    assert limits is not None
    if supposed.answer is not None:
        spot = (asked.purpose, asked.channel)
        mine = [each for each in answers if (each.purpose, each.channel) == spot]
        status = Status.WITHDRAWN if supposed.answer == "no" else Status.GIVEN
        explicit = supposed.answer == "explicit" or any(each.explicit for each in mine)
        new = standing(asked.purpose, asked.channel, status=status, notice=2, explicit=explicit)
        answers = answers - frozenset(mine) | {new}
    if supposed.only_told is not None:
        limits = structs.replace(limits, more_than_told=not supposed.only_told)
    if supposed.paused is not None:
        limits = structs.replace(limits, paused_until=datetime(2125, 1, 1, tzinfo=UTC) if supposed.paused else None)
    return State(state.facts, answers, limits)


@given(state=STATES, asked=st.sampled_from(QUESTIONS), supposed=SUPPOSED)
@some(15)
async def test_it_says_what_a_release_says_now_and_what_one_would_say_if_it_were_as_supposed(
    api: Api, house: House, owner: Owner, state: State, asked: Asked, supposed: Supposed
) -> None:
    database, keyring = house.database, await house.keys()
    person = await enrol(api, f"ottilie{next(NUMBERS)}@example.com", {})
    customer = await id_of(owner, person)
    await put(database, keyring, customer, state)
    her = CustomerCaller(customer, proven=True)
    found = await house.actions.simulate(her, asked, supposed)
    attributes = [str(each.attribute) for each in found.now]
    assert said_by(found.now) == await released(api, person, asked, attributes)
    assert (found.then is None) == supposed.nothing
    if found.then is not None:
        await put(database, keyring, customer, really(state, asked, supposed))
        assert said_by(found.then) == await released(api, person, asked, attributes)
        assert bool(found.differences) == (said_by(found.now)[0] != said_by(found.then)[0])


async def test_nothing_is_entered_and_nothing_is_counted(
    house: House, abbie: Person, owner: Owner, database: Database
) -> None:
    her = CustomerCaller(CustomerId(await id_of(owner, abbie)), proven=True)
    before = await owner.fetch("SELECT id FROM queue"), await owner.fetch("SELECT version FROM customer")
    found = await house.actions.simulate(her, WEB, Supposed(answer="no"))
    assert [each for each in found.differences if each == "first_name"]
    after = await owner.fetch("SELECT id FROM queue"), await owner.fetch("SELECT version FROM customer")
    assert after == before
    assert (await owner.fetchval("SELECT count(*) FROM consent WHERE status <> 'given'")) == 0


async def test_what_the_other_side_of_a_merged_person_knows_is_seen_and_not_shown(
    house: House, database: Database, keyring: Keyring, owner: Owner
) -> None:
    await owner.execute(
        "INSERT INTO credential (id, service, digest, mac_version, mac) VALUES ('key', 'shop', sha256(''), 1, '')"
    )
    policies = await house.library.current()
    world = World(database, keyring, policies, ServiceCaller(ServiceId("shop"), "key", proven=True))
    one, other = await world.newcomer(), await world.newcomer()
    for side in (one, other):
        await side.say(Status.GIVEN)
    await other.tell("first_name", b'"Zephyrine"')
    await world.merge(one, other)
    for side, value in ((one, None), (other, b'"Zephyrine"')):
        found = await house.actions.simulate(CustomerCaller(side.id, proven=True), WEB, NOTHING)
        (name,) = (each for each in found.now if each.attribute == "first_name")
        assert name.fact is not None
        assert (None if name.value is None else bytes(name.value)) == value


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        (Asked(ServiceId("recommender"), PurposeId("no.such"), Channel.WEB), UnknownPurposeError),
        (Asked(ServiceId("nobody"), PurposeId("personalise.recommendations"), Channel.WEB), NotGrantedError),
        (Asked(ServiceId("finance"), PurposeId("personalise.recommendations"), Channel.WEB), NotGrantedError),
        (Asked(ServiceId("shop"), PurposeId("personalise.recommendations"), Channel.EMAIL), NotGrantedError),
    ],
)
async def test_what_nobody_may_ask_is_not_simulated(
    asked: Asked, refusal: type[Exception], house: House, abbie: Person, owner: Owner
) -> None:
    her = CustomerCaller(CustomerId(await id_of(owner, abbie)), proven=True)
    with pytest.raises(refusal):
        await house.actions.simulate(her, asked, NOTHING)

"""What the pages say is what is done: any state, foretold from its pages alone, is what every service is answered."""

import re
from itertools import count

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec import Struct, structs

from service.app import House
from service.model.catalogue import Catalogue, Purpose
from service.model.identifiers import identifier
from service.model.situation import Asked, everybody
from service.model.words import Basis, IdentifierKind
from service.policy.engine import Policies
from service.usecases import merges
from tests.conftest import OPERATOR, Api, Person, allow, enrol
from tests.portal.conftest import Browser, session_of, token_of

NUMBERS = count()
SOME, MANY = 15, 2_000
KINDS = ("marketing", "profiling", "sharing", "processing")
OBJECTED = "prevent.fraud"
ALWAYS_KNOWN = ("first_name", "last_name")
ON = re.compile(r'id="b-([a-z.-]+)" role="switch" aria-checked="true"')
OVERRULED = re.compile(r'id="o-([a-z.-]+)"')
ELSEWHERE = re.compile(r'<li id="e-([a-z.-]+)">')
NUMBER = re.compile(r'class="number">(.*?)</p>')
CELLS = [
    ("personalise.recommendations", "web"),
    ("personalise.recommendations", "app"),
    ("personalise.recommendations", "email"),
    ("market.newsletter", "email"),
    ("market.phone-offers", "phone"),
    ("research.panel", "email"),
    ("research.panel", "phone"),
    ("share.airline", "email"),
]
YES = st.tuples(st.just("yes"), st.sampled_from(CELLS))
NO = st.tuples(st.sampled_from(["refused", "withdrawn"]), st.sampled_from(CELLS))
CHOICE = st.tuples(st.sampled_from(["no", "no", "yes"]), st.sampled_from(KINDS))
OBJECTION = st.tuples(st.sampled_from(["raised", "lifted"]), st.just("objection"))
PAUSE = st.tuples(st.sampled_from(["2126-03-04T10:00:00Z", "none"]), st.just("pause"))
Act = tuple[int, tuple[str, str | tuple[str, str]]]
ACTS = st.lists(st.tuples(st.integers(0, 1), YES | YES | YES | NO | CHOICE | OBJECTION | PAUSE), max_size=12)


class Told(Struct, frozen=True):
    """What two pages say."""

    on: frozenset[str]
    overruled: frozenset[str]
    """What is on and does not count, whoever asks, for another reason than a pause."""
    paused: bool
    objected: bool
    elsewhere: frozenset[str]
    """What another side of her stops."""
    known: int

    def foretells(self, catalogue: Catalogue, asked: Asked) -> bool:
        """Return whether a service would be given something, by what the pages say and nothing else."""
        purpose = catalogue.purposes[asked.purpose]
        if purpose.basis is Basis.CONSENT:
            stands = f"{asked.purpose}-{asked.channel}" in self.on and not self.paused and "pause" not in self.elsewhere
        else:
            stands = not self.objected and f"objection-{asked.purpose}" not in self.elsewhere
        stopped = (self.on | self.elsewhere) & _stopping(
            purpose, third_party=catalogue.services[asked.service].third_party
        )
        return stands and not stopped


def _stopping(purpose: Purpose, *, third_party: bool) -> set[str]:
    """Return which switches stop a purpose."""
    return {"processing", *purpose.kinds} | ({"sharing"} if third_party else set())


class World(Struct, frozen=True):
    """A service, and a browser for whoever comes."""

    api: Api
    house: House
    catalogue: Catalogue
    stranger: Browser

    def __repr__(self) -> str:
        return "World()"

    async def her(self, person: Person) -> Browser:
        """Return her browser."""
        session, token = await session_of(self.house, person), await token_of(self.house, person)
        return Browser(self.stranger.client, session, token)

    async def act(self, who: Person, how: str, what: str | tuple[str, str]) -> None:
        """Let somebody answer at the shop, or choose for herself."""
        if isinstance(what, tuple) and how == "yes":
            await allow(self.api, who, *what)
        elif isinstance(what, tuple):
            said = {"purpose": what[0], "channel": what[1], "answer": how, "method": "counter"}
            await self.api.post(f"/v1/customers/{who.at_shop}/consents", "shop", said)
        else:
            said = {"choice": what, "value": how} | ({"purpose": OBJECTED} if what == "objection" else {})
            await self.api.post("/v1/me/choices", await token_of(self.house, who), said)

    async def merge(self, one: Person, other: Person) -> None:
        """Say that two are one person."""
        sides = identifier(IdentifierKind.EMAIL, one.email), identifier(IdentifierKind.EMAIL, other.email)
        await merges.merge(self.house.database, await self.house.keys(), OPERATOR, sides)

    async def decided(self, who: Person, asked: Asked) -> bool | None:
        """Return whether a service would be given something that is known of everybody; None where it asks for none."""
        wanted = self.catalogue.services[asked.service].uses[asked.purpose].attributes
        attribute = next((each for each in ALWAYS_KNOWN if each in wanted), None)
        if attribute is None:
            return None
        question = {"purpose": asked.purpose, "channel": asked.channel, "attributes": [attribute]}
        body = {"customer": {"email": who.email}, **question}
        answer = await self.api.post("/v1/decisions", asked.service, body)
        return bool(answer["permitted"])


@pytest.fixture
def world(api: Api, house: House, policies: Policies, stranger: Browser) -> World:
    """The service with its catalogue."""
    return World(api, house, policies.catalogue, stranger)


async def _told(her: Browser) -> Told:
    """Read the two pages, which say the same of themselves."""
    choices, overview = await her.get("/choices"), await her.get("/")
    assert choices.response.status_code == overview.response.status_code == 200
    told = Told(
        frozenset(ON.findall(choices.response.text)),
        frozenset(OVERRULED.findall(choices.response.text)),
        paused="Start again" in choices.text,
        objected="Take the objection back" in choices.text,
        elsewhere=frozenset(ELSEWHERE.findall(choices.response.text)),
        known=int(NUMBER.findall(overview.response.text)[0]),
    )
    allowed = {purpose for purpose, channel in CELLS if f"{purpose}-{channel}" in told.on}
    numbers = NUMBER.findall(overview.response.text)
    assert numbers[1] == str(len(allowed))
    assert told.paused is ("Start again" in overview.text)
    assert (numbers[3] == "Paused") is (told.paused or "pause" in told.elsewhere)
    return told


async def _agree(world: World, acts: list[Act], *, merged: bool) -> None:
    """Bring two people into a state, and compare what their pages say with what every service is answered."""
    people = [await enrol(world.api, f"truth{next(NUMBERS)}@example.com") for _ in range(2)]
    for place, (how, what) in acts:
        await world.act(people[place], how, what)
    if merged:
        await world.merge(*people)
    for person in people:
        her = await world.her(person)
        told = await _told(her)
        facts = (await world.api.call("GET", "/v1/me/facts?limit=100", her.token)).json()["facts"]
        assert told.known == len(facts)
        for asked in everybody(world.catalogue):
            if world.catalogue.purposes[asked.purpose].basis not in (Basis.CONSENT, Basis.LEGITIMATE_INTEREST):
                continue
            if (decided := await world.decided(person, asked)) is not None:
                assert decided is told.foretells(world.catalogue, asked), (asked, told)
        assert told.overruled == _overruled(world.catalogue, told), told


def _overruled(catalogue: Catalogue, told: Told) -> set[str]:
    """Return what is on and gives nothing to anybody, were there no pause, by the switches that stop it."""
    awake = structs.replace(told, paused=False, elsewhere=told.elsewhere - {"pause"})
    given = {f"{each.purpose}-{each.channel}" for each in everybody(catalogue) if awake.foretells(catalogue, each)}
    return {f"{purpose}-{channel}" for purpose, channel in CELLS} & told.on - given


@example(acts=[(0, ("yes", ("market.newsletter", "email"))), (0, ("no", "sharing"))], merged=False)
@example(acts=[(0, ("yes", ("personalise.recommendations", "web"))), (1, ("no", "profiling"))], merged=True)
@example(acts=[(1, ("2126-03-04T10:00:00Z", "pause"))], merged=True)
@given(acts=ACTS, merged=st.booleans())
@settings(max_examples=SOME, suppress_health_check=list(HealthCheck))
async def test_the_pages_foretell_what_every_service_is_answered(
    acts: list[Act],
    merged: bool,  # noqa: FBT001  a parameter of the test
    world: World,
) -> None:
    await _agree(world, acts, merged=merged)


@pytest.mark.soak
@given(acts=ACTS, merged=st.booleans())
@settings(max_examples=MANY, suppress_health_check=list(HealthCheck))
async def test_the_pages_foretell_it_in_two_thousand_states(
    acts: list[Act],
    merged: bool,  # noqa: FBT001  as above
    world: World,
) -> None:
    await _agree(world, acts, merged=merged)


async def test_what_a_page_says_wrongly_would_be_found(world: World, abbie: Person) -> None:
    told = await _told(await world.her(abbie))
    asked = next(each for each in everybody(world.catalogue) if each.service == "recommender")
    assert told.foretells(world.catalogue, asked) is await world.decided(abbie, asked) is True
    await world.act(abbie, "withdrawn", CELLS[0])
    assert told.foretells(world.catalogue, asked) is not await world.decided(abbie, asked)

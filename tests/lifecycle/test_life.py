"""A customer's whole life as a state machine: real API, real PostgreSQL, real policies, beside the reference model."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from itertools import count
from typing import Any, TypeVar

import asyncpg
import httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from msgspec import Struct, structs

from service.app import House
from service.crypto.keyring import Keyring
from service.database import Database, opened
from service.model.callers import CustomerCaller, OperatorCaller
from service.model.choices import choice_from
from service.model.choices import replay as replay_choices
from service.model.consent import Answer, Spot, replay
from service.model.identifiers import Identifier
from service.model.words import Acting, Channel, CustomerId, IdentifierKind, Method, PurposeId, Status
from service.storage import consents as store
from service.storage import customers
from service.storage import past as events
from service.usecases import access, consents, past
from service.usecases.audits import audit_state
from service.usecases.retention import end_expired_consents
from tests.conftest import OPERATOR, PROOF, Api, Template, as_superuser, own_database
from tests.houses import reaching
from tests.lifecycle.reference import QUESTIONS, SPOTS, YES, Model
from tests.reading import entered

Result = TypeVar("Result")
NUMBERS = count()
# Mostly one and the same, so that answers meet.
OFTEN_ONE = st.sampled_from([SPOTS[0]] * len(SPOTS) + SPOTS)
NOTICE = {"personalise.recommendations": 2, "market.newsletter": 2, "share.airline": 1, "research.panel": 1}
FACTS = [
    ("shop", "first_name", "volunteered", "Zoe"),
    ("shop", "last_name", "volunteered", "Quay"),
    ("shop", "birth_year", "volunteered", 1985),
    ("shop", "browsed_genres", "observed", ["crime"]),
    ("recommender", "guessed_genres", "inferred", ["poetry"]),
]
OFFICER = OperatorCaller("officer", "a mistake of ours")
OLDER = """
    UPDATE consent_event
       SET given_at = given_at - $2::interval, recorded_at = recorded_at - $2::interval,
           expires_at = expires_at - $2::interval
     WHERE customer = $1
"""


class World(Struct, frozen=True):
    """One running service that all lives are led in."""

    runner: asyncio.Runner
    api: Api
    house: House
    database: Database
    keyring: Keyring
    owner: asyncpg.Connection

    def run(self, act: Coroutine[Any, Any, Result]) -> Result:
        """Do something and wait for it."""
        return self.runner.run(act)


async def _open(stack: AsyncExitStack, server: str, template: Template) -> tuple[Api, House, asyncpg.Connection]:
    url = await stack.enter_async_context(own_database(server, template))
    database = await stack.enter_async_context(opened(url))
    house = House(database, template.root_key_file)
    transport = reaching(house)
    client = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://byleave.test"))
    owner = await asyncpg.connect(as_superuser(url))
    stack.push_async_callback(owner.close)
    return Api(client, template.api_keys), house, owner


@pytest.fixture
def world(server: str, template: Template) -> Iterator[World]:
    # A loop of its own, because Hypothesis drives a machine from outside of any.
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        api, house, owner = runner.run(_open(stack, server, template))
        yield World(runner, api, house, house.database, runner.run(house.keys()), owner)
        runner.run(stack.aclose())


class Life(RuleBasedStateMachine):
    """What a customer, the services and the clock may do, in any order."""

    world: World

    @initialize()
    def born(self) -> None:
        self.model, self.seen = Model(), list[tuple[datetime, dict[int, bool]]]()
        self.leaps: list[tuple[int, timedelta]] = []
        email = f"life-{next(NUMBERS)}@example.com"
        who = {"identifiers": {"email": email}, "age_band": "adult"}
        self.ids = {
            service: self.post("/v1/customers", service, who)["customer"]
            for service in {"shop", *(asked.service for asked in QUESTIONS)}
        }
        for service, attribute, provenance, value in FACTS:
            fact = {"attribute": attribute, "provenance": provenance, "value": value}
            self.post(f"/v1/customers/{self.ids[service]}/attributes", service, {"facts": [fact]})
        self.customer = CustomerId(self.fetch("SELECT customer FROM pairwise WHERE id = $1", self.ids["shop"]))
        token = access.make_customer_token(
            self.world.database, self.world.keyring, OPERATOR, Identifier(IdentifierKind.EMAIL, email), 60
        )
        self.token = self.world.run(token).text

    # --- what happens ---

    @rule(
        spot=OFTEN_ONE,
        status=st.sampled_from(["given", "given", "renewed"]),
        days=st.sampled_from([None, None, 0, 1, 300, 800]),
        herself=st.booleans(),
    )
    def says_yes(self, spot: tuple[str, str], status: str, days: int | None, *, herself: bool) -> None:
        self.answer(spot, status, days, herself=herself)

    @rule(spot=OFTEN_ONE, status=st.sampled_from(["refused", "withdrawn"]), herself=st.booleans())
    def says_no(self, spot: tuple[str, str], status: str, *, herself: bool) -> None:
        self.answer(spot, status, None, herself=herself)

    @rule(spot=OFTEN_ONE, herself=st.booleans())
    def puts_it_off(self, spot: tuple[str, str], *, herself: bool) -> None:
        self.answer(spot, "deferred", None, herself=herself)

    def answer(self, spot: tuple[str, str], status: str, days: int | None, *, herself: bool) -> None:
        body: dict[str, Any] = {"purpose": spot[0], "channel": spot[1], "answer": status, "notice": NOTICE[spot[0]]}
        body |= {"evidence": PROOF["evidence"]}
        given = None
        if not herself:
            given = None if days is None else self.now() - timedelta(days=days)
            body |= {"method": "paper"} | ({} if given is None else {"given_at": given.isoformat()})
        caller, path = (self.token, "/v1/me/consents") if herself else ("shop", self.shop("consents"))
        response = self.call("POST", path, caller, body)
        if status == "renewed" and not self.model.may_renew(spot):
            assert (response.status_code, response.json()["code"]) == (409, "nothing-to-renew")
            return
        assert response.status_code == 200, response.text
        recorded: datetime = self.fetch("SELECT max(recorded_at) FROM consent_event WHERE customer = $1", self.customer)
        self.model.answer(spot, status, given or recorded, recorded)

    @rule(what=st.sampled_from(["everything", "marketing", *{purpose for purpose, _ in SPOTS}]), herself=st.booleans())
    def withdraws(self, what: str, *, herself: bool) -> None:
        wide = what in ("everything", "marketing")
        caller, path = (self.token, "/v1/me/withdrawals") if herself else ("recommender", self.at("recommender"))
        done = self.post(path, caller, {"all": what} if wide else {"purpose": what})
        recorded = self.fetch("SELECT max(recorded_at) FROM consent_event WHERE customer = $1", self.customer)
        for each in done["standing"]:
            self.model.answer((each["purpose"], each["channel"]), "withdrawn", recorded, recorded)
        reached = {each["purpose"] for each in done["standing"]}
        assert {"market.newsletter", "share.airline"} <= reached or not wide
        assert ("research.panel" in reached) == (what in ("everything", "research.panel"))

    @rule(
        kind=st.sampled_from(["processing", "marketing", "profiling", "sharing", "observed", "more-than-told"]),
        allowed=st.booleans(),
    )
    def closes_or_opens_again(self, kind: str, *, allowed: bool) -> None:
        self.choose({"choice": kind, "value": "yes" if allowed else "no"})
        (self.model.forbidden.discard if allowed else self.model.forbidden.add)(kind)

    @rule(kind=st.sampled_from(["inferred", "demographic"]), allowed=st.booleans())
    def opens_or_closes_again(self, kind: str, *, allowed: bool) -> None:
        self.choose({"choice": kind, "value": "yes" if allowed else "no"})
        (self.model.opened.add if allowed else self.model.opened.discard)(kind)

    @rule(objects=st.booleans())
    def objects(self, *, objects: bool) -> None:
        self.choose({"choice": "objection", "purpose": "prevent.fraud", "value": "raised" if objects else "lifted"})
        self.model.objected = objects

    @rule(pauses=st.booleans())
    def pauses(self, *, pauses: bool) -> None:
        until = (self.now() + timedelta(days=30)).isoformat(timespec="seconds") if pauses else "none"
        self.choose({"choice": "pause", "value": until})
        self.model.paused = pauses

    @rule()
    def her_browser_asks_not_to_share(self) -> None:
        asked = {**self.question(5), "signals": {"gpc": True}}
        assert self.post("/v1/decisions", QUESTIONS[5].service, asked)["decision"] == "deny"
        self.model.forbidden.add("sharing")

    @precondition(lambda self: "adult" not in self.model.forbidden and len(self.seen) > 12)
    @rule()
    def turns_out_to_be_a_minor(self) -> None:
        self.choose({"choice": "age-band", "value": "minor"})
        self.model.forbidden.add("adult")

    @rule(days=st.sampled_from([1, 200, 400, 700]))
    def time_passes(self, days: int) -> None:
        """Everything she ever answered is older, as if the clock had gone on."""
        passed = timedelta(days=days)
        self.world.run(self._grow_older(passed))
        self.leaps.append((self.fetch("SELECT max(number) FROM queue"), passed))
        for stands in self.model.stands.values():
            stands.since -= passed
            stands.ends = None if stands.ends is None else stands.ends - passed
        self.seen.clear()

    async def _grow_older(self, passed: timedelta) -> None:
        await self.world.owner.execute(OLDER, self.customer, passed)
        async with self.world.database.transaction() as connection:
            answers = await events.answers(connection, [self.customer], await events.now(connection))
            stands = replay(answers.get(self.customer, [])).values()
            await store.put(connection, self.world.keyring, [(self.customer, each) for each in stands])

    @rule()
    def the_worker_comes_by(self) -> None:
        now = self.now()
        self.world.run(end_expired_consents(self.world.database, self.world.keyring))
        for spot, stands in self.model.stands.items():
            stands.status = self.model.status(spot, now)

    @rule(spot=OFTEN_ONE)
    def the_company_takes_it_back(self, spot: tuple[str, str]) -> None:
        said = consents.Said(
            purpose=PurposeId(spot[0]),
            status=Status.REVOKED,
            method=Method.SYSTEM,
            customer=self.customer,
            channel=Channel(spot[1]),
            acting=Acting.CONTROLLER,
        )
        policies = self.world.run(self.world.house.library.current())
        self.world.run(consents.record_no(self.world.database, self.world.keyring, policies, OFFICER, said))
        recorded = self.fetch("SELECT max(recorded_at) FROM consent_event WHERE customer = $1", self.customer)
        self.model.answer(spot, "revoked", recorded, recorded)

    @precondition(lambda self: self.seen)
    @rule(how_far=st.floats(0, 0.99))
    def somebody_looks_back(self, how_far: float) -> None:
        """The past is as it was."""
        at, expected = self.seen[int(len(self.seen) * how_far)]
        then = self.world.run(
            past.allowed_to_herself(
                self.world.database,
                self.world.house.library.at,
                CustomerCaller(self.customer, proven=True),
                past.Question(at=at),
            )
        )
        permitted = {
            (each.asked.service, each.asked.purpose, each.asked.channel, permit.fact.attribute, permit.fact.provenance)
            for each in then.allowed
            for permit in each.decision.permits
        }
        for number, asked in enumerate(QUESTIONS):
            known = "volunteered" if asked.known == "demographic" else asked.known
            # Of one that may be known in several ways only the first is named, so ask for those known in one way.
            if asked.attribute != "browsed_genres":
                key = (asked.service, asked.purpose, asked.channel, asked.attribute, known)
                assert (key in permitted) == expected[number], (at, asked)

    # --- what must hold ---

    @invariant()
    def decisions_are_as_the_model_says(self) -> None:
        if not hasattr(self, "customer"):
            return
        before = self.now()
        expected = {number: self.model.permits(asked, before) for number, asked in enumerate(QUESTIONS)}
        for number, asked in enumerate(QUESTIONS):
            answer = self.post("/v1/decisions", asked.service, self.question(number))
            assert (answer["decision"] == "permit") == expected[number], (asked, answer)
        self.seen.append((before, expected))

    def teardown(self) -> None:
        """In the end all that stands follows from what was said, of everybody."""
        if hasattr(self, "customer"):
            assert self.world.run(self._differences()) == []
            self.world.run(self._follows_from_the_ledger())

    async def _follows_from_the_ledger(self) -> None:
        """What stands, and what holds, is what the bodies of her entries say and nothing else."""
        async with self.world.database.connection() as connection:
            lines = await entered(connection, self.world.keyring, customer=self.customer)
            rows = await connection.fetch("SELECT * FROM consent WHERE customer = $1", self.customer)
            limits = await customers.restrictions_of(connection, self.world.keyring, [self.customer])
        answers = [self._older(line.number, each.answer(line.at, line.id)) for line in lines for each in line.recorded]
        stands = {Spot(each.purpose, each.channel): each for each in map(store.standing_from, rows)}
        assert replay(answers) == stands
        choices = [choice_from(each.choice, each.value) for line in lines for each in line.chosen]
        assert replay_choices(choices) == limits[self.customer]

    def _older(self, number: int, answer: Answer) -> Answer:
        """Return an answer of the ledger, which does not grow older with its customer, as it would be by now."""
        passed = sum((passed for before, passed in self.leaps if number <= before), timedelta())
        return structs.replace(
            answer,
            given_at=answer.given_at - passed,
            recorded_at=answer.recorded_at - passed,
            expires_at=answer.expires_at and answer.expires_at - passed,
        )

    async def _differences(self) -> list[str]:
        return [
            each.what
            async for batch in audit_state(self.world.database, self.world.keyring)
            for each in batch.differences
        ]

    # --- how ---

    def now(self) -> datetime:
        now: datetime = self.fetch("SELECT clock_timestamp()")
        return now

    def fetch(self, sql: str, *values: object) -> Any:
        return self.world.run(self.world.owner.fetchval(sql, *values))

    def call(self, method: str, path: str, caller: str, body: Any) -> httpx.Response:
        return self.world.run(self.world.api.call(method, path, caller, body))

    def post(self, path: str, caller: str, body: Any) -> dict[str, Any]:
        return self.world.run(self.world.api.post(path, caller, body))

    def choose(self, choice: dict[str, Any]) -> None:
        self.post("/v1/me/choices", self.token, choice)

    def shop(self, what: str) -> str:
        return f"/v1/customers/{self.ids['shop']}/{what}"

    def at(self, service: str) -> str:
        return f"/v1/customers/{self.ids[service]}/withdrawals"

    def question(self, number: int) -> dict[str, Any]:
        asked = QUESTIONS[number]
        return {
            "customer": {"id": self.ids[asked.service]},
            "purpose": asked.purpose,
            "channel": asked.channel,
            "attributes": [asked.attribute],
        }


def lead(world: World, *, lives: int, steps: int) -> None:
    """Lead so many lives of so many steps."""

    class Here(Life):
        pass

    Here.world = world
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=lives,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_a_life_of_any_acts_is_as_the_model_says(world: World) -> None:
    lead(world, lives=8, steps=20)


@pytest.mark.soak
def test_many_long_lives_are_as_the_model_says(world: World) -> None:
    lead(world, lives=300, steps=30)


def test_the_model_knows_every_yes() -> None:
    assert {status for status in Status if status.valid} == set(YES)

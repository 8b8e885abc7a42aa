"""Load that could show a broken promise: few customers, who change their minds while everybody asks about them."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from math import inf
from typing import Any

from msgspec import Struct

from service.crypto.random import random_number
from service.model.words import Channel, PurposeId, ServiceId
from service.policy.engine import Policies
from tests.conftest import PROOF, Api, Owner, Template, allow, enrol
from tests.consistency.history import Act, Decision, History, Kind, Line, inversions, judged, stale, unentered
from tests.consistency.processes import KeptConnection, Unanswered

PURPOSE, CHANNEL = PurposeId("personalise.recommendations"), Channel.WEB
ASKERS = 2
"""For each port."""
PAUSES = 10, 400
"""Milliseconds, at most, between an act of a customer and her next: short for races, and long enough to decide in."""
LEAST = 30
"""Decisions that had to be a no: with fewer a run shows nothing."""
AGAIN = 0.1
"""Seconds until what was not answered is sent once more."""
LEDGER = """
SELECT c.id AS customer, q.id,
       coalesce(nullif(q.outcome, ''), (SELECT e.status FROM consent_event e
                                         WHERE e.entry = q.id AND e.purpose = $1 AND e.channel = $2)) AS said
  FROM queue q
  JOIN pairwise c ON c.customer = q.customer AND c.service = 'shop'
 WHERE q.kind IN ('release', 'check', 'consent')
 ORDER BY q.number
"""
MANY, WITHOUT_VALUES = 1, 2
"""Of six ways to ask those that are not for one release."""
SLACK = 1.0
"""Seconds that an answer may be on its way on a machine that has much to do."""
NUMBERS = count()


class Customer(Struct, frozen=True):
    """Somebody who keeps changing her mind, as the shop and as the recommender know her."""

    at_shop: str
    at_recommender: str


class Town(Struct, frozen=True):
    """Who asks, about whom, and what a yes says."""

    customers: list[Customer]
    api_keys: dict[ServiceId, str]
    notice: int

    def key(self, service: str) -> str:
        """Return the API key of a service."""
        return self.api_keys[ServiceId(service)]


async def town_of(api: Api, template: Template, policies: Policies, people: int) -> Town:
    """Enrol customers who allow recommendations on the web."""
    persons = [await enrol(api, f"hot-{number}@example.com") for number in range(people)]
    for person in persons:
        await allow(api, person)
    customers = [Customer(person.at_shop, person.at_recommender) for person in persons]
    return Town(customers, template.api_keys, policies.catalogue.notice_in_force(PURPOSE))


async def driven(town: Town, ports: Sequence[int], until: Callable[[History], Awaitable[object]]) -> History:
    """Let everybody ask and every customer change her mind until something is done; returns what was recorded."""
    history, ended = History([], []), asyncio.Event()
    togglers = [_toggling(town, each, ports, history, ended) for each in town.customers]
    askers = [_asking(town, each, history, ended) for each in ports for _ in range(ASKERS)]
    running = [asyncio.ensure_future(each) for each in (*togglers, *askers)]
    try:
        await until(history)
    finally:
        ended.set()
        await asyncio.gather(*running)
    return history


def for_a_while(seconds: float, half_way: Callable[[], object] = lambda: None) -> Callable[[History], Awaitable[None]]:
    """Return an end that comes once that has passed and something can be shown; half-way through something is done."""

    async def end(history: History) -> None:
        await asyncio.sleep(seconds / 2)
        half_way()
        await asyncio.sleep(seconds / 2)
        async with asyncio.timeout(60):
            while len(judged(history)) < LEAST:  # noqa: ASYNC110
                await asyncio.sleep(0.2)

    return end


async def ledger(owner: Owner) -> list[Line]:
    """Return what the ledger's queue says of these customers, in its order."""
    rows = await owner.fetch(LEDGER, PURPOSE, CHANNEL)
    return [Line(row["customer"], row["id"], row["said"]) for row in rows]


def told(what: str, history: History, lines: Sequence[Line]) -> None:
    """Say what a run was like: ``make soak`` shows it."""
    decisions, permits = history.decisions, sum(each.permits for each in history.decisions)
    slowest = max((act.end - act.start for act in history.acts if act.end < inf), default=0)
    print(  # noqa: T201
        f"{what}: {len(decisions)} decisions ({permits} permits), {len(history.acts)} withdrawals and consents "
        f"(the slowest acknowledged after {slowest:.2f} s); "
        f"{len(judged(history))} decisions wholly after a withdrawal, {len(stale(history))} of them permits; "
        f"{len(lines)} entries, {len(inversions(lines))} inversions, {len(unentered(history, lines))} missing"
    )


async def _asking(town: Town, port: int, history: History, ended: asyncio.Event) -> None:
    connection = KeptConnection(port)
    while not ended.is_set():
        path, about, body = _question(town)
        start = time.monotonic()
        try:
            answer = await connection.post(path, town.key("recommender"), body)
        except Unanswered:
            await asyncio.sleep(AGAIN)
            continue
        end = time.monotonic()
        if answer.status == 200:
            said = answer.json
            answers = [each.get("answer") for each in said["answers"]] if "answers" in said else [said]
            history.decisions.extend(
                Decision(who.at_shop, start, end, each["decision"], each["entry"])
                for who, each in zip(about, answers, strict=True)
                if each is not None
            )
        else:
            assert answer.status == 503, answer
            await asyncio.sleep(AGAIN)
    connection.close()


def _question(town: Town) -> tuple[str, list[Customer], dict[str, Any]]:
    """Return how to ask, about whom, and what is sent: mostly for a release, of one."""
    asked = {"purpose": PURPOSE, "channel": CHANNEL, "attributes": ["first_name", "favourite_genres"]}
    way = random_number(7)
    if way == MANY:
        who = [{"id": each.at_recommender} for each in town.customers]
        return "/v1/releases/batch", town.customers, {"customers": who, **asked}
    one = town.customers[random_number(len(town.customers) + 1) - 1]
    path = "/v1/decisions" if way == WITHOUT_VALUES else "/v1/releases"
    return path, [one], {"customer": {"id": one.at_recommender}, **asked}


async def _toggling(town: Town, who: Customer, ports: Sequence[int], history: History, ended: asyncio.Event) -> None:
    """Withdraw and consent in turn, each time by any process, and again until it is acknowledged."""
    connections = [KeptConnection(port) for port in ports]
    no: dict[str, Any] = {"purpose": PURPOSE, "answer": "withdrawn", "channel": CHANNEL}
    yes = {"purpose": PURPOSE, "answer": "given", "channel": CHANNEL, "notice": town.notice, **PROOF}
    while not ended.is_set():
        for kind, body in ((Kind.WITHDRAWAL, no), (Kind.CONSENT, yes)):
            at = len(history.acts)
            history.acts.append(Act(who.at_shop, kind, time.monotonic(), inf))  # under way, which says nothing yet
            history.acts[at] = await _said(town, who, connections, kind, body, ended)
            await asyncio.sleep(random_number(PAUSES[random_number(len(PAUSES) + 1) - 1]) / 1000)
    for each in connections:
        each.close()


async def _said(
    town: Town,
    who: Customer,
    connections: Sequence[KeptConnection],
    kind: Kind,
    body: dict[str, Any],
    ended: asyncio.Event,
) -> Act:
    path, name = f"/v1/customers/{who.at_shop}/consents", f"{kind}-{next(NUMBERS)}"
    body = {**body, "actor": name}  # by which the events of one act are found again
    start = time.monotonic()
    for sent in count(1):
        connection = connections[random_number(len(connections) + 1) - 1]
        try:
            answer = await connection.post(path, town.key("shop"), body, Idempotency_Key=f'"{name}"')
        except Unanswered:
            answer = None
        end = time.monotonic()
        if answer is not None and answer.status == 200:
            return Act(who.at_shop, kind, start, end, answer.json["entry"], sent)
        # 409: another process has not yet noticed that whoever asked it was given up.
        assert answer is None or answer.status in (409, 503), answer
        if ended.is_set():
            break
        await asyncio.sleep(AGAIN)
    return Act(who.at_shop, kind, start, inf)

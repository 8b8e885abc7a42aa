"""The client, before the real application and before servers that fail in arranged ways."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from service.app import House
from service.client import Answer, Byleave, Channel, Customer
from service.client import client as module
from service.model.words import ServiceId
from tests.conftest import Template
from tests.houses import reaching

KEY = "byl_" + "k" * 16 + "_" + "s" * 52 + "_01234567"
URL = "http://byleave.test"
RECOMMENDATIONS = "personalise.recommendations"
WEB: Channel = "web"
ABBIE = Customer(email="abbie@example.com")
HER_ID = "byc_n5xw23lfmfwgk3lbnzqxgzltoq"
RELEASED = {
    "decision": "partial",
    "released": {
        "first_name": {"value": "Zephyrine", "provenance": "volunteered", "as_of": "2026-11-02T10:00:00Z"},
    },
    "permitted": ["first_name"],
    "withheld": [{"attribute": "birth_year", "reason": "demographic"}],
    "obligations": [{"id": "delete-after", "days": 1}],
    "entry": "ent_01K9Z6V7W8X9Y0Z1A2B3C4D5E6",
}
RECORDED = {"purpose": RECOMMENDATIONS, "standing": [], "version": 7, "entry": "ent_01K9Z6V7W8X9Y0Z1A2B3C4D5E6"}

Outcome = httpx.Response | Exception | float


class Arranged(httpx.AsyncBaseTransport):
    """Answers with each outcome in turn, the last one for ever: a response, an error, or seconds of silence."""

    def __init__(self, *outcomes: Outcome) -> None:
        self.outcomes = list(outcomes)
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        if isinstance(outcome, Exception):
            raise outcome
        if isinstance(outcome, float):
            await asyncio.sleep(outcome)
            raise httpx.ReadTimeout("silence")
        return outcome

    @property
    def keys(self) -> set[str]:
        """The idempotency keys that came."""
        return {request.headers["idempotency-key"] for request in self.requests}


def says(status: int, body: Any, **headers: str) -> httpx.Response:
    """Answer with JSON, or with bytes as they are."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.Response(status, content=content, headers={k.replace("_", "-"): v for k, v in headers.items()})


def problem(status: int, code: str, **headers: str) -> httpx.Response:
    """Answer with a problem document."""
    return says(status, {"type": f"urn:byleave:problem:{code}", "code": code, "pointer": "/answer"}, **headers)


def before(transport: httpx.AsyncBaseTransport) -> Byleave:
    """Return a client that is not patient."""
    return Byleave(URL, KEY, timeout=0.2, transport=transport)


async def ask(byleave: Byleave) -> Answer:
    """Ask what a page asks."""
    return await byleave.release(ABBIE, RECOMMENDATIONS, WEB, ["first_name", "birth_year"])


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let further attempts follow at once."""
    monkeypatch.setattr(module, "PAUSES", (0.0, 0.0))


@pytest.fixture
async def as_service(house: House, template: Template) -> AsyncIterator[Callable[[str], Byleave]]:
    """Make clients of the real application, each with its service's key."""
    transport = reaching(house)
    made: list[Byleave] = []

    def client(service: str) -> Byleave:
        made.append(Byleave(URL, template.api_keys[ServiceId(service)], timeout=10.0, transport=transport))
        return made[-1]

    yield client
    for each in made:
        await each.close()

"""What hostile tests stand on: the database's owner at a prompt, more processes, and ears for all that is said."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from service.app import House
from service.crypto.keyring import Keyring
from service.database import opened
from service.model.words import CustomerId
from tests.conftest import Api, Person, Template, allow, enrol
from tests.houses import reaching
from tests.reading import entered

# Words that stand nowhere else, so that one of them in an answer or a log line is a leak.
ZEPHYRINE = "zephyrine.quillfeather@example.com"
HER_FACTS: dict[str, Any] = {
    "first_name": "Zephyrine",
    "last_name": "Quillfeather",
    "postal_address": "7 Lantern Steps, Nowhere-on-Sea",
    "favourite_genres": ["science-fiction", "cookery"],
}
HER_WORDS = ("zephyrine", "quillfeather", "lantern", "science-fiction", "cookery")


@pytest.fixture
async def zephyrine(api: Api) -> Person:
    """Zephyrine, who allows recommendations on the web."""
    person = await enrol(api, ZEPHYRINE, HER_FACTS)
    await allow(api, person)
    return person


@asynccontextmanager
async def door_of(house: House, template: Template) -> AsyncIterator[Api]:
    """Call another process of the service."""
    transport = reaching(house)
    async with httpx.AsyncClient(transport=transport, base_url="http://byleave.test") as client:
        yield Api(client, template.api_keys)


@asynccontextmanager
async def fresh_process(database_url: str, template: Template, root_key_file: Path | None = None) -> AsyncIterator[Api]:
    """Call a process that has just started and remembers nothing."""
    async with opened(database_url) as database:
        house = House(database, template.root_key_file if root_key_file is None else root_key_file)
        async with door_of(house, template) as api:
            yield api


def question(person: Person, *attributes: str, **changes: Any) -> dict[str, Any]:
    """Ask as the recommender does."""
    return {
        "customer": {"id": person.at_recommender},
        "purpose": "personalise.recommendations",
        "channel": "web",
        "attributes": list(attributes) or ["first_name", "favourite_genres"],
        **changes,
    }


async def ask(api: Api, person: Person, *attributes: str, **changes: Any) -> httpx.Response:
    """Ask for a release as the recommender."""
    return await api.call("POST", "/v1/releases", "recommender", question(person, *attributes, **changes))


async def withdraw(api: Api, person: Person) -> httpx.Response:
    """Let the recommender, who may record no yes, record a no."""
    said = {"purpose": "personalise.recommendations", "answer": "withdrawn"}
    return await api.call("POST", f"/v1/customers/{person.at_recommender}/consents", "recommender", said)


def assert_problem(response: httpx.Response, status: int, code: str) -> None:
    """Expect a refusal as a problem document, which holds nothing else."""
    problem = response.json()
    assert (response.status_code, problem["code"]) == (status, code), response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert problem.keys() <= {"type", "title", "status", "code", "detail", "pointer"}


def assert_denied(response: httpx.Response, reason: str) -> None:
    """Expect a decision that withholds everything for one reason."""
    answer = response.json()
    assert (response.status_code, answer["decision"]) == (200, "deny"), response.text
    assert (answer["permitted"], answer["released"]) == ([], {})
    assert {each["reason"] for each in answer["withheld"]} == {reason}


async def id_of(owner: asyncpg.Connection, person: Person) -> CustomerId:
    """Return who she is in the database."""
    found: CustomerId = await owner.fetchval("SELECT customer FROM pairwise WHERE id = $1", person.at_shop)
    return found


async def last_entry(owner: asyncpg.Connection) -> str:
    """Return the id of what was entered last."""
    found: str = await owner.fetchval("SELECT id FROM queue ORDER BY number DESC LIMIT 1")
    return found


async def assert_aborted(owner: asyncpg.Connection, keyring: Keyring, reason: str) -> None:
    """Expect that the ledger ends with a release, and with the word that nothing left after all."""
    release, aborted = await entered(owner, keyring, most=2)
    assert (release.kind, aborted.kind) == ("release", "aborted")
    assert (aborted.act["entry"], aborted.act["reason"]) == (release.id, reason)


class Heard:
    """Everything a process lets out: log lines, output, answers. An answer that releases data is left out."""

    def __init__(
        self, events: list[EventDict], capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        self.events = events
        self.answers: list[str] = []
        self._capfd = capfd
        self._caplog = caplog

    def listen(self, api: Api) -> None:
        """Note every answer of this door from now on."""
        api.client.event_hooks["response"].append(self._note)

    async def _note(self, response: httpx.Response) -> None:
        await response.aread()
        if not (response.status_code == 200 and response.request.url.path == "/v1/releases"):
            self.answers.append(f"{response.status_code} {dict(response.headers)} {response.text}")

    def everything(self) -> str:
        """Return all of it as one text in lower case."""
        printed = self._capfd.readouterr()
        said = [*map(repr, self.events), *self.answers, self._caplog.text, printed.out, printed.err]
        return "\n".join(said).lower()

    def alarms(self) -> list[str]:
        """Return what was called an alarm."""
        return [event["event"] for event in self.events if event["event"].startswith("alarm")]


def leaks_in(text: str) -> list[str]:
    """Return what is personal or secret in it."""
    return [word for word in (*HER_WORDS, "byl_", "byt_") if word in text]


@contextmanager
def ears(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Iterator[Heard]:
    """Hear everything for the length of a block."""
    with capture_logs() as events:
        yield Heard(events, capfd, caplog)


@pytest.fixture
def heard(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Iterator[Heard]:
    """Ears; when the test ends, nothing personal or secret may have been heard."""
    with ears(capfd, caplog) as heard:
        yield heard
    assert leaks_in(heard.everything()) == []

"""What only the demo has: links that sign somebody made up in, an inbox, and a year of use."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from service.app import House
from service.crypto.keyring import Keyring
from service.database import Database
from service.demo import scenes, year
from service.demo.doors import Demo, pages
from service.demo.made_up import PEOPLE
from service.demo.mailbox import Mailbox
from service.entrance import Outside
from service.policy.engine import Policies
from tests.conftest import Owner, Person, Template
from tests.houses import reaching
from tests.sealing import seal

BASE = "https://demo.test"


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    """The demo's mail server."""
    box = Mailbox()
    async with box.listening(None):
        yield box


@pytest.fixture
async def furnished(
    database: Database, keyring: Keyring, policies: Policies, template: Template, abbie: Person
) -> Database:
    """A database with the demo's people."""
    for _ in range(2):  # the second time nothing happens
        await year.furnish(database, keyring, policies, next(k for s, k in template.api_keys.items() if s == "shop"))
    return database


@pytest.fixture
async def sealed(furnished: Database, database_url: str, template: Template, tmp_path: Path) -> None:
    """All that the demo's people did is in the ledger."""
    await seal(database_url, template, tmp_path)


@pytest.fixture
async def demo(furnished: Database, template: Template, mailbox: Mailbox) -> AsyncIterator[httpx.AsyncClient]:
    """A browser before the demo."""
    house = House(furnished, template.root_key_file).reaching(Outside(BASE, mailbox.server))
    application = Demo(_Behind(reaching(house)), pages(house, mailbox))  # type: ignore[arg-type]  # any ASGI will do
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url=BASE, headers={"origin": BASE}) as client:
        yield client


class _Behind:
    def __init__(self, transport: httpx.ASGITransport) -> None:
        self._app = transport.app

    async def __call__(self, scope: object, receive: object, send: object) -> None:
        await self._app(scope, receive, send)  # type: ignore[arg-type]  # as it came


@pytest.mark.parametrize("who", PEOPLE)
async def test_one_press_signs_in_as_somebody_made_up(demo: httpx.AsyncClient, who: str) -> None:
    page = await demo.get(f"/demo/sign-in/{who}")
    assert page.text.count("<button") == 1
    assert not demo.cookies
    pressed = await demo.post(f"/demo/sign-in/{who}")
    assert (pressed.status_code, pressed.headers["location"]) == (303, "/?done=signed-in")
    assert "You are signed in." in (await demo.get("/?done=signed-in")).text


async def test_looking_at_it_signs_nobody_in_and_neither_does_another_site(
    demo: httpx.AsyncClient, owner: Owner
) -> None:
    await demo.get("/demo/sign-in/abbie")
    refused = await demo.post("/demo/sign-in/abbie", headers={"origin": "https://elsewhere.test"})
    assert refused.status_code == 403
    assert await owner.fetchval("SELECT count(*) FROM session") == 0
    assert (await demo.post("/demo/sign-in/somebody")).status_code == 404


@pytest.mark.parametrize("path", ["/demo/inbox", "/demo/sign-in/abbie"])
async def test_without_the_demo_there_is_no_such_page(house: House, path: str, abbie: Person) -> None:
    async with httpx.AsyncClient(transport=reaching(house), base_url=BASE) as client:
        assert (await client.get(path)).status_code == 404
        assert (await client.post(path, headers={"origin": BASE})).status_code == 404


async def test_mail_is_read_in_the_inbox_with_its_links_to_press(demo: httpx.AsyncClient, mailbox: Mailbox) -> None:
    await demo.post(
        "/signin", content="email=abbie%40example.com", headers={"content-type": "application/x-www-form-urlencoded"}
    )
    for _ in range(600):
        if mailbox.letters:
            break
        await asyncio.sleep(0.05)
    page = await demo.get("/demo/inbox")
    assert '<a href="/">Harbour Books &amp; Travel</a>' in page.text
    assert "To abbie@example.com" in page.text
    assert "<h2>Your code for Harbour Books &amp; Travel</h2>" in page.text
    assert f'href="{BASE}/signin/link/byo_' in page.text


async def test_one_refuses_everything_one_is_new_and_one_was_used_for_a_year(furnished: Database, owner: Owner) -> None:
    assert await owner.fetchval("SELECT count(*) FROM customer") == 3
    span = await owner.fetchval("SELECT max(at) - min(at) FROM queue WHERE kind = 'release'")
    assert span.days > 350
    assert 250 < await owner.fetchval("SELECT count(*) FROM queue WHERE kind = 'release'") < 1000


async def test_abbie_allows_several_things_since_several_days(demo: httpx.AsyncClient, owner: Owner) -> None:
    given = await owner.fetch("SELECT DISTINCT purpose, decided_at::date AS day FROM consent WHERE status = 'given'")
    assert {row["purpose"] for row in given} == {
        "personalise.recommendations",
        "market.newsletter",
        "research.panel",
    }
    assert len({row["day"] for row in given}) >= 3
    await demo.post("/demo/sign-in/abbie")
    assert '<p class="number">3</p>' in (await demo.get("/")).text


@pytest.mark.parametrize(
    ("who", "purpose", "told"),
    [
        ("abbie", "market.newsletter", "You have not said yes."),
        ("abbie", "market.phone-offers", "You said no."),
        ("noah", "personalise.recommendations", "You said no."),
    ],
)
@pytest.mark.usefixtures("sealed")
async def test_what_was_refused_says_why(demo: httpx.AsyncClient, who: str, purpose: str, told: str) -> None:
    await demo.post(f"/demo/sign-in/{who}")
    lines = await demo.get(f"/use?refused=yes&purpose={purpose}")
    newest, *_, oldest = re.findall(r'href="(/use/lines/[^"#]+)"', lines.text)
    assert told in (await demo.get(newest)).text + (await demo.get(oldest)).text


async def test_noah_refuses_and_is_known_all_the_same(demo: httpx.AsyncClient) -> None:
    await demo.post("/demo/sign-in/noah")
    assert "Quayle" in (await demo.get("/data")).text
    assert "9 Rope Walk" in (await demo.get("/data")).text
    assert '<p class="number">0</p>' in (await demo.get("/")).text


async def test_nothing_is_known_of_who_is_new(demo: httpx.AsyncClient) -> None:
    await demo.post("/demo/sign-in/nia")
    assert "We know nothing about you." in (await demo.get("/data")).text


def test_a_guess_says_what_it_was_built_on_and_how_sure_it_is() -> None:
    assert [guess["confidence"] for guess in scenes.GUESSES] == [60, 35]
    assert scenes.GUESSES[0]["derived_from"] == [scenes.LOOKED_AT]

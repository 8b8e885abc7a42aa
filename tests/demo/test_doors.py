"""What only the demo has: links that sign somebody made up in, an inbox, and a year of use."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from service.app import House
from service.crypto.keyring import Keyring
from service.database import Database
from service.demo import year
from service.demo.doors import Demo, pages
from service.demo.made_up import PEOPLE
from service.demo.mailbox import Mailbox
from service.entrance import Outside
from service.policy.engine import Policies
from tests.conftest import Owner, Person, Template
from tests.houses import reaching

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
    for _ in range(100):
        if mailbox.letters:
            break
        await asyncio.sleep(0.05)
    page = await demo.get("/demo/inbox")
    assert "To abbie@example.com" in page.text
    assert f'href="{BASE}/signin/link/byo_' in page.text


async def test_one_refuses_everything_one_is_new_and_one_was_used_for_a_year(furnished: Database, owner: Owner) -> None:
    by_status = await owner.fetch("SELECT status, count(*) FROM consent GROUP BY status ORDER BY status")
    assert [row["status"] for row in by_status] == ["given", "refused"]
    assert await owner.fetchval("SELECT count(*) FROM customer") == 3
    span = await owner.fetchval("SELECT max(at) - min(at) FROM queue WHERE kind = 'release'")
    assert span.days > 350
    assert 250 < await owner.fetchval("SELECT count(*) FROM queue WHERE kind = 'release'") < 1000

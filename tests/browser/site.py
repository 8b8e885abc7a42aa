"""The portal as it is served, customers who come to it, and their browsers."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import httpx
from msgspec import Struct
from playwright.async_api import Browser, BrowserContext, Page, expect

from service.app import House
from service.portal.visit import COOKIE
from tests.browser.lives import LIVES
from tests.conftest import Api, Person, enrol
from tests.portal.conftest import Page as Read
from tests.portal.conftest import session_of, token_of

NUMBERS = count(1)
PATIENCE = 30_000
"""Milliseconds after which a press has led to nothing; the machine may be busy."""
LINK = "/n/{word}"
"""What stands for where the link of a message leads."""
WIDE, NARROW, NARROWEST = 1280, 390, 320
HIGH = 900

expect.set_options(timeout=PATIENCE)


class Her(Struct, frozen=True):
    """Somebody who has led a life, her session in a browser, and her token for the API."""

    person: Person
    session: str
    token: str

    def __repr__(self) -> str:
        return "Her()"


class Site:
    """A server, and a browser to look at it."""

    def __init__(
        self, address: str, chromium: Browser, house: House, api: Api, seal: Callable[[], Awaitable[object]]
    ) -> None:
        self.address = address
        self.chromium = chromium
        self.house = house
        self.api = api
        self.seal = seal
        self._residents: dict[str, Her] = {}

    async def newcomer(self, life: str) -> Her:
        """Enrol somebody who has led a life, whom no other test knows."""
        person = await enrol(self.api, f"{life}{next(NUMBERS)}@example.com", LIVES[life].facts)
        await LIVES[life].lead(self.api, person)
        await self.seal()
        await session_of(self.house, person)  # on another device
        return Her(person, await session_of(self.house, person), await token_of(self.house, person))

    async def link_of(self, her: Her) -> str:
        """Return where the link of her newsletter leads; she has to allow that."""
        who = {"identifiers": {"email": her.person.email}}
        hers = (await self.api.post("/v1/customers", "newsletter", who))["customer"]
        wanted = {"customers": [hers], "purpose": "market.newsletter", "channel": "email"}
        (made,) = (await self.api.post("/v1/links", "newsletter", wanted))["links"]
        return "/n/" + str(made["link"]["url"]).rpartition("/")[2]

    async def address_of(self, path: str) -> str:
        """Return an address: the link of a message is that of somebody whom no other test knows."""
        return await self.link_of(await self.newcomer("rich")) if path == LINK else path

    async def resident(self, life: str) -> Her:
        """Return somebody who has led a life, whom other tests look at, too, and nobody changes."""
        if life not in self._residents:
            self._residents[life] = await self.newcomer(life)
        return self._residents[life]

    async def told(self, her: Her, path: str) -> Any:
        """Return what the API says of her."""
        answer = await self.api.call("GET", path, her.token)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def sessions(self, her: Her) -> int:
        """Return in how many browsers she is signed in, as the page says it."""
        async with httpx.AsyncClient(base_url=self.address, headers={"cookie": f"{COOKIE}={her.session}"}) as client:
            forms = Read(await client.get("/me")).forms
        return 1 + sum(each.action == "/me/sessions/end" for each in forms)

    @asynccontextmanager
    async def browsing(self, her: Her | None, **options: Any) -> AsyncIterator[BrowserContext]:
        """Lend a browser in which she is signed in, or nobody."""
        settings = {"viewport": {"width": WIDE, "height": HIGH}, "reduced_motion": "reduce", "locale": "en-GB"}
        context = await self.chromium.new_context(base_url=self.address, **(settings | options))
        context.set_default_timeout(PATIENCE)
        if her is not None:
            await context.add_cookies(
                [
                    {
                        "name": COOKIE,
                        "value": her.session,
                        # A browser lets localhost have secure cookies without TLS.
                        "url": self.address.replace("http:", "https:"),
                        "secure": True,
                        "httpOnly": True,
                        "sameSite": "Lax",
                    }
                ]
            )
        yield context
        await context.close()

    @asynccontextmanager
    async def open(self, her: Her | None, path: str, **options: Any) -> AsyncIterator[Page]:
        """Lend a page that she looks at."""
        async with self.browsing(her, **options) as context:
            page = await context.new_page()
            await page.goto(path)
            yield page

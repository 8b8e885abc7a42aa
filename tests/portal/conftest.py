"""A customer's browser, without a browser: her session's cookie, the forms of a page, and where a press leads."""

from collections.abc import AsyncIterator
from html.parser import HTMLParser

import httpx
import pytest
from msgspec import Struct

from service.app import House
from service.model.identifiers import identifier
from service.model.words import IdentifierKind, PairwiseId, ServiceId
from service.portal.visit import COOKIE
from service.storage import customers
from service.usecases import access, sessions
from tests.conftest import OPERATOR, Person
from tests.houses import reaching

BASE = "https://portal.test"


class Form(Struct):
    """One form of a page: where it is sent, and what it sends."""

    action: str
    fields: list[tuple[str, str]]
    buttons: list[str]
    id: str = ""


class Page(HTMLParser):
    """What a page says, and its forms in their order."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__()
        self.response = response
        self.forms: list[Form] = []
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.words: list[str] = []
        self._silent = 0
        self._written: tuple[str, list[str]] | None = None
        self.feed(response.text)

    @property
    def text(self) -> str:
        """All that is written on it, with single spaces."""
        return " ".join(" ".join(self.words).split())

    def form_of(self, button: str) -> Form:
        """Return the form with a button, by the button's id."""
        return next(each for each in self.forms if button in each.buttons)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        self.ids.add(said.get("id", ""))
        self._silent += tag in ("script", "style")
        if tag == "form":
            self.forms.append(Form(said.get("action", ""), [], [], said.get("id", "")))
        elif tag == "input" and "name" in said and self.forms:
            # As a browser does: one line has no breaks.
            self.forms[-1].fields.append((said["name"], said.get("value", "").replace("\n", "")))
        elif tag == "textarea" and self.forms:
            self._written = said["name"], []
        elif tag == "button" and self.forms:
            self.forms[-1].buttons.append(said.get("id", ""))
        elif tag == "a":
            self.links.append(said.get("href", ""))

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in ("script", "style")
        if tag == "textarea" and self._written is not None:
            name, words = self._written
            # As a browser does: a break at the very beginning is none, and the others are sent as two letters.
            value = "".join(words).replace("\r\n", "\n").removeprefix("\n").replace("\n", "\r\n")
            self.forms[-1].fields.append((name, value))
            self._written = None

    def handle_data(self, data: str) -> None:
        if self._written is not None:
            self._written[1].append(data)
        if not self._silent:
            self.words.append(data)


class Browser:
    """A browser with or without a session, on the pages of one house."""

    def __init__(self, client: httpx.AsyncClient, session: str = "", token: str = "") -> None:
        """``token``: with which the same customer calls the API, to see what a page did."""
        self.client = client
        self.token = token
        self.led_to = ""
        self.headers = {"cookie": f"{COOKIE}={session}"} if session else {}

    @property
    def entry(self) -> str:
        """The entry that her last press made."""
        return self.led_to.partition("entry=")[2].partition("#")[0]

    async def get(self, address: str, **headers: str) -> Page:
        """Look at a page."""
        return Page(await self.client.get(address, headers=self.headers | headers))

    async def post(self, address: str, fields: list[tuple[str, str]], **headers: str) -> httpx.Response:
        """Send a form."""
        body = "&".join(f"{httpx.QueryParams({name: value})}" for name, value in fields)
        sent = {"content-type": "application/x-www-form-urlencoded", "origin": BASE, "sec-fetch-site": "same-origin"}
        return await self.client.post(address, content=body, headers=self.headers | sent | headers)

    async def press(self, page: Page, button: str, **changes: str) -> Page:
        """Press a button, and look at the page that it leads to."""
        form = page.form_of(button)
        fields = [(name, changes.get(name, value)) for name, value in form.fields]
        response = await self.post(form.action, fields)
        assert response.status_code == 303, response.text
        self.led_to = response.headers["location"]
        return await self.get(self.led_to)


@pytest.fixture
async def stranger(house: House) -> AsyncIterator[Browser]:
    """Somebody who is not signed in."""
    async with httpx.AsyncClient(transport=reaching(house), base_url=BASE) as client:
        yield Browser(client)


@pytest.fixture
async def her(stranger: Browser, house: House, abbie: Person) -> Browser:
    """Abbie, signed in."""
    return Browser(stranger.client, await session_of(house, abbie), await token_of(house, abbie))


async def session_of(house: House, person: Person) -> str:
    """Return the secret of a new session of somebody, who has just proved that it is she."""
    keyring = await house.keys()
    async with house.database.connection() as connection:
        who = await customers.by_pairwise(connection, keyring, ServiceId("shop"), PairwiseId(person.at_shop))
    assert who is not None
    return await sessions.begin_for_show(house.database, keyring, who, "Firefox/Linux")


async def token_of(house: House, person: Person) -> str:
    """Return a token with which somebody calls the API."""
    found_by = identifier(IdentifierKind.EMAIL, person.email)
    return (await access.make_customer_token(house.database, await house.keys(), OPERATOR, found_by, 60)).text

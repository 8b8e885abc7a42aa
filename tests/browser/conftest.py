"""One Chromium, and one server with one database, for every test in a browser."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet
from msgspec import Struct
from playwright.async_api import Browser, Page, async_playwright

from service.app import House
from service.database import opened
from service.model.translation import ENGLISH
from service.portal.words import LANGUAGES
from tests.browser.gates import Heard
from tests.browser.pages import FIRST, STATES, State, arrive
from tests.browser.site import HIGH, WIDE, Site
from tests.conftest import Api, Template, client_of, own_database
from tests.consistency.processes import Process, serving
from tests.sealing import seal
from tests.test_cli import shell_with

CHROMIUM = Path(os.environ.get("PLAYWRIGHT_CHROMIUM", "/usr/bin/chromium-headless-shell"))  # noqa: TID251  a setting of the tests
IN_CI = bool(os.environ.get("CI"))  # noqa: TID251  as above

MAIL = {"SMTP_URL": "smtp://localhost:9?starttls=no", "MAIL_FROM": "Harbour <hello@harbour.example>"}
"""Nobody takes it: what is shown must not depend on that."""
FOLD = "folded => document.querySelectorAll('details').forEach((each, place) => { each.open = folded[place]; })"


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """The browser: Debian's, or the one that PLAYWRIGHT_CHROMIUM names."""
    if not CHROMIUM.is_file():
        say = pytest.fail if IN_CI else pytest.skip
        say(f"no browser at {CHROMIUM}: `make chromium` installs it, PLAYWRIGHT_CHROMIUM names another")
    arguments = ["--no-sandbox"] if os.getuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
async def site(
    server: str, template: Template, chromium: Browser, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    """The portal as it is served, and who lives there."""
    folder = tmp_path_factory.mktemp("browser")
    async with AsyncExitStack() as leaving:
        url = await leaving.enter_async_context(own_database(server, template))
        settings = {"DATABASE_URL": url, "KEYS": str(template.root_key_file), **MAIL}
        process = Process(shell_with(**settings).environment, folder / "serve.log")
        leaving.enter_context(serving(process))
        house = House(await leaving.enter_async_context(opened(url, connections=4)), template.root_key_file)
        client = await leaving.enter_async_context(client_of(house))

        async def sealing() -> object:
            return await seal(url, template, folder)

        yield Site(f"http://localhost:{process.port}", chromium, house, Api(client, template.api_keys), sealing)


class Visited(Struct, frozen=True):
    """A page in a state, what was heard of it since, and the sizes of what its first visit loaded."""

    page: Page
    state: State
    heard: Heard
    first: list[int]


def _walk() -> Iterator[ParameterSet]:
    """Yield every page in every state; without `make browser` each page once, and what a press leaves, in English."""
    for language in LANGUAGES:
        for state in STATES:
            quick = language == ENGLISH and (state in FIRST.values() or state.then is not None)
            marks = [] if quick else [pytest.mark.browser]
            yield pytest.param((state, language), id=f"{state.name}, {language}", marks=marks)


@pytest.fixture(scope="session", params=_walk())
async def state_of_a_page(request: pytest.FixtureRequest, site: Site) -> AsyncIterator[Visited]:
    """Every page in every state, brought into it once for all the gates."""
    state, language = request.param
    async with site.browsing(await state.visitor(site), locale=language) as context:
        page = await context.new_page()
        heard = Heard(page, site.address)
        await heard.listen(await context.new_cdp_session(page))
        first = await arrive(page, await site.address_of(state.path), state, heard)
        yield Visited(page, state, heard, first)


@pytest.fixture
async def visited(state_of_a_page: Visited) -> AsyncIterator[Visited]:
    """A page in a state, and back in it afterwards: a gate changes only what its reader could."""
    page = state_of_a_page.page
    folded = await page.evaluate("[...document.querySelectorAll('details')].map(each => each.open)")
    yield state_of_a_page
    await restore(page)
    await page.evaluate(FOLD, folded)


async def restore(page: Page) -> None:
    """Take back whatever a reader has changed."""
    await page.evaluate(
        "document.adoptedStyleSheets = []; document.documentElement.removeAttribute('style');"
        "document.documentElement.dir = 'ltr'"
    )
    await page.emulate_media(color_scheme="light", forced_colors="none")
    await page.set_viewport_size({"width": WIDE, "height": HIGH})

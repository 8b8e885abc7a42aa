"""Every page of the portal in every state that looks different: another one is a line, and every gate walks them."""

from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

import pytest
from msgspec import Struct
from playwright.async_api import Page, expect

from service.portal.data import fields_of, place_of
from tests.browser.gates import UNFOLD, Heard
from tests.browser.site import LINK, Her, Site

Step = Callable[[Page], Awaitable[object]]
RECOMMENDATIONS = "personalise.recommendations"
NOTICE = f"/notices/{RECOMMENDATIONS}/2"
SIMULATED = f"/simulate?who=recommender:{RECOMMENDATIONS}:web"
SEEN = "browsed_genres#observed@shop"
FACT = f"/data/fact?{urlencode(fields_of(SEEN))}"
TOLD = f"/data/fact?{urlencode(fields_of('first_name#volunteered@shop'))}"
BORN = f"/data/fact?{urlencode(fields_of('birth_year#volunteered@shop'))}"
SPECIAL = f"/data/fact?{urlencode(fields_of('accessibility_needs#volunteered@shop'))}"


class State(Struct, frozen=True):
    """A page as somebody finds it.

    ``life``: who she is; None is nobody. ``then``: what she does there. ``status``: how the page is answered.
    ``refused``: whether what she does is.
    """

    name: str
    path: str
    life: str | None = "rich"
    then: Step | None = None
    status: int = 200
    refused: bool = False

    async def visitor(self, site: Site) -> Her | None:
        """Return who looks at it: somebody of its own where anything is pressed."""
        if self.life is None:
            return None
        return await (site.newcomer if self.then else site.resident)(self.life)


async def rested(page: Page) -> None:
    """Wait until what was answered is there whole, and the page has its place, its focus and its looks again."""
    await page.wait_for_load_state()
    await expect(page.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(0)


def pressed(button: str) -> Step:
    """Press a button, by its id, and wait until the page says what was done."""

    async def press(page: Page) -> None:
        await page.locator(f'[id="{button}"]').click()
        await page.locator("#status:not(:empty)").wait_for()
        await rested(page)

    return press


def sent(button: str, **fields: str) -> Step:
    """Fill in what has these ids, press a button, and wait for another page."""

    async def send(page: Page) -> None:
        for name, value in fields.items():
            await page.locator(f"#{name}").fill(value)
        async with page.expect_navigation():
            await page.locator(f'[id="{button}"]').click()

    return send


def followed(link: str) -> Step:
    """Follow the first of some links, and wait for the page that it leads to."""

    async def follow(page: Page) -> None:
        async with page.expect_navigation():
            await page.locator(link).first.click()

    return follow


def asked(question: str) -> Step:
    """Ask about the first line of the log."""

    async def ask(page: Page) -> None:
        await followed("a[href$='#ask']")(page)
        await sent("b-ask", **{"q-text": question})(page)

    return ask


async def opened(page: Page) -> None:
    """Open the first line of the log, in its place."""
    await page.locator("a[hx-get]").first.click()
    await page.locator(".opened #opened, .opened dl").first.wait_for()
    await rested(page)


async def unfolded(page: Page) -> None:
    """Open whatever is folded."""
    await page.evaluate(UNFOLD)


async def soon_out(page: Page) -> None:
    """Let time pass until she is about to be signed out, for the page alone."""
    await page.clock.install()
    await page.reload()
    await page.clock.fast_forward(58 * 60_000)
    await page.locator("#b-stay").wait_for()


async def half_quiet(page: Page) -> None:
    """Save quiet hours that have no end."""
    await page.locator("#quiet-start").fill("22:00")
    await pressed("b-preferences")(page)


async def forged(page: Page) -> None:
    """Send a form with the token of another session, as a browser without JavaScript sends it."""
    async with page.expect_navigation():
        await page.evaluate(
            "const token = document.querySelector('[name=token]'); token.value = 'x'; token.form.submit()"
        )


STATES = [
    State("overview", "/"),
    State("overview of somebody new", "/", "new"),
    State("overview in a pause", "/", "paused"),
    State("overview with quiet hours", "/", "quiet"),
    State("overview after a press", "/", "new", pressed("b-pause")),
    State("overview shortly before she is signed out", "/", then=soon_out),
    State("choices", "/choices"),
    State("choices unfolded", "/choices", then=unfolded),
    State("choices of somebody new", "/choices", "new"),
    State("choices, all allowed", "/choices", "decided"),
    State("choices, all refused", "/choices", "refusing"),
    State("choices in a pause", "/choices", "paused"),
    State("choices after a yes that an objection stops", "/choices", "objecting", pressed("b-market.newsletter-email")),
    State("choices after a yes", "/choices", "new", pressed(f"b-{RECOMMENDATIONS}-web")),
    State("choices after quiet hours without an end", "/choices", then=half_quiet, refused=True),
    State("choices after an objection", "/choices", "new", pressed("b-prevent.fraud")),
    State("what is known", "/data"),
    State("what is known of somebody new", "/data", "new"),
    State("what is known after a dispute", "/data", then=pressed(f"x-{place_of(SEEN)}")),
    State("a fact", FACT),
    State("a fact that is special", f"{SPECIAL}&show=special"),
    State("a fact that is kept out of a use", FACT, then=pressed("b-bar-marketing")),
    State("a fact that she told", TOLD),
    State("a fact that cannot be as she says", BORN, then=sent("b-correct", value="1066"), refused=True),
    State("several facts", "/data/several?source=shop"),
    State("no such facts", "/data/several?until=2020-01-01"),
    State("no such fact", "/data/fact?attribute=x", status=404),
    State("who used it", "/use"),
    State("who used it, one line opened", "/use", then=opened),
    State("who used it of somebody new", "/use", "new"),
    State("who used it, nothing of the kind", "/use?people=yes"),
    State("one line of the log", "/use", then=followed("a[href$='#ask']")),
    State("what she asked", "/use", then=asked("Why was that?")),
    State("what somebody new asked", "/use/questions", "new"),
    State("what they would see", "/simulate"),
    State("what they see", SIMULATED),
    State("what they would see, if", f"{SIMULATED}&answer=no&told=yes"),
    State("what they would see, and what is special", f"{SIMULATED}&answer=explicit&show=special"),
    State("what they would see of somebody new, if", f"{SIMULATED}&answer=yes", "new"),
    State("the link of a message", LINK, None),
    State("the link of a message, used", LINK, None, pressed("b-stop")),
    State("no link of a message", "/n/x", None, status=404),
    State("receipts", "/receipts"),
    State("receipts of somebody new", "/receipts", "new"),
    State("a receipt", "/receipts", then=followed(".receipts a")),
    State("ways in", "/me"),
    State("ways in of somebody new", "/me", "new"),
    State("away", "/me", then=sent("b-away")),
    State("signing in again", "/signin/again"),
    State("signing in", "/signin", None),
    State("signing in with what is no address", "/signin", None, sent("b-ask", email="nobody@nowhere"), refused=True),
    State("typing the code", "/signin", None, sent("b-ask", email="nobody@example.com")),
    State("checking a receipt", "/verify", None),
    State("checking no receipt", "/verify", None, sent("b-verify", receipt="e30.e30.e30")),
    State("a notice", NOTICE, None),
    State("a notice and what changed", f"{NOTICE}?from=1", None),
    State("help", "/help", None),
    State("help, signed in", "/help"),
    State("privacy", "/privacy", None),
    State("accessibility", "/accessibility", None),
    State("no such page", "/nowhere", status=404),
    State("no such page, to a stranger", "/nowhere", None, status=404),
    State("a method that is not allowed", "/choices/answer", status=405),
    State("a form of another session", "/", then=forged, refused=True),
]
FIRST = {state.path.partition("?")[0]: state for state in reversed(STATES)}
"""Each page in its most usual state, by its address."""
every_page_of_hers = pytest.mark.parametrize(
    "path", [state.path for state in FIRST.values() if state.life and state.status == 200]
)


async def arrive(page: Page, address: str, state: State, heard: Heard) -> list[int]:
    """Bring a page into a state; returns the sizes of what the first visit loaded."""
    response = await page.goto(address)
    assert response is not None
    assert response.status == state.status
    first = heard.sizes.copy()
    if state.then is not None:
        await state.then(page)
    return first

"""A press does the same with JavaScript and without, a no takes no more of them than a yes, and none is lost."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from playwright.async_api import Page, Route, expect

from service.model.words import Basis
from service.policy.engine import Policies
from service.portal.visit import COOKIE
from tests.browser.gates import BUTTON
from tests.browser.pages import every_page_of_hers, followed
from tests.browser.presses import WEB, Act, every_act, found_by, holds, press
from tests.browser.site import HIGH, NARROW, Her, Site
from tests.portal.conftest import Page as Read

MOST_PRESSES = 2
ONE_OF_MANY = re.compile(r"ent_\w+|(?<=/notices/).+")


async def focused(page: Page) -> str:
    """Return the id of what has the focus."""
    found: str = await page.evaluate("document.activeElement.id || document.activeElement.tagName")
    return found


@every_act
async def test_a_press_does_the_same_with_javascript_and_without(site: Site, act: Act) -> None:
    with_it = await _pressed(site, act, _in_place, viewport={"width": NARROW, "height": HIGH})
    without = await _pressed(site, act, _and_led_back, java_script_enabled=False)
    assert with_it == without


async def _pressed(
    site: Site, act: Act, press_all: Callable[[Page, Act], Awaitable[None]], **kind: Any
) -> tuple[str, dict[str, Any]]:
    """Return what the page says, and what the API says, after an act of somebody new."""
    her = await site.newcomer(act.life)
    before = await holds(site, her)
    async with site.open(her, act.path, **kind) as page:
        await act.begin(page)
        await press_all(page, act)
        status = (await page.locator("#status").inner_text()).strip()
    after = await holds(site, her)
    assert len(act.buttons) > 1 or after != before
    return status, after


async def _in_place(page: Page, act: Act) -> None:
    """Press with JavaScript: what was pressed keeps the focus and its place under the finger."""
    await page.evaluate("document.getElementById('status').kept = true")
    for button in act.buttons:
        place = await _top(page, button)
        await press(page, button)
        if act.leaves:  # the browser begins at the place that the address names
            assert await page.locator(":target").count() == 1
            return
        now = await focused(page)
        assert now not in ("BODY", "status"), now
        if now == button and place is not None:
            assert abs((await _top(page, now) or 0) - place) <= 2 * BUTTON
    # A region that is replaced is not read out.
    assert await page.evaluate("document.getElementById('status').kept")


async def _and_led_back(page: Page, act: Act) -> None:
    """Press without JavaScript: each time the browser is led back to the place."""
    for button in act.buttons:
        await press(page, button)
        assert await page.locator(":target").count() == 1


async def _top(page: Page, button: str) -> float | None:
    """Return where on the screen a button is; None where it has to be unfolded first."""
    found = found_by(page, button)
    if not await found.is_visible():
        return None
    await found.scroll_into_view_if_needed()
    top: float = await found.evaluate("each => each.getBoundingClientRect().top")
    return top


async def _presses_to(page: Page, button: str) -> int:
    """Return after how many presses from the first page a button can have been pressed, and press it."""
    await page.goto("/")
    for presses in range(MOST_PRESSES):
        if await page.locator(f'[id="{button}"]').count():
            await press(page, button)
            return presses + 1
        await followed('main a[href^="/choices"]')(page)
    raise AssertionError(f"{button} is further away than {MOST_PRESSES} presses")


async def test_to_withdraw_takes_as_many_presses_as_to_allow_for_each_purpose_on_each_channel(
    site: Site, policies: Policies
) -> None:
    her = await site.newcomer("new")
    cells = [
        (purpose.id, channel)
        for purpose in policies.catalogue.purposes.values()
        if purpose.basis is Basis.CONSENT
        for channel in purpose.channels
    ]
    async with site.browsing(her) as context:
        page = await context.new_page()
        for purpose, channel in cells:
            button, cell = f"b-{purpose}-{channel}", f"{purpose} {channel}"
            to_allow = await _presses_to(page, button)
            assert (await holds(site, her))[cell][0] == "given"
            to_withdraw = await _presses_to(page, button)
            assert (await holds(site, her))[cell][0] == "withdrawn"
            assert to_withdraw <= to_allow <= MOST_PRESSES
    assert len(cells) == 8


async def test_from_a_message_one_press_withdraws_without_signing_in(site: Site) -> None:
    her = await site.newcomer("rich")
    assert (await holds(site, her))["market.newsletter email"][0] == "given"
    async with site.open(None, await site.link_of(her)) as page:
        await press(page, "b-stop")
    assert (await holds(site, her))["market.newsletter email"][0] == "withdrawn"


@every_page_of_hers
async def test_one_press_pauses_everything_from_any_page(site: Site, path: str) -> None:
    her = await site.newcomer("rich")
    async with site.open(her, path) as page:
        await press(page, "b-pause")
        assert (await holds(site, her))["pause  "] == "paused"


async def test_every_page_is_at_most_two_presses_away_and_no_link_is_dead(site: Site) -> None:
    reached = await _crawled(site, await site.resident("rich"))
    assert {path: status for path, (_, status) in reached.items() if status != 200} == {}
    nearest: dict[str, int] = {}
    for path, (depth, _) in reached.items():
        kind = ONE_OF_MANY.sub("{one}", path.partition("?")[0])
        nearest[kind] = min(depth, nearest.get(kind, depth))
    assert {kind: depth for kind, depth in nearest.items() if depth > MOST_PRESSES and "." not in kind} == {}
    assert len(nearest) > 5


async def _crawled(site: Site, her: Her) -> dict[str, tuple[int, int]]:
    """Return every address that links lead to from the first page: how far away it is, and how it is answered."""
    reached: dict[str, tuple[int, int]] = {}
    async with httpx.AsyncClient(base_url=site.address, headers={"cookie": f"{COOKIE}={her.session}"}) as client:
        edge, depth = ["/"], 0
        while edge:
            found: list[str] = []
            for path in edge:
                answer = await client.get(path)
                reached[path] = (depth, answer.status_code)
                if answer.headers.get("content-type", "").startswith("text/html"):
                    found += _links(Read(answer))
            edge, depth = [each for each in dict.fromkeys(found) if each not in reached], depth + 1
    return reached


def _links(page: Read) -> list[str]:
    """Return where a page leads to within the portal; a place on the page itself has to be there."""
    here = page.response.url.path
    for each in page.links:
        path, _, fragment = each.partition("#")
        assert not fragment or path not in ("", here) or fragment in page.ids, each
    return [path for each in page.links if (path := each.partition("#")[0]).startswith("/")]


def _failing(why: str) -> Callable[[Route], Awaitable[None]]:
    """Return what lets a request fail on its way."""

    async def fail(route: Route) -> None:
        await route.abort(why)

    return fail


async def test_what_cannot_be_sent_leaves_the_page_as_it_is_and_says_so(site: Site) -> None:
    her = await site.newcomer("rich")
    before = await holds(site, her)
    async with site.open(her, "/choices") as page:
        switch = page.locator(f'[id="b-{WEB}"]')
        for failure in ("internetdisconnected", "timedout"):
            await page.route("**/choices/answer", _failing(failure))
            await switch.click()
            await expect(page.locator("#status")).to_have_text("Not saved. Try again.")
            assert await switch.get_attribute("aria-checked") == "true"
            assert await focused(page) == f"b-{WEB}"
            await page.evaluate("document.getElementById('status').textContent = ''")
            await page.unroute("**/choices/answer")
        await page.route("**/choices/answer", lambda route: route.fulfill(status=503, body="<h1>no</h1>"))
        await switch.click()
        await expect(page.locator("#status")).to_have_text("Not saved. Try again.")
        assert await page.locator("h1").inner_text() == "What I allow"
        assert await holds(site, her) == before
        await page.unroute("**/choices/answer")
        await press(page, f"b-{WEB}")
        assert await switch.get_attribute("aria-checked") == "false"


async def _quiet(page: Page, start: str, end: str) -> None:
    await page.locator("#quiet-start").fill(start)
    await page.locator("#quiet-end").fill(end)


async def test_what_is_refused_is_told_in_the_words_of_the_refusal_and_what_she_typed_stays(site: Site) -> None:
    her = await site.newcomer("rich")
    async with site.open(her, "/choices") as page:
        status, start = page.locator("#status"), page.locator("#quiet-start")
        await _quiet(page, "22:00", "")
        await page.locator("#b-preferences").click()
        await expect(status).to_contain_text("Your quiet hours were not saved. They need a beginning and an end")
        await expect(start).to_have_value("22:00")
        async with site.open(her, "/choices") as elsewhere:
            await _quiet(elsewhere, "21:00", "06:00")
            await press(elsewhere, "b-preferences")
        await _quiet(page, "22:00", "07:00")
        await page.locator("#b-preferences").click()
        await expect(status).to_contain_text(
            "Please look once more. You changed it elsewhere since this page was opened."
        )
        await expect(start).to_have_value("22:00")
        await status.get_by_role("link").click()
        await expect(start).to_have_value("21:00")


async def test_a_refusal_that_is_no_page_of_ours_is_a_failure_like_any_other(site: Site) -> None:
    async with site.open(await site.resident("rich"), "/choices") as page:
        await page.route("**/choices/answer", lambda route: route.fulfill(status=413, body="<h1>413</h1><p>nginx</p>"))
        await page.locator(f'[id="b-{WEB}"]').click()
        await expect(page.locator("#status")).to_have_text("Not saved. Try again.")


async def test_a_press_that_is_on_its_way_is_not_sent_twice(site: Site) -> None:
    her = await site.newcomer("new")
    async with site.open(her, "/choices") as page:
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.method))
        await page.locator("#b-sharing").focus()
        await page.evaluate("for (let n = 0; n < 3; n++) document.getElementById('b-sharing').click()")
        await page.locator("#status:not(:empty)").wait_for()
        assert sent.count("POST") == 1

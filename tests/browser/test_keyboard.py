"""Everything can be done with a keyboard alone, and she sees where she is."""

from playwright.async_api import Page

from tests.browser.conftest import Visited
from tests.browser.pages import RECOMMENDATIONS, rested
from tests.browser.presses import holds
from tests.browser.site import Site

MOST_TABS = 10
MOST_STOPS = 150
BEGIN = "scrollTo(0, 0); document.querySelector('.skip')?.focus({ preventScroll: true })"
WHERE = """
() => {
    const each = document.activeElement, style = getComputedStyle(each), box = each.getBoundingClientRect();
    const line = each.getClientRects()[0] || box;  // a link in a text may go over two lines, and its middle be between
    return {
        id: each.id || each.textContent.trim(),
        end: each === document.body || each.matches(".skip"),
        outline: style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth),
        seen: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
        covered: !each.contains(document.elementFromPoint(line.left + line.width / 2, line.top + line.height / 2)),
    };
}
"""


async def _tab_to(page: Page, id_: str) -> int:
    """Press Tab until something has the focus; returns how often."""
    for tabs in range(MOST_STOPS):
        if await page.evaluate("document.activeElement.id") == id_:
            return tabs
        await page.keyboard.press("Tab")
    raise AssertionError(f"{id_} is never reached")


async def test_with_the_keyboard_she_skips_the_menu_and_is_soon_at_the_first_switch(site: Site) -> None:
    async with site.open(await site.resident("rich"), "/choices") as page:
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.className") == "skip"
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "main"
        first = await page.locator("main .permissions button").first.get_attribute("id")
        assert await _tab_to(page, str(first)) <= MOST_TABS


async def test_with_the_keyboard_she_allows_withdraws_and_pauses(site: Site) -> None:
    her = await site.newcomer("new")
    async with site.open(her, "/choices") as page:
        for key, expected in (("Enter", "given"), ("Space", "withdrawn"), ("Space", "given")):
            await _tab_to(page, f"b-{RECOMMENDATIONS}-web")
            async with page.expect_response(lambda answer: "done=" in answer.url):
                await page.keyboard.press(key)
            await rested(page)
            await page.locator("[role=switch]:focus").wait_for()
            assert (await holds(site, her))[f"{RECOMMENDATIONS} web"][0] == expected
        await page.goto("/")
        await _tab_to(page, "b-pause")
        async with page.expect_response(lambda answer: "done=" in answer.url):
            await page.keyboard.press("Enter")
        assert (await holds(site, her))["pause  "] == "paused"


async def test_wherever_tab_leads_she_sees_it(visited: Visited) -> None:
    """Every stop has a ring of three pixels, is on the screen and not under anything, and none is a trap."""
    await visited.page.evaluate(BEGIN)
    for _ in range(MOST_STOPS):
        await visited.page.keyboard.press("Tab")
        where = await visited.page.evaluate(WHERE)
        if where["end"]:
            break
        assert where["outline"] >= 3, where
        assert where["seen"], where
        assert not where["covered"], where
    else:
        raise AssertionError("there is no end to it")

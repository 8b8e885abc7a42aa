"""Yes and no look and weigh the same, and nothing is chosen for anybody."""

from typing import Any

import pytest
from playwright.async_api import Page

from tests.browser.pages import every_page_of_hers
from tests.browser.site import HIGH, NARROW, NARROWEST, WIDE, Site

LOOK = (
    "width",
    "height",
    "fontSize",
    "fontWeight",
    "fontFamily",
    "fontStyle",
    "color",
    "backgroundColor",
    "backgroundImage",
    "borderTopColor",
    "borderTopWidth",
    "borderTopStyle",
    "borderTopLeftRadius",
    "opacity",
    "textTransform",
    "textDecorationLine",
    "boxShadow",
    "visibility",
    "cursor",
)
ANSWERS = """
properties => [...document.querySelectorAll(".undecided")].map(group =>
    [...group.querySelectorAll("button")].map(each => {
        const style = getComputedStyle(each);
        return Object.fromEntries(properties.map(name => [name, style[name]]));
    }))
"""
CHOSEN = """
() => [...document.querySelectorAll("[aria-checked=true], [aria-pressed=true], :checked, [selected], [checked]")]
    .filter(each => each.checkVisibility() && !each.matches("option, [value='']"))
    .map(each => each.id || each.outerHTML)
"""


async def _answers(page: Page) -> list[list[dict[str, Any]]]:
    """Return how the answers to each question look."""
    found: list[list[dict[str, Any]]] = await page.evaluate(ANSWERS, LOOK)
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW, NARROWEST])
async def test_yes_and_no_look_the_same(site: Site, width: int, scheme: str) -> None:
    options = {"viewport": {"width": width, "height": HIGH}, "color_scheme": scheme}
    async with site.open(await site.resident("new"), "/choices", **options) as page:
        questions = await _answers(page)
        assert len(questions) == 8
        for yes, no in questions:
            assert yes == no


async def test_yes_and_no_look_the_same_under_the_pointer_and_in_focus(site: Site) -> None:
    async with site.open(await site.resident("new"), "/choices") as page:
        looks = []
        for button in ("b-research.panel-email", "n-research.panel-email"):
            found = page.locator(f'[id="{button}"]')
            await found.hover()
            await found.focus()
            looks.append(await found.evaluate("each => ({ ...getComputedStyle(each) })"))
        yes, no = ({name: look[name] for name in (*LOOK, "outlineColor", "outlineWidth")} for look in looks)
        assert yes == no


async def test_a_difference_would_be_found(site: Site) -> None:
    async with site.open(await site.resident("new"), "/choices") as page:
        await page.evaluate("document.querySelector('[id^=n-]').style.fontWeight = '400'")
        assert sum(yes != no for yes, no in await _answers(page)) == 1


@every_page_of_hers
async def test_nothing_is_chosen_for_somebody_new(site: Site, path: str) -> None:
    async with site.open(await site.resident("new"), path) as page:
        assert await page.evaluate(CHOSEN) == []


async def test_what_she_chose_would_be_found(site: Site) -> None:
    async with site.open(await site.resident("rich"), "/choices") as page:
        chosen = set(await page.evaluate(CHOSEN))
        assert chosen >= {"b-personalise.recommendations-web", "b-market.newsletter-email"}

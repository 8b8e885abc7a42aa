"""The gates work: each finds what is planted, and nothing on the page as it is."""

import asyncio

import pytest

from tests.browser.gates import Heard, cut, edgeless, shift, small, strips, violations
from tests.browser.site import HIGH, NARROWEST, PATIENCE, Site

# Each is wrong in a way of its own; the name is that of the rule of axe that says so.
FAULTS = {
    "image-alt": "document.querySelector('main').append(document.createElement('img'))",
    "button-name": "document.querySelector('main').append(document.createElement('button'))",
    "color-contrast": "document.querySelector('.lead').style.color = '#aaa'",
    "html-has-lang": "document.documentElement.removeAttribute('lang')",
    "heading-order": "document.querySelector('h2').outerHTML = '<h5>x</h5>'",
    "aria-required-attr": "document.querySelector('[role=switch]').removeAttribute('aria-checked')",
}
NARROW = {"width": NARROWEST, "height": HIGH}


async def test_axe_finds_six_faults_of_six_and_none_where_there_is_none(site: Site) -> None:
    async with site.open(await site.resident("rich"), "/choices") as page:
        for rule, fault in FAULTS.items():
            await page.reload()
            await page.evaluate(fault)
            assert {each.partition(":")[0] for each in await violations(page)} == {rule}
        await page.reload()
        assert await violations(page) == []


@pytest.mark.parametrize(
    "fault",
    [
        "document.querySelector('.lead').style.cssText = 'white-space: nowrap; overflow: hidden'",
        "document.querySelector('.lead').style.cssText = 'block-size: 1em; overflow: hidden'",
        "document.querySelector('h2').style.minWidth = '400px'",
        "document.querySelector('h1').style.cssText = 'position: relative; left: -2em'",
    ],
)
async def test_what_is_cut_off_is_found(site: Site, fault: str) -> None:
    async with site.open(await site.resident("rich"), "/choices", viewport=NARROW) as page:
        assert await cut(page) == []
        await page.evaluate(fault)
        assert await cut(page) != []


async def test_what_is_too_small_or_has_no_edge_is_found(site: Site) -> None:
    async with site.open(await site.resident("rich"), "/choices") as page:
        await page.evaluate("document.getElementById('b-pause').style.cssText = 'border: 0; min-height: 0; padding: 0'")
        assert [each.partition(":")[0] for each in await small(page)] == ["b-pause"]
        assert await edgeless(page) == ["b-pause"]


async def test_a_card_that_begins_with_nothing_is_found(site: Site) -> None:
    async with site.open(await site.resident("rich"), "/use") as page:
        assert await strips(page) == []
        await page.evaluate("document.querySelector('#filter .several').style.marginTop = '1rem'")
        assert [each.partition(":")[0] for each in await strips(page)] == ["filter"]


async def test_what_moves_is_found(site: Site) -> None:
    async with site.open(await site.resident("rich"), "/choices") as page:
        await page.evaluate("document.querySelector('main').style.marginTop = '300px'")
        assert await shift(page) > 0.1


@pytest.mark.parametrize(
    ("fault", "foreign"),
    [
        ("document.body.append(Object.assign(document.createElement('script'), { textContent: '1' }))", 0),
        ("document.body.insertAdjacentHTML('beforeend', '<p style=color:red>x</p>')", 0),
        ("document.body.append(Object.assign(new Image(), { src: 'https://elsewhere.example/1.png' }))", 1),
    ],
)
async def test_what_a_page_must_not_do_is_stopped_and_heard(site: Site, fault: str, foreign: int) -> None:
    async with site.browsing(await site.resident("rich")) as context:
        page = await context.new_page()
        heard = Heard(page, site.address)
        await page.goto("/choices")
        await page.evaluate(fault)
        async with asyncio.timeout(PATIENCE / 1000):
            while "Content Security Policy" not in " ".join(heard.words):
                await page.wait_for_timeout(20)
        assert len(heard.foreign) == foreign

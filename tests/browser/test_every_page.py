"""What holds for every page in every state: everybody can read it and hit what is on it, it is silent and light."""

from collections import Counter

import pytest

from tests.browser.conftest import Visited, restore
from tests.browser.gates import CLEARED, REFUSED, UNFOLD, cut, edgeless, shift, small, strips, violations
from tests.browser.pages import STATES
from tests.browser.site import HIGH, NARROW, NARROWEST, WIDE

MOST_ELEMENTS = 800
MOST_SHIFT = 0.02
MOST_BYTES, MOST_REQUESTS = 40 * 1024, 8
LOOKS = [(scheme, width) for scheme in ("light", "dark") for width in (WIDE, NARROW, NARROWEST)]
# WCAG 2.2, 1.4.12: whoever needs more space between letters, words and lines gets it.
SPACED = """
() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`* { line-height: 1.5 !important; letter-spacing: .12em !important;
                           word-spacing: .16em !important; } p { margin-block-end: 2em !important; }`);
    document.adoptedStyleSheets = [sheet];
}
"""
TWICE = "document.documentElement.style.fontSize = '200%'"
MIRRORED = "document.documentElement.dir = 'rtl'"
# By its name: how wide the window is, and what its reader has changed.
READERS: dict[str, tuple[int, list[str]]] = {
    "a phone": (NARROW, []),
    "a small phone": (NARROWEST, []),
    "a small phone, with space between words": (NARROWEST, [SPACED]),
    "text of twice the size": (WIDE, [TWICE]),
    "text of twice the size, with space between words": (2 * NARROWEST, [TWICE, SPACED]),
    "a small phone, from right to left": (NARROWEST, [MIRRORED]),
}


def test_it_says_nothing_on_the_console_and_asks_nobody_else(visited: Visited) -> None:
    refused = visited.state.refused or visited.state.status != 200
    expected = (CLEARED, *REFUSED) if refused else (CLEARED,)
    assert [each for each in visited.heard.words if not each.startswith(expected)] == []
    assert visited.heard.foreign == []


def test_a_first_visit_is_light(visited: Visited) -> None:
    assert sum(visited.first) <= MOST_BYTES
    assert len(visited.first) <= MOST_REQUESTS


async def test_it_is_small_and_nothing_moves_by_itself(visited: Visited) -> None:
    assert await visited.page.evaluate("document.querySelectorAll('*').length") <= MOST_ELEMENTS
    if visited.state.then is None:  # what she pressed moves the page, and nothing else does
        assert await shift(visited.page) <= MOST_SHIFT


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.browser)], ids=["one look", "all looks"])
async def test_axe_finds_nothing(visited: Visited, every: bool) -> None:  # noqa: FBT001  a parameter of the test
    place = STATES.index(visited.state) % len(LOOKS)
    for scheme, width in LOOKS if every else LOOKS[place : place + 1]:
        await visited.page.set_viewport_size({"width": width, "height": HIGH})
        await visited.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        assert await violations(visited.page) == [], (scheme, width)


async def test_nothing_is_cut_off_whatever_its_reader_has_changed(visited: Visited) -> None:
    for reader, (width, changes) in READERS.items():
        await restore(visited.page)
        await visited.page.set_viewport_size({"width": width, "height": HIGH})
        for change in (UNFOLD, *changes):
            await visited.page.evaluate(change)
        assert await cut(visited.page) == [], reader


async def test_in_colours_that_its_reader_forces_nothing_is_cut_off_and_every_control_has_an_edge(
    visited: Visited,
) -> None:
    await visited.page.set_viewport_size({"width": NARROWEST, "height": HIGH})
    await visited.page.emulate_media(forced_colors="active")
    assert await cut(visited.page) == []
    assert await edgeless(visited.page) == []


async def test_whatever_is_pressed_is_large_enough(visited: Visited) -> None:
    await visited.page.evaluate(UNFOLD)
    for width in (WIDE, NARROWEST):
        await visited.page.set_viewport_size({"width": width, "height": HIGH})
        assert await small(visited.page) == [], width


async def test_every_card_begins_with_what_is_in_it(visited: Visited) -> None:
    for width in (WIDE, NARROW):
        await visited.page.set_viewport_size({"width": width, "height": HIGH})
        assert await strips(visited.page) == [], width


async def test_every_id_is_there_once(visited: Visited) -> None:
    ids = await visited.page.evaluate("[...document.querySelectorAll('[id]')].map(each => each.id)")
    assert [each for each, times in Counter(ids).items() if times > 1] == []

"""``make screenshots``: what every page in every state looks like. No other run of the tests collects this."""

import os
import re
from pathlib import Path

import pytest

from tests.browser.conftest import Visited
from tests.browser.site import HIGH, NARROW, WIDE

FOLDER = Path(os.environ.get("OUT") or Path(__file__).parents[2] / "build/screenshots")  # noqa: TID251  as make says it


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_page_is_photographed(
    visited: Visited, width: int, scheme: str, request: pytest.FixtureRequest
) -> None:
    state = re.sub(r"[^a-z0-9]+", "-", request.node.callspec.id.rpartition(", ")[0])
    language = await visited.page.evaluate("document.documentElement.lang")
    await visited.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    await visited.page.set_viewport_size({"width": width, "height": HIGH})
    file = FOLDER / language / f"{state}-{scheme}-{width}.png"
    await visited.page.screenshot(path=file, full_page=True)

"""Every act of the portal, and what the API says came of it: another act is a line."""

from typing import Any

import pytest
from msgspec import Struct
from playwright.async_api import Page

from tests.browser.pages import RECOMMENDATIONS
from tests.browser.site import Her, Site

WEB = f"{RECOMMENDATIONS}-web"
RESEARCH = "research.panel-email"


class Act(Struct, frozen=True):
    """Buttons that she presses one after the other, by their ids. ``life``: who she is."""

    name: str
    buttons: tuple[str, ...]
    life: str = "new"
    path: str = "/choices"


ACTS = [
    Act("allow", (f"b-{RESEARCH}",)),
    Act("refuse", (f"n-{RESEARCH}",)),
    Act("refuse and allow", (f"n-{RESEARCH}", f"b-{RESEARCH}")),
    Act("withdraw", (f"b-{WEB}",), "rich"),
    Act("withdraw everywhere", (f"b-{RECOMMENDATIONS}",), "decided"),
    Act("stop all marketing", ("b-marketing-off",), "decided"),
    Act("agree to special data", (f"s-{WEB}",), "rich"),
    Act("agree to special data and stop it", (f"s-{WEB}", f"b-{WEB}-special"), "rich"),
    Act("object", ("b-prevent.fraud",)),
    Act("object and take it back", ("b-prevent.fraud", "b-prevent.fraud")),
    *(
        Act(f"choose {kind}", (f"b-{kind}",))
        for kind in (
            "more-than-told",
            "observed",
            "inferred",
            "acquired",
            "demographic",
            "marketing",
            "profiling",
            "sharing",
            "processing",
        )
    ),
    Act("choose sharing and back", ("b-sharing", "b-sharing")),
    Act("pause", ("b-pause",), path="/"),
    Act("pause and start again", ("b-pause", "b-pause"), path="/"),
]
every_act = pytest.mark.parametrize("act", ACTS, ids=lambda act: act.name)


async def press(page: Page, button: str) -> None:
    """Press a button, unfolding what it is in, and wait until the page says what was done."""
    found = page.locator(f'[id="{button}"]')
    folded = page.locator("details:not([open])", has=found)
    if await folded.count():
        await folded.locator("summary").click()
    async with page.expect_response(lambda answer: answer.request.method == "GET" and "done=" in answer.url):
        await found.click()
    await page.locator("#status:not(:empty)").wait_for()


async def holds(site: Site, her: Her) -> dict[str, Any]:
    """Return what the API says of everything that she can press, without its times."""
    consents = await site.told(her, "/v1/me/consents")
    choices = await site.told(her, "/v1/me/choices")
    return {
        f"{each['purpose']} {each['channel']}": (each["status"], each.get("explicit", False))
        for each in consents["standing"]
    } | {
        f"{each['choice']} {each.get('purpose', '')}": each["value"] if each["choice"] != "pause" else "paused"
        for each in choices["holds"]
        if (each["choice"], each["value"]) != ("pause", "none")
    }

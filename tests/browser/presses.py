"""Every act of the portal, and what the API says came of it: another act is a line."""

from collections.abc import Mapping
from typing import Any

import pytest
from msgspec import Struct
from playwright.async_api import Locator, Page

from service.portal.data import place_of
from tests.browser.pages import FACT, RECOMMENDATIONS, SEEN, TOLD, followed, rested
from tests.browser.site import Her, Site

WEB = f"{RECOMMENDATIONS}-web"
RESEARCH = "research.panel-email"
NOT_ME = f"x-{place_of(SEEN)}"


class Act(Struct, frozen=True):
    """Buttons that she presses one after the other, by their ids or what finds them. ``life``: who she is."""

    name: str
    buttons: tuple[str, ...]
    life: str = "new"
    path: str = "/choices"
    by: str = ""
    """The link by which she comes there from that page."""
    typed: Mapping[str, str] = {}
    """What she fills in first, by its ids."""
    leaves: bool = False
    """Whether she is led to another page."""
    alike: bool = False
    """Whether another act presses the same control, so that ``make browser`` is soon enough for this one."""

    async def begin(self, page: Page) -> None:
        """Come to where the first button is, and fill in what is asked there."""
        if self.by:
            await followed(self.by)(page)
        for name, value in self.typed.items():
            await page.locator(f"#{name}").fill(value)


ACTS = [
    Act("allow", (f"b-{RESEARCH}",)),
    Act("refuse", (f"n-{RESEARCH}",), alike=True),
    Act("refuse and allow", (f"n-{RESEARCH}", f"b-{RESEARCH}")),
    Act("withdraw", (f"b-{WEB}",), "rich"),
    Act("withdraw everywhere", (f"b-{RECOMMENDATIONS}",), "decided"),
    Act("stop all marketing", ("b-marketing-off",), "decided"),
    Act("agree to special data", (f"s-{WEB}",), "rich", alike=True),
    Act("agree to special data and stop it", (f"s-{WEB}", f"b-{WEB}-special"), "rich"),
    Act("object", ("b-prevent.fraud",), alike=True),
    Act("object and take it back", ("b-prevent.fraud", "b-prevent.fraud")),
    *(
        Act(f"choose {kind}", (f"b-{kind}",), alike=kind != "marketing")
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
    Act("pause", ("b-pause",), path="/", alike=True),
    Act("pause and start again", ("b-pause", "b-pause"), path="/"),
    Act("prefer quiet hours", ("b-preferences",), typed={"quiet-start": "22:00", "quiet-end": "07:00"}),
    Act("dispute", (NOT_ME,), "rich", "/data", alike=True),
    Act("dispute and undo", (NOT_ME, "b-undo"), "rich", "/data"),
    Act("dispute and say why", (NOT_ME, "w-gift"), "rich", "/data"),
    Act("dispute with all that was built on it", ("b-dispute",), "rich", FACT, leaves=True),
    Act("dispute several", ("b-all",), "rich", "/data/several?source=shop", leaves=True),
    Act("delete", ("b-delete",), "rich", FACT, leaves=True),
    Act("correct", ("b-correct",), "rich", TOLD, typed={"value": "Abigail"}, leaves=True),
    Act("keep out of a use", ("b-bar-marketing",), "rich", FACT, alike=True),
    Act("keep out of a use and let in", ("b-bar-marketing", "b-bar-marketing"), "rich", FACT),
    Act("use only what she told", ("b-more-than-told",), "rich", "/data", alike=True),
    Act("ask", ("b-ask",), "rich", "/use", "a[href$='#ask']", {"q-text": "Why?"}, leaves=True),
    Act("disown", ("[action='/me/disown'] button",), path="/me"),
    Act("end a session", ("[action='/me/sessions/end'] button",), path="/me"),
    Act("end all other sessions", ("b-others",), path="/me"),
]
every_act = pytest.mark.parametrize(
    "act",
    [pytest.param(each, marks=pytest.mark.browser) if each.alike else each for each in ACTS],
    ids=lambda act: act.name,
)


def found_by(page: Page, button: str) -> Locator:
    """Return a button, by its id or by what finds it."""
    return page.locator(button if button.startswith("[") else f'[id="{button}"]').first


async def press(page: Page, button: str) -> None:
    """Press a button, unfolding what it is in, and wait until the page says what was done and has come to rest."""
    found = found_by(page, button)
    folded = page.locator("details:not([open])", has=found)
    if await folded.count():
        await folded.locator("summary").click()
    await page.locator("#status").evaluate("each => { each.textContent = '' }")
    async with page.expect_response(lambda answer: answer.request.method == "GET" and "done=" in answer.url):
        await found.click()
    await page.locator("#status:not(:empty)").wait_for()
    await rested(page)


async def holds(site: Site, her: Her) -> dict[str, Any]:
    """Return what the API says of everything that she can press, without its times and names."""
    consents = await site.told(her, "/v1/me/consents")
    choices = await site.told(her, "/v1/me/choices")
    facts = await site.told(her, "/v1/me/facts?limit=100")
    preferences = await site.told(her, "/v1/me/preferences")
    questions = await site.told(her, "/v1/me/questions")
    return {
        **{
            f"{each['purpose']} {each['channel']}": (each["status"], each.get("explicit", False))
            for each in consents["standing"]
        },
        **{
            " ".join((each["choice"], each.get("attribute", ""), each.get("purpose", ""))): _lasting(each)
            for each in choices["holds"]
            if (each["choice"], each["value"]) != ("pause", "none")
        },
        **{f"{each['attribute']}#{each['provenance']}@{each['source']}": each["value"] for each in facts["facts"]},
        "preferences": {name: value for name, value in preferences.items() if name != "version"},
        "questions": [each["text"] for each in questions["questions"]],
        "identifiers": len((await site.told(her, "/v1/me/identifiers"))["identifiers"]),
        "sessions": await site.sessions(her),
    }


def _lasting(choice: Mapping[str, Any]) -> str:
    return "paused" if choice["choice"] == "pause" else str(choice["value"])

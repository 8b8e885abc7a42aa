"""What can be measured of a page: each gate returns what it has to say against it, and nothing is good."""

from pathlib import Path
from typing import Any

from playwright.async_api import CDPSession, Page, Request

AXE = (Path(__file__).parent / "axe/axe.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]
SMALLEST, BUTTON, LEADING = 24, 44, 12
"""Pixels: WCAG 2.2, 2.5.8; what a thumb hits; and what a row of a list has above its letters."""
REFUSED = ("Failed to load resource: the server responded with a status of", "Response Status Error Code")
"""What Chromium says of every refusal, and htmx of one that it was answered."""
CLEARED = "Clear-Site-Data header on"
"""What it says when it has done as it was told."""

RUN = """
async rules => {
    const found = await axe.run(document, { runOnly: { type: "tag", values: rules }, resultTypes: ["violations"] });
    return found.violations.flatMap(each => each.nodes.map(node => `${each.id}: ${node.target.join(" ")}`));
}
"""
CUT = """
() => {
    const named = each => each.tagName.toLowerCase() + (each.id ? "#" + each.id : "") +
        (each.className ? "." + each.className : "") + ": " + each.textContent.trim().slice(0, 40);
    const root = document.documentElement, found = [];
    if (root.scrollWidth > root.clientWidth) found.push(`the page: ${root.scrollWidth} > ${root.clientWidth}`);
    for (const each of document.body.querySelectorAll("*")) {
        if (!each.checkVisibility() || each.closest(".hidden, .skip")) continue;
        const box = each.getBoundingClientRect(), style = getComputedStyle(each);
        if (box.width && (box.left < -1 || box.right > root.clientWidth + 1)) found.push("outside: " + named(each));
        const cut = each.scrollWidth > each.clientWidth + 1 || each.scrollHeight > each.clientHeight + 1;
        if (cut && each.clientWidth && style.overflow !== "visible") found.push("cut: " + named(each));
        if (style.textOverflow === "ellipsis" && !each.matches("input")) found.push("shortened: " + named(each));
    }
    return found;
}
"""
SMALL = """
([smallest, button]) => {
    const boxed = "button, .button, select, summary, textarea, input:not([type=hidden])";
    const found = [];
    for (const each of document.querySelectorAll(`${boxed}, a[href]`)) {
        if (!each.checkVisibility() || each.closest(".skip")) continue;
        const label = each.matches("[type=checkbox], [type=radio]") && each.closest("label");
        const box = (label || each).getBoundingClientRect();
        const inline = getComputedStyle(each).display === "inline" && each.closest("p, li, dd, td");
        const least = each.matches(boxed) ? button : inline ? 0 : smallest;
        if (box.height < least || box.width < Math.min(least, smallest))
            found.push(`${each.id || each.textContent.trim()}: ${box.width} x ${box.height}`);
    }
    return found;
}
"""
EDGELESS = """
() => [...document.querySelectorAll(
    "button:not(.switch), .track, .button, select, textarea, input:not([type=hidden], [type=checkbox], [type=radio])")]
    .filter(each => each.checkVisibility() && getComputedStyle(each).borderTopWidth === "0px")
    .map(each => each.id || each.className)
"""
STRIPS = """
most => [...document.querySelectorAll(".card")].filter(each => each.checkVisibility()).flatMap(card => {
    const style = getComputedStyle(card), range = document.createRange(), tops = [];
    const top = card.getBoundingClientRect().top + parseFloat(style.borderTopWidth) + parseFloat(style.paddingTop);
    for (const each of card.querySelectorAll("button, .button, select, textarea, input:not([type=hidden]), svg, img"))
        if (each.checkVisibility()) tops.push(each.getBoundingClientRect().top);
    const texts = document.createTreeWalker(card, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        range.selectNodeContents(texts.currentNode);
        const box = range.getBoundingClientRect();
        if (texts.currentNode.data.trim() && box.height) tops.push(box.top);
    }
    const strip = Math.min(...tops) - top;
    return strip > most ? [`${card.id || card.textContent.trim().slice(0, 40)}: ${strip}`] : [];
})
"""
SHIFT = """
() => new Promise(done => {
    let sum = 0;
    const add = list => { for (const each of list.getEntries()) sum += each.hadRecentInput ? 0 : each.value; };
    new PerformanceObserver(add).observe({ type: "layout-shift", buffered: true });
    requestAnimationFrame(() => setTimeout(() => done(sum), 100));
})
"""
UNFOLD = "document.querySelectorAll('details').forEach(each => { each.open = true })"


async def violations(page: Page) -> list[str]:
    """Return what axe-core finds, as rule and place."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE)  # a script in the page would be stopped by its policy
    found: list[str] = await page.evaluate(RUN, RULES)
    return found


async def cut(page: Page) -> list[str]:
    """Return what is cut off or sticks out."""
    found: list[str] = await page.evaluate(CUT)
    return found


async def small(page: Page) -> list[str]:
    """Return what is too small to be hit; a link within a sentence may be as high as its line."""
    found: list[str] = await page.evaluate(SMALL, [SMALLEST, BUTTON])
    return found


async def edgeless(page: Page) -> list[str]:
    """Return the controls that show no edge."""
    found: list[str] = await page.evaluate(EDGELESS)
    return found


async def strips(page: Page) -> list[str]:
    """Return the cards that begin with nothing."""
    found: list[str] = await page.evaluate(STRIPS, LEADING)
    return found


async def shift(page: Page) -> float:
    """Return by how much the page moved without being asked (Cumulative Layout Shift)."""
    found: float = await page.evaluate(SHIFT)
    return found


class Heard:
    """What a page says on its console, whom it asks, and what comes over the wire: from its first byte."""

    def __init__(self, page: Page, address: str) -> None:
        self.words: list[str] = []
        self.foreign: list[str] = []
        self.sizes: list[int] = []
        self._address = address
        page.on("console", lambda message: self.words.append(message.text))
        page.on("pageerror", lambda error: self.words.append(str(error)))
        page.on("request", self._asked)

    async def listen(self, session: CDPSession) -> None:
        """Listen to the wire, too."""
        session.on("Network.loadingFinished", self._loaded)
        await session.send("Network.enable")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((f"{self._address}/", "data:")):
            self.foreign.append(request.url)

    def _loaded(self, event: dict[str, Any]) -> None:
        if size := int(event["encodedDataLength"]):
            self.sizes.append(size)

"""What she typed stays, whatever else she presses; and two minutes before she is signed out, one press keeps her in."""

from datetime import timedelta
from urllib.parse import urlencode

import pytest
from playwright.async_api import Page, expect

from service.crypto.credentials import SESSION, SessionParts, read_secret, session_parts
from service.model.signin import IDLE, LASTS, TOUCHED, Way
from service.portal.carrying import lasting
from service.storage.sessions import SQL
from tests.browser.pages import SIMULATED, followed, soon_out
from tests.browser.presses import WEB, holds, press
from tests.browser.site import Her, Site

QUESTION = "Why do you ask the same three times?"
OUT = "You will be signed out at"


async def nearly(page: Page, minutes: int) -> None:
    """Let so many minutes pass for the page alone."""
    await page.clock.fast_forward(minutes * 60_000)


async def aged(site: Site, her: Her, age: timedelta) -> None:
    """Let a session have begun so long ago, as if she had pressed something all the time."""
    presented = read_secret(SESSION, her.session)
    assert presented is not None
    keyring = await site.house.keys()
    async with site.house.database.transaction() as connection:
        row = await connection.fetchrow("DELETE FROM session WHERE digest = $1 RETURNING *", presented.digest)
        assert row is not None
        made = row["made_at"] - age
        parts = SessionParts(row["id"], row["customer"], Way(row["way"]), made, made + LASTS, None)
        mac = keyring.mac(session_parts(presented.digest, parts))
        values = (row["id"], row["customer"], row["way"], made, made + LASTS, None, row["device"])
        await connection.execute(SQL["put"], presented.digest, *values, mac.version, mac.digest)
        await connection.execute("UPDATE session SET seen_at = clock_timestamp() WHERE id = $1", row["id"])


async def asleep(site: Site, her: Her, so_long: timedelta) -> None:
    """Let nothing have come from her for so long."""
    async with site.house.database.transaction() as connection:
        seen = "UPDATE session SET seen_at = clock_timestamp() - $2::interval WHERE digest = $1"
        await connection.execute(seen, _digest(her), so_long)


async def left(site: Site, her: Her) -> timedelta:
    """Return how long it is by the database until she is signed out if she presses nothing."""
    async with site.house.database.connection() as connection:
        row = await connection.fetchrow(SQL["session"], _digest(her), IDLE, IDLE, TOUCHED)
    assert row is not None
    found: timedelta = row["idle_ends_at"] - row["now"]
    return found


def _digest(her: Her) -> bytes:
    presented = read_secret(SESSION, her.session)
    assert presented is not None
    return presented.digest


async def test_two_minutes_before_the_end_one_press_keeps_her_and_what_she_typed(site: Site) -> None:
    her = await site.newcomer("rich")
    async with site.browsing(her) as context:
        page = await context.new_page()
        await page.clock.install()
        await page.goto("/use")
        await followed("a[href$='#ask']")(page)
        await page.locator("#q-text").fill(QUESTION)
        await nearly(page, 57)
        await expect(page.locator("#b-stay")).to_be_hidden()
        await nearly(page, 1)
        await expect(page.locator("#status")).to_contain_text(OUT)
        await expect(page.locator("#q-text")).to_be_focused()
        await asleep(site, her, timedelta(minutes=58))
        await page.locator("#b-stay").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("#status")).to_have_text("You stay signed in.")
        await expect(page.locator("#b-stay")).to_be_hidden()
        await expect(page.locator("#q-text")).to_be_focused()
        await expect(page.locator("#q-text")).to_have_value(QUESTION)
        assert await left(site, her) > timedelta(minutes=59)
        await nearly(page, 57)
        await expect(page.locator("#b-stay")).to_be_hidden()
        await nearly(page, 1)
        await expect(page.locator("#b-stay")).to_be_visible()


@pytest.mark.parametrize("path", ["/", "/use"])
async def test_whatever_else_she_presses_moves_the_end_on(site: Site, path: str) -> None:
    her = await site.newcomer("rich")
    async with site.browsing(her) as context:
        page = await context.new_page()
        await page.clock.install()
        await page.goto(path)
        await nearly(page, 57)
        if path == "/use":
            await page.evaluate("htmx.config.defaultSettleDelay = 60_000")  # the rest of the press may come late
            await page.locator("a[hx-get]").first.click()
            await page.locator(".opened #opened").first.wait_for()
        else:
            await press(page, "b-pause")
        await nearly(page, 57)
        await expect(page.locator("#b-stay")).to_be_hidden()
        await nearly(page, 1)
        await expect(page.locator("#b-stay")).to_be_visible()


async def test_a_day_after_she_signed_in_there_is_nothing_to_press(site: Site) -> None:
    her = await site.newcomer("new")
    await aged(site, her, LASTS - timedelta(minutes=10))
    async with site.browsing(her) as context:
        page = await context.new_page()
        await page.clock.install()
        await page.goto("/choices")
        await nearly(page, 7)
        await expect(page.locator("#status")).to_be_empty()
        await nearly(page, 1)
        await expect(page.locator("#status")).to_contain_text("a day after you signed in")
        assert await page.locator("#b-stay").count() == 0


async def test_who_presses_too_late_is_told_that_she_is_out_and_comes_back_to_where_she_was(site: Site) -> None:
    her = await site.newcomer("rich")
    async with site.open(her, SIMULATED) as page:
        await soon_out(page)
        await asleep(site, her, IDLE)
        await page.locator("#b-stay").click()
        await expect(page.locator("#status")).to_contain_text("You are signed out, and nothing was saved.")
        await page.reload()
        path, _, query = SIMULATED.partition("?")
        assert page.url == f"{site.address}/signin?{urlencode({'next': lasting(path, query)})}"


async def test_what_she_typed_and_has_not_sent_stays_whatever_else_she_presses(site: Site) -> None:
    her = await site.newcomer("rich")
    async with site.open(her, "/choices") as page:
        topic = page.locator("[name=newsletter_topics]").first
        await page.locator("#quiet-start").fill("22:00")
        await page.locator("#quiet-end").fill("07:00")
        await page.locator("#l-contact_frequency").select_option("monthly")
        await topic.check()
        for button, now in (
            ("b-pause", "On, but paused until"),
            (f"b-{WEB}", "Off since"),
            ("b-pause", "Pause everything"),
        ):
            await press(page, button)
            await expect(page.locator("body")).to_contain_text(now)
            await expect(page.locator("#quiet-start")).to_have_value("22:00")
            await expect(page.locator("#quiet-end")).to_have_value("07:00")
            await expect(page.locator("#l-contact_frequency")).to_have_value("monthly")
            await expect(topic).to_be_checked()
        await press(page, "b-preferences")
    kept = (await holds(site, her))["preferences"]
    assert kept["quiet_hours"].startswith("22:00-07:00 ")
    said = {each["attribute"]: each["value"] for each in kept["preferences"] if "value" in each}
    assert (said["contact_frequency"], len(said["newsletter_topics"])) == ("monthly", 1)


async def test_a_question_stays_while_she_pauses(site: Site) -> None:
    async with site.open(await site.newcomer("rich"), "/use") as page:
        await followed("a[href$='#ask']")(page)
        await page.locator("#q-text").fill(QUESTION)
        await press(page, "b-pause")
        await expect(page.locator("#q-text")).to_have_value(QUESTION)


async def test_what_she_has_not_touched_is_as_new_as_the_page(site: Site) -> None:
    her = await site.newcomer("rich")
    async with site.open(her, "/choices") as page, site.open(her, "/choices") as elsewhere:
        await page.locator("#quiet-start").fill("22:00")
        await page.locator("#quiet-end").fill("07:00")
        await press(page, "b-preferences")
        await elsewhere.reload()
        await elsewhere.locator("#quiet-start").fill("21:00")
        await elsewhere.locator("#l-contact_frequency").select_option("weekly")
        await press(elsewhere, "b-preferences")
        await press(page, "b-pause")
        await expect(page.locator("#quiet-start")).to_have_value("21:00")
        await expect(page.locator("#l-contact_frequency")).to_have_value("weekly")

"""A passkey is made and used in a real browser, with a device that the browser pretends to have."""

from playwright.async_api import Page, expect

from tests.browser.site import Site

DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


async def _with_a_device(page: Page) -> None:
    """Give the browser of a page a device that says yes to everything."""
    session = await page.context.new_cdp_session(page)
    await session.send("WebAuthn.enable")
    await session.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})


async def test_she_makes_a_passkey_signs_out_and_comes_back_with_it(site: Site) -> None:
    async with site.open(await site.newcomer("rich"), "/me") as page:
        await _with_a_device(page)
        await page.locator("#passkey-label").fill("My phone")
        await page.locator("#b-passkey").click()
        await expect(page.locator("#status")).to_contain_text("The passkey is saved.")
        await expect(page.locator("main")).to_contain_text("My phone")
        await page.get_by_role("button", name="Sign out", exact=True).click()
        await expect(page.locator("#status")).to_contain_text("You are signed out.")
        await page.goto("/signin")
        await page.locator("#b-passkey").click()
        await expect(page.locator("#status")).to_contain_text("You are signed in.")
        await expect(page.locator("h1")).to_have_text("Your data, at a glance")


async def test_a_device_that_does_not_answer_leaves_the_page_and_says_so(site: Site) -> None:
    async with site.open(None, "/signin") as page:
        await _with_a_device(page)
        await page.locator("#b-passkey").click()
        await expect(page.locator("#status")).to_contain_text("Your device did not answer.")

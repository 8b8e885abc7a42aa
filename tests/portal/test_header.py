"""The top of every page: whose pages these are, masked, and until when a pause holds, of whichever profile."""

import httpx
import pytest

from service.app import House
from service.model.callers import CustomerCaller
from service.model.identifiers import identifier
from service.model.words import IdentifierKind
from service.portal.data import fields_of
from service.storage import customers
from service.usecases import merges
from tests.conftest import OPERATOR, Api, Owner, Person, enrol
from tests.portal.conftest import Browser, session_of, token_of
from tests.security.conftest import id_of

FACT = f"/data/fact?{httpx.QueryParams(fields_of('first_name#volunteered@shop'))}"
PAGES = ["/", "/choices", "/data", "/use", "/receipts", "/me", "/simulate", "/help", FACT]


async def known_by(api: Api, house: House, owner: Owner, **identifiers: str) -> str:
    """Return by what somebody is known at the top of a page, who has these identifiers."""
    answer = await api.post("/v1/customers", "shop", {"identifiers": identifiers, "age_band": "adult"})
    customer = await owner.fetchval("SELECT customer FROM pairwise WHERE id = $1", answer["customer"])
    return (await house.actions.header(CustomerCaller(customer, proven=True))).known_by


@pytest.mark.parametrize("path", PAGES)
async def test_it_says_whose_page_it_is_and_only_her_own_page_says_all_of_it(
    her: Browser, abbie: Person, path: str
) -> None:
    name, _, domain = abbie.email.partition("@")
    page = await her.get(path)
    assert f"My ways in , signed in as {name[0]}…@{domain}" in page.text
    assert (abbie.email in page.text) == (path == "/me")


async def test_an_address_comes_before_a_number_and_a_number_before_a_card(
    api: Api, house: House, owner: Owner
) -> None:
    assert await known_by(api, house, owner, phone="+447700900321", email="una@example.com") == "u…@example.com"
    assert await known_by(api, house, owner, loyalty="QQ112233", phone="+447700900322") == "…0322"
    assert await known_by(api, house, owner, loyalty="QQ445566") == "…5566"


async def test_a_checked_address_comes_before_an_older_one_and_no_repr_says_it(
    house: House, abbie: Person, owner: Owner
) -> None:
    her, keyring = CustomerCaller(await id_of(owner, abbie), proven=True), await house.keys()
    checked = identifier(IdentifierKind.EMAIL, "vera@work.example")
    async with house.database.transaction() as connection:
        key, now = await customers.open_key(connection, keyring, her.customer), await customers.clock(connection)
        await customers.put_identifier(connection, keyring, her.customer, key, checked, now)
    found = await house.actions.header(her)
    assert found.known_by == "v…@work.example"
    assert "work" not in repr(found)


async def test_a_page_is_shown_where_it_cannot_be_opened_or_nothing_is_there(her: Browser, owner: Owner) -> None:
    await owner.execute("UPDATE identifier SET sealed = 'x'")
    page = await her.get("/choices")
    assert page.response.status_code == 200
    assert "signed in as" not in page.text
    await owner.execute("UPDATE identifier SET mac = 'x'")
    assert (await her.get("/choices")).response.status_code == 200


@pytest.mark.parametrize("path", PAGES)
async def test_a_pause_leads_back_to_the_page_that_she_is_on(her: Browser, path: str) -> None:
    page = await her.press(await her.get(path), "b-pause")
    assert page.response.status_code == 200
    assert "Paused for 30 days." in page.text
    assert her.led_to.startswith(path)


async def test_a_pause_of_her_other_profile_is_said_and_is_not_hers_to_end(
    her: Browser, abbie: Person, api: Api, house: House
) -> None:
    other = await enrol(api, "zephyrine@example.com", {})
    sides = [identifier(IdentifierKind.EMAIL, each.email) for each in (abbie, other)]
    there = Browser(her.client, await session_of(house, other), await token_of(house, other))
    await there.press(await there.get("/"), "b-pause")
    assert "Paused" not in (await her.get("/")).text
    await merges.merge(house.database, await house.keys(), OPERATOR, (sides[0], sides[1]))
    page = await her.get("/")
    assert "by another profile of yours Pause everything" in page.text
    assert "nobody uses your data for offers or picks. Another profile of yours says so." in page.text
    page = await her.press(await her.press(page, "b-pause"), "b-pause")
    assert "Your pause here is over. The one of your other profile still counts." in page.text
    assert "by another profile" not in (await there.get("/")).text
    assert "Paused until" in (await there.get("/")).text


async def test_to_stay_leads_back_to_the_page_and_whoever_is_out_is_told(her: Browser, stranger: Browser) -> None:
    page = await her.get("/use?refused=yes")
    response = await her.press(page, "b-stay")
    assert her.led_to == "/use?refused=yes&done=stayed#status"
    assert "You stay signed in." in response.text
    late = await stranger.post("/stay", [])
    assert late.status_code == 401
    assert "You are signed out" in late.text

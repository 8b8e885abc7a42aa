"""The page of a message's link: one press stops it, for anybody and without keys; looking does and shows nothing."""

from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.app import House
from service.portal import words
from service.portal.door import ROUTES
from service.portal.pages import environment
from service.usecases.policies import publish
from tests.conftest import OPERATOR, Api, Owner, Person, allow
from tests.houses import reaching
from tests.portal.conftest import BASE, Browser
from tests.pseudo import Strange, bare_words, company_in, company_of
from tests.reading import unsaid

FORM = {"content-type": "application/x-www-form-urlencoded"}
ONE_CLICK = "List-Unsubscribe=One-Click"
BOUNDED = '--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n'
MEDIA = [FORM["content-type"], "multipart/form-data; boundary=b"]
NEWSLETTER = "market.newsletter"


@pytest.fixture
async def address(api: Api, abbie: Person) -> str:
    """Where the link of Abbie's newsletter leads."""
    await allow(api, abbie, NEWSLETTER, "email")
    hers = (await api.post("/v1/customers", "newsletter", {"identifiers": {"email": abbie.email}}))["customer"]
    body = {"customers": [hers], "purpose": NEWSLETTER, "channel": "email"}
    (link,) = (await api.post("/v1/links", "newsletter", body))["links"]
    return "/n/" + str(link["link"]["url"]).rpartition("/")[2]


async def stands(owner: Owner) -> dict[str, str]:
    return {row["purpose"]: row["status"] for row in await owner.fetch("SELECT purpose, status FROM consent")}


async def everything(owner: Owner) -> list[str]:
    tables = ("consent", "consent_event", "choice_event", "restrictions", "queue", "customer", "message_link")
    return [str(await owner.fetch(f"SELECT * FROM {table} ORDER BY 1, 2")) for table in tables]  # noqa: S608  ours


async def test_a_mail_program_presses_without_the_page_and_it_holds_at_once(
    stranger: Browser, address: str, owner: Owner
) -> None:
    for content, media in ((ONE_CLICK, FORM["content-type"]), (BOUNDED, "multipart/form-data; boundary=b")):
        await owner.execute("UPDATE consent SET status = 'given'")
        response = await stranger.client.post(address, content=content, headers={"content-type": media})
        assert response.status_code == 200, response.text
        assert "Stopped. These messages end now." in response.text
        assert "set-cookie" not in response.headers
        assert (await stands(owner))[NEWSLETTER] == "withdrawn"
    assert (await stands(owner))["personalise.recommendations"] == "given"


async def test_one_button_stops_it_and_two_more_stop_more(
    stranger: Browser, address: str, owner: Owner, api: Api, abbie: Person
) -> None:
    page = await stranger.get(address)
    assert "Our newsletter, by e-mail" in page.text
    assert (await stands(owner))[NEWSLETTER] == "given"
    page = await stranger.press(page, "b-stop")
    assert "Stopped. These messages end now." in page.text
    assert await stands(owner) == {NEWSLETTER: "withdrawn", "personalise.recommendations": "given"}
    page = await stranger.press(page, "b-marketing")
    assert "Stopped. All marketing ends now." in page.text
    assert (await stands(owner))["market.phone-offers"] == "withdrawn"
    page = await stranger.press(page, "b-peace")
    assert "Paused for 30 days." in page.text
    assert await owner.fetchval("SELECT paused_until > now() + interval '29 days' FROM restrictions")


async def test_what_its_address_says_was_done_takes_no_button_away(
    stranger: Browser, address: str, owner: Owner, api: Api, abbie: Person
) -> None:
    await stranger.press(await stranger.get(address), "b-stop")
    await allow(api, abbie, NEWSLETTER, "email")
    page = await stranger.get(stranger.led_to)
    assert "Stopped. These messages end now." in page.text
    assert "It is stopped" not in page.text
    await stranger.press(page, "b-stop")
    assert (await stands(owner))[NEWSLETTER] == "withdrawn"


async def test_looking_changes_nothing_and_shows_nothing_of_hers(
    stranger: Browser, her: Browser, address: str, owner: Owner, abbie: Person
) -> None:
    before = await everything(owner)
    one = await stranger.get(address)
    # Also to herself it shows what anybody would see, before and after, whatever she said.
    two = await her.get(address)
    assert one.response.text == two.response.text
    assert await everything(owner) == before
    for word in ("Abbie", "Harbour Street", abbie.email, "crime", "Paused", "given", "withdrawn", abbie.at_shop):
        assert word not in one.response.text
    await stranger.press(one, "b-stop")
    assert (await stranger.get(address)).response.text == one.response.text
    assert one.response.headers["x-robots-tag"] == "noindex"
    assert one.response.headers["referrer-policy"] == "same-origin"
    assert (await stranger.client.head(address)).status_code in (200, 405)


async def test_it_works_while_no_key_and_no_policy_can_be_used(
    address: str, owner: Owner, house: House, tmp_path: Path
) -> None:
    await owner.execute("UPDATE publication SET bundle = 'unreadable'")
    keyless = House(house.database, tmp_path / "away.key")
    async with httpx.AsyncClient(transport=reaching(keyless), base_url=BASE) as client:
        browser = Browser(client)
        page = await browser.get(address)
        assert page.response.status_code == 200
        assert "What the message was about" in page.text
        assert "Stopped." in (await browser.press(page, "b-stop")).text
        assert (await stands(owner))[NEWSLETTER] == "withdrawn"
        done = await client.post(address, content=ONE_CLICK, headers=FORM)
        assert done.status_code == 200
    async with house.database.connection() as connection:
        assert await unsaid(connection, await house.keys()) == []


@pytest.mark.parametrize("token", ["a" * 52, "x", "a" * 51, "%00", "A" * 52, "a" * 3000, "..%2f", "é"])
async def test_a_link_that_is_none_says_so_kindly(token: str, stranger: Browser, abbie: Person) -> None:
    for response in (
        await stranger.client.get(f"/n/{token}"),
        await stranger.client.post(f"/n/{token}", content=ONE_CLICK, headers=FORM),
    ):
        assert response.status_code == 404
        assert "text/html" in response.headers["content-type"]
    assert "This link does not work any more" in (await stranger.client.get(f"/n/{'a' * 52}")).text


ODD = [
    ("", FORM["content-type"], 422),
    ("List-Unsubscribe=One-Click&x=1", FORM["content-type"], 422),
    ("List-Unsubscribe=Two-Clicks", FORM["content-type"], 422),
    ("no=stop&no=pause", FORM["content-type"], 422),
    ("no=everything", FORM["content-type"], 422),
    ("no=given", FORM["content-type"], 422),
    ("no=%ff", FORM["content-type"], 422),
    ("{}", "application/json", 415),
    (ONE_CLICK, "text/plain", 415),
    (ONE_CLICK, "", 415),
    (BOUNDED, "multipart/form-data", 400),
    (BOUNDED.replace('Unsubscribe"', 'Unsubscribe"; filename="x"'), "multipart/form-data; boundary=b", 422),
    ("x" * 70_000, FORM["content-type"], 413),
]


@pytest.mark.parametrize(("content", "media", "status"), ODD)
async def test_anything_odd_is_a_page_that_says_so_and_changes_nothing(
    content: str, media: str, status: int, stranger: Browser, address: str, owner: Owner
) -> None:
    before = await everything(owner)
    response = await stranger.client.post(address, content=content, headers={"content-type": media} if media else {})
    assert response.status_code == status, response.text
    assert "text/html" in response.headers["content-type"]
    assert await everything(owner) == before


@given(
    content=st.binary(max_size=200), media=st.sampled_from([FORM["content-type"], "multipart/form-data; boundary=b"])
)
@settings(max_examples=80, suppress_health_check=list(HealthCheck))
async def test_no_body_is_a_fault_of_ours(content: bytes, media: str, stranger: Browser, address: str) -> None:
    for whole in (content, b"--b\r\n" + content, BOUNDED.encode()[:40] + content):
        response = await stranger.client.post(address, content=whole, headers={"content-type": media})
        assert response.status_code < 500, (whole, response.text)


async def test_its_token_is_no_session_on_any_page(stranger: Browser, address: str, owner: Owner) -> None:
    token, before = address.rpartition("/")[2], await everything(owner)
    for cookie in (token, f"byt_{token}", f"byt_{token}_00000000"):
        headers = {"cookie": f"__Host-session={cookie}"}
        for route in ROUTES:
            (path,) = route.paths
            for method in route.http_methods - {"HEAD"}:
                response = await stranger.client.request(
                    method, path.partition("{")[0].rstrip("/") or "/", headers=headers
                )
                assert response.status_code < 500
                assert "Abbie" not in response.text
                assert "crime" not in response.text
    assert await everything(owner) == before


@pytest.mark.parametrize("strange", ["el", "ar"])
async def test_it_shows_no_word_that_was_not_translated(
    strange: str, stranger: Browser, address: str, house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(words.LANGUAGES, strange, Strange())
    environment.cache_clear()
    await publish(house.database, await house.keys(), OPERATOR, company_in(strange, tmp_path))
    company = company_of((await house.library.current()).catalogue)
    for path, status in ((address, 200), (f"{address}?done=stopped&", 200), (f"/n/{'a' * 52}", 404)):
        page = await stranger.get(f"{path}{'' if path.endswith('&') else '?'}language={strange}")
        assert page.response.status_code == status
        assert bare_words(page.response.text, company) == [], path
    environment.cache_clear()

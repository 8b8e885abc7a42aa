"""The pages of signing in, as a browser without JavaScript sees them, and as a stranger tries them."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from litestar import Request

from service.app import House
from service.database import Database
from service.entrance import Outside
from service.mail import MailServer
from service.model.signin import Ways
from service.portal.doorstep import network
from service.portal.visit import COOKIE
from service.provider import Provider
from tests.authenticator import Authenticator
from tests.conftest import Api, Owner, Person, Template
from tests.houses import reaching
from tests.mailing import Mailbox, Received, mail_arriving
from tests.passing_time import Clock, early_in_a_quarter
from tests.portal.conftest import BASE, Browser, Page

ASK = [("email", "abbie@example.com")]


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    """Everybody's mailbox."""
    async with mail_arriving() as box:
        yield box


@pytest.fixture
def house(database: Database, template: Template, mailbox: Mailbox) -> House:
    """A house that can send mail."""
    server = MailServer("127.0.0.1", mailbox.port, "none", "no-reply@harbour.example")
    return House(database, template.root_key_file).reaching(Outside(BASE, server))


@pytest.fixture
async def visitor(house: House, mailbox: Mailbox, abbie: Person) -> AsyncIterator["Visitor"]:
    """Somebody before the door, who reads every mail."""
    async with httpx.AsyncClient(transport=reaching(house), base_url=BASE) as client:
        yield Visitor(Browser(client), house, mailbox)


class Visitor:
    """A browser that keeps its cookie, and a mailbox."""

    def __init__(self, browser: Browser, house: House, mailbox: Mailbox) -> None:
        self.browser = browser
        self.house = house
        self.mailbox = mailbox

    async def ask(self, email: str = "abbie@example.com") -> Page:
        return await self.send("/signin", [("email", email)])

    async def mail(self) -> Received:
        assert self.house.entrance.post_office is not None
        await self.house.entrance.post_office.emptied(10)
        return self.mailbox.received[-1]

    async def send(self, path: str, fields: list[tuple[str, str]], status: int = 200) -> Page:
        response = await self.browser.post(path, fields)
        assert response.status_code == status, response.text
        self.keep(response)
        return Page(response)

    async def press(self, page: Page, button: str, **changes: str) -> httpx.Response:
        form = page.form_of(button)
        named = {name for name, _ in form.fields}
        fields = [(name, changes.get(name, value)) for name, value in form.fields]
        fields += [(name, value) for name, value in changes.items() if name not in named]
        response = await self.browser.post(form.action, fields)
        self.keep(response)
        return response

    def keep(self, response: httpx.Response) -> None:
        cookie = response.headers.get("set-cookie", "")
        if cookie.startswith(f"{COOKIE}="):
            value = cookie.partition(";")[0].partition("=")[2]
            self.browser.headers = {"cookie": f"{COOKIE}={value}"} if value else {}
        self.browser.client.cookies.clear()  # which cookie is sent is this browser's to say

    async def sign_in(self) -> httpx.Response:
        return await self.press(await self.ask(), "b-code", code=(await self.mail()).code)


async def test_she_signs_in_with_the_code_of_a_mail_and_out_again(visitor: Visitor) -> None:
    response = await visitor.sign_in()
    assert (response.status_code, response.headers["location"]) == (303, "/?done=signed-in")
    cookie = response.headers["set-cookie"]
    assert cookie.startswith("__Host-session=bys_")
    assert cookie.endswith("; Path=/; Secure; HttpOnly; SameSite=Lax")
    page = await visitor.browser.get("/?done=signed-in")
    assert "You are signed in." in page.text
    page = await visitor.browser.get("/me")
    response = await visitor.browser.post("/signout", [page.forms[0].fields[0]])
    assert response.headers["location"] == "/signin?done=signed-out"
    assert "Max-Age=0" in response.headers["set-cookie"]
    assert (await visitor.browser.client.get("/", headers=visitor.browser.headers)).status_code == 303


async def test_a_letter_is_text_and_no_page(visitor: Visitor) -> None:
    await visitor.ask()
    letter = (await visitor.mail()).message
    assert letter["Subject"] == "Your code for Harbour Books & Travel"
    assert letter.get_content_type() == "text/plain"


async def test_she_goes_on_to_where_she_wanted_and_never_to_another_site(visitor: Visitor) -> None:
    page = await visitor.browser.get("/signin?next=/choices")
    page = Page(await visitor.press(page, "b-ask", email="abbie@example.com"))
    response = await visitor.press(page, "b-code", code=(await visitor.mail()).code)
    assert response.headers["location"] == "/choices?done=signed-in"


@pytest.mark.parametrize(
    "onward", ["https://evil.example", "//evil.example", "/\\evil.example", "/a?//b", "x", "/a//b"]
)
async def test_an_address_that_leads_elsewhere_leads_to_the_first_page(visitor: Visitor, onward: str) -> None:
    page = await visitor.browser.get(f"/signin?{httpx.QueryParams({'next': onward})}")
    assert dict(page.form_of("b-ask").fields).get("next", "/") == "/"
    page = await visitor.send("/signin", [*ASK, ("next", onward)])
    response = await visitor.press(page, "b-code", code=(await visitor.mail()).code, next=onward)
    assert response.headers["location"] == "/?done=signed-in"


async def test_a_wrong_code_is_said_on_the_page_and_the_right_one_still_counts(visitor: Visitor) -> None:
    page = await visitor.ask()
    code = (await visitor.mail()).code
    response = await visitor.press(page, "b-code", code="000000" if code != "000000" else "111111")
    assert response.status_code == 422
    assert "That is not the code." in Page(response).text
    assert (await visitor.press(Page(response), "b-code", code=code)).status_code == 303


async def test_known_or_not_the_pages_are_the_same_and_the_mail_says_only_to_its_reader(visitor: Visitor) -> None:
    seen = []
    for email in ("abbie@example.com", "nobody@example.com"):
        response = await visitor.browser.post("/signin", [("email", email)])
        waiting = dict(Page(response).form_of("b-code").fields)["waiting"]
        wrong = await visitor.browser.post("/signin/code", [("waiting", waiting), ("code", "12345")])
        for each in (response, wrong):
            each.headers.pop("content-length", "")
            seen.append((each.status_code, dict(each.headers), each.text.replace(waiting, "")))
    assert seen[:2] == seen[2:]
    mails = {mail.to[0]: mail for mail in [await visitor.mail(), *visitor.mailbox.received]}
    assert mails["abbie@example.com"].code
    assert mails["abbie@example.com"].link
    unknown = mails["nobody@example.com"]
    assert (unknown.code, unknown.link) == ("", "")
    assert "We know nobody by this address alone" in unknown.text


async def test_a_mail_server_that_is_down_changes_nothing_on_the_page(
    database: Database, template: Template, abbie: Person
) -> None:
    away = Outside(BASE, MailServer("127.0.0.1", 1, "none", "no-reply@harbour.example"))
    house = House(database, template.root_key_file).reaching(away)
    async with httpx.AsyncClient(transport=reaching(house), base_url=BASE) as client:
        response = await Browser(client).post("/signin", ASK)
    assert response.status_code == 200
    assert "Look into your e-mail" in response.text


async def test_programs_that_open_links_use_nothing_up(visitor: Visitor, owner: Owner) -> None:
    await visitor.ask()
    link = (await visitor.mail()).link
    for method in ("GET", "HEAD", "OPTIONS"):
        for _ in range(3):
            await visitor.browser.client.request(method, f"/signin/link/{link}")
    assert await owner.fetchval("SELECT count(*) FROM session") == 0
    page = await visitor.browser.get(f"/signin/link/{link}")
    assert [form.buttons for form in page.forms] == [["b-link"]]
    response = await visitor.press(page, "b-link")
    assert response.headers["location"] == "/?done=signed-in"
    visitor.browser.headers = {}
    for again in (await visitor.press(page, "b-link"), await visitor.browser.client.get(f"/signin/link/{link}")):
        assert again.status_code == 409
        assert "used up" in again.text


async def test_looking_at_every_page_changes_nothing(visitor: Visitor, owner: Owner) -> None:
    tables = ("session", "sign_in", "rate", "passkey", "queue")
    await visitor.sign_in()

    async def contents() -> list[object]:
        return [await owner.fetch(f"SELECT t::text FROM {table} t ORDER BY 1") for table in tables]  # noqa: S608  ours

    before = await contents()
    for path in ("/signin", "/signin/again", "/me", "/signin/oidc/callback?code=x&state=y", "/signin/link/byo_x"):
        await visitor.browser.get(path)
        await visitor.browser.client.get(path)
    assert await contents() == before


async def test_another_site_signs_nobody_in_and_nobody_out(visitor: Visitor) -> None:
    await visitor.sign_in()
    for path in ("/signin", "/signin/code", "/signin/link", "/signin/passkey", "/signin/oidc", "/signout", "/away"):
        response = await visitor.browser.post(path, ASK, origin="https://evil.example")
        assert response.status_code == 403
        response = await visitor.browser.post(path, ASK)
        assert response.status_code == 403  # signed in: and no token of the session


@pytest.mark.parametrize("email", ["", "x", "a@b", "a@b.example, c@d.example", "x" * 300 + "@example.com", "🦊"])
async def test_what_is_no_address_is_said_on_the_page(visitor: Visitor, email: str) -> None:
    page = await visitor.send("/signin", [("email", email)], status=422)
    assert "This does not look like an e-mail address." in page.text
    assert "b-ask" in page.form_of("b-ask").buttons


@pytest.mark.parametrize(
    "path", ["/signin/code", "/signin/link", "/signin/passkey", "/signin/oidc", "/signin/again/code"]
)
async def test_nonsense_is_refused_in_words(visitor: Visitor, path: str) -> None:
    for fields in (
        [],
        [("waiting", "x"), ("code", "y"), ("answer", "z"), ("link", "l"), ("state", "s")],
        [("link", "x")],
    ):
        response = await visitor.browser.post(path, fields)
        assert 400 <= response.status_code < 500, response.text
        assert "<h1>" in response.text


async def test_too_many_tries_are_told_to_wait(visitor: Visitor, owner: Owner) -> None:
    await early_in_a_quarter(owner)
    for _ in range(4):
        await visitor.ask()
    response = await visitor.browser.post("/signin", ASK)
    assert response.status_code == 429
    assert 0 < int(response.headers["retry-after"]) <= 900
    assert "Please wait a little" in response.text


async def test_who_comes_back_from_elsewhere_too_often_is_told_to_wait(house: House, owner: Owner) -> None:
    await early_in_a_quarter(owner)
    harbour = Provider("https://id.example", "portal", "secret", "Harbour", "email=email", BASE)
    async with httpx.AsyncClient(transport=reaching(house.reaching(Outside(BASE, provider=harbour)))) as client:
        client.base_url = httpx.URL(BASE)
        said = [(await Browser(client).post("/signin/oidc", [("state", "x")])).status_code for _ in range(41)]
    assert said == [403] * 40 + [429]


async def test_after_the_codes_of_a_day_a_link_is_sent_and_signs_her_in(visitor: Visitor, owner: Owner) -> None:
    await visitor.ask()
    await owner.execute("UPDATE rate SET times = 20 WHERE until - since = interval '1 day'")
    pages = [await visitor.ask(), await visitor.ask("nobody@example.com")]
    assert "a link is on its way" in pages[0].text
    await owner.execute("UPDATE rate SET times = 20 WHERE until - since = interval '1 day'")
    mails = {mail.to[0]: mail for mail in [await visitor.mail(), *visitor.mailbox.received]}
    link = next(mail.link for mail in visitor.mailbox.received if mail.link and not mail.code)
    assert "We know nobody by this address alone" in mails["nobody@example.com"].text
    response = await visitor.press(await visitor.browser.get(f"/signin/link/{link}"), "b-link")
    assert response.headers["location"] == "/?done=signed-in"


async def test_a_passkey_is_asked_for_and_used_by_what_a_script_sends(visitor: Visitor) -> None:
    await visitor.sign_in()
    device = Authenticator(BASE)
    page = await visitor.browser.get("/me")
    token = page.form_of("b-passkey").fields[0]
    asked = (await visitor.browser.post("/me/passkeys/ask", [token])).json()
    answer = [("waiting", asked["waiting"]), ("answer", device.make(asked["options"])), ("label", "My phone")]
    response = await visitor.browser.post("/me/passkeys", [token, *answer])
    assert response.headers["location"].startswith("/me?done=passkey-added&entry=ent_")
    visitor.browser.headers = {}
    asked = (await visitor.browser.post("/signin/passkey/ask", [])).json()
    answer = [("waiting", asked["waiting"]), ("answer", device.use(asked["options"])), ("next", "/me")]
    response = await visitor.browser.post("/signin/passkey", answer)
    visitor.keep(response)
    assert response.headers["location"] == "/me?done=signed-in"
    page = await visitor.browser.get("/me")
    assert "My phone" in page.text
    button = next(b for form in page.forms for b in form.buttons if b.startswith("b-idn_"))
    page = await visitor.browser.press(page, button)
    assert "Look at the passkeys below, and remove what you do not know." in page.text


async def test_without_a_mail_server_nobody_is_asked_for_an_address(stranger: Browser, house: House) -> None:
    plain = house.reaching(Outside(BASE))
    async with httpx.AsyncClient(transport=reaching(plain), base_url=BASE) as client:
        browser = Browser(client)
        assert "b-ask" not in {button for form in (await browser.get("/signin")).forms for button in form.buttons}
        assert (await browser.post("/signin", ASK)).status_code == 404


async def test_no_secret_and_no_address_is_in_a_log(
    visitor: Visitor, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    page = await visitor.ask()
    mail = await visitor.mail()
    await visitor.press(page, "b-code", code="999999" if mail.code != "999999" else "888888")
    await visitor.browser.get(f"/signin/link/{mail.link}")
    await visitor.press(page, "b-code", code=mail.code)
    await visitor.browser.get(f"/signin/link/{mail.link}")
    told = "".join(capfd.readouterr())
    assert "wrong-code" in told
    for secret in ("abbie@", mail.link, dict(page.form_of("b-code").fields)["waiting"], "byw_", "bys_"):
        assert secret not in told
    assert not re.search(rf"(?<![.\d]){mail.code}(?!\d)", told)  # a fraction of a second is one by chance


# --- once more, and my ways in ---


async def test_she_adds_an_address_by_its_code(visitor: Visitor) -> None:
    await visitor.sign_in()
    page = Page(await visitor.press(await visitor.browser.get("/me"), "b-address", email="Second@Example.com"))
    mail = await visitor.mail()
    assert mail.to == ["second@example.com"]
    assert not mail.link
    response = await visitor.press(page, "b-code", code=mail.code)
    assert response.headers["location"].startswith("/me?done=address-added")
    assert "second@example.com E-mail address." in (await visitor.browser.get("/me")).text


async def test_she_says_that_an_identifier_is_not_hers(visitor: Visitor) -> None:
    await visitor.sign_in()
    page = await visitor.browser.get("/me")
    button = next(b for form in page.forms for b in form.buttons if b.startswith("b-idn_"))
    page = await visitor.browser.press(page, button)
    assert "Removed. Nobody finds you by it from now on, and you are signed out everywhere else." in page.text
    assert "Look at the passkeys below" not in page.text
    assert "abbie@example.com" not in page.text
    assert page.text.count("Sign out there") == 0


async def test_who_signs_in_anew_leaves_no_session_behind(visitor: Visitor, owner: Owner) -> None:
    page = await visitor.ask()
    code = (await visitor.mail()).code
    link = (await visitor.mail()).link
    assert link
    await visitor.press(page, "b-code", code=code)
    await visitor.browser.client.get("/")
    token = (await visitor.browser.get("/me")).forms[0].fields[0]
    page = await visitor.send("/signin", [*ASK, token])
    response = await visitor.press(page, "b-code", code=(await visitor.mail()).code)
    assert response.headers["location"] == "/?done=signed-in"
    assert await owner.fetchval("SELECT count(*) FROM session") == 1


async def test_she_sees_her_sessions_and_ends_the_others(visitor: Visitor) -> None:
    await visitor.sign_in()
    first = visitor.browser.headers
    await visitor.browser.post("/signout", [])
    visitor.browser.headers = {}
    await visitor.sign_in()
    page = await visitor.browser.get("/me", **{"user-agent": "Mozilla/5.0 Firefox/140.0"})
    assert page.text.count("Sign out there") == 1
    assert "this one" in page.text
    page = await visitor.browser.press(page, "b-others")
    assert "Signed out everywhere else." in page.text
    assert (await visitor.browser.client.get("/", headers=first)).status_code == 303
    assert (await visitor.browser.client.get("/", headers=visitor.browser.headers)).status_code == 200


async def test_leaving_quickly_signs_out_and_shows_nothing_of_us(visitor: Visitor) -> None:
    await visitor.sign_in()
    response = await visitor.press(await visitor.browser.get("/me"), "b-away")
    assert response.status_code == 200
    assert "Harbour" not in response.text
    assert "/static" not in response.text
    assert (await visitor.browser.client.get("/me", headers=visitor.browser.headers)).status_code == 303


# --- what a session alone does not open, and what it opens without keys ---


async def test_what_needs_a_fresh_proof_leads_to_it_and_back(
    house: House, mailbox: Mailbox, abbie: Person, superuser_url: str
) -> None:
    clock = Clock(superuser_url)
    await clock.install()
    async with httpx.AsyncClient(transport=reaching(house), base_url=BASE) as client:
        visitor = Visitor(Browser(client), house, mailbox)
        await visitor.sign_in()
        page = await visitor.browser.get("/me")
        await clock.later(minutes=6)
        form = page.form_of("b-address")
        response = await visitor.browser.post(
            form.action, [*form.fields, ("email", "x@example.com")], referer=f"{BASE}/me"
        )
        assert (response.status_code, response.headers["location"]) == (303, "/signin/again?next=%2Fme")
        assert "b-address" not in {b for each in (await visitor.browser.get("/me")).forms for b in each.buttons}
        again = await visitor.browser.get(response.headers["location"])
        button = next(b for each in again.forms for b in each.buttons if b.startswith("b-idn_"))
        waiting = Page(await visitor.press(again, button))
        wrong = await visitor.press(waiting, "b-code", code="12345")
        assert (wrong.status_code, "That is not the code." in Page(wrong).text) == (422, True)
        response = await visitor.press(waiting, "b-code", code=(await visitor.mail()).code)
        assert response.headers["location"] == "/me?done=proved"
        assert "b-address" in {b for each in (await visitor.browser.get("/me")).forms for b in each.buttons}


async def test_without_keys_a_session_says_no_and_signs_out_and_sees_nothing(
    database: Database, house: House, visitor: Visitor, api: Api, abbie: Person, tmp_path: Path
) -> None:
    await visitor.sign_in()
    form = (await visitor.browser.get("/choices")).form_of("b-personalise.recommendations-web")
    keyless = House(database, tmp_path / "gone.key")
    async with httpx.AsyncClient(transport=reaching(keyless), base_url=BASE) as client:
        browser = Browser(client)
        browser.headers = visitor.browser.headers
        assert (await browser.get("/me")).response.status_code == 503
        fields = [each for each in form.fields if each[0] in {"token", "purpose", "channel"}]
        response = await browser.post(form.action, [*fields, ("answer", "stop")])
        assert response.status_code == 303
        assert (await browser.post("/pause", [*fields[:1], ("pause", "start")])).status_code == 303
        assert (await browser.post("/signout", fields[:1])).status_code == 303
    asked = {"purpose": "personalise.recommendations", "channel": "web", "attributes": ["first_name"]}
    answer = await api.post("/v1/releases", "recommender", asked | {"customer": {"id": abbie.at_recommender}})
    assert answer["decision"] == "deny"
    assert (await visitor.browser.client.get("/", headers=visitor.browser.headers)).status_code == 303


@pytest.mark.parametrize(
    ("proxies", "heard", "meant"),
    [
        (0, "203.0.113.9", "127.0.0.1"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "10.0.0.1, 203.0.113.9", "203.0.113.9"),
        (2, "10.0.0.1, 203.0.113.9, 198.51.100.1", "203.0.113.9"),
        (2, "203.0.113.9", "127.0.0.1"),
        (1, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (1, "::ffff:203.0.113.9", "203.0.113.9"),
        (1, "203.0.113.9:4711", "203.0.113.9"),
        (1, "[2001:db8:1:2::9]:443", "2001:db8:1:2::/64"),
        (1, "[2001:db8:1:2::9]", "2001:db8:1:2::/64"),
        (1, "fe80::1%eth0", "fe80::/64"),
        (1, "[]:443", "127.0.0.1"),
        (1, "unknown", "127.0.0.1"),
        (1, "not an address", "127.0.0.1"),
        (1, "192.0.2.1\n203.0.113.9", "203.0.113.9"),
        (2, "192.0.2.1, 203.0.113.9\n198.51.100.1", "203.0.113.9"),
    ],
)
async def test_tries_are_counted_by_who_is_beyond_the_proxies(proxies: int, heard: str, meant: str) -> None:
    lines = [(b"x-forwarded-for", line.encode()) for line in heard.splitlines()]
    scope = {"type": "http", "headers": lines, "client": ("127.0.0.1", 5)}

    class Told:
        async def ways(self) -> Ways:
            return Ways(mail=True, elsewhere=None, public_url=BASE, proxies=proxies)

    assert await network(Request(scope), Told()) == meant  # type: ignore[arg-type]  # all that is asked of either

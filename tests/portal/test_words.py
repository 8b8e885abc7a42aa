"""The portal's words: all of them translated, plain in every language, none left out on any page."""

import re
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime
from itertools import product
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from hypothesis import given
from hypothesis import strategies as st

from service.app import House
from service.model.receipt_text import WORDS
from service.policy.engine import Policies
from service.policy.readability import HARDEST, average_sentence, faults_of_words, grade
from service.policy.wording import LONGEST
from service.portal import pages, words
from service.portal.carrying import carried
from service.portal.door import ROUTES
from service.portal.look import Look
from service.portal.pages import environment
from service.portal.visit import Visit
from service.portal.words import chosen, direction, name_of
from service.usecases.policies import publish
from tests.conftest import FACTS, OPERATOR, Api, Person, Template
from tests.portal.conftest import Browser
from tests.pseudo import Strange, bare_words, company_in, company_of
from tests.pseudo import strange as strange_word
from tests.sealing import seal
from tests.words import current, extracted, files, messages, read, strings_of

FILES = [*files()]
PLACES = re.compile(r"%\(\w+\)s")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parts[-3])
def test_the_files_hold_every_text_of_the_portal_and_no_other(path: Path) -> None:
    assert path.read_bytes() == current(path), "run: make words"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parts[-3])
def test_no_text_is_without_a_translation_or_left_in_doubt(path: Path) -> None:
    told = messages(read(path))
    assert [id_ for id_, message in told.items() if not all(strings_of(message))] == []
    assert [id_ for id_, message in told.items() if message.fuzzy] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parts[-3])
def test_a_translation_says_the_same_things_as_the_english(path: Path) -> None:
    for id_, message in messages(read(path)).items():
        for said in strings_of(message):
            assert set(PLACES.findall(said)) == set(PLACES.findall(english_of(message)[-1])), id_
            assert said.strip() == said, id_
            assert (said[-1] in ".?!") == (english_of(message)[-1][-1] in ".?!"), id_


def english_of(message: Message) -> list[str]:
    return [message.id] if isinstance(message.id, str) else [*message.id]


def texts() -> Iterator[tuple[str, list[str]]]:
    """Yield every language with all its texts."""
    yield "en", [text for message in messages(extracted()).values() for text in english_of(message)]
    for path in FILES:
        yield path.parts[-3], [text for message in messages(read(path)).values() for text in strings_of(message)]


TEXTS = dict(texts())


@pytest.mark.parametrize("language", TEXTS)
def test_every_text_is_plain(language: str) -> None:
    """Sentences of 20 words on average, and the school year that a text of ours asks for at most."""
    prose = [text for text in TEXTS[language] if text[-1] in ".?!" and len(text.split()) > 4]
    assert max(map(average_sentence, prose)) <= LONGEST
    year = grade("\n\n".join(prose), language)
    assert year is not None
    assert year <= HARDEST - 2


@pytest.mark.parametrize("language", TEXTS)
def test_no_text_presses_twists_or_calls_a_thing_by_another_word(language: str) -> None:
    found = {text: faults for text in TEXTS[language] if (faults := [*faults_of_words(text, language)])}
    assert found == {}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parts[-3])
def test_what_is_called_differently_in_english_is_so_in_every_language(path: Path) -> None:
    called: defaultdict[str, set[str]] = defaultdict(set)
    for message in messages(read(path)).values():
        for said in strings_of(message):
            called[said].add(english_of(message)[0].casefold())
    assert {said: english for said, english in called.items() if len(english) > 1} == {}


# --- which language -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wished", "header", "language"),
    [
        ([], "", "en"),
        ([], "de", "de"),
        ([], "de-AT,de;q=0.9,en;q=0.8", "de"),
        ([], "fr, en;q=0.3, de;q=0.7", "de"),
        ([], "fr,es", "en"),
        ([], "de;q=0, en", "en"),
        ([], "*", "en"),
        ([], "DE", "de"),
        ([], "en;q=0.1, de;q=0.10", "en"),
        ([], "de;q=2", "en"),
        ([], ",;q=, de ;q=0.5", "de"),
        ([], "de\n", "de"),
        (["de"], "en", "de"),
        (["fr"], "de", "de"),
        (["", "de-CH"], "en", "de"),
    ],
)
def test_her_choice_counts_then_her_browser_s_then_the_company_s(wished: list[str], header: str, language: str) -> None:
    assert chosen(["en", "de"], wished, header) == language


@given(header=st.text(max_size=60), wish=st.text(max_size=8))
def test_whatever_is_asked_for_a_language_that_is_there_is_spoken(header: str, wish: str) -> None:
    assert chosen(["de", "en"], [wish], header) in {"de", "en"}


@pytest.mark.parametrize(
    ("language", "way", "name"),
    [
        ("de", "ltr", "Deutsch"),
        ("de-AT", "ltr", "Deutsch (Österreich)"),
        ("de-XX", "ltr", "Deutsch"),
        ("ar", "rtl", "العربية"),
        ("he", "rtl", "עברית"),
        ("xx", "ltr", "xx"),
    ],
)
def test_a_language_calls_itself_by_its_own_name_and_runs_its_own_way(language: str, way: str, name: str) -> None:
    assert (direction(language), name_of(language)) == (way, name)


async def test_a_page_is_in_the_language_that_a_browser_prefers(stranger: Browser) -> None:
    page = await stranger.get("/help", **{"accept-language": "de-AT,en;q=0.5"})
    assert '<html lang="de" dir="ltr">' in page.response.text
    assert "Einen Menschen fragen" in page.text
    assert page.response.headers["content-language"] == "de"


async def test_a_stranger_switches_by_a_link_and_each_name_is_in_its_own_language(stranger: Browser) -> None:
    page = await stranger.get("/help")
    assert "/help?language=de" in page.links
    assert '<li lang="de">' in page.response.text
    german = await stranger.get("/help?language=de")
    assert "Einen Menschen fragen" in german.text
    assert "set-cookie" not in german.response.headers
    assert "/help?language=en" in german.links
    assert [link for link in german.links if link.startswith("/") and "language=" not in link] == []


async def test_a_language_that_is_not_there_changes_nothing(stranger: Browser) -> None:
    for asked in ("fr", "xx", "", "%00", "de'"):
        page = await stranger.get(f"/help?language={asked}")
        assert page.response.status_code == 200
        assert '<html lang="en"' in page.response.text


async def test_she_chooses_her_language_once_and_for_all_pages_and_devices(her: Browser, stranger: Browser) -> None:
    page = await her.press(await her.get("/choices"), "b-language-de")
    assert page.response.url.path == "/choices"
    assert "Ab jetzt sprechen wir mit Ihnen in dieser Sprache." in page.text
    assert "Unser Newsletter" in page.text
    assert '<html lang="de"' in (await her.get("/")).response.text
    assert '<html lang="de"' in (await her.get("/help", **{"accept-language": "en"})).response.text
    liked = await her.client.get("/v1/me/preferences", headers={"authorization": f"Bearer {her.token}"})
    said = {each["attribute"]: each.get("value") for each in liked.json()["preferences"]}
    assert (said["preferred_language"], said["favourite_genres"]) == ("de", ["crime", "travel"])


async def test_a_language_that_is_not_offered_is_not_kept(her: Browser) -> None:
    form = (await her.get("/")).form_of("b-language-de")
    for language in ("cy", "xx", "de\r\nx"):
        fields = [(name, language if name == "language" else value) for name, value in form.fields]
        assert 400 <= (await her.post(form.action, fields)).status_code < 500
    assert '<html lang="en"' in (await her.get("/")).response.text


@pytest.mark.parametrize("back", ["//evil.test", "/\\evil.test", "https://evil.test", "/a?b#c", "/a\r\nx: y", "/a//b"])
@pytest.mark.parametrize("path", ["/language", "/pause"])
async def test_a_form_leads_back_to_a_page_of_ours_only(her: Browser, path: str, back: str) -> None:
    button = "b-language-de" if path == "/language" else "b-pause"
    form = (await her.get("/")).form_of(button)
    fields = [(name, back if name == "back" else value) for name, value in form.fields]
    response = await her.post(form.action, fields)
    assert response.headers["location"].startswith("/?")


async def test_a_refusal_speaks_the_language_of_the_page(her: Browser, stranger: Browser) -> None:
    assert "Diese Seite gibt es nicht" in (await stranger.get("/nowhere?language=de")).text
    assert "Diese Seite gibt es nicht" in (await stranger.get("/notices/x/1", **{"accept-language": "de"})).text
    await her.press(await her.get("/"), "b-language-de")
    assert "Diese Seite gibt es nicht" in (await her.get("/receipts/x")).text


async def test_who_is_led_to_sign_in_keeps_the_language(stranger: Browser) -> None:
    response = await stranger.client.get("/choices?language=de")
    assert response.headers["location"] == "/signin?next=%2Fchoices&language=de"


def test_a_language_is_carried_by_our_own_links_and_by_no_other() -> None:
    html = (
        '<a href="/a">1</a><a class="x" href="/a?b=c&amp;d=e#f">2</a><a href="/a?language=en">3</a><a href="#top">4</a>'
        '<a href="https://x.test/">5</a><a href="//x.test/">6</a><link href="/static/a.css"><form action="/p#q">'
        '<a href="/.well-known/jwks.json">7</a><p title=\'href="/x"\'>'
    )
    assert carried(html, "de") == (
        '<a href="/a?language=de">1</a><a class="x" href="/a?b=c&amp;d=e&amp;language=de#f">2</a>'
        '<a href="/a?language=en">3</a><a href="#top">4</a><a href="https://x.test/">5</a><a href="//x.test/">6</a>'
        '<link href="/static/a.css"><form action="/p?language=de#q"><a href="/.well-known/jwks.json">7</a>'
        "<p title='href=\"/x\"'>"
    )


# --- days, numbers and lists ----------------------------------------------------------------------------


AT = datetime(2026, 6, 30, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("template", "english", "german"),
    [
        ("{{ at|day }}", "1 July 2026", "1. Juli 2026"),
        ("{{ on|day }}", "30 June 2026", "30. Juni 2026"),
        ("{{ at|moment }}", "1 July 2026, 00:30", "1. Juli 2026, 00:30"),
        ("{{ 1234567.5|number }}", "1,234,567.5", "1.234.567,5"),
        ("{{ ['a', 'b', 'c']|listed }}", "a, b and c", "a, b und c"),
        ("{{ ngettext('%(num)s day', '%(num)s days', 1200) }}", "1,200 days", "1.200 Tage"),
        ("{{ ngettext('%(num)s day', '%(num)s days', 1) }}", "1 day", "1 Tag"),
    ],
)
def test_days_and_numbers_are_written_as_her_language_and_her_clock_have_them(
    template: str, english: str, german: str, policies: Policies
) -> None:
    for language, written in (("en", english), ("de", german)):
        visit = Visit(look=Look(), language=language, path="/", catalogue=policies.catalogue)
        made = environment(language).from_string(template)
        assert made.render(visit=visit, at=AT, on=date(2026, 6, 30)) == written


async def test_times_are_told_by_her_own_clock_where_she_has_said_which(her: Browser) -> None:
    await her.press(await her.get("/choices"), "b-pause")
    before = (await her.get("/")).text
    fields = [*(await her.get("/choices")).form_of("b-preferences").fields]
    sent = [each for each in fields if each[0] in ("token", "seen")]
    hours = [("quiet-start", "22:00"), ("quiet-end", "07:00"), ("quiet-zone", "Pacific/Kiritimati")]
    assert (await her.post("/choices/preferences", [*sent, *hours])).status_code == 303
    page = await her.get("/receipts")
    assert "+14" not in page.text
    visit_in = [word for word in page.text.split() if ":" in word]
    assert visit_in != [word for word in before.split() if ":" in word]


# --- nothing left out -----------------------------------------------------------------------------------


LTR, RTL = "el", "ar"
"""Languages that stand for any other: days and numbers in these are written with other letters than ours."""
ENTRY, NOTICE = "/receipts/{entry:str}", "/notices/{purpose:str}/{version:str}"
FILES_ONLY = {
    "/use/export.csv",
    "/use/export.json",
    "/static/{file:str}",
    f"{ENTRY}/receipt.json",
    f"{ENTRY}/receipt.jws",
}
CODES, POINTERS = re.compile(r'"([a-z-]+)"'), re.compile(r'"(/[a-z_]+|)"')


@pytest.fixture(params=[LTR, RTL])
async def strange(
    request: pytest.FixtureRequest, house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[str]:
    """A language of which nobody knows a word, spoken by portal and company alike."""
    language: str = request.param
    monkeypatch.setitem(words.LANGUAGES, language, Strange())
    environment.cache_clear()
    await publish(house.database, await house.keys(), OPERATOR, company_in(language, tmp_path))
    yield language
    environment.cache_clear()


@pytest.fixture
async def used(api: Api, abbie: Person, database_url: str, template: Template, tmp_path: Path) -> None:
    """Her data was given in part, and refused, and the ledger has it."""
    her = {"customer": {"id": abbie.at_recommender}, "purpose": "personalise.recommendations", "channel": "web"}
    await api.post("/v1/releases", "recommender", her | {"attributes": ["first_name", "birth_year"]})
    await api.post("/v1/releases", "recommender", her | {"channel": "email", "attributes": ["first_name"]})
    await seal(database_url, template, tmp_path)


async def test_no_page_shows_a_word_that_was_not_translated(
    her: Browser, stranger: Browser, strange: str, policies: Policies, abbie: Person, used: None
) -> None:
    company = company_of(policies.catalogue)
    entry = await something_of_each_kind(her)
    use = next(link for link in (await her.get("/use")).links if link.startswith("/use/lines/"))
    known = {
        ENTRY: f"/receipts/{entry}",
        NOTICE: "/notices/market.newsletter/2?from=1",
        "/data/fact": "/data/fact?attribute=favourite_genres&provenance=volunteered&source=shop",
        "/data/several": "/data/several?category=taste",
        "/use/lines/{word:str}": use,
    }
    hers = ["tests", "a test", *(value for value in FACTS.values() if isinstance(value, str))]
    for path in pages_of_the_portal():
        address = asking(known.get(path, path), strange)
        page = await her.get(address)
        if page.response.status_code == 303:  # for whoever is not signed in
            page = await stranger.get(address)
        # Links that were never sent; and a sign-in elsewhere, which this company does not have.
        refused = 409 if path.startswith("/signin/link") else 404 if path.startswith(("/signin/oidc", "/n/")) else 200
        assert page.response.status_code in {200, 303, refused}, path
        html = page.response.text
        if page.response.status_code != 303:
            assert f'<html lang="{strange}" dir="{direction(strange)}">' in html, path
            assert bare_words(html, company, abbie.email, *hers) == [], path


async def test_no_word_on_what_was_done_or_refused_is_left_out(
    her: Browser, stranger: Browser, strange: str, policies: Policies
) -> None:
    company = company_of(policies.catalogue)
    templates = pages.TEMPLATES
    for code in CODES.findall((templates / "done.html").read_text()):
        page = await her.get(asking(f"/?done={code}", strange))
        assert bare_words(page.response.text, company) == [], code
    look = await stranger.get(asking("/nowhere", strange))
    assert bare_words(look.response.text, company) == []
    visit = Visit(look=Look(), language=strange, path="/", catalogue=policies.catalogue)
    refusal = (templates / "refusal.html").read_text()
    codes, pointers = {*CODES.findall(refusal), "other"}, {*POINTERS.findall(refusal), None}
    assert pointers > {"", "/quiet_hours"}
    for code, pointer, status in product(codes, pointers, (400, 404, 503)):
        shown = pages.page(visit, "refusal.html", status=status, code=code, pointer=pointer)
        assert bare_words(shown.content, company) == [], (code, pointer)


def pages_of_the_portal() -> list[str]:
    """Return the addresses of all pages that a signed-in customer can look at."""
    handlers = [each for each in ROUTES if "GET" in each.http_methods]
    found = {path for each in handlers for path in each.paths}
    return sorted(found - FILES_ONLY)


def asking(address: str, language: str) -> str:
    return f"{address}{'&' if '?' in address else '?'}language={language}"


async def something_of_each_kind(her: Browser) -> str:
    """Let her say a few things, so that pages have something to show; returns an entry."""
    await her.press(await her.get("/choices"), "n-market.newsletter-email")
    entry = her.entry
    for button in ("b-prevent.fraud", "b-marketing", "b-pause"):
        await her.press(await her.get("/choices"), button)
    return entry


def test_a_word_that_is_left_out_is_seen(policies: Policies) -> None:
    html = '<p>Ýöû <b aria-label="Left out">šåý</b> no</p><code>openssl</code><li lang="de">Deutsch</li>'
    assert bare_words(html, company_of(policies.catalogue)) == ["Left", "out", "no"]
    assert strange_word("Since %(day)s, %(num)s") == "Šîņçé %(day)s, %(num)s"


def test_whatever_language_pages_speak_receipts_speak_too() -> None:
    assert set(words.LANGUAGES) == set(WORDS)

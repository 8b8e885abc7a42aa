"""Who used it: each read where she looks for it, opened with its reasons, as a picture and as files; and questions."""

import csv
import io
import json
import re
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path

import pytest

from service.app import House
from service.crypto.notes import Verifier
from service.model.callers import OperatorCaller
from service.model.identifiers import identifier
from service.model.questions import LONGEST, QuestionId
from service.model.uses import DAYS
from service.model.words import IdentifierKind
from service.policy.engine import Policies
from service.portal import words
from service.portal.pages import environment
from service.portal.reasons import SENTENCES
from service.storage import uses
from service.usecases import questions, records
from service.usecases.policies import publish
from tests.conftest import OPERATOR, Api, Owner, Person, Template, enrol
from tests.passing_time import early_in_a_quarter
from tests.policy.test_reasons_page import ROWS
from tests.portal.conftest import Browser, Page, session_of
from tests.pseudo import Strange, bare_words, company_in, company_of
from tests.sealing import seal

ASKED = {"purpose": "personalise.recommendations", "channel": "web"}
ANNA = OperatorCaller("anna", "ticket 4711")
Sealing = Callable[[], Awaitable[Verifier]]


@pytest.fixture
def sealing(database_url: str, template: Template, tmp_path: Path) -> Sealing:
    """Lets the sequencer take in what waits."""
    return lambda: seal(database_url, template, tmp_path)


@pytest.fixture
async def used(api: Api, abbie: Person, house: House, sealing: Sealing, owner: Owner) -> None:
    """The recommender used her data twice, was refused once, and two people looked at her."""
    await early_in_a_quarter(owner)
    her = {"customer": {"id": abbie.at_recommender}}
    for _ in range(2):
        await api.post("/v1/releases", "recommender", her | ASKED | {"attributes": ["first_name", "birth_year"]})
    await api.post("/v1/releases", "recommender", her | ASKED | {"channel": "email", "attributes": ["first_name"]})
    found_by = identifier(IdentifierKind.EMAIL, abbie.email)
    for _ in range(2):
        await records.shown(house.database, await house.keys(), ANNA, found_by)
    await sealing()


def links(page: Page, start: str) -> list[str]:
    return [each for each in page.links if each.startswith(start)]


@pytest.mark.usefixtures("used")
async def test_the_timeline_folds_what_systems_did_and_shows_each_look_of_a_person(her: Browser) -> None:
    page = await her.get("/use")
    assert page.response.status_code == 200
    assert "2 times in this hour" in page.text
    assert "First name" in page.text
    assert "not: Year of birth" in page.text
    assert page.text.count("A member of staff: anna") == 2
    assert page.text.count("ticket 4711") == 2
    assert "Everything until" in page.text
    assert "<svg" in page.response.text
    assert "style=" not in page.response.text


@pytest.mark.usefixtures("used")
async def test_the_chart_and_its_table_count_what_services_asked_for(her: Browser) -> None:
    page = await her.get("/use")
    assert [page.response.text.count(f'<rect class="{of}"') for of in ("given", "partly", "refused")] == [0, 1, 1]
    assert "Day Given Part given Refused" in page.text
    table = page.text.partition("Day Given Part given Refused")[2].split()
    assert table[3:6] == ["0", "2", "1"]
    assert "<svg" not in (await her.get("/use?people=yes")).response.text


@pytest.mark.usefixtures("used")
@pytest.mark.parametrize(
    ("query", "there", "not_there"),
    [
        ("?people=yes", ["ticket 4711"], ["2 times in this hour"]),
        ("?refused=yes", ["2 times in this hour"], ["ticket 4711"]),
        ("?service=recommender&people=", ["2 times in this hour"], ["ticket 4711"]),
        ("?service=shop", ["nothing like this"], ["2 times", "ticket 4711"]),
        ("?purpose=market.newsletter", ["nothing like this"], ["2 times", "ticket 4711"]),
        ("?attribute=birth_year", ["2 times in this hour"], ["ticket 4711"]),
        ("?attribute=last_name", ["nothing like this"], ["2 times", "ticket 4711"]),
        ("?since=2999-01-01", ["nothing like this"], ["2 times", "ticket 4711"]),
        ("?since=2020-01-01&until=2998-12-31&refused=yes", ["2 times in this hour"], ["ticket 4711"]),
    ],
)
async def test_filters_are_in_the_address(her: Browser, query: str, there: list[str], not_there: list[str]) -> None:
    text = (await her.get(f"/use{query}")).text
    assert all(each in text for each in there), text
    assert not any(each in text for each in not_there)


@pytest.mark.parametrize(
    "query",
    [
        "?refused=perhaps",
        "?since=yesterday",
        "?since=0001-01-01",
        "?until=9999-12-31",
        "?service=%00",
        "?attribute=%00",
        "?cursor=x",
        "?more=1",
        "?service=a&service=b",
        "?service=%ff",
    ],
)
async def test_an_address_that_asks_for_what_there_is_not_is_refused_in_words(her: Browser, query: str) -> None:
    for path in ("/use", "/use/export.csv", "/use/export.json"):
        response = (await her.get(f"{path}{query}")).response
        if (path, query) != ("/use/export.csv", "?cursor=x") and (path, query) != ("/use/export.json", "?cursor=x"):
            assert 400 <= response.status_code < 500, (path, query)
            assert "text/html" in response.headers["content-type"]


@pytest.mark.usefixtures("used")
async def test_a_line_is_opened_with_what_was_decided_and_why(her: Browser) -> None:
    page = await her.get("/use?refused=yes")
    opened = [await her.get(each) for each in links(page, "/use/lines/") if "#" not in each]
    (twice,) = [each for each in opened if "Given: First name" in each.text]
    assert twice.text.count("Given: First name") == 2
    assert "Year of birth: It says what people like you are like, and you have not allowed that." in twice.text
    assert "to version 2 of the notice" in twice.text
    assert links(twice, "/receipts/ent_")
    assert links(twice, "/notices/personalise.recommendations/2")
    (refused,) = [each for each in opened if "Given" not in each.text]
    assert "First name: You have not said yes." in refused.text


@pytest.mark.usefixtures("used")
async def test_she_asks_about_a_read_and_finds_the_answer_on_the_page(her: Browser, house: House) -> None:
    page = await her.get("/use?refused=yes")
    opened = await her.get(links(page, "/use/lines/")[0])
    page = await her.press(opened, "b-ask", text="")
    assert "We have your question." in page.text
    assert "Received. We answer by" in page.text
    form = opened.form_of("b-ask")
    fields = [(name, value) for name, value in form.fields if name in ("token", "line")]
    entry = opened.response.text.partition('id="e-')[2].partition('"')[0]
    response = await her.post("/use/ask", [*fields, ("about", entry), ("text", "Why <b>me</b>?")])
    assert response.status_code == 303
    id_ = QuestionId(response.headers["location"].partition("#")[2])
    await questions.answer(house.database, await house.keys(), ANNA, id_, "Because you <i>asked</i>.")
    for address in ("/use/questions", "/use"):
        text = (await her.get(address)).response.text
        assert "Why &lt;b&gt;me&lt;/b&gt;?" in text
        assert "Because you &lt;i&gt;asked&lt;/i&gt;." in text


@pytest.mark.usefixtures("used")
async def test_what_ends_a_line_of_a_question_counts_once_as_on_the_page(her: Browser) -> None:
    opened = await her.get(links(await her.get("/use"), "/use/lines/")[0])
    assert f'maxlength="{LONGEST}"' in opened.response.text
    text = "Why?\n" * (LONGEST // 5 - 1) + "Why??"
    page = await her.press(opened, "b-ask", text=text.replace("\n", "\r\n"))
    assert "We have your question." in page.text
    (asked,) = (await her.client.get("/v1/me/questions", headers={"authorization": f"Bearer {her.token}"})).json()[
        "questions"
    ]
    assert asked["text"] == text


@pytest.mark.usefixtures("used")
async def test_what_is_not_hers_cannot_be_opened_or_asked_about(
    her: Browser, house: House, api: Api, owner: Owner
) -> None:
    line = links(await her.get("/use"), "/use/lines/")[0].partition("#")[0]
    bo = await enrol(api, "bo@example.com", {})
    him = Browser(her.client, await session_of(house, bo))
    assert (await him.get(line)).response.status_code == 404
    token = (await him.get("/choices")).forms[0].fields[0]
    for fields in (
        [("line", line.rpartition("/")[2])],
        [("line", "x")],
        [("line", "x"), ("about", "x")],
        [("line", "x"), ("about", "\0")],
        [],
        [("line", line.rpartition("/")[2]), ("text", "x" * 2001)],
    ):
        response = await him.post("/use/ask", [token, *fields])
        assert 400 <= response.status_code < 500, fields
    assert await owner.fetchval("SELECT count(*) FROM question") == 0
    for each in ("/use/lines/x", f"/use/lines/{'A' * 56}"):
        assert (await her.get(each)).response.status_code == 404


@pytest.mark.usefixtures("used")
async def test_files_hold_what_the_list_shows(her: Browser) -> None:
    table = (await her.get("/use/export.csv?refused=yes")).response
    assert table.headers["content-type"] == "text/csv; header=present; charset=utf-8"
    assert table.headers["content-disposition"] == 'attachment; filename="use.csv"'
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert {(row["by"], row["times"], row["released"], row["refused"]) for row in rows} == {
        ("service:recommender", "2", "first_name", "birth_year"),
        ("service:recommender", "1", "", "first_name"),
    }
    everything = (await her.get("/use/export.json")).response
    kinds = sorted(each["kind"] for each in json.loads(everything.text)["uses"])
    # Looks within an hour are one line of a file.
    assert kinds == ["look-up", "release", "release"]


@pytest.mark.usefixtures("used")
async def test_the_picture_says_its_first_and_last_day_and_what_its_highest_bar_is(her: Browser) -> None:
    page = await her.get("/use")
    assert "The highest bar: 3 times in a day" in page.text
    html = page.response.text.partition("</svg>")[2]
    first, last = (date.fromisoformat(each) for each in re.findall(r'<time datetime="(.{10})">', html)[:2])
    assert (last - first).days == DAYS - 1
    assert f"{first.day} {first:%B} {first.year} {last.day} {last:%B} {last.year} Given" in page.text


@pytest.mark.usefixtures("used")
async def test_the_file_of_a_list_about_one_thing_holds_what_is_about_it_and_no_more(
    her: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uses, "MOST", 1)
    table = (await her.get("/use/export.csv?attribute=birth_year")).response
    assert [row["refused"] for row in csv.DictReader(io.StringIO(table.text))] == ["birth_year"]
    program = (await her.get("/use/export.json?attribute=birth_year")).response
    assert [each["refused"] for each in json.loads(program.text)["uses"]] == [["birth_year"]]


@pytest.mark.usefixtures("used")
async def test_a_search_that_goes_on_says_how_far_it_came_and_where_it_goes_on(
    her: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uses, "MOST", 1)
    page = await her.get("/use?attribute=last_name")
    for _ in range(2):
        assert "We have looked through the log back to" in page.text
        assert "nothing like this" not in page.text
        (older,) = [each for each in page.links if "cursor=" in each]
        assert older.startswith("/use?attribute=last_name&cursor=")
        page = await her.get(older)
    assert "There is nothing like this in the log." in page.text
    assert "We have looked through" not in page.text


@pytest.mark.usefixtures("used")
async def test_the_things_that_she_can_look_for_are_called_as_the_page_calls_them(her: Browser) -> None:
    english = (await her.get("/use?attribute=birth_year")).response.text
    assert '<option value="birth_year" selected>Year of birth</option>' in english
    assert '<option value="birth_year">Geburtsjahr</option>' in (await her.get("/use?language=de")).response.text


async def test_no_cell_is_a_formula(her: Browser, owner: Owner) -> None:
    await owner.execute(
        """
        INSERT INTO use_line (customer, hour, actor, kind, purpose, channel, outcome, times, released, refused)
        SELECT id, date_trunc('hour', now()), '=HYPERLINK("x")', 'release', '@x', '-1', '+1', 1, '{=1}', '{}'
          FROM customer
        """
    )
    (row,) = csv.DictReader(io.StringIO((await her.get("/use/export.csv")).response.text))
    assert [row[name][:2] for name in ("by", "purpose", "channel", "outcome", "released")] == [
        "'=",
        "'@",
        "'-",
        "'+",
        "'=",
    ]


async def test_a_list_of_many_is_written_whole(her: Browser, owner: Owner) -> None:
    await owner.execute(
        """
        INSERT INTO use_line (customer, hour, actor, kind, purpose, channel, outcome, times, released, refused)
        SELECT id, date_trunc('hour', now()) - make_interval(hours => n / 3), 'service:made-' || n % 3, 'release', 'p',
               'web', 'permit', 1, '{}', '{}'
          FROM customer, generate_series(1, 2500) n
        """
    )
    rows = list(csv.DictReader(io.StringIO((await her.get("/use/export.csv")).response.text)))
    assert len(rows) == len({(row["hour"], row["by"]) for row in rows}) == 2500
    assert len(json.loads((await her.get("/use/export.json?service=made-1")).response.text)["uses"]) in (833, 834)
    seen: set[str] = set()
    page = await her.get("/use?service=made-1")
    for _ in range(3):
        seen |= {each for each in links(page, "/use/lines/") if "#" not in each}
        (older,) = [each for each in page.links if "cursor=" in each]
        page = await her.get(older)
    assert len(seen) == 75


async def test_somebody_of_whom_nothing_was_used_is_told_so(her: Browser, owner: Owner) -> None:
    page = await her.get("/use")
    assert "Nobody has used your data yet." in page.text
    assert "<svg" not in page.response.text


async def test_who_is_not_signed_in_sees_nothing(stranger: Browser, abbie: Person) -> None:
    for path in (
        "/use",
        "/use/questions",
        "/use/export.csv",
        "/use/export.json",
        "/simulate",
        f"/use/lines/{'A' * 56}",
    ):
        response = await stranger.client.get(path)
        assert (response.status_code, response.headers["location"][:7]) == (303, "/signin")


def test_every_reason_has_a_sentence(policies: Policies) -> None:
    assert set(ROWS) <= set(SENTENCES)


@pytest.mark.usefixtures("used")
@pytest.mark.parametrize("strange", ["el", "ar"])
async def test_no_page_of_the_log_shows_a_word_that_was_not_translated(
    strange: str, her: Browser, house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [each for each in links(await her.get("/use"), "/use/lines/") if "#" not in each]
    await her.press(await her.get(entries[0]), "b-ask", text="Why?")
    monkeypatch.setitem(words.LANGUAGES, strange, Strange())
    environment.cache_clear()
    await publish(house.database, await house.keys(), OPERATOR, company_in(strange, tmp_path))
    company = company_of((await house.library.current()).catalogue)
    wondering = "/simulate?who=recommender:personalise.recommendations:web&answer=no"
    for path in ("/use", "/use?people=yes", "/use?service=x", *entries, "/use/questions", "/simulate", wondering):
        page = await her.get(f"{path}{'&' if '?' in path else '?'}language={strange}")
        assert page.response.status_code == 200, path
        assert bare_words(page.response.text, company) == [], path
    environment.cache_clear()

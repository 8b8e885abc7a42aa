"""The page about the ledger: it says how things are, it needs no script, and whoever reads by ear finds her way."""

import re
from collections.abc import Iterator
from datetime import datetime
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from service.api.ledger_page import HEADERS, PAGES
from service.crypto.notes import Verifier
from service.database import Database
from tests.conftest import Api, Owner, Template
from tests.sealing import at_the_log, desk_of, seal, take_all

VOID = {"meta", "link"}


class Page(HTMLParser):
    """What an HTML page is made of; refuses tags that are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in set(self.open):
            self.texts[tag][-1] += data

    def attributes(self, name: str) -> Iterator[Any]:
        return (attributes[name] for _, attributes in self.tags if name in attributes)


async def page(api: Api) -> Page:
    response = await api.call("GET", "/ledger", None)
    assert (response.status_code, response.headers["content-type"]) == (200, "text/html; charset=utf-8")
    return Page(response.text)


@pytest.fixture
async def verifier(database_url: str, template: Template, tmp_path: Path) -> Verifier:
    return await seal(database_url, template, tmp_path)


async def test_it_tells_where_the_ledger_stands(api: Api, database: Database, verifier: Verifier) -> None:
    shown = (await page(api)).texts
    note = (await api.call("GET", "/ledger/checkpoint", None)).text
    name, size, *_ = note.split("\n")
    told = dict(zip(shown["dt"], shown["dd"], strict=True))
    assert (told["Name"], told["Entries"]) == (name, size)
    assert told["Newest checkpoint"] == note
    assert shown["dd"][-1] == verifier.text
    async with database.connection() as connection:
        signed = await connection.fetchval("SELECT max(signed_at) FROM checkpoint")
    assert datetime.strptime(f"{told['Signed']}+0000", "%Y-%m-%d %H:%M:%S UTC%z") == signed.replace(microsecond=0)


async def test_before_anything_is_signed_it_says_so(api: Api) -> None:
    told = (await page(api)).texts["dd"]
    assert told == ["nothing yet", "0", "nothing yet", "nothing yet", "nothing yet"]


async def test_every_place_of_the_template_is_filled(api: Api, verifier: Verifier) -> None:
    text = (await api.call("GET", "/ledger", None)).text
    assert not re.search(r"\{[\w.-]+\}", text)


async def test_whatever_the_database_holds_it_stays_text(
    api: Api, owner: Owner, database_url: str, template: Template, tmp_path: Path
) -> None:
    async with at_the_log(database_url) as connection:
        await take_all(connection, desk_of(template, tmp_path, "shop.example/ledger"))
    before = (await page(api)).tags
    await owner.execute("""UPDATE checkpoint SET origin = '<script>', note = '<script>"&''</script>{name}'""")
    after = await page(api)
    assert after.tags == before
    assert after.texts["dd"][0] == "<script>"
    assert after.texts["dd"][3] == """<script>"&'</script>{name}"""


async def test_it_can_be_read_by_ear_and_without_a_pointer(api: Api, verifier: Verifier) -> None:
    found = await page(api)
    tags = [tag for tag, _ in found.tags]
    assert dict(found.tags)["html"] == {"lang": "en"}
    assert found.texts["title"] == found.texts["h1"] == ["The ledger, and how to check it"]
    assert tags.count("main") == 1
    levels = [int(tag[1]) for tag in tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels.index(1) == 0
    assert all(1 < after <= before + 1 for before, after in pairwise(levels))
    assert len(set(found.attributes("id"))) == len([*found.attributes("id")])
    assert "viewport" in found.attributes("name")


async def test_nothing_on_it_needs_a_script_or_another_host(api: Api, verifier: Verifier) -> None:
    response = await api.call("GET", "/ledger", None)
    found = Page(response.text)
    assert not {"script", "style", "iframe", "form", "img"} & {tag for tag, _ in found.tags}
    names = {name for _, attributes in found.tags for name in attributes}
    assert not {name for name in names if name == "style" or name.startswith("on")}
    loaded = [attributes["href"] for tag, attributes in found.tags if tag == "link"]
    assert loaded[0] == "data:,"
    assert loaded[1:] == [path for each in PAGES for path in each.paths if path.endswith(".css")]
    assert {name: response.headers[name] for name in HEADERS} == HEADERS
    policy = dict(part.split(" ", 1) for part in response.headers["content-security-policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "style-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"


async def test_its_style_may_be_kept_for_ever(api: Api) -> None:
    (path,) = (path for each in PAGES for path in each.paths if path.endswith(".css"))
    response = await api.call("GET", path, None)
    assert response.headers["content-type"] == "text/css; charset=utf-8"
    assert response.headers["cache-control"] == "max-age=31536000, immutable"
    assert "url(" not in response.text


@pytest.mark.parametrize("path", ["/ledger/ledger.css", "/ledger/ledger.html", "/ledger/static", "/ledger/tile"])
async def test_nothing_else_is_there(api: Api, path: str) -> None:
    assert (await api.call("GET", path, None)).status_code == 404


@pytest.mark.parametrize("path", ["/ledger", "/ledger/checkpoint", "/ledger/tile/0/000"])
async def test_without_the_database_the_answer_is_a_refusal(
    path: str, api: Api, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await database.close()
    response = await api.call("GET", path, None)
    assert (response.status_code, response.json()["code"]) == (503, "database-unavailable")
    assert (response.headers["retry-after"], response.headers["cache-control"]) == ("1", "no-store")
    assert "Traceback" not in caplog.text + response.text

"""The answers of each route by the word of httplint, which knows HTTP: RFC 9110, 9111 and their neighbours."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from httplint import HttpRequestLinter, HttpResponseLinter, levels

from service.api.contract import FILES
from service.api.ledger_page import STYLE_NAME
from service.kept import FOR_EVER, FOR_MINUTES
from tests.api.conftest import QUERIES, SAMPLES, WALK
from tests.conftest import Person
from tests.contract.conftest import Served

KEPT = {
    "/.well-known/jwks.json": FOR_MINUTES,
    "/.well-known/byleave-ledger": FOR_MINUTES,
    "/ledger/tile/0/000.p/1": FOR_EVER,
}
"""The answers of routes that are about nobody, and that many ask for."""
SERIOUS = (levels.BAD, levels.WARN)


def serious(response: httpx.Response) -> list[str]:
    """Return what is wrong with an answer: errors, and warnings too, of which none has a reason to stand."""
    request = HttpRequestLinter()
    request.process_request_topline(response.request.method.encode(), str(response.request.url).encode(), b"1.1")
    request.process_headers(response.request.headers.raw)
    linter = HttpResponseLinter()
    linter.request = request
    linter.process_response_topline(b"1.1", str(response.status_code).encode(), response.reason_phrase.encode())
    linter.process_headers(response.headers.raw)
    linter.feed_content(response.content)
    linter.finish_content(complete=True)
    return [f"{note.level.name} {note.summary}" for note in linter.notes if note.level in SERIOUS]


@pytest.fixture
def client(served: Served) -> Iterator[httpx.Client]:
    """A client of the served process, over a socket."""
    with httpx.Client(base_url=served.url) as client:
        yield client


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def answers(client: httpx.Client, served: Served, abbie: Person) -> Iterator[httpx.Response]:
    """Yield of each route an answer to one who may, one who may not, a wrong body, a wrong method, and OPTIONS."""
    spare = {"identifiers": {"email": abbie.email, "loyalty": "SPARE1"}}
    client.post("/v1/customers", headers=bearer(served.key), json=spare).raise_for_status()
    hers = client.get("/v1/me/identifiers", headers=bearer(served.token)).json()["identifiers"]
    bodies = SAMPLES | {"disown": [{"reference": each["reference"]} for each in hers if each["kind"] == "loyalty"]}
    bodies |= struck_out(client, served, abbie) | {"ask": [{"line": served.line}]}
    (newest,) = client.get("/v1/me/receipts?limit=1", headers=bearer(served.token)).json()["receipts"]
    parts = {"customer": abbie.at_shop, "purpose": "personalise.recommendations", "version": "2", "path": "0/000.p/1"}
    for route in WALK:
        token = served.token if route.described.caller == "customer" else served.key
        path = route.path.format(**parts, entry=newest["entry"], line=served.line)
        headers = bearer(token) | ({"if-match": "*"} if route.described.conditional else {})
        asked = path + QUERIES.get(route.name, "")
        good = client.request(route.method, asked, headers=headers, json=bodies.get(route.name, [None])[0])
        assert good.status_code == 200, good.text
        yield good
        yield client.request(route.method, path)
        yield client.request(route.method, f"{path}?surprise=1", headers=headers, content=b"{")
        yield client.patch(path)
        yield client.options(path)


def struck_out(client: httpx.Client, served: Served, abbie: Person) -> dict[str, list[Any]]:
    """Let the shop say facts, and her dispute something; returns what corrects, deletes and undoes these."""
    words = ["spare-1", "spare-2"]
    facts = [{"attribute": "home_airport", "provenance": "volunteered", "value": "EDI", "source": w} for w in words]
    at = f"/v1/customers/{abbie.at_shop}/attributes"
    client.post(at, headers=bearer(served.key), json={"facts": facts}).raise_for_status()
    disputed = client.post("/v1/me/disputes", headers=bearer(served.token), json={"source": "shop/never"})
    entry = disputed.raise_for_status().json()["entry"]
    return {
        "correct": [SAMPLES["correct"][0] | {"source": "shop/spare-1"}],
        "delete": [SAMPLES["delete"][0] | {"source": "shop/spare-2"}],
        "undo": [{"entry": entry}],
        "explain": [{"entry": entry, "answer": "gift"}],
    }


def test_http_has_no_fault_and_nobody_may_keep_what_is_personal(
    client: httpx.Client, served: Served, abbie: Person
) -> None:
    statuses = set()
    for answer in answers(client, served, abbie):
        shown = f"{answer.request.method} {answer.url.path}: {answer.status_code} {answer.headers}"
        assert serious(answer) == [], shown
        good = (answer.request.method, answer.status_code) == ("GET", 200)
        kept = KEPT.get(answer.url.path, "no-store") if good else "no-store"
        assert answer.headers["cache-control"] == kept, shown
        assert "set-cookie" not in answer.headers, shown
        statuses.add(answer.status_code)
    assert statuses >= {200, 204, 401, 405, 415, 422}


def test_http_has_no_fault_in_the_pages(client: httpx.Client) -> None:
    known = {"if-none-match": client.get("/openapi.json").headers["etag"]}
    there = ["/openapi.json", "/docs", *(f"/docs/{name}" for name in FILES), "/ledger", f"/ledger/{STYLE_NAME}"]
    pages = [client.get(path) for path in (*there, "/nothing")]
    pages.append(client.get("/openapi.json", headers=known))
    assert [page.status_code for page in pages] == [200] * len(there) + [404, 304]
    for page in pages:
        assert serious(page) == [], page.url.path


def test_the_linter_sees_a_fault() -> None:
    headers = {"cache-control": "no-store", "content-type": "text/html", "last-modified": "yesterday"}
    faulty = httpx.Response(200, headers=headers, request=httpx.Request("GET", "http://byleave.test/"))
    assert serious(faulty) != []

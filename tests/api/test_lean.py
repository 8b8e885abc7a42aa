"""Releases are answered before Litestar, and just as Litestar's own handlers answer them."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from service.api.bodies import LIMIT
from service.app import House, assemble
from tests.conftest import Api, Person, Template

QUESTION = {"purpose": "personalise.recommendations", "channel": "web", "attributes": ["first_name", "birth_year"]}
ASKED = {
    "/v1/releases": {"customer": {"email": "abbie@example.com"}, **QUESTION},
    "/v1/decisions": {"customer": {"email": "abbie@example.com"}, **QUESTION},
    "/v1/releases/batch": {"customers": [{"email": "abbie@example.com"}, {"email": "nobody@example.com"}], **QUESTION},
}
ALWAYS_NEW = {"id", "entry"}
JSON = {"content-type": "application/json"}
REQUESTS: list[tuple[str, dict[str, str], bytes | None]] = [
    ("a good request", {}, None),
    ("no content type", {"content-type": ""}, None),
    ("another content type", {"content-type": "text/plain"}, None),
    ("a charset", {"content-type": 'application/json; charset="utf-8"'}, None),
    ("no credential", {"authorization": ""}, None),
    ("another scheme", {"authorization": "Basic YTpi"}, None),
    ("a wrong key", {"authorization": f"Bearer byl_{'a' * 16}_{'b' * 52}_00000000"}, None),
    ("a wrong key with a bad body", {"authorization": f"Bearer byl_{'a' * 16}_{'b' * 52}_00000000"}, b"{"),
    ("no body", {}, b""),
    ("no JSON", {}, b"{"),
    ("a key twice", {}, b'{"channel":"web","channel":"web"}'),
    ("an unknown field", {}, b'{"shoe_size":1}'),
    ("too much", {}, b" " * (LIMIT + 1)),
]


@pytest.fixture
async def behind(house: House, template: Template) -> AsyncIterator[Api]:
    """What stands behind: Litestar alone."""
    transport = httpx.ASGITransport(assemble(house).behind)  # type: ignore[arg-type]  # Litestar types ASGI more narrowly
    async with httpx.AsyncClient(transport=transport, base_url="http://byleave.test") as client:
        yield Api(client, template.api_keys)


def told(response: httpx.Response) -> tuple[int, dict[str, str], Any]:
    """Return all that a response says but for what is new in each."""

    def without(value: Any) -> Any:
        match value:
            case dict():
                return {name: without(each) for name, each in value.items() if name not in ALWAYS_NEW}
            case list():
                return [without(each) for each in value]
            case _:
                return value

    headers = {name: each for name, each in response.headers.items() if name != "content-length"}
    return response.status_code, headers, without(response.json())


@pytest.mark.parametrize(("headers", "body"), [each[1:] for each in REQUESTS], ids=[each[0] for each in REQUESTS])
@pytest.mark.parametrize("path", ASKED)
async def test_an_answer_is_the_same_with_and_without_the_lean_way(
    api: Api, behind: Api, abbie: Person, path: str, headers: dict[str, str], body: bytes | None
) -> None:
    content = json.dumps(ASKED[path]).encode() if body is None else body
    answers = [
        told(await each.call("POST", path, "recommender", headers=JSON | headers, content=content))
        for each in (api, behind)
    ]
    assert answers[0] == answers[1]


async def test_only_a_post_goes_the_lean_way(api: Api) -> None:
    assert (await api.call("GET", "/v1/releases", "recommender")).status_code == 405
    assert (await api.call("POST", "/v1/releases/", "recommender", ASKED["/v1/releases"])).status_code == 200


async def test_a_body_may_come_in_pieces(api: Api, abbie: Person) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for byte in json.dumps(ASKED["/v1/releases"]).encode():
            yield bytes([byte])

    answer = await api.call("POST", "/v1/releases", "recommender", headers=JSON, content=pieces())
    assert (answer.status_code, answer.json()["decision"]) == (200, "partial")


async def test_a_caller_who_goes_away_in_the_middle_of_his_body_is_answered_nothing(house: House) -> None:
    sent: list[object] = []

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(message: object) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/releases", "headers": []}
    await assemble(house)(scope, receive, send)
    assert sent == []

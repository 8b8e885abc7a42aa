"""Releases are answered before Litestar, and just as Litestar's own handlers answer them."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from msgspec import inspect

from service.api.bodies import LIMIT
from service.api.releases import Question, Questions
from service.app import House, assemble
from service.model.words import ServiceId
from tests.conftest import Api, Person, Template

QUESTION = {"purpose": "personalise.recommendations", "channel": "web", "attributes": ["first_name", "birth_year"]}
ASKED = {
    "/v1/releases": {"customer": {"email": "abbie@example.com"}, **QUESTION},
    "/v1/decisions": {"customer": {"email": "abbie@example.com"}, **QUESTION},
    "/v1/releases/batch": {"customers": [{"email": "abbie@example.com"}, {"email": "nobody@example.com"}], **QUESTION},
}
ALWAYS_NEW = {"id", "entry"}
JSON = {"content-type": "application/json"}
ONE_TWICE = json.dumps(ASKED["/v1/releases"]).replace("{", '{"purpose": "x", ', 1).encode()
SIGNAL_TWICE = json.dumps(ASKED["/v1/releases"]).replace("{", '{"signals": {}, "signals": {}, ', 1).encode()
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
    ("a good body with a key twice", {}, ONE_TWICE),
    ("a signal twice", {}, SIGNAL_TWICE),
    ("a length that is none", {"content-length": "many"}, b"{}"),
    ("an unknown field", {}, b'{"shoe_size":1}'),
    ("too much", {}, b" " * (LIMIT + 1)),
]


@pytest.fixture
async def behind(house: House, template: Template) -> AsyncIterator[Api]:
    """What stands behind: Litestar alone."""
    transport = httpx.ASGITransport(assemble(house).api.behind)  # type: ignore[arg-type]  # Litestar types ASGI more narrowly
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


async def test_a_caller_who_goes_away_in_the_middle_of_his_body_is_answered_nothing(
    house: House, template: Template
) -> None:
    sent: list[object] = []

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(message: object) -> None:
        sent.append(message)

    key = template.api_keys[ServiceId("recommender")]
    headers = [(b"authorization", f"Bearer {key}".encode()), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/v1/releases", "headers": headers}
    await assemble(house)(scope, receive, send)
    assert sent == []


def test_what_is_decoded_the_quick_way_omits_its_defaults_throughout() -> None:
    """Else a default that was written again could hide a key that stood twice."""

    def omitting(kind: inspect.Type) -> bool:
        match kind:
            case inspect.StructType():
                config = kind.cls.__struct_config__
                return config.omit_defaults and all(omitting(field.type) for field in kind.fields)
            case inspect.ListType():
                return omitting(kind.item_type)
            case inspect.UnionType():
                return all(map(omitting, kind.types))
            case inspect.Metadata():
                return omitting(kind.type)
            case _:
                return isinstance(kind, inspect.StrType | inspect.BoolType | inspect.EnumType)

    assert all(omitting(inspect.type_info(kind)) for kind in (Question, Questions))

"""The unusual way in, for releases alone: before Litestar, straight from the scope to the bytes of the answer.

A release is what a shop's every page waits for. What Litestar does for a request (routing, dependencies, a Request, a
Response, hooks) takes about as long as the whole rest of a release, and is not needed here: there is no parameter in
the address, and caller and body are read by functions of ours anyway. So these addresses, and only a POST to them, are
answered by the same functions that the Litestar handlers in ``releases.py`` call, which the API's document is made
from and which answer alike: ``tests/api/test_lean.py`` compares them.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Any

import msgspec
from litestar import Litestar
from litestar.types import Receive, Scope
from msgspec import Struct

from service.actions import Actions
from service.api import releases
from service.api.bodies import LIMIT
from service.api.door import EVERYWHERE
from service.api.problems import MEDIA, Refused, bug, refused
from service.errors import BodyTooLargeError, MalformedBodyError, ServiceError

ANSWERS: Mapping[str, Callable[[Actions, releases.Heard], Awaitable[Struct]]] = {
    "/v1/releases": releases.released,
    "/v1/decisions": releases.decided,
    "/v1/releases/batch": releases.released_to_many,
}
ENCODER = msgspec.json.Encoder()


def _headers(media: str, more: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    named = {"content-type": media, **EVERYWHERE, **more}
    return [(name.lower().encode(), value.encode()) for name, value in named.items()]


ANSWERED = _headers("application/json", {})


class GoneError(Exception):
    """The caller went away before all of the request was here."""


class Lean:
    """The application, with releases answered in front of it."""

    def __init__(self, behind: Litestar, actions: Actions) -> None:
        self.behind = behind
        self._actions = actions

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  ASGI's own
        """Answer a request (ASGI 3)."""
        answer = ANSWERS.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if answer is None:
            await self.behind(scope, receive, send)
            return
        try:
            status, headers, body = await self._answered(answer, scope, receive)
        except GoneError:
            return
        await send({"type": "http.response.start", "status": status, "headers": [*headers, _length(body)]})
        await send({"type": "http.response.body", "body": body})

    async def _answered(
        self, answer: Callable[[Actions, releases.Heard], Awaitable[Struct]], scope: Scope, receive: Receive
    ) -> tuple[int, Iterable[tuple[bytes, bytes]], bytes]:
        try:
            heard = _heard(scope["headers"], receive)
            return 200, ANSWERED, ENCODER.encode(await answer(self._actions, heard))
        except ServiceError as error:
            return _refusal(refused(error, scope["path"], _traceparent(scope)))
        except GoneError:
            raise
        except Exception as error:  # noqa: BLE001  as everywhere, a fault of ours is a refusal
            return _refusal(bug(error, scope["path"], _traceparent(scope)))


def _traceparent(scope: Scope) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"traceparent"), "")


def _refusal(no: Refused) -> tuple[int, Iterable[tuple[bytes, bytes]], bytes]:
    return no.problem.status, _headers(MEDIA, no.headers), ENCODER.encode(no.problem)


def _length(body: bytes) -> tuple[bytes, bytes]:
    return b"content-length", b"%d" % len(body)


def _heard(headers: Iterable[tuple[bytes, bytes]], receive: Receive) -> releases.Heard:
    said = dict.fromkeys((b"authorization", b"content-type", b"content-length"), b"")
    for name, value in headers:
        if name in said and not said[name]:
            said[name] = value
    authorization, content_type, length = (value.decode("latin-1") for value in said.values())
    return releases.Heard(authorization, content_type, partial(_body, receive, length))


async def _body(receive: Receive, length: str) -> bytes:
    if length and not length.isdecimal():
        raise MalformedBodyError
    body, more = b"", True
    while more:
        message: Any = await receive()
        if message["type"] == "http.disconnect":
            raise GoneError
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > LIMIT:
            raise BodyTooLargeError
    return body

"""The way to the doors: what programs ask goes to the JSON door, and everything else to the portal."""

from typing import Any

from litestar import Litestar

from service.api.lean import Lean

FOR_PROGRAMS = ("/v1", "/health", "/ledger", "/.well-known", "/openapi.json", "/docs")


class Front:
    """The application (ASGI 3)."""

    def __init__(self, api: Lean, portal: Litestar) -> None:
        self.api = api
        self.portal = portal

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  ASGI's own
        """Answer a request. That the server starts and ends is for the JSON door, which holds the database."""
        if scope["type"] != "http" or _below(scope["path"]):
            await self.api(scope, receive, send)
        elif scope["method"] == "HEAD":
            read: Any = {**scope, "method": "GET"}
            await self.portal(read, receive, _without_content(send))
        else:
            await self.portal(scope, receive, send)


def _below(path: str) -> bool:
    return any(path == each or path.startswith(f"{each}/") for each in FOR_PROGRAMS)


def _without_content(send: Any) -> Any:  # noqa: ANN401  ASGI's own
    """Let an answer go as that to HEAD: what GET is answered, without the content (RFC 9110, 9.3.2)."""

    async def sent(message: Any) -> None:  # noqa: ANN401  ASGI's own
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return sent

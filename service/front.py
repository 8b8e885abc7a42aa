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
        programs = scope["type"] != "http" or _below(scope["path"])
        await (self.api if programs else self.portal)(scope, receive, send)


def _below(path: str) -> bool:
    return any(path == each or path.startswith(f"{each}/") for each in FOR_PROGRAMS)

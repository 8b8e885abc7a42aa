"""The way from a client to a house, without a socket between."""

from collections.abc import Callable
from contextvars import ContextVar
from functools import cache
from typing import Any

import httpx
from litestar.types import Receive, Scope, Send

from service.actions import Actions
from service.app import House, assemble
from service.front import Front

MEANT: ContextVar[Actions] = ContextVar("meant")


def reaching(house: House) -> httpx.ASGITransport:
    """Return a transport to this house."""
    actions = house.actions

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        MEANT.set(actions)
        await _application()(scope, receive, send)

    return httpx.ASGITransport(application)  # type: ignore[arg-type]  # Litestar types ASGI more narrowly


@cache
def _application() -> Front:
    """Assemble once for the houses of all tests: Litestar takes a tenth of a second for it."""
    return assemble(_Whichever())


class _Whichever(House):
    """Whichever house a request is meant for."""

    def __init__(self) -> None:
        """Have nothing of its own."""

    @property
    def actions(self) -> Actions:
        return Actions(**{name: _of_the_one_meant(name) for name in Actions.__struct_fields__})


def _of_the_one_meant(action: str) -> Callable[..., Any]:
    async def act(*values: Any) -> Any:
        return await getattr(MEANT.get(), action)(*values)

    return act

"""Who looks at a page, and what every page shows of that: the company, the language, a pause."""

from contextlib import suppress
from datetime import datetime
from typing import Any

from litestar import Request
from litestar.di import NamedDependency
from msgspec import Struct, structs

from service.actions import Actions
from service.crypto.forms import form_token
from service.errors import ServiceError, UnauthenticatedError
from service.model.callers import CustomerCaller
from service.model.catalogue import Catalogue
from service.portal.look import Look
from service.portal.words import chosen

COOKIE = "__Host-session"


class Visit(Struct, frozen=True, kw_only=True):
    """One request for a page; ``session``: the secret of her cookie, empty for somebody who is not signed in."""

    look: Look
    language: str
    path: str
    caller: CustomerCaller | None = None
    session: str = ""
    catalogue: Catalogue | None = None
    """None where no policies can be used: what only takes away works without."""
    paused_until: datetime | None = None
    done: str = ""
    """By its code, what has just been done."""

    @property
    def her(self) -> CustomerCaller:
        """The customer; raises UnauthenticatedError where nobody is signed in."""
        if self.caller is None:
            raise UnauthenticatedError
        return self.caller

    @property
    def company(self) -> str:
        """How the company is called."""
        told = None if self.catalogue is None else self.catalogue.company
        return self.look.name or ("" if told is None else told.name)

    @property
    def token(self) -> str:
        """What proves that a form was on a page of hers."""
        return form_token(self.session) if self.session else ""

    def __repr__(self) -> str:  # a session is as good as a password
        return f"Visit({self.path!r})"


async def visit(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], look: NamedDependency[Look]
) -> Visit:
    """Return who is there, as far as can be told; a cookie that opens nothing is nobody."""
    session, caller, catalogue = request.cookies.get(COOKIE, ""), None, None
    if session:
        with suppress(UnauthenticatedError):
            caller = await actions.visitor(session)
            # Only "1" says it (Global Privacy Control, section 3.3).
            caller = structs.replace(caller, gpc=request.headers.getall("sec-gpc", []) == ["1"])
    with suppress(ServiceError):
        catalogue = await actions.catalogue()
    return Visit(
        look=look,
        language=chosen(request.headers.get("accept-language", "")),
        path=request.scope["path"],
        caller=caller,
        session=session if caller else "",
        catalogue=catalogue,
        paused_until=await _paused(request, actions, caller),
        done=request.query_params.get("done", ""),
    )


async def _paused(request: Request[Any, Any, Any], actions: Actions, caller: CustomerCaller | None) -> datetime | None:
    """Return until when she has asked for peace, for the header of a page; what cannot be proven is not shown."""
    if caller is not None and request.method == "GET":
        with suppress(ServiceError):
            return await actions.paused_until(caller)
    return None

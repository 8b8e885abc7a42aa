"""Who looks at a page, and what every page shows of that: the company, the language, by what she is known, a pause."""

import re
from asyncio import gather
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from litestar import Request
from litestar.di import NamedDependency
from msgspec import Struct, structs

from service.actions import Actions
from service.crypto.forms import form_token
from service.errors import PoliciesUnavailableError, ServiceError, UnauthenticatedError
from service.model.callers import CustomerCaller
from service.model.catalogue import Catalogue
from service.model.signin import Session
from service.portal.carrying import NAME, in_language, lasting
from service.portal.look import Look
from service.portal.words import chosen, offered
from service.portal.written import locale_of
from service.usecases.overview import Header

COOKIE = "__Host-session"
ENTRY = re.compile(r"ent_[0-9A-HJKMNP-TV-Z]{26}")
SHOWS = "shows"
"""What a route says that answers a form with a page, and not by leading to one."""
NOWHERE = "UTC"
"""Where somebody is of whom nobody knows where."""


class Visit(Struct, frozen=True, kw_only=True):
    """One request for a page; ``session``: the secret of her cookie, empty for somebody who is not signed in."""

    look: Look
    language: str
    path: str
    query: str = ""
    back: str = "/"
    """Where the forms of every page lead back to: here, or to the first page from what only a form opens."""
    languages: Sequence[str] = ()
    """Those that a page can be in."""
    asked_language: str = ""
    """The language that the address asks for, if it does."""
    caller: CustomerCaller | None = None
    session: str = ""
    token: str = ""
    """What proves that a form was on a page of hers."""
    entered: Session | None = None
    """How and when she came in; None for nobody."""
    catalogue: Catalogue | None = None
    """None where no policies can be used: what only takes away works without."""
    header: Header = Header()
    done: str = ""
    """By its code, what has just been done."""
    entry: str = ""
    """The entry that it made, of which there is a receipt."""

    @property
    def her(self) -> CustomerCaller:
        """The customer; raises UnauthenticatedError where nobody is signed in."""
        if self.caller is None:
            raise UnauthenticatedError
        return self.caller

    @property
    def sitting(self) -> Session:
        """Her session; raises UnauthenticatedError where nobody is signed in."""
        if self.entered is None:
            raise UnauthenticatedError
        return self.entered

    @property
    def told(self) -> Catalogue:
        """The catalogue in the language of the page; raises PoliciesUnavailableError where none can be used."""
        if self.catalogue is None:
            raise PoliciesUnavailableError("a page needs the catalogue")
        return self.catalogue

    @property
    def company(self) -> str:
        """How the company is called."""
        told = None if self.catalogue is None else self.catalogue.company
        return self.look.name or ("" if told is None else told.name)

    @property
    def locale(self) -> Locale:
        """How this language is written where the company has its seat."""
        told = None if self.catalogue is None else self.catalogue.company
        return locale_of(self.language, "" if told is None else told.jurisdictions[0])

    @property
    def zone(self) -> ZoneInfo:
        """By which clock she lives, as far as we know: that of her quiet hours, else the company's."""
        told = None if self.catalogue is None else self.catalogue.company
        return self.header.zone or ZoneInfo(NOWHERE if told is None else told.time_zone)

    @property
    def paused_until(self) -> datetime | None:
        """Until when she has asked for peace, on this side of her."""
        return self.header.paused_until

    @property
    def held_until(self) -> datetime | None:
        """Until when a pause holds, of whichever of her profiles."""
        return self.header.paused_elsewhere or self.header.paused_until

    def here_in(self, language: str) -> str:
        """Return the address of this page in another language."""
        return in_language(self.path, self.query, language)

    def __repr__(self) -> str:  # a session is as good as a password
        return f"Visit({self.path!r})"


async def visit(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], look: NamedDependency[Look]
) -> Visit:
    """Return who is there, as far as can be told; a cookie that opens nothing is nobody."""
    return await _visit(request, actions, look, await _entered(request, actions, request.cookies.get(COOKIE, "")))


async def stranger(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], look: NamedDependency[Look]
) -> Visit:
    """Return the visit of somebody of whom nothing is known, whatever cookie comes along."""
    return await _visit(request, actions, look, None)


async def _visit(request: Request[Any, Any, Any], actions: Actions, look: Look, entered: Session | None) -> Visit:
    catalogue = None
    caller = None if entered is None else entered.caller
    with suppress(ServiceError):
        catalogue = await actions.catalogue()
    languages, asked = offered(catalogue), request.query_params.get(NAME, "")
    shows = request.method == "GET" or SHOWS in request.route_handler.opt
    liked, header = await gather(
        _language(actions, caller if shows and asked not in languages else None), _header(actions, caller)
    )
    wished = asked if asked in languages else liked
    language = chosen(languages, [wished], request.headers.get("accept-language", ""))
    request.state.language = language
    path, query = request.scope["path"], request.scope["query_string"].decode("latin-1")
    session = "" if entered is None else request.cookies.get(COOKIE, "")
    return Visit(
        look=look,
        language=language,
        languages=languages,
        asked_language=asked if asked in languages else "",
        path=path,
        query=query,
        back=lasting(path, query) if request.method == "GET" else "/",
        caller=caller,
        session=session,
        token=form_token(session) if session else "",
        entered=entered,
        catalogue=None if catalogue is None else catalogue.told_in(language),
        header=header,
        done=request.query_params.get("done", ""),
        entry=_entry(request.query_params.get("entry", "")),
    )


async def _entered(request: Request[Any, Any, Any], actions: Actions, session: str) -> Session | None:
    """Return the session that a cookie opens, None where it opens nothing."""
    if not session:
        return None
    try:
        entered = await actions.visitor(session)
    except UnauthenticatedError:
        return None
    # Only "1" says it (Global Privacy Control, section 3.3).
    gpc = request.headers.getall("sec-gpc", []) == ["1"]
    return structs.replace(entered, caller=structs.replace(entered.caller, gpc=gpc))


def _entry(text: str) -> str:
    return text if ENTRY.fullmatch(text) else ""


async def _language(actions: Actions, caller: CustomerCaller | None) -> str:
    """Return the language that she likes to be spoken to in, if she said so."""
    if caller is not None:
        with suppress(ServiceError):
            return await actions.language(caller)
    return ""


async def _header(actions: Actions, caller: CustomerCaller | None) -> Header:
    """Return what the top of a page says of her; nothing where it cannot be read, for it never breaks a page."""
    if caller is not None:
        with suppress(ServiceError):
            return await actions.header(caller)
    return Header()

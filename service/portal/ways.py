"""``/me``: by what we find her, how she signs in, where she is signed in, her language; and a way out in a hurry."""

from typing import Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from msgspec import Struct

from service.actions import Actions
from service.errors import WrongCodeError, WrongKindError
from service.model.identifiers import identifier
from service.model.words import IdentifierKind
from service.portal import doorstep
from service.portal.forms import read_form
from service.portal.pages import page as shown
from service.portal.pages import see
from service.portal.signin import Nothing, noted
from service.portal.visit import SHOWS, Visit
from service.refusals import status_of
from service.usecases import codes, passkeys

PAGE = "/me"


class Named(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of the things on the page, by its reference, and perhaps what she calls it."""

    which: str
    label: str = ""

    def __repr__(self) -> str:
        return f"Named({self.which!r})"


class Making(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A passkey that her device made, and what she calls it."""

    waiting: str = ""
    answer: str = ""
    label: str = ""

    def __repr__(self) -> str:
        return "Making()"


class Adding(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An address that is to be hers, first alone, then with the code that was sent to it."""

    email: str = ""
    waiting: str = ""
    code: str = ""

    def __repr__(self) -> str:
        return "Adding()"


@get(PAGE)
async def page(actions: NamedDependency[Actions], visit: NamedDependency[Visit]) -> Response[str]:
    """Return the page."""
    return await _page(actions, visit)


@post(f"{PAGE}/disown")
async def disown(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[None]:
    """Put an identifier out of use that is not hers."""
    form = await read_form(request, visit, Named)
    done = await actions.disown_here(visit.sitting, form.which)
    return see(PAGE, "disowned", at="identifiers", entry=done.entry)


@post(f"{PAGE}/addresses", status_code=200, opt={SHOWS: True})
async def ask_to_add(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[str]:
    """Send a code to an address that is to be hers, too."""
    form = await read_form(request, visit, Adding)
    try:
        address = identifier(IdentifierKind.EMAIL, form.email)
    except WrongKindError as error:
        noted(request, error)
        return await _page(actions, visit, wrong=True)
    network = await doorstep.network(request, actions)
    asked = await actions.ask_to_add_address(visit.sitting, address, network)
    await doorstep.post(actions, visit, asked.letter)
    return _waiting(visit, asked.waiting, address.value)


@post(f"{PAGE}/addresses/code", status_code=200, opt={SHOWS: True})
async def add_address(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[Any]:
    """Let an address be hers, once she has its code."""
    form = await read_form(request, visit, Adding)
    address = identifier(IdentifierKind.EMAIL, form.email)
    code = codes.Shown(address, form.waiting, form.code, await doorstep.network(request, actions))
    try:
        done = await actions.add_address(visit.sitting, code)
    except WrongCodeError as error:
        noted(request, error)
        return _waiting(visit, form.waiting, address.value, wrong=True)
    return see(PAGE, "address-added", at="identifiers", entry=done.entry)


@post(f"{PAGE}/passkeys/ask", status_code=200)
async def ask_passkey(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> passkeys.Ceremony:
    """Return what the page asks her device to make; the device shows one of her addresses with it."""
    await read_form(request, visit, Nothing)
    found = await actions.identifiers(visit.her)
    name = next((each.value for each in found if each.kind is IdentifierKind.EMAIL), visit.company)
    return await actions.ask_to_add_passkey(visit.sitting, name)


@post(f"{PAGE}/passkeys")
async def add_passkey(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[None]:
    """Keep the passkey that her device made."""
    form = await read_form(request, visit, Making)
    answer = passkeys.Answer(form.waiting, form.answer)
    entry = await actions.add_passkey(visit.sitting, answer, form.label)
    return see(PAGE, "passkey-added", at="passkeys", entry=entry)


@post(f"{PAGE}/passkeys/name")
async def relabel_passkey(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[None]:
    """Keep what she calls a passkey."""
    form = await read_form(request, visit, Named)
    await actions.relabel_passkey(visit.sitting, form.which, form.label)
    return see(PAGE, "passkey-named", at="passkeys")


@post(f"{PAGE}/passkeys/remove")
async def remove_passkey(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[None]:
    """Remove one of her passkeys."""
    form = await read_form(request, visit, Named)
    entry = await actions.remove_passkey(visit.sitting, form.which)
    return see(PAGE, "passkey-removed", at="passkeys", entry=entry)


@post(f"{PAGE}/sessions/end")
async def end_session(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[None]:
    """End one of her sessions."""
    form = await read_form(request, visit, Named)
    done = await actions.end_session(visit.sitting, form.which)
    return see(PAGE, "session-ended", at="sessions", entry=done.entry or "")


@post(f"{PAGE}/sessions/others")
async def end_other_sessions(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[None]:
    """End every session of hers but this one."""
    await read_form(request, visit, Nothing)
    done = await actions.end_other_sessions(visit.sitting)
    return see(PAGE, "sessions-ended", at="sessions", entry=done.entry or "")


@post("/away", status_code=200, opt={SHOWS: True})
async def leave_quickly(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[str]:
    """Sign out, and show a page that says nothing of us."""
    await read_form(request, visit, Nothing)
    if visit.entered is not None:
        await actions.end_session(visit.sitting, visit.sitting.id)
    response = shown(visit, "away.html")
    response.headers.update({"Set-Cookie": doorstep.GONE, "Clear-Site-Data": '"cache"'})
    return response


async def _page(actions: Actions, visit: Visit, *, wrong: bool = False) -> Response[str]:
    return shown(
        visit,
        "ways.html",
        status=status_of(WrongKindError) if wrong else 200,
        wrong=wrong,
        identifiers=await actions.identifiers(visit.her),
        passkeys=await actions.her_passkeys(visit.sitting),
        sessions=await actions.her_sessions(visit.sitting),
        ways=await actions.ways(),
    )


def _waiting(visit: Visit, waiting: str, email: str, *, wrong: bool = False) -> Response[str]:
    to = f"{PAGE}/addresses/code"
    return doorstep.code_page(visit, to, waiting, wrong=wrong, again=True, more={"email": email})


ROUTES = [
    page,
    disown,
    ask_to_add,
    add_address,
    ask_passkey,
    add_passkey,
    relabel_passkey,
    remove_passkey,
    end_session,
    end_other_sessions,
    leave_quickly,
]

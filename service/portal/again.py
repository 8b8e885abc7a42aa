"""``/signin/again``: showing once more that it is she, before what a session alone does not open.

Never before a no: to withdraw, to pause and to object need no more than to be signed in.
"""

from typing import Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from msgspec import Struct

from service.actions import Actions
from service.errors import WrongCodeError
from service.model.words import IdentifierKind
from service.portal import doorstep
from service.portal.forms import read_form
from service.portal.pages import local, see
from service.portal.pages import page as shown
from service.portal.signin import Answering, Entering, Nothing, noted
from service.portal.visit import SHOWS, Visit
from service.usecases import passkeys

PAGE = "/signin/again"


class Asking(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """To which of her addresses a code is to be sent."""

    reference: str
    next: str = ""


@get(PAGE)
async def page(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[str]:
    """Return the page, with every way that she has."""
    found = await actions.identifiers(visit.her)
    return shown(
        visit,
        "again.html",
        ways=await actions.ways(),
        addresses=[each for each in found if each.kind is IdentifierKind.EMAIL],
        passkeys=await actions.her_passkeys(visit.sitting),
        onward=local(request.query_params.get("next", "")),
    )


@post(f"{PAGE}/ask", status_code=200, opt={SHOWS: True})
async def ask(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[str]:
    """Send a code to an address of hers."""
    form = await read_form(request, visit, Asking)
    asked = await actions.ask_code_again(visit.sitting, form.reference, await doorstep.network(request, actions))
    await doorstep.post(actions, visit, asked.letter)
    return _waiting(visit, asked.waiting, form.next)


@post(f"{PAGE}/code", status_code=200, opt={SHOWS: True})
async def enter(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[Any]:
    """Take the code."""
    form = await read_form(request, visit, Entering)
    network = await doorstep.network(request, actions)
    try:
        await actions.enter_code_again(visit.sitting, form.waiting, form.code, network)
    except WrongCodeError as error:
        noted(request, error)
        return _waiting(visit, form.waiting, form.next, wrong=True)
    return see(local(form.next), "proved")


@post(f"{PAGE}/passkey/ask", status_code=200)
async def ask_passkey(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> passkeys.Ceremony:
    """Return what the page asks her device."""
    await read_form(request, visit, Nothing)
    return await actions.ask_passkey_again(visit.sitting)


@post(f"{PAGE}/passkey")
async def enter_passkey(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[None]:
    """Take what her device answered."""
    form = await read_form(request, visit, Answering)
    await actions.enter_passkey_again(visit.sitting, passkeys.Answer(form.waiting, form.answer))
    return see(local(form.next), "proved")


def _waiting(visit: Visit, waiting: str, onward: str, *, wrong: bool = False) -> Response[str]:
    return doorstep.code_page(visit, f"{PAGE}/code", waiting, wrong=wrong, onward=local(onward), again=True)


ROUTES = [
    page,
    ask,
    enter,
    ask_passkey,
    enter_passkey,
]

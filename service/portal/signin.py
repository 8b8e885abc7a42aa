"""``/signin``: by a code or link in a mail, by passkey, or by the company's own sign-in; and staying or signing out.

To look at any of these pages uses nothing up. What a mail's link opens has one button, for programs that open links
press none.
"""

from typing import Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct

from service.actions import Actions
from service.errors import ServiceError, SignInOverError, WrongCodeError, WrongKindError
from service.model.identifiers import identifier
from service.model.signin import Aim
from service.model.words import IdentifierKind
from service.portal import doorstep
from service.portal.forms import read_form
from service.portal.pages import HTML, local, see
from service.portal.pages import page as shown
from service.portal.visit import SHOWS, Visit
from service.refusals import note
from service.usecases import federated, passkeys

PAGE = "/signin"
OIDC = "__Host-oidc"
AWAY = "; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=300"


class Asking(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An e-mail address, and where she wanted to go."""

    email: str = ""
    next: str = ""

    def __repr__(self) -> str:
        return "Asking()"


class Entering(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A code, in the tab that waits for it."""

    waiting: str = ""
    code: str = ""
    next: str = ""

    def __repr__(self) -> str:
        return "Entering()"


class Pressing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The one button of a link's page."""

    link: str

    def __repr__(self) -> str:
        return "Pressing()"


class Answering(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a device answered."""

    waiting: str = ""
    answer: str = ""
    next: str = ""

    def __repr__(self) -> str:
        return "Answering()"


class Staying(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The page that she is on."""

    back: str = "/"


class Nothing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A form without fields."""


class Returning(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the company's own sign-in put into the address."""

    state: str = ""
    code: str = ""
    iss: str = ""

    def __repr__(self) -> str:
        return "Returning()"


@get(PAGE)
async def page(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[Any]:
    """Return the page; whoever is in already goes on."""
    onward = _onward(request)
    if visit.caller is not None:
        return see(onward)
    return shown(visit, "signin.html", ways=await actions.ways(), onward=onward, wrong=False)


@post(PAGE, status_code=200, opt={SHOWS: True})
async def ask(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[str]:
    """Send a code and a link, or say that there is nobody; the page is the same."""
    form = await read_form(request, visit, Asking)
    try:
        address = identifier(IdentifierKind.EMAIL, form.email)
    except WrongKindError:
        onward = local(form.next)
        return shown(visit, "signin.html", status=422, ways=await actions.ways(), onward=onward, wrong=True)
    asked = await actions.ask_code(address, await doorstep.network(request, actions))
    await doorstep.post(actions, visit, asked.letter)
    return shown(visit, "linked.html") if asked.linked else _waiting(visit, asked.waiting, form.next)


@post(f"{PAGE}/code", status_code=200, opt={SHOWS: True})
async def enter(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[Any]:
    """Sign in with a code; a wrong one can be tried again."""
    form = await read_form(request, visit, Entering)
    network, device = await doorstep.network(request, actions), doorstep.device(request)
    try:
        done = await actions.enter_code(form.waiting, form.code, network, device)
    except WrongCodeError as error:
        noted(request, error)
        return _waiting(visit, form.waiting, form.next, wrong=True)
    return await doorstep.signed_in_anew(actions, visit, done.cookie, local(form.next))


@get(f"{PAGE}/link/{{link:str}}")
async def look_at_link(
    actions: NamedDependency[Actions], visit: NamedDependency[Visit], link: FromPath[str]
) -> Response[str]:
    """Return the page of a link, with its one button."""
    if not await actions.link_waits(link):
        raise SignInOverError
    return shown(visit, "link.html", link=link)


@post(f"{PAGE}/link")
async def press_link(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[None]:
    """Sign in with a link."""
    form = await read_form(request, visit, Pressing)
    network, device = await doorstep.network(request, actions), doorstep.device(request)
    done = await actions.press_link(form.link, network, device)
    return await doorstep.signed_in_anew(actions, visit, done.cookie, "/")


@post(f"{PAGE}/passkey/ask", status_code=200)
async def ask_passkey(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> passkeys.Ceremony:
    """Return what the page asks a device."""
    await read_form(request, visit, Nothing)
    return await actions.ask_passkey(await doorstep.network(request, actions))


@post(f"{PAGE}/passkey")
async def enter_passkey(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[None]:
    """Sign in with a passkey."""
    form = await read_form(request, visit, Answering)
    answer = passkeys.Answer(form.waiting, form.answer)
    done = await actions.enter_passkey(answer, doorstep.device(request))
    return await doorstep.signed_in_anew(actions, visit, done.cookie, local(form.next))


@get(f"{PAGE}/oidc")
async def leave(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[None]:
    """Send her to the company's own sign-in; by a link, for a form may not end at another site."""
    return _away(await actions.leave_to_sign_in(Aim.SIGN_IN, visit.entered, _onward(request)))


@get(f"{PAGE}/oidc/again")
async def leave_again(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[None]:
    """Send her there to prove afresh that it is she."""
    return _away(await actions.leave_to_sign_in(Aim.STEP_UP, visit.sitting, _onward(request)))


@get(f"{PAGE}/oidc/callback")
async def look_back(request: Request[Any, Any, Any], visit: NamedDependency[Visit]) -> Response[str]:
    """Return a page with one button, which a script presses: what she brought back is used by a form."""
    said = {name: request.query_params.get(name, "") for name in ("state", "code", "iss")}
    return shown(visit, "back.html", said=said)


@post(f"{PAGE}/oidc")
async def come_back(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[None]:
    """Sign in whoever comes back, or let what was proved there count."""
    form = await read_form(request, visit, Returning)
    back = federated.Back(request.cookies.get(OIDC, ""), form.state, form.code, form.iss)
    network, device = await doorstep.network(request, actions), doorstep.device(request)
    done = await actions.come_back(back, visit.entered, network, device)
    if not done.cookie:
        return see(done.onward, "proved")
    return await doorstep.signed_in_anew(actions, visit, done.cookie, done.onward)


@post("/stay")
async def stay(request: Request[Any, Any, Any], visit: NamedDependency[Visit]) -> Response[None]:
    """Lead back to her page: that she asked for anything at all is what keeps her signed in."""
    form, _ = await read_form(request, visit, Staying), visit.sitting
    return see(local(form.back), "stayed", at="status")


@post("/signout")
async def sign_out(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[None]:
    """End this session; whoever has none is told the same."""
    await read_form(request, visit, Nothing)
    if visit.entered is not None:
        await actions.end_session(visit.sitting, visit.sitting.id)
    response = see(PAGE, "signed-out")
    response.headers["Set-Cookie"] = doorstep.GONE
    return response


def noted(request: Request[Any, Any, Any], error: ServiceError) -> None:
    """Let log and meters know of a refusal that is answered on the page it belongs to."""
    note(error, request.scope.get("path_template", ""), request.headers.get("traceparent", ""))


def _onward(request: Request[Any, Any, Any]) -> str:
    return local(request.query_params.get("next", ""))


def _waiting(visit: Visit, waiting: str, onward: str, *, wrong: bool = False) -> Response[str]:
    return doorstep.code_page(visit, f"{PAGE}/code", waiting, wrong=wrong, onward=local(onward))


def _away(away: federated.Away) -> Response[None]:
    cookie = f"{OIDC}={away.cookie}{AWAY}"
    return Response(None, status_code=303, media_type=HTML, headers={"Location": away.address, "Set-Cookie": cookie})


ROUTES = [
    page,
    ask,
    enter,
    look_at_link,
    press_link,
    ask_passkey,
    enter_passkey,
    leave,
    leave_again,
    look_back,
    come_back,
    stay,
    sign_out,
]

"""What every way of signing in shares: from where somebody comes, where she goes on to, her cookie, and letters."""

import re
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from litestar import Request, Response

from service.actions import Actions
from service.errors import UnknownSessionError, WrongCodeError
from service.mail import Mail
from service.model.signin import Aim, device_of
from service.portal.carrying import in_language
from service.portal.pages import environment, page, see
from service.portal.visit import COOKIE, Visit
from service.refusals import status_of
from service.usecases.codes import Letter

KEPT = "; Path=/; Secure; HttpOnly; SameSite=Lax"
GONE = f"{COOKIE}=; Max-Age=0{KEPT}"
PORTED = re.compile(r"(?:\[(?P<six>[^\[\]]+)\]|(?P<four>[0-9.]+))(?::[0-9]{1,5})?")
HOUSE = 64
"""Bits of an IPv6 address that one house has alone."""
LETTERS = {Aim.SIGN_IN: "sign-in", Aim.STEP_UP: "again", Aim.ADDRESS: "address"}


def device(request: Request[Any, Any, Any]) -> str:
    """Return with what somebody signs in, as far as it is kept."""
    return device_of(request.headers.get("user-agent", ""))


async def network(request: Request[Any, Any, Any], actions: Actions) -> str:
    """Return from which address of the network somebody comes; of IPv6 only what a house has alone.

    Each proxy adds whom it heard at the end, so only as many are believed as the operator says there are.
    """
    proxies = (await actions.ways()).proxies
    lines = ",".join(request.headers.getall("x-forwarded-for", []))
    heard = [each.strip() for each in lines.split(",") if each.strip()]
    client = request.client.host if request.client else ""
    named = _address(heard[-proxies]) if 0 < proxies <= len(heard) else None
    return _house(named or _address(client))


def _address(written: str) -> IPv4Address | IPv6Address | None:
    """Return an address as proxies write it, some with a port; None for what is none."""
    bracketed = PORTED.fullmatch(written)
    with suppress(ValueError):
        return ip_address(written if bracketed is None else bracketed["six"] or bracketed["four"])
    return None


def _house(found: IPv4Address | IPv6Address | None) -> str:
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or ip_network((int(found), HOUSE), strict=False))
    return "" if found is None else str(found)


async def signed_in_anew(actions: Actions, visit: Visit, cookie: str, path: str) -> Response[None]:
    """Give a browser its session, and end the one that it had before."""
    if visit.entered is not None:
        with suppress(UnknownSessionError):
            await actions.end_session(visit.entered, visit.entered.id)
    return signed_in(cookie, path)


def signed_in(cookie: str, path: str) -> Response[None]:
    """Give a browser its session, and lead it on."""
    response = see(path, "signed-in")
    response.headers["Set-Cookie"] = f"{COOKIE}={cookie}{KEPT}"
    return response


def code_page(visit: Visit, to: str, waiting: str, *, wrong: bool = False, **context: Any) -> Response[str]:  # noqa: ANN401  what differs from page to page
    """Return the page on which a code is entered; ``to``: where its form is sent."""
    status = status_of(WrongCodeError) if wrong else 200
    differs = {"onward": "", "again": False, "more": {}} | context
    return page(visit, "code.html", status=status, action=to, waiting=waiting, wrong=wrong, **differs)


async def post(actions: Actions, visit: Visit, letter: Letter | None) -> None:
    """Send a letter, after the answer. Where nothing may be sent, one is written all the same."""
    written = letter or Letter("", Aim.SIGN_IN)
    address = f"{(await actions.ways()).public_url}/signin/link/{written.link}" if written.link else ""
    if address and visit.asked_language:  # she reads on in the language of the page that she asked on
        address = in_language(address, "", visit.asked_language)
    template = environment(visit.language, plain=True).get_template(f"letters/{LETTERS[written.aim]}.txt")
    subject, _, text = template.render(company=visit.company, code=written.code, link=address).partition("\n")
    if letter is not None:
        await actions.post(Mail(letter.to, subject, text.strip() + "\n"))

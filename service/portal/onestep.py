"""``/n/{token}``: where the link of a message leads. One press stops the messages, and nobody need sign in.

Whoever has the link may be anybody: the page says what the message was about, and nothing of hers. That a form comes
from this page is not asked, for the link itself is the right to press, and a mail program presses without the page.
"""

from typing import Any

from litestar import Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.exceptions import SerializationException
from litestar.params import FromPath
from msgspec import structs

from service.actions import Actions
from service.errors import MalformedBodyError, UnsupportedMediaError, WrongKindError
from service.model.message_links import No
from service.portal.pages import page as shown
from service.portal.pages import see
from service.portal.visit import SHOWS, Visit

MEDIA = ("multipart/form-data", "application/x-www-form-urlencoded")
ONE_CLICK = [("List-Unsubscribe", "One-Click")]
"""All that a mail program sends (RFC 8058, 3.1)."""
DONE = {No.STOP: "stopped", No.MARKETING: "marketing-stopped", No.PAUSE: "paused"}


@get("/n/{word:str}")
async def page(
    word: FromPath[str], actions: NamedDependency[Actions], stranger: NamedDependency[Visit]
) -> Response[str]:
    """Return the page. It changes nothing, for whatever scans messages opens links."""
    return await _shown(actions, stranger, word)


@post("/n/{word:str}", status_code=200, opt={SHOWS: True})
async def press(
    request: Request[Any, Any, Any],
    word: FromPath[str],
    actions: NamedDependency[Actions],
    stranger: NamedDependency[Visit],
) -> Response[Any]:
    """Say no, at once. A mail program is answered without being led on (RFC 8058, 3.1)."""
    fields = await _fields(request)
    if fields == ONE_CLICK:
        await actions.say_no_by_message(word, No.STOP)
        return await _shown(actions, structs.replace(stranger, done=DONE[No.STOP]), word)
    no = _meant(fields)
    await actions.say_no_by_message(word, no)
    return see(f"/n/{word}", DONE[no], at="status")


async def _shown(actions: Actions, stranger: Visit, word: str) -> Response[str]:
    spot = await actions.message_link(word)
    catalogue = stranger.catalogue
    purpose = None if catalogue is None else catalogue.purposes.get(spot.purpose)
    response = shown(stranger, "onestep.html", purpose=purpose, channel=spot.channel, word=word, no=No)
    response.headers["X-Robots-Tag"] = "noindex"
    return response


async def _fields(request: Request[Any, Any, Any]) -> list[tuple[str, str]]:
    """Return what was sent, whichever of both ways it was written in."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() not in MEDIA:
        raise UnsupportedMediaError
    try:
        form = await request.form()
    except (ValueError, LookupError, SerializationException):
        raise MalformedBodyError("the form cannot be read") from None
    fields = list(form.multi_items())
    if any(isinstance(value, UploadFile) for _, value in fields):
        raise WrongKindError("no file is expected")
    return [(name, str(value)) for name, value in fields]


def _meant(fields: list[tuple[str, str]]) -> No:
    if len(fields) != 1 or fields[0][0] != "no" or fields[0][1] not in list(No):
        raise WrongKindError("expected what to stop")
    return No(fields[0][1])

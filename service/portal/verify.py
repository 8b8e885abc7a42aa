"""``/verify``: whether a receipt is ours and unchanged. For anybody; nothing of it is kept, or shown again."""

from contextlib import suppress
from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from msgspec import Struct

from service.actions import Actions
from service.crypto.signing import PublicKey
from service.errors import MalformedBodyError, ServiceError, UnsupportedMediaError
from service.model.receipt import Flaw
from service.portal.forms import refuse_foreign
from service.portal.pages import page as shown
from service.portal.visit import SHOWS, Visit

LONGEST = 256 * 1024
"""Bytes of a form with a receipt: one act may be about every purpose there is."""
MEDIA = ("multipart/form-data", "application/x-www-form-urlencoded")


class Answer(Struct, frozen=True):
    """A receipt as we give it away in a file, among other things."""

    receipt: str

    def __repr__(self) -> str:  # what it says may be somebody's
        return "Answer()"


@get("/verify")
async def page(actions: NamedDependency[Actions], visit: NamedDependency[Visit]) -> Response[str]:
    """Return the page."""
    return shown(visit, "verify.html", verdict=None, empty=False, keys=await _keys(actions))


@post("/verify", status_code=200, request_max_body_size=LONGEST, opt={SHOWS: True})
async def check(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[str]:
    """Say whether it is ours. Nothing is changed by it, so the page is the answer."""
    presented = await _presented(request)
    verdict = await actions.verify_receipt(receipt_in(presented)) if presented else None
    return shown(visit, "verify.html", verdict=verdict, empty=not presented, keys=await _keys(actions), flaws=Flaw)


def receipt_in(text: str) -> str:
    """Return the receipt in what somebody has: by itself, broken into lines, or in a file of ours."""
    with suppress(msgspec.MsgspecError, RecursionError):
        text = msgspec.json.decode(text, type=Answer).receipt
    return "".join(text.split())


async def _presented(request: Request[Any, Any, Any]) -> str:
    """Return what is in the form: the file, if there is one."""
    refuse_foreign(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() not in MEDIA:
        raise UnsupportedMediaError
    try:
        form = await request.form()
        for each in form.getall("file", []):
            if isinstance(each, UploadFile) and (content := await each.read()):
                return content.decode("utf-8")
    except (ValueError, LookupError):  # no text, or none in a way of writing that is known
        raise MalformedBodyError("the form cannot be read") from None
    return "".join(each for each in form.getall("receipt", []) if isinstance(each, str)).strip()


async def _keys(actions: Actions) -> list[PublicKey]:
    """Return the keys to check with elsewhere; none while they are out of reach."""
    with suppress(ServiceError):
        return await actions.receipt_keys()
    return []

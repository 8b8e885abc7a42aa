"""``/language``: in which language she likes to be spoken to, on every page and in what she is sent."""

from typing import Any

from litestar import Request, Response, post
from litestar.di import NamedDependency
from msgspec import Struct

from service.actions import Actions
from service.errors import WrongKindError
from service.portal.forms import read_form
from service.portal.pages import local, see
from service.portal.visit import Visit


class Wish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A language; ``back``: the page that she is on."""

    language: str
    back: str = "/"


@post("/language")
async def choose(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[None]:
    """Keep the language that she likes."""
    form = await read_form(request, visit, Wish)
    if form.language not in visit.languages:
        raise WrongKindError(pointer="/language")
    kept = await actions.speak(visit.her, form.language)
    if kept is None:  # then the address says it, and links carry it on
        return see(local(form.back), "language", at="languages", language=form.language)
    return see(local(form.back), "language", at="languages", entry=kept.entry)

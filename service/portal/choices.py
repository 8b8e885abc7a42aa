"""``/choices``: what she allows, purpose by purpose and channel by channel, and what stops or opens more at once."""

from asyncio import gather
from typing import Any, Literal

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from msgspec import Struct

from service.actions import Actions
from service.errors import MissingFieldError, WrongKindError
from service.model.choices import Allowed, Choice, Kind, Objection, Pause
from service.model.consent import Reach, Spot
from service.model.words import Channel, Method, PurposeId, Status
from service.portal import preferences
from service.portal.forms import read_form
from service.portal.pages import local, see
from service.portal.pages import page as shown
from service.portal.reasons import sentence
from service.portal.visit import Visit
from service.usecases import choices, consents
from service.usecases.permissions import Permissions, Shown

PAGE = "/choices"
LAYOUT = "portal-choices-3"
"""How the page is arranged; another arrangement is another name, because her answers say what she saw."""
DONE = {"yes": "allowed", "no": "refused", "stop": "refused", "not-special": "not-special"}


class Answer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A yes, a no, or the end of a yes, of all of it or of special data; without a channel it ends on all of them.

    ``notice`` and ``snapshot``: what is on the screen. ``explicit``: said in so many words, as special data needs.
    """

    purpose: str
    answer: Literal["yes", "no", "stop", "not-special"]
    channel: Channel | None = None
    notice: int | None = None
    snapshot: str = ""
    explicit: Literal["yes"] | None = None


class Choosing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A yes or its end for one way of treating her, or for a purpose that she can object to; ``back``: as below."""

    kind: Kind
    answer: Literal["yes", "stop"]
    purpose: str = ""
    back: str = PAGE


class Pausing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Peace for a while, or no more of it; ``back``: the page that she is on."""

    pause: Literal["start", "end"]
    back: str = "/"


@get(PAGE)
async def page(actions: NamedDependency[Actions], visit: NamedDependency[Visit]) -> Response[str]:
    """Return the page; what it shows is read at once, while the database adds up what came of her answers."""
    found, likes = await gather(
        actions.permissions(visit.her, visit.language, LAYOUT), actions.read_preferences(visit.her)
    )
    quiet = preferences.hours(likes)
    return shown(
        visit,
        "choices.html",
        found=found,
        asked=sorted(found.asked, key=_first),
        catalogue=visit.told,
        stopped=_stopped(visit, found),
        sentence=sentence,
        likes=preferences.offered(visit.told, likes),
        seen=likes.tag,
        quiet=quiet,
        zones=preferences.zones(visit.told, quiet),
    )


@post(f"{PAGE}/answer")
async def answer(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[None]:
    """Record a yes or a no. A no needs nothing but the purpose, or all marketing."""
    form = await read_form(request, visit, Answer)
    match form.answer:
        case "yes":
            done = await actions.allow(visit.her, _yes(form))
        case "not-special":
            done = await actions.end_special(visit.her, _spot(form))
        case _:
            done = await actions.record_consent(visit.her, _no(form), None)
    return see(PAGE, DONE[form.answer], at=_control(form), entry=done.entry)


@post(f"{PAGE}/choose")
async def choose(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[None]:
    """Record what she chose above single purposes."""
    form = await read_form(request, visit, Choosing)
    if bool(form.purpose) != (form.kind is Kind.OBJECTION):
        raise WrongKindError("a purpose belongs to an objection, and to nothing else", pointer="/purpose")
    done = await actions.choose(visit.her, choices.Said(choice=_choice(form), method=Method.PORTAL), None)
    at = f"c-{form.kind}-{form.purpose}" if form.purpose else f"c-{form.kind}"
    return see(local(form.back), "chosen", at=at, entry=done.entry)


@post("/pause")
async def pause(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[None]:
    """Pause everything for a while, from any page, or start again."""
    form = await read_form(request, visit, Pausing)
    choice = await actions.pause_from_now() if form.pause == "start" else Pause(None)
    done = await actions.choose(visit.her, choices.Said(choice=choice, method=Method.PORTAL), None)
    return see(local(form.back), "paused" if choice.until else "resumed", at="pause", entry=done.entry)


def _stopped(visit: Visit, found: Permissions) -> bool:
    """Return whether what she has just allowed does not count yet."""
    just = [each for each in found.asked if any(answer.entry == visit.entry for answer in each.history)]
    return bool(just) and (visit.held_until is not None or any(each.overruled for each in just))


def _yes(form: Answer) -> consents.Said:
    if not form.snapshot:
        raise MissingFieldError("a yes names the notice that she read", pointer="/snapshot")
    return consents.Said(
        purpose=_meant(form.purpose),
        channel=form.channel,
        status=Status.GIVEN,
        method=Method.PORTAL,
        notice=form.notice,
        explicit=form.explicit is not None,
        snapshot=form.snapshot,
    )


def _no(form: Answer) -> consents.Said:
    return consents.Said(
        purpose=_meant(form.purpose),
        channel=form.channel,
        status=Status.REFUSED if form.answer == "no" else Status.WITHDRAWN,
        method=Method.PORTAL,
        snapshot=form.snapshot,
    )


def _spot(form: Answer) -> Spot:
    if form.channel is None:
        raise MissingFieldError("special data is agreed to on one channel", pointer="/channel")
    return Spot(PurposeId(form.purpose), form.channel)


def _meant(purpose: str) -> PurposeId | Reach:
    """Return the purpose, or how far a no reaches that is not for a single one."""
    return Reach(purpose) if purpose in list(Reach) else PurposeId(purpose)


def _choice(form: Choosing) -> Choice:
    yes = form.answer == "yes"
    return Objection(PurposeId(form.purpose), not yes) if form.kind is Kind.OBJECTION else Allowed(form.kind, yes)


def _control(form: Answer) -> str:
    if form.channel is None:
        return f"p-{form.purpose}"
    special = form.explicit is not None or form.answer == "not-special"
    return f"c-{form.purpose}-{form.channel}{'-special' if special else ''}"


def _first(each: Shown) -> tuple[int, str]:
    """Order purposes: what asks for more than she allowed, what she has not decided, what is on, what is off."""
    wants_a_look = any(permission.status.valid and each.asks_more(permission) for permission in each.permissions)
    undecided = any(permission.status.open for permission in each.permissions)
    on = any(permission.status.valid for permission in each.permissions)
    return [wants_a_look, undecided, on, True].index(True), each.purpose.title

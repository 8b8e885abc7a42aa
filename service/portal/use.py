"""``/use``: who used her data or looked at it, each time opened if she likes, as a picture, as files; and questions."""

import re
from collections.abc import AsyncIterator
from datetime import date, datetime, time, timedelta
from typing import Any, Literal
from urllib.parse import urlencode

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream
from msgspec import Struct

from service.actions import Actions
from service.errors import UnknownUseError, WrongKindError
from service.model.questions import LONGEST
from service.model.words import AttributeId, EntryId, PurposeId
from service.portal.chart import chart
from service.portal.forms import read_form, read_query
from service.portal.pages import page as shown
from service.portal.pages import see
from service.portal.reasons import sentence
from service.portal.uses_as_files import csv_of, json_of
from service.portal.visit import Visit
from service.usecases import past
from service.usecases.questions import Asking
from service.usecases.uses import Filter, Line, Used

PAGE = "/use"
MOST, AT_ONCE = 25, 1_000
"""Lines on a page, and lines that a file is written of at once."""
LINE = re.compile(r"[A-Za-z0-9_-]{56}")
SERVICE = "service:"
LATELY = 5
"""Questions that stand below the timeline."""
YEARS = range(1970, 9000)


class Wanted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which lines she wants to see."""

    service: str = ""
    purpose: str = ""
    attribute: str = ""
    refused: Literal["yes"] | None = None
    people: Literal["yes"] | None = None
    since: date | None = None
    until: date | None = None
    cursor: str | None = None

    @property
    def query(self) -> str:
        """The same in an address, from the top of the list."""
        said = {name: getattr(self, name) for name in self.__struct_fields__ if name != "cursor"}
        return urlencode({name: str(value) for name, value in said.items() if value})

    def filter(self, visit: Visit) -> Filter:
        """Return what is to be found; days are days where she is."""
        return Filter(
            actor=f"{SERVICE}{self.service}" if self.service else None,
            purpose=PurposeId(self.purpose) if self.purpose else None,
            refused_only=self.refused is not None,
            people_only=self.people is not None,
            attribute=AttributeId(self.attribute) if self.attribute else None,
            since=None if self.since is None else _midnight(self.since, visit),
            until=None if self.until is None else _midnight(self.until, visit) + timedelta(days=1),
        )


class Question(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What she asks about a line, or about one time of it."""

    line: str
    about: str | None = None
    text: str = ""

    def __repr__(self) -> str:  # what she asks is hers
        return "Question()"


class Paging(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the page before ended."""

    cursor: str | None = None


@get(PAGE)
async def page(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[str]:
    """Return who used her data, newest first."""
    wanted = read_query(request, Wanted)
    found = await actions.timeline(visit.her, wanted.filter(visit), wanted.cursor, MOST)
    asked = await actions.questions(visit.her, None, LATELY)
    return shown(
        visit,
        "use.html",
        found=found,
        wanted=wanted,
        chart=chart(found.days, found.covers.until),
        questions=asked,
        catalogue=visit.told,
    )


@get(f"{PAGE}/lines/{{word:str}}")
async def line(
    request: Request[Any, Any, Any],
    word: FromPath[str],
    actions: NamedDependency[Actions],
    visit: NamedDependency[Visit],
) -> Response[str]:
    """Return each time of one line: what was asked for, what was decided, and why."""
    if not LINE.fullmatch(word):
        raise UnknownUseError
    use = await actions.use_line(visit.her, word)
    found = await actions.uses_of_line(visit.her, word, read_query(request, Paging).cursor, MOST)
    return shown(
        visit,
        "use_line.html",
        line=use,
        found=found,
        ground=await _ground(actions, visit, use, found.uses),
        sentence=sentence,
        longest=LONGEST,
        catalogue=visit.told,
    )


@post(f"{PAGE}/ask")
async def ask(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[None]:
    """Take a question about a line, or about one time of it."""
    form = await read_form(request, visit, Question)
    if len(form.text) > LONGEST:
        raise WrongKindError(pointer="/text")
    about = None if form.about is None else EntryId(form.about)
    asking = Asking(line=None if about else form.line, entry=about, text=form.text)
    done = await actions.ask(visit.her, asking, None)
    return see(f"{PAGE}/questions", "asked", at=done.id)


@get(f"{PAGE}/questions")
async def questions(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[str]:
    """Return what she asked, and what she was answered."""
    found = await actions.questions(visit.her, read_query(request, Paging).cursor, MOST)
    return shown(visit, "questions.html", found=found, catalogue=visit.told)


@get(f"{PAGE}/export.csv")
async def as_csv(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Stream:
    """Return what the list shows, all of it, as a table."""
    return _file(csv_of(_lines(request, actions, visit)), "text/csv; header=present", "use.csv")


@get(f"{PAGE}/export.json")
async def as_json(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Stream:
    """Return what the list shows, all of it, for programs."""
    return _file(json_of(_lines(request, actions, visit)), "application/json", "use.json")


def _file(content: AsyncIterator[bytes], media: str, name: str) -> Stream:
    return Stream(content, media_type=media, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _lines(request: Request[Any, Any, Any], actions: Actions, visit: Visit) -> AsyncIterator[list[Line]]:
    """Return all lines that she wants, some at a time. What is wrong is refused before anything is sent."""
    her, wanted = visit.her, read_query(request, Wanted).filter(visit)

    async def read() -> AsyncIterator[list[Line]]:
        after: str | None = None
        while True:
            found = await actions.uses(her, wanted, after, AT_ONCE)
            yield found.lines
            if found.next is None:
                return
            after = found.next

    return read()


async def _ground(actions: Actions, visit: Visit, use: Line, opened: list[Used]) -> past.Answered | None:
    """Return the answer of hers that stood when this line was last added to, if it was for a purpose by consent."""
    if not use.use.purpose or not opened:
        return None
    then = await actions.allowed(visit.her, past.Question(at=opened[0].at, purpose=PurposeId(use.use.purpose)))
    name = use.use.actor.removeprefix(SERVICE)
    spot = (name, use.use.channel)
    return next((each.answered for each in then.allowed if (each.asked.service, each.asked.channel) == spot), None)


def _midnight(day: date, visit: Visit) -> datetime:
    if day.year not in YEARS:
        raise WrongKindError(pointer="/since")
    return datetime.combine(day, time.min, visit.zone)

"""Pages: templates in, HTML out, in the language of the visit; and what a form is answered with."""

import re
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Response
from markupsafe import Markup, escape

from service.portal.static import address, logo, style
from service.portal.visit import Visit
from service.portal.words import LANGUAGES, direction

TEMPLATES = Path(__file__).parent / "templates"
HTML = "text/html"
BOLD = re.compile(r"\*\*(.+?)\*\*", re.DOTALL)
MENU = (("/", "Overview"), ("/choices", "What I allow"))
"""The main menu: addresses, and words for gettext."""


def page(visit: Visit, template: str, *, status: int = 200, **context: Any) -> Response[str]:  # noqa: ANN401  what a template needs
    """Return a page; ``context``: what its template shows."""
    text = environment(visit.language).get_template(template).render(visit=visit, status=status, **context)
    return Response(text, status_code=status, media_type=HTML)


def see(path: str, done: str = "", *, at: str = "", **query: str) -> Response[None]:
    """Answer a form: look at this page, which says what was done (RFC 9110, 15.4.4). ``at``: the id of a control."""
    said = urlencode({key: value for key, value in {"done": done, **query}.items() if value})
    where = f"{path}{'?' if said else ''}{said}{'#' if at else ''}{at}"
    return Response(None, status_code=303, headers={"Location": where})


@cache
def environment(language: str) -> Environment:
    """Return the templates, speaking one language."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_translations(LANGUAGES[language], newstyle=True)  # type: ignore[attr-defined]  # the extension adds it
    made.globals.update(static=address, style=style, logo=logo, direction=direction, menu=MENU)
    made.filters["notice"] = _notice
    made.filters["day"] = _day
    made.filters["moment"] = _moment
    return made


def _day(at: datetime) -> str:
    return f"{at.day} {at:%B %Y}"


def _moment(at: datetime) -> str:
    return f"{at.day} {at:%B %Y, %H:%M}"


def _notice(text: str) -> Markup:
    """Return a notice as HTML: paragraphs, and what stands between two pairs of stars; nothing else is markup."""
    paragraphs = (BOLD.sub(r"<strong>\1</strong>", str(escape(each))) for each in text.strip().split("\n\n"))
    return Markup("".join(f"<p>{each}</p>" for each in paragraphs))  # noqa: S704  escaped above

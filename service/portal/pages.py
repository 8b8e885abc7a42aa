"""Pages: templates in, HTML out, in the language of the visit; and what a form is answered with."""

import re
from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Response
from markupsafe import Markup

from service.portal import written
from service.portal.carrying import carried
from service.portal.markdown import as_html, differences
from service.portal.static import address, logo, style
from service.portal.visit import Visit
from service.portal.words import direction, name_of, said, translations

TEMPLATES = Path(__file__).parent / "templates"
HTML = "text/html"
OURS = re.compile(r"/(?:[A-Za-z0-9._~-]+(?:/[A-Za-z0-9._~-]+)*)?(?:\?[A-Za-z0-9._~%&=+*-]*)?")
"""An address of a page of ours: no browser takes it for one of another site."""
MENU = (
    ("/", said("Overview")),
    ("/choices", said("What I allow")),
    ("/data", said("What you know")),
    ("/use", said("Who used it")),
    ("/receipts", said("Receipts")),
)
"""The main menu: addresses, and words for gettext."""


def page(visit: Visit, template: str, *, status: int = 200, **context: Any) -> Response[str]:  # noqa: ANN401  what a template needs
    """Return a page; ``context``: what its template shows."""
    text = environment(visit.language).get_template(template).render(visit=visit, status=status, **context)
    if visit.asked_language:
        text = carried(text, visit.asked_language)
    return Response(text, status_code=status, media_type=HTML, headers={"Content-Language": visit.language})


def see(path: str, done: str = "", *, at: str = "", **query: str) -> Response[None]:
    """Answer a form: look at this page, which says what was done (RFC 9110, 15.4.4). ``at``: the id of a control."""
    said = urlencode({key: value for key, value in {"done": done, **query}.items() if value})
    mark = "&" if "?" in path else "?"
    where = f"{path}{mark if said else ''}{said}{'#' if at else ''}{quote(at)}"
    return Response(None, status_code=303, media_type=HTML, headers={"Location": where})


def local(back: str) -> str:
    """Return the page of ours that a form was on, the first page for anything else."""
    return back if OURS.fullmatch(back) else "/"


@cache
def environment(language: str, *, plain: bool = False) -> Environment:
    """Return the templates, speaking one language; ``plain``: for a letter, in which ``&`` is no more than that."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=not plain,  # noqa: S701  a letter is no HTML
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]  # the extension adds it
    if not plain:
        made.globals["gettext"] = made.globals["_"] = _speaking(translations(language).gettext)
    made.globals.update(
        static=address, style=style, logo=logo, direction=direction, name_of=name_of, differences=differences, menu=MENU
    )
    made.filters["notice"] = as_html
    written.install(made)
    return made


def _speaking(translate: Callable[[str], str]) -> Callable[..., Markup]:
    """Return what Jinja's own gettext would: of the two hundred texts of a page, those without gaps are remembered."""

    @lru_cache(maxsize=4096)
    def whole(words: str) -> Markup:
        return with_gaps(words)

    def with_gaps(words: str, **gaps: object) -> Markup:
        return Markup(translate(words)) % gaps  # noqa: S704  the texts are ours, and what fills a gap is escaped

    return lambda words, **gaps: with_gaps(words, **gaps) if gaps else whole(words)

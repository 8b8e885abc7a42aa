"""``/ledger``: for people, what the ledger is, where it stands, and how to check it. It needs no script."""

import re
from html import escape
from pathlib import Path

from litestar import Response, route
from litestar.di import NamedDependency

from service.actions import Actions
from service.api.ledger import PREFIX, READ
from service.kept import FOR_EVER, Kept
from service.usecases.ledger import Published

STATIC = Path(__file__).parent / "static"
STYLE = Kept((STATIC / "ledger.css").read_bytes(), "text/css")
STYLE_NAME = STYLE.named("ledger.css")
TEMPLATE = (STATIC / "ledger.html").read_text(encoding="utf-8")
NAMED = re.compile(r"\{([\w.-]+)\}")
NOTHING = "nothing yet"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000",
}


@route(PREFIX, http_method=READ)
async def page(actions: NamedDependency[Actions]) -> Response[str]:
    """Return the page."""
    words = _words(await actions.published()) | {"ledger.css": STYLE_NAME}
    text = NAMED.sub(lambda found: escape(words[found[1]]), TEMPLATE)
    return Response(text, media_type="text/html", headers=HEADERS)


@route(f"{PREFIX}/{STYLE_NAME}", http_method=READ)
async def style() -> Response[bytes]:
    """Return the style of the page."""
    return Response(STYLE.content, media_type=STYLE.media_type, headers={"Cache-Control": FOR_EVER})


PAGES = [page, style]
"""What the document of the API does not list, because it is for people."""


def _words(published: Published | None) -> dict[str, str]:
    """Return what stands in the places of the template."""
    if published is None:
        return dict.fromkeys(("name", "signed", "note", "verifier", "verifiers"), NOTHING) | {"size": "0"}
    return {
        "name": published.name,
        "size": f"{published.size:,}",
        "signed": f"{published.signed_at:%Y-%m-%d %H:%M:%S} UTC",
        "note": published.note,
        "verifier": published.verifiers[0],
        "verifiers": "\n".join(published.verifiers),
    }

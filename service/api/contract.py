"""``/openapi.json`` and ``/docs``: the contract, for programs and for people. Nothing here is about anybody.

No part of it comes from another host: what the page needs is vendored in ``static/``, under names with a digest, so
that a browser keeps it until it changes.
"""

import re
from pathlib import Path
from typing import Any

from litestar import Request, Response, get
from litestar.params import FromPath

from service.api.document import document
from service.errors import NotFoundError
from service.kept import FOR_EVER, FOR_MINUTES, Kept

STATIC = Path(__file__).parent / "static"
NAMED = re.compile(r"\{([\w.-]+)\}")
# Swagger UI's icons are data.
ONLY_OURS = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def _files() -> dict[str, Kept]:
    """Return what the page loads, by its name on disk."""
    kept = {
        "swagger-ui-bundle.js": ("swagger-ui", "text/javascript"),
        "swagger-ui.css": ("swagger-ui", "text/css"),
        "start.js": (".", "text/javascript"),
    }
    return {name: Kept((STATIC / folder / name).read_bytes(), media) for name, (folder, media) in kept.items()}


DOCUMENT = Kept(document(), "application/json")
FILES = {kept.named(name): kept for name, kept in _files().items()}


def _page() -> Kept:
    names = {name.replace(f".{kept.digest}", ""): name for name, kept in FILES.items()}
    text = NAMED.sub(lambda found: names[found[1]], (STATIC / "docs.html").read_text(encoding="utf-8"))
    return Kept(text.encode(), "text/html")


PAGE = _page()


@get("/openapi.json")
async def contract(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return the OpenAPI document."""
    return _unless_known(request, DOCUMENT)


@get("/docs")
async def page(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return the page on which the document can be read and tried."""
    response = _unless_known(request, PAGE)
    response.headers["Content-Security-Policy"] = ONLY_OURS
    return response


@get("/docs/{file:str}")
async def part(file: FromPath[str]) -> Response[bytes]:
    """Return a script or a style of the page."""
    found = FILES.get(file)
    if found is None:
        raise NotFoundError
    return Response(found.content, media_type=found.media_type, headers={"Cache-Control": FOR_EVER})


PAGES = [contract, page, part]
"""What the document does not list, because it is about the document."""


def _unless_known(request: Request[Any, Any, Any], kept: Kept) -> Response[bytes]:
    """Return what is kept, or 304 to a browser that has it (RFC 9110, 13.1.2)."""
    tag = f'"{kept.digest}"'
    headers = {"Cache-Control": FOR_MINUTES, "ETag": tag}
    known = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    if known & {tag, "*"}:
        return Response(b"", status_code=304, headers=headers)
    return Response(kept.content, media_type=kept.media_type, headers=headers)

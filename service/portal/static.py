"""``/static``: what pages load. Each file has a name that changes with it, so that a browser keeps it for ever."""

import gzip
from functools import cache
from pathlib import Path
from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct

from service.errors import NotFoundError
from service.kept import FOR_EVER, Kept
from service.portal.look import Look

STATIC = Path(__file__).parent / "static"
LOADED = {
    "portal.css": "text/css",
    "portal.js": "text/javascript",
    "signin.js": "text/javascript",
    "htmx-2.0.11.min.js": "text/javascript",
}
SMALLER = {"text/css", "text/javascript", "image/svg+xml"}


class Packed(Struct, frozen=True):
    """A file, as it is, and compressed where that makes it smaller."""

    kept: Kept
    gzipped: Kept | None


@cache
def files() -> dict[str, Packed]:
    """Return what pages load, by its name in addresses."""
    kept = {name: Kept((STATIC / name).read_bytes(), media) for name, media in LOADED.items()}
    return {each.named(name): _packed(each) for name, each in kept.items()}


@cache
def address(name: str) -> str:
    """Return the address of a file, by its name on disk."""
    kept = Kept((STATIC / name).read_bytes(), LOADED[name])
    return f"/static/{kept.named(name)}"


@cache
def looks(look: Look) -> dict[str, Packed]:
    """Return the company's own files, by what a page asks for them."""
    style = Kept(f":root{{--company:{look.accent}}}".encode(), "text/css")
    return {f"company.{style.digest}.css": _packed(style)} | (
        {} if look.logo is None else {f"logo.{look.logo.digest}": _packed(look.logo)}
    )


def style(look: Look) -> str:
    """Return the address of the company's colours."""
    return f"/static/{next(name for name in looks(look) if name.endswith('.css'))}"


def logo(look: Look) -> str:
    """Return the address of the company's logo."""
    return f"/static/{next(name for name in looks(look) if name.startswith('logo.'))}"


@get("/static/{file:str}")
async def file(request: Request[Any, Any, Any], file: FromPath[str], look: NamedDependency[Look]) -> Response[bytes]:
    """Return a file."""
    found = files().get(file) or looks(look).get(file)
    if found is None:
        raise NotFoundError
    headers = {"Cache-Control": FOR_EVER, "Vary": "Accept-Encoding"}
    if found.gzipped and "gzip" in request.headers.get("accept-encoding", ""):
        headers |= {"Content-Encoding": "gzip"}
        return Response(found.gzipped.content, media_type=found.kept.media_type, headers=headers)
    return Response(found.kept.content, media_type=found.kept.media_type, headers=headers)


def _packed(kept: Kept) -> Packed:
    smaller = kept.media_type in SMALLER
    return Packed(kept, Kept(gzip.compress(kept.content, 9, mtime=0), kept.media_type) if smaller else None)

"""Reading bodies strictly: what is not exactly what the call takes is refused with its place, never its value.

Litestar would convert leniently (``"true"`` for ``true``) and take duplicate keys, so bodies are decoded here.
"""

import json
import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeVar, get_type_hints
from urllib.parse import parse_qsl

import msgspec
from litestar import Request
from msgspec import Struct

from service.errors import (
    DuplicateKeyError,
    MalformedBodyError,
    MissingFieldError,
    ServiceError,
    UnknownFieldError,
    UnsupportedMediaError,
    WrongKindError,
)

LIMIT = 64 * 1024
JSON = re.compile(r"^application/json\s*(;\s*charset\s*=\s*\"?utf-8\"?\s*)?$", re.IGNORECASE)
PLACE = re.compile(r" - at `(?:key in )?\$([^`]*)`$")
NAMED = re.compile(r"^Object (missing required|contains unknown) field `([a-z_]{1,40})`")
STEP = re.compile(r"\.([A-Za-z_][A-Za-z0-9_]*)|\[(\d+)\]")
EXPECTED = re.compile(r"^Expected `([a-z |]+)`(?: (of length [<>]=? \d+|[<>]=? -?[\d.]+)| matching regex '(.+)' - at)?")
ONE_LINE = r"(?!\\n)"
"""What a form says of line breaks, as it stands in a message."""
LITERAL = re.compile(r"true|false|0|-?[1-9][0-9]{0,15}")
NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
PLAIN = re.compile(rb"[ !-\[\]-~]*")
"""Printable ASCII without a backslash."""
QUOTE = b'"'
FIRST_YEAR, LAST_YEAR = 1970, 9000

Body = TypeVar("Body", bound=Struct)


async def read_body(request: Request[Any, Any, Any], kind: type[Body]) -> Body:
    """Return the request's body as a struct of this kind, or raise what is wrong with it."""
    refuse_other_media(request.headers.get("content-type", ""))
    return decode(await request.body(), kind)


def refuse_other_media(content_type: str) -> None:
    """Raise UnsupportedMediaError for a body that is not labelled as JSON."""
    if content_type != "application/json" and not JSON.match(content_type):
        raise UnsupportedMediaError


def decode(body: bytes, kind: type[Body]) -> Body:
    """Decode a body strictly."""
    _refuse_malformed(body)
    try:
        return msgspec.json.decode(body, type=kind, strict=True)
    except msgspec.ValidationError as error:
        raise _problem(str(error)) from None
    except (msgspec.DecodeError, RecursionError):
        raise MalformedBodyError from None


def decode_plain(body: bytes, kind: type[Body]) -> Body:
    """Decode a body just as strictly, and sooner where it is plain. ``kind`` omits its defaults, and so does all in it.

    Then what was understood, written again, has as many quotes as what was read: unless something stood there twice.
    """
    if PLAIN.fullmatch(body):
        with suppress(msgspec.MsgspecError):  # what is wrong is told below
            decoded = msgspec.json.decode(body, type=kind, strict=True)
            if body.count(QUOTE) == msgspec.json.encode(decoded).count(QUOTE):
                return decoded
    return decode(body, kind)


def read_query(request: Request[Any, Any, Any], kind: type[Body]) -> Body:
    """Return the request's query as a struct of this kind: each parameter known, of the right kind, and once."""
    pairs = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    if len({name for name, _ in pairs}) != len(pairs):
        raise DuplicateKeyError
    hints = get_type_hints(kind, include_extras=True)
    try:
        return msgspec.convert({name: _meant(text, hints.get(name, str)) for name, text in pairs}, kind)
    except msgspec.ValidationError as error:
        raise _problem(str(error)) from None


def _meant(text: str, kind: object) -> object:
    """Return the number or truth that a parameter's text is where one is taken, else the text.

    Not with msgspec's lenient mode: there ``null`` is a time that was not given, and ``1700000000`` is one.
    """
    if LITERAL.fullmatch(text):
        with suppress(msgspec.ValidationError):
            return msgspec.convert(msgspec.json.decode(text), kind)
    return text


def instant(written: datetime, pointer: str) -> datetime:
    """Return a time as it is stored, or refuse one that no clock shows."""
    if not FIRST_YEAR <= written.year <= LAST_YEAR:
        raise WrongKindError("not a plausible time", pointer=pointer)
    return written.astimezone(UTC)


def _refuse_malformed(body: bytes) -> None:
    """Refuse wrong UTF-8, deep nesting and what msgspec lets pass: a key that stands twice, a NUL in a text."""
    try:
        text = body.decode("utf-8")
        json.loads(text, object_pairs_hook=_refuse_twice, parse_constant=_refuse_constant)
    except DuplicateKeyError:
        raise
    except (ValueError, RecursionError):
        raise MalformedBodyError from None
    if NUL.search(text):
        raise MalformedBodyError("a text cannot hold U+0000")


def _refuse_twice(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        raise DuplicateKeyError


def _refuse_constant(_: str) -> None:
    raise ValueError("not JSON")


def _problem(message: str) -> ServiceError:
    """Turn msgspec's message into ours, which never quotes the request."""
    place = PLACE.search(message)
    pointer = "".join(f"/{a or b}" for a, b in STEP.findall(place[1])) if place else ""
    if named := NAMED.match(message):
        kind = MissingFieldError if named[1] == "missing required" else UnknownFieldError
        return kind(pointer=f"{pointer}/{named[2]}")
    if message.startswith("Object contains unknown field"):
        return UnknownFieldError(pointer=pointer)
    return WrongKindError(_expected(message), pointer=pointer)


def _expected(message: str) -> str:
    """Say what was expected: of which kind, how long, between which numbers, of which form; all of it is ours."""
    expected = EXPECTED.match(message)
    if expected is None:
        return ""
    kind, size, form = expected.groups()
    form = form and f"matching {form.replace(ONE_LINE, '')}"
    return " ".join(filter(None, ("expected", kind, size, form)))

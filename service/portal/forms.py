"""Reading what a form sends: from a page of ours, of this session, and nothing but what the form has."""

from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl

import msgspec
from litestar import Request
from msgspec import Struct

from service.crypto.forms import fits
from service.errors import (
    DuplicateKeyError,
    ForeignFormError,
    MalformedBodyError,
    UnsupportedMediaError,
    WrongKindError,
)
from service.portal.visit import Visit

MEDIA = "application/x-www-form-urlencoded"
MOST_FIELDS = 200
OF_EVERY_PAGE = {"language", "done", "entry"}
"""What the address of any page may say."""
Form = TypeVar("Form", bound=Struct)


async def read_form(request: Request[Any, Any, Any], visit: Visit, kind: type[Form]) -> Form:
    """Return the form as a struct; a field that was left empty is one that was not sent.

    Raises ForeignFormError for what another site sent, or another session's page.
    """
    return _struct(await _sent(request, visit), kind)


async def read_fields(request: Request[Any, Any, Any], visit: Visit) -> dict[str, list[str]]:
    """Return what a form sent that is made from the catalogue, by name; refused like any other."""
    fields: dict[str, list[str]] = {}
    for name, value in await _sent(request, visit):
        fields.setdefault(name, []).append(value)
    return fields


def read_query(request: Request[Any, Any, Any], kind: type[Form]) -> Form:
    """Return what an address asks for as a struct, such as what a form for searching sends; read as a form is."""
    pairs = _pairs(request.scope["query_string"])
    return _struct([(name, value) for name, value in pairs if value and name not in OF_EVERY_PAGE], kind)


async def _sent(request: Request[Any, Any, Any], visit: Visit) -> list[tuple[str, str]]:
    refuse_foreign(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != MEDIA:
        raise UnsupportedMediaError
    pairs = _pairs(await request.body())
    tokens = [value for name, value in pairs if name == "token"]
    if visit.session and not (len(tokens) == 1 and fits(visit.session, tokens[0])):
        raise ForeignFormError
    return [(name, value) for name, value in pairs if name != "token" and value]


def refuse_foreign(request: Request[Any, Any, Any]) -> None:
    """Refuse what a browser says that another site sent; a program says nothing, and has no cookie to abuse."""
    site = request.headers.get("sec-fetch-site")
    if site is not None and site != "same-origin":
        raise ForeignFormError
    origin = request.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != request.headers.get("host", ""):
        raise ForeignFormError


def _pairs(body: bytes) -> list[tuple[str, str]]:
    try:
        pairs = parse_qsl(
            body.decode("utf-8"), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict", encoding="utf-8"
        )
    except ValueError:
        raise MalformedBodyError("the form cannot be read") from None
    if any("\0" in part for pair in pairs for part in pair):
        raise MalformedBodyError("a text cannot hold U+0000")
    # What ends a line is one letter everywhere but on the way from a browser.
    return [(name, value.replace("\r\n", "\n").strip()) for name, value in pairs]


def _struct(pairs: list[tuple[str, str]], kind: type[Form]) -> Form:
    hints = get_type_hints(kind)
    sent: dict[str, Any] = {}
    for name, value in pairs:
        if _is_list(hints.get(name)):
            sent.setdefault(name, []).append(value)
        elif name in sent:
            raise DuplicateKeyError
        else:
            sent[name] = value
    try:
        return msgspec.convert(sent, kind, strict=False)
    except msgspec.ValidationError:
        raise WrongKindError from None  # the message may quote what she wrote


def _is_list(hint: object) -> bool:
    if isinstance(hint, UnionType):
        return any(_is_list(each) for each in get_args(hint))
    return get_origin(hint) is list

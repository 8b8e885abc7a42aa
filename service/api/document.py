"""The API's document, OpenAPI 3.1, made from the handlers and their wire structs: it cannot say something else."""

import re
from collections.abc import Iterable
from typing import Any

import msgspec
from litestar.handlers import HTTPRouteHandler

from service.api.attempts import STRING
from service.api.described import Described
from service.api.door import ROUTES
from service.api.problems import Problem, status_of
from service.errors import (
    BadIdempotencyKeyError,
    BodyTooLargeError,
    DatabaseUnavailableError,
    DuplicateKeyError,
    IntegrityError,
    KeyReusedError,
    KeysUnavailableError,
    MalformedBodyError,
    MissingFieldError,
    PoliciesUnavailableError,
    ServiceError,
    StillRunningError,
    UnauthenticatedError,
    UnknownFieldError,
    UnsupportedMediaError,
    WrongKindError,
)

Json = dict[str, Any]

REFERENCE = "#/components/schemas/{name}"
PARAMETER = re.compile(r"\{(\w+):(\w+)\}")
KINDS = {"str": {"type": "string", "minLength": 1}, "int": {"type": "integer", "minimum": 0}}
SCHEMES = {"service": "apiKey", "customer": "customerToken"}
ALWAYS = (IntegrityError, DatabaseUnavailableError, KeysUnavailableError, PoliciesUnavailableError)
WITH_BODY = (
    MalformedBodyError,
    DuplicateKeyError,
    BodyTooLargeError,
    UnsupportedMediaError,
    UnknownFieldError,
    MissingFieldError,
    WrongKindError,
)


def document() -> bytes:
    """Return the document as indented JSON, the same for the same code."""
    operations = [(route, described) for route in ROUTES if (described := _described(route))]
    types = {kind for _, each in operations for kind in (each.body, each.answer) if kind is not None}
    ordered = sorted(types | {Problem}, key=lambda kind: (kind.__module__, kind.__name__))
    schemas, components = msgspec.json.schema_components(ordered, ref_template=REFERENCE)
    names = dict(zip(ordered, schemas, strict=True))
    paths: dict[str, Json] = {}
    for route, described in operations:
        path = PARAMETER.sub(r"{\1}", next(iter(route.paths)))
        for method in sorted(route.http_methods):
            paths.setdefault(path, {})[method.lower()] = _operation(route, described, names)
    whole = {
        "openapi": "3.1.0",
        "info": _info(),
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": dict(sorted(components.items())), "securitySchemes": _schemes()},
    }
    return msgspec.json.format(msgspec.json.encode(whole), indent=2) + b"\n"


def _info() -> Json:
    return {
        "title": "Byleave",
        "version": "1",
        "summary": "A customer's data leaves only as she allows.",
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    }


def _schemes() -> Json:
    return {
        "apiKey": {"type": "http", "scheme": "bearer", "description": "A service's API key, byl_..."},
        "customerToken": {"type": "http", "scheme": "bearer", "description": "A customer's token, byt_..."},
    }


def _described(route: HTTPRouteHandler) -> Described | None:
    found = route.opt.get("described")
    return found if isinstance(found, Described) else None


def _operation(route: HTTPRouteHandler, described: Described, names: dict[type, Json]) -> Json:
    doc = (route.fn.__doc__ or "").strip()
    operation: Json = {
        "operationId": route.handler_name,
        "summary": doc.split("\n")[0].rstrip("."),
        "parameters": [*_in_path(next(iter(route.paths))), *_in_query(described), *_in_header(described)],
        "responses": _responses(described, names),
        "security": [{SCHEMES[described.caller]: []}] if described.caller in SCHEMES else [],
    }
    if described.body is not None:
        content = {"schema": names[described.body], "example": _plain(described.body_example)}
        operation["requestBody"] = {"required": True, "content": {"application/json": content}}
    return operation


def _in_path(path: str) -> list[Json]:
    return [
        {"name": name, "in": "path", "required": True, "schema": KINDS[kind]} for name, kind in PARAMETER.findall(path)
    ]


def _in_query(described: Described) -> list[Json]:
    if described.query is None:
        return []
    _, components = msgspec.json.schema_components([described.query], ref_template=REFERENCE)
    return [
        {"name": name, "in": "query", "required": False, "schema": _without_null(schema)}
        for name, schema in components[described.query.__name__]["properties"].items()
    ]


def _in_header(described: Described) -> list[Json]:
    if not described.writes:
        return []
    schema = {"type": "string", "pattern": STRING.pattern}
    words = "A quoted string (RFC 9651). A write repeated under the same key has one effect and the same answer."
    return [{"name": "Idempotency-Key", "in": "header", "required": False, "description": words, "schema": schema}]


def _without_null(schema: Json) -> Json:
    """Return the schema of a parameter that may be left out, but cannot be null."""
    some = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    kept = {key: value for key, value in schema.items() if key != "anyOf" and value is not None}
    return {**kept, **some[0]} if some else kept


def _responses(described: Described, names: dict[type, Json]) -> Json:
    good = {"schema": names[described.answer], "example": _plain(described.example)}
    responses: Json = {"200": {"description": "Done", "content": {"application/json": good}}}
    for status, refusals in _by_status(_refusals(described)).items():
        responses[str(status)] = {
            "description": "; ".join(sorted(f"{kind.code}: {kind.title}" for kind in refusals)),
            "content": {"application/problem+json": {"schema": names[Problem], "example": _example(refusals[0])}},
        }
    for status, example in described.also.items():
        content = {"schema": names[described.answer], "example": _plain(example)}
        responses[str(status)] = {"description": "Not now", "content": {"application/json": content}}
    return responses


def _refusals(described: Described) -> Iterable[type[ServiceError]]:
    body = WITH_BODY if described.body is not None else ()
    query = (UnknownFieldError, WrongKindError, DuplicateKeyError) if described.query is not None else ()
    known = (UnauthenticatedError,) if described.caller in SCHEMES else ()
    repeated = (BadIdempotencyKeyError, KeyReusedError, StillRunningError) if described.writes else ()
    return (*described.refusals, *body, *query, *repeated, *known, *ALWAYS)


def _by_status(refusals: Iterable[type[ServiceError]]) -> dict[int, list[type[ServiceError]]]:
    found: dict[int, list[type[ServiceError]]] = {}
    for kind in refusals:
        found.setdefault(status_of(kind), []).append(kind)
    return dict(sorted(found.items()))


def _plain(example: object) -> Any:  # noqa: ANN401  whatever JSON it is
    return msgspec.json.decode(msgspec.json.encode(example))


def _example(kind: type[ServiceError]) -> Json:
    return {
        "type": f"urn:byleave:problem:{kind.code}",
        "title": kind.title,
        "status": status_of(kind),
        "code": kind.code,
    }

"""The API's document, OpenAPI 3.1, made from the handlers and their wire structs: it cannot say something else."""

import re
import sys
from collections.abc import Iterable, Sequence
from inspect import cleandoc
from typing import Any

import msgspec
from litestar.handlers import HTTPRouteHandler

from service.api.attempts import STRING
from service.api.described import Described
from service.api.door import ROUTES
from service.api.problems import Problem
from service.api.wire import CustomerWord, EntryWord, LineWord, NoticeNumber, PurposeWord, TilePath
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
    OutcomeUnknownError,
    PoliciesUnavailableError,
    ServiceError,
    StillRunningError,
    TooManyRequestsError,
    UnauthenticatedError,
    UnknownFieldError,
    UnsupportedMediaError,
    WrongKindError,
)
from service.refusals import HEADERS, headers_of, status_of

Json = dict[str, Any]

REFERENCE = "#/components/schemas/{name}"
EXAMPLE = "#/components/examples/{code}"
PARAMETER = re.compile(r"\{(\w+):(?:str|path)\}")
IN_PATH: dict[str, Any] = {
    "customer": CustomerWord,
    "entry": EntryWord,
    "line": LineWord,
    "path": TilePath,
    "purpose": PurposeWord,
    "version": NoticeNumber,
}
"""What each parameter of an address takes; anything else is not found."""
HER_ID = "$response.body#/customer"
SENTENCE = re.compile(r"\.\s")
DIALECT = (
    (b"``", b"`"),  # docstrings are reStructuredText, descriptions are Markdown
    (rb"(?!\\n)$", b"$"),  # in the regular expressions of JSON Schema $ is the very end, in Python's it is not
)
HEADER_WORDS = {
    "WWW-Authenticate": "Which scheme is asked for: Bearer.",
    "Retry-After": "In how many seconds another try makes sense.",
    "RateLimit-Policy": "How many releases (`q`) this service may have in so many seconds (`w`).",
    "RateLimit": "How many of them are left (`r`), and in how many seconds all are there again (`t`).",
}
ETAG = {
    "description": "Which state this is; it tells nothing else.",
    "schema": {"type": "string"},
    "example": '"1-9f86d081884c7d65"',
}
TAGS = {
    "type": "string",
    "description": "The ETag of the state that she saw; the change is refused when there is another by now.",
    "examples": [ETAG["example"]],
}
GPC = {
    "type": "string",
    "description": "Global Privacy Control. `1` also records that nothing is to be shared with outside companies.",
    "examples": ["1"],
}
PREFER = {
    "type": "string",
    "description": "`wait=N` (RFC 7240): how many seconds, at most 2, the answer may wait for the proof.",
    "examples": ["wait=2"],
}
PREFERRED = {"description": "`wait`, where that was preferred.", "schema": {"type": "string"}, "example": "wait"}
VARYING = {status_of(TooManyRequestsError): headers_of(TooManyRequestsError(quota=600, reset=60, retry=1))}
"""Headers of a status that are not always the same: an example."""
SCHEMES = {"service": "apiKey", "customer": "customerToken"}
ALWAYS = (ServiceError,)
KEYLESS = (IntegrityError, DatabaseUnavailableError)
NOT_ALONE = (*KEYLESS, KeysUnavailableError, PoliciesUnavailableError)
UNLISTED = {"HEAD"}
"""It answers what GET does, without the content."""
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
    names, schemas = _schemas([described for _, described in operations])
    paths: dict[str, Json] = {}
    for route, described in operations:
        for method in sorted(route.http_methods - UNLISTED):
            paths.setdefault(_path(route), {})[method.lower()] = _operation(route, described, names)
    _link(paths, schemas)
    whole = {
        "openapi": "3.1.0",
        "info": _info(),
        "servers": [{"url": "/", "description": "Where this document came from."}],
        "tags": _tags([route for route, _ in operations]),
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": schemas,
            "examples": _examples([described for _, described in operations]),
            "securitySchemes": _schemes(),
        },
    }
    return _in_dialect(msgspec.json.format(msgspec.json.encode(whole), indent=2)) + b"\n"


def _schemas(operations: Iterable[Described]) -> tuple[dict[type, Json], Json]:
    """Return how each struct is referred to, and the schemas that are referred to."""
    types = {kind for each in operations for kind in (each.body, each.answer) if kind not in {None, str, bytes}}
    ordered = sorted(types | {Problem}, key=lambda kind: (kind.__module__, kind.__name__))
    references, components = msgspec.json.schema_components(ordered, ref_template=REFERENCE)
    for schema in components.values():
        schema["description"] = cleandoc(schema["description"])
    return dict(zip(ordered, references, strict=True)), dict(sorted(components.items()))


def _examples(operations: Iterable[Described]) -> Json:
    """Return an example of each refusal that an operation can answer, by its code."""
    kinds = {kind.code: kind for each in operations for kind in _refusals(each)}
    return {code: {"summary": kind.title, "value": _example(kind)} for code, kind in sorted(kinds.items())}


def _in_dialect(written: bytes) -> bytes:
    for ours, theirs in DIALECT:
        written = written.replace(ours, theirs)
    return written


def _path(route: HTTPRouteHandler) -> str:
    return PARAMETER.sub(r"{\1}", next(iter(route.paths)))


def _link(paths: Json, schemas: Json) -> None:
    """Say of each answer that names a customer which operations take her id."""
    operations = [operation for methods in paths.values() for operation in methods.values()]
    about_her = [each for each in operations if any(taken["name"] == "customer" for taken in each["parameters"])]
    links = {
        each["operationId"]: {"operationId": each["operationId"], "parameters": {"customer": HER_ID}}
        for each in about_her
    }
    for each in operations:
        good = each["responses"]["200"]
        (content,) = good["content"].values()
        name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
        if name and "customer" in schemas[name].get("required", ()):
            good["links"] = links


def _tags(routes: Sequence[HTTPRouteHandler]) -> list[Json]:
    """Return a tag for each module of handlers, which is one for each resource."""
    modules = sorted({route.fn.__module__ for route in routes})
    return [{"name": _tag(name), "description": (sys.modules[name].__doc__ or "").split("\n")[0]} for name in modules]


def _tag(module: str) -> str:
    return module.rsplit(".", 1)[1]


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
    doc = cleandoc(route.fn.__doc__ or "")
    operation: Json = {
        "operationId": route.handler_name,
        "tags": [_tag(route.fn.__module__)],
        "summary": SENTENCE.split(doc)[0].rstrip("."),
        "description": doc,
        "parameters": [*_in_path(next(iter(route.paths))), *_in_query(described), *_in_header(described)],
        "responses": _responses(described, names),
        "security": [{SCHEMES[described.caller]: []}] if described.caller in SCHEMES else [],
    }
    if described.body is not None:
        schema = {**names[described.body], **described.body_rule}
        content = {"schema": schema, "example": _plain(described.body_example)}
        operation["requestBody"] = {"required": True, "content": {"application/json": content}}
    return operation


def _in_path(path: str) -> list[Json]:
    schemas = {name: msgspec.json.schema(IN_PATH[name]) for name in PARAMETER.findall(path)}
    return [_parameter(name, "path", schema, required=True) for name, schema in schemas.items()]


def _in_query(described: Described) -> list[Json]:
    if described.query is None:
        return []
    _, components = msgspec.json.schema_components([described.query], ref_template=REFERENCE)
    query = components[described.query.__name__]
    required = query.get("required", ())
    return [
        _parameter(name, "query", _without_null(schema), required=name in required)
        for name, schema in query["properties"].items()
    ]


def _parameter(name: str, where: str, schema: Json, *, required: bool) -> Json:
    about = {key: value for key, value in schema.items() if key == "description"}
    rest = {key: value for key, value in schema.items() if key not in {"description", "examples"}}
    example = {"example": schema["examples"][0]} if "examples" in schema else {}
    return {"name": name, "in": where, "required": required, **about, **example, "schema": rest}


def _in_header(described: Described) -> list[Json]:
    taken = [
        (described.conditional, _parameter("If-Match", "header", TAGS, required=True)),
        (described.waits, _parameter("Prefer", "header", PREFER, required=False)),
        (described.writes and described.caller == "customer", _parameter("Sec-GPC", "header", GPC, required=False)),
    ]
    return [*_repeatable(described), *(each for applies, each in taken if applies)]


def _repeatable(described: Described) -> list[Json]:
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
    good = _content(described, names, described.example)
    tag = {"ETag": {"required": True, **ETAG}} if described.tagged else {}
    waited = {"Preference-Applied": PREFERRED} if described.waits else {}
    headers = {"headers": tag | waited} if tag or waited else {}
    responses: Json = {"200": {"description": "Done", **headers, "content": good}}
    for status, refusals in _by_status(_refusals(described)).items():
        examples = {kind.code: {"$ref": EXAMPLE.format(code=kind.code)} for kind in refusals}
        responses[str(status)] = {
            "description": "; ".join(sorted(f"{kind.code}: {kind.title}" for kind in refusals)),
            **_headers(status),
            "content": {"application/problem+json": {"schema": names[Problem], "examples": examples}},
        }
    for status, example in described.also.items():
        responses[str(status)] = {"description": "Not now", "content": _content(described, names, example)}
    return responses


def _content(described: Described, names: dict[type, Json], example: object) -> Json:
    """Return what an answer consists of; of bytes OpenAPI 3.1 says nothing more."""
    if described.answer is bytes:
        return {described.media: {}}
    schema = {"type": "string"} if described.answer is str else names[described.answer]
    return {described.media: {"schema": schema, "example": _plain(example)}}


def _headers(status: int) -> Json:
    """Return the headers that come with every refusal of this status."""
    every = VARYING.get(status) or HEADERS.get(status, {})
    sent = {name: _sent(name, value, required=True) for name, value in every.items()}
    return {"headers": sent} if sent else {}


def _sent(name: str, value: str, *, required: bool) -> Json:
    words = {"required": required, "description": HEADER_WORDS[name]}
    return {**words, "schema": {"type": "string"}, "example": value}


def _refusals(described: Described) -> Iterable[type[ServiceError]]:
    body = WITH_BODY if described.body is not None else ()
    query = (UnknownFieldError, WrongKindError, DuplicateKeyError) if described.query is not None else ()
    known = (UnauthenticatedError,) if described.caller in SCHEMES else ()
    repeated = (BadIdempotencyKeyError, KeyReusedError, StillRunningError) if described.writes else ()
    enters = described.writes or (described.body is not None and described.caller in SCHEMES)
    committed = (OutcomeUnknownError,) if enters else ()
    others = () if described.alone else KEYLESS if described.keyless else NOT_ALONE
    return (*described.refusals, *body, *query, *repeated, *known, *committed, *others, *ALWAYS)


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

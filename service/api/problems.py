"""Refusals on the wire of the JSON door: RFC 9457 problem documents."""

from typing import Annotated, Any

from litestar import Request, Response
from litestar.exceptions import HTTPException
from msgspec import Meta, Struct

from service.errors import ServiceError
from service.refusals import SERVER_FAULT, framework_refusal, headers_of, note, note_bug, status_of

MEDIA = "application/problem+json"


class Problem(Struct, frozen=True, omit_defaults=True):
    """A refusal: its stable code, and the JSON pointer of what is wrong, never its value."""

    type: Annotated[str, Meta(description="The code as a URN.")]
    title: Annotated[str, Meta(description="The refusal in words, the same for each code.")]
    status: Annotated[int, Meta(description="The HTTP status.")]
    code: Annotated[str, Meta(description="Which refusal it is; stable. docs/errors.md has each.")]
    detail: Annotated[str, Meta(description="More about it, for people; it never quotes a value.")] = ""
    pointer: Annotated[str | None, Meta(description="JSON pointer to what is wrong in the body.")] = None


class Refused(Struct, frozen=True):
    """A refusal as it is answered."""

    problem: Problem
    headers: dict[str, str]


def problem_of(error: ServiceError) -> Problem:
    """Return the problem document of a refusal."""
    status = status_of(type(error))
    return Problem(
        type=f"urn:byleave:problem:{error.code}",
        title=error.title,
        status=status,
        code=error.code,
        # What is wrong inside the house is for its log.
        detail=error.detail if status < SERVER_FAULT else "",
        pointer=error.pointer,
    )


def refused(error: ServiceError, route: str, traceparent: str = "") -> Refused:
    """Say no, to whoever asked and in the log; see ``note``."""
    note(error, route, traceparent)
    return Refused(problem_of(error), headers_of(error))


def bug(error: Exception, route: str, traceparent: str = "") -> Refused:
    """Say that a fault is ours."""
    note_bug(error)
    return refused(ServiceError(), route, traceparent)


def refuse(request: Request[Any, Any, Any], error: ServiceError) -> Response[Problem]:
    """Answer a refusal."""
    return _response(refused(error, *_asked(request)))


def _asked(request: Request[Any, Any, Any]) -> tuple[str, str]:
    return request.scope.get("path_template", ""), request.headers.get("traceparent", "")


def _response(no: Refused) -> Response[Problem]:
    return Response(no.problem, status_code=no.problem.status, media_type=MEDIA, headers=no.headers)


def refuse_framework(request: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    """Answer what the framework refused in our own words: its details may quote the request."""
    response = refuse(request, framework_refusal(error.status_code))
    if allowed := (error.headers or {}).get("allow"):
        response.headers["Allow"] = allowed
    return response


def refuse_bug(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """Answer a fault of ours."""
    return _response(bug(error, *_asked(request)))

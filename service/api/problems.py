"""Refusals on the wire: RFC 9457 problem documents. The only place that knows HTTP statuses."""

import re
import traceback
from typing import Annotated, Any

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from msgspec import Meta, Struct

from service.errors import (
    AlreadyLinkedError,
    BadCursorError,
    BadIdempotencyKeyError,
    BadSnapshotError,
    BodyTooLargeError,
    DuplicateKeyError,
    IdentifierTakenError,
    IntegrityError,
    KeyReusedError,
    MalformedBodyError,
    MethodNotAllowedError,
    MissingFieldError,
    NotConsentBasedError,
    NotFoundError,
    NotGrantedError,
    NothingSignedError,
    NothingToRenewError,
    NoticeSupersededError,
    NotInterestBasedError,
    PreconditionFailedError,
    PreconditionRequiredError,
    ServiceError,
    SnapshotExpiredError,
    StandsAloneError,
    StillRunningError,
    SuppressedError,
    TooManyRequestsError,
    UnauthenticatedError,
    UnavailableError,
    UnknownAttributeError,
    UnknownChannelError,
    UnknownCustomerError,
    UnknownEntryError,
    UnknownFactError,
    UnknownFieldError,
    UnknownIdentifierError,
    UnknownLinkError,
    UnknownMessageLinkError,
    UnknownNoticeError,
    UnknownPurposeError,
    UnknownQuestionError,
    UnknownReceiptError,
    UnknownTileError,
    UnknownUseError,
    UnsupportedMediaError,
    WrongKindError,
)
from service.meters import METERS
from service.model.limits import WINDOW

STATUS: dict[type[ServiceError], int] = {
    BadCursorError: 400,
    BadIdempotencyKeyError: 400,
    MalformedBodyError: 400,
    DuplicateKeyError: 400,
    UnauthenticatedError: 401,
    NotGrantedError: 403,
    NotFoundError: 404,
    UnknownPurposeError: 404,
    UnknownAttributeError: 404,
    UnknownChannelError: 404,
    UnknownNoticeError: 404,
    UnknownCustomerError: 404,
    UnknownFactError: 404,
    UnknownReceiptError: 404,
    UnknownEntryError: 404,
    UnknownUseError: 404,
    UnknownIdentifierError: 404,
    UnknownLinkError: 404,
    UnknownMessageLinkError: 404,
    UnknownQuestionError: 404,
    UnknownTileError: 404,
    NothingSignedError: 404,
    MethodNotAllowedError: 405,
    NoticeSupersededError: 409,
    SnapshotExpiredError: 409,
    NothingToRenewError: 409,
    NotConsentBasedError: 409,
    NotInterestBasedError: 409,
    IdentifierTakenError: 409,
    AlreadyLinkedError: 409,
    StandsAloneError: 409,
    StillRunningError: 409,
    SuppressedError: 409,
    PreconditionFailedError: 412,
    BodyTooLargeError: 413,
    UnsupportedMediaError: 415,
    KeyReusedError: 422,
    BadSnapshotError: 422,
    UnknownFieldError: 422,
    MissingFieldError: 422,
    WrongKindError: 422,
    PreconditionRequiredError: 428,
    TooManyRequestsError: 429,
    IntegrityError: 500,
    UnavailableError: 503,
}
HEADERS: dict[int, dict[str, str]] = {
    STATUS[UnauthenticatedError]: {"WWW-Authenticate": 'Bearer realm="byleave"'},
    STATUS[UnavailableError]: {"Retry-After": "1"},
}
"""What comes with every refusal of a status."""
FRAMEWORK: dict[int, type[ServiceError]] = {
    404: NotFoundError,
    405: MethodNotAllowedError,
    413: BodyTooLargeError,
}
SERVER_FAULT = 500
TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
MEDIA = "application/problem+json"
log = structlog.get_logger()


class Problem(Struct, frozen=True, omit_defaults=True):
    """A refusal: its stable code, and the JSON pointer of what is wrong, never its value."""

    type: Annotated[str, Meta(description="The code as a URN.")]
    title: Annotated[str, Meta(description="The refusal in words, the same for each code.")]
    status: Annotated[int, Meta(description="The HTTP status.")]
    code: Annotated[str, Meta(description="Which refusal it is; stable. docs/errors.md has each.")]
    detail: Annotated[str, Meta(description="More about it, for people; it never quotes a value.")] = ""
    pointer: Annotated[str | None, Meta(description="JSON pointer to what is wrong in the body.")] = None


def status_of(kind: type[ServiceError]) -> int:
    """Return the status of a refusal."""
    return next((STATUS[each] for each in kind.__mro__ if each in STATUS), SERVER_FAULT)


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
    """Say no, to whoever asked and in the log. ``route``: the address, without anything that a request wrote.

    ``traceparent``: by which the caller finds this request again (W3C Trace Context, 3.2), if it sent that.
    """
    trace = _trace(traceparent)
    METERS.refused(error.code)
    problem = problem_of(error)
    if problem.status >= SERVER_FAULT:
        log.error("refused", code=error.code, detail=error.detail, route=route, **trace)
    else:
        log.info("refused", code=error.code, route=route, **trace)
    return Refused(problem, headers_of(error))


def _trace(traceparent: str) -> dict[str, str]:
    found = TRACEPARENT.fullmatch(traceparent)
    return {} if found is None else {"trace": found[1]}


def headers_of(error: ServiceError) -> dict[str, str]:
    """Return what comes with a refusal (of volume: draft-ietf-httpapi-ratelimit-headers-11)."""
    if isinstance(error, TooManyRequestsError):
        return {
            "RateLimit-Policy": f'"releases";q={error.quota};w={WINDOW}',
            "RateLimit": f'"releases";r=0;t={error.reset}',
            "Retry-After": str(error.retry),
        }
    return HEADERS.get(status_of(type(error)), {})


def bug(error: Exception, route: str, traceparent: str = "") -> Refused:
    """Say that a fault is ours. The log gets its type and place; a message could hold somebody's data."""
    where = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-6:]]
    log.error("bug", error=type(error).__name__, where=where)
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
    kind = FRAMEWORK.get(error.status_code, MalformedBodyError if error.status_code < SERVER_FAULT else ServiceError)
    response = refuse(request, kind())
    if allowed := (error.headers or {}).get("allow"):
        response.headers["Allow"] = allowed
    return response


def refuse_bug(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """Answer a fault of ours."""
    return _response(bug(error, *_asked(request)))

"""Refusals, for every door: the status and headers of each, and what the log and the meters hear. No form of answer."""

import re
import traceback

import structlog

from service.errors import (
    AlreadyLinkedError,
    BadCursorError,
    BadIdempotencyKeyError,
    BadSnapshotError,
    BodyTooLargeError,
    DemandedByLawError,
    DuplicateKeyError,
    ForeignFormError,
    IdentifierTakenError,
    IntegrityError,
    KeyReusedError,
    MalformedBodyError,
    MethodNotAllowedError,
    MissingFieldError,
    NobodyKnownError,
    NotConsentBasedError,
    NotFoundError,
    NotGrantedError,
    NothingSignedError,
    NothingToRenewError,
    NothingToUndoError,
    NoticeSupersededError,
    NotInterestBasedError,
    NotOfferedError,
    NotTellableError,
    PasskeyRefusedError,
    PreconditionFailedError,
    PreconditionRequiredError,
    ProviderRefusedError,
    ServiceError,
    SignInOverError,
    SnapshotExpiredError,
    StandsAloneError,
    StepUpRequiredError,
    StillRunningError,
    SuppressedError,
    TooManyQuestionsError,
    TooManyRequestsError,
    TooManyTriesError,
    UnauthenticatedError,
    UnavailableError,
    UnknownAttributeError,
    UnknownChannelError,
    UnknownCustomerError,
    UnknownDisputeError,
    UnknownEntryError,
    UnknownFactError,
    UnknownFieldError,
    UnknownIdentifierError,
    UnknownLinkError,
    UnknownMessageLinkError,
    UnknownNoticeError,
    UnknownPasskeyError,
    UnknownPurposeError,
    UnknownReceiptError,
    UnknownSessionError,
    UnknownTileError,
    UnknownUseError,
    UnsupportedMediaError,
    WrongCodeError,
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
    StepUpRequiredError: 403,
    NobodyKnownError: 403,
    ProviderRefusedError: 403,
    ForeignFormError: 403,
    NotFoundError: 404,
    UnknownPurposeError: 404,
    UnknownAttributeError: 404,
    UnknownChannelError: 404,
    UnknownNoticeError: 404,
    UnknownCustomerError: 404,
    UnknownFactError: 404,
    UnknownDisputeError: 404,
    UnknownReceiptError: 404,
    UnknownEntryError: 404,
    UnknownUseError: 404,
    UnknownIdentifierError: 404,
    UnknownLinkError: 404,
    UnknownMessageLinkError: 404,
    UnknownSessionError: 404,
    UnknownPasskeyError: 404,
    NotOfferedError: 404,
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
    NotTellableError: 409,
    NothingToUndoError: 409,
    DemandedByLawError: 409,
    StandsAloneError: 409,
    TooManyQuestionsError: 409,
    StillRunningError: 409,
    SuppressedError: 409,
    SignInOverError: 409,
    PreconditionFailedError: 412,
    BodyTooLargeError: 413,
    UnsupportedMediaError: 415,
    KeyReusedError: 422,
    BadSnapshotError: 422,
    UnknownFieldError: 422,
    MissingFieldError: 422,
    WrongKindError: 422,
    WrongCodeError: 422,
    PasskeyRefusedError: 422,
    PreconditionRequiredError: 428,
    TooManyRequestsError: 429,
    TooManyTriesError: 429,
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
log = structlog.get_logger()


def status_of(kind: type[ServiceError]) -> int:
    """Return the status of a refusal."""
    return next((STATUS[each] for each in kind.__mro__ if each in STATUS), SERVER_FAULT)


def headers_of(error: ServiceError) -> dict[str, str]:
    """Return what comes with a refusal (of volume: draft-ietf-httpapi-ratelimit-headers-11)."""
    if isinstance(error, TooManyRequestsError):
        return {
            "RateLimit-Policy": f'"releases";q={error.quota};w={WINDOW}',
            "RateLimit": f'"releases";r=0;t={error.reset}',
            "Retry-After": str(error.retry),
        }
    if isinstance(error, TooManyTriesError):
        return {"Retry-After": str(error.retry)}
    return HEADERS.get(status_of(type(error)), {})


def framework_refusal(status: int) -> ServiceError:
    """Return our own words for what the framework refused: its details may quote the request."""
    return FRAMEWORK.get(status, MalformedBodyError if status < SERVER_FAULT else ServiceError)()


def note(error: ServiceError, route: str, traceparent: str = "") -> None:
    """Let the log and the meters know of a refusal. ``route``: the address, without anything that a request wrote.

    ``traceparent``: by which the caller finds this request again (W3C Trace Context, 3.2), if it sent that.
    """
    found = TRACEPARENT.fullmatch(traceparent)
    trace = {} if found is None else {"trace": found[1]}
    METERS.refused(error.code)
    if status_of(type(error)) >= SERVER_FAULT:
        log.error("refused", code=error.code, detail=error.detail, route=route, **trace)
    else:
        log.info("refused", code=error.code, route=route, **trace)


def note_bug(error: Exception) -> None:
    """Let the log know of a fault of ours, by its type and place; a message could hold somebody's data."""
    where = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-6:]]
    log.error("bug", error=type(error).__name__, where=where)

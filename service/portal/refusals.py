"""Refusals as pages: in plain words what did not happen, and a way on."""

from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException

from service.errors import ServiceError, StepUpRequiredError, UnauthenticatedError
from service.portal.carrying import NAME, lasting
from service.portal.look import Look
from service.portal.pages import local, page, see
from service.portal.visit import Visit
from service.portal.words import chosen, offered
from service.refusals import framework_refusal, headers_of, note, note_bug, status_of

SIGN_IN, AGAIN = "/signin", "/signin/again"


def refuse(request: Request[Any, Any, Any], error: ServiceError) -> Response[Any]:
    """Answer a refusal; whoever has to sign in first is led there, and back."""
    if isinstance(error, UnauthenticatedError) and request.method in ("GET", "HEAD"):
        return see(SIGN_IN, next=_here(request))
    if isinstance(error, StepUpRequiredError):
        return see(AGAIN, next=_page_of(request))
    note(error, request.scope.get("path_template", ""), request.headers.get("traceparent", ""))
    status, what = status_of(type(error)), {"code": error.code, "pointer": error.pointer}
    response = page(_nobody(request), "refusal.html", status=status, **what)
    response.headers.update({name: value for name, value in headers_of(error).items() if name == "Retry-After"})
    return response


def refuse_framework(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """Answer what the framework refused, in our own words."""
    response = refuse(request, framework_refusal(error.status_code))
    if allowed := (error.headers or {}).get("allow"):
        response.headers["Allow"] = allowed
    return response


def refuse_bug(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Answer a fault of ours."""
    note_bug(error)
    return refuse(request, ServiceError())


def _here(request: Request[Any, Any, Any]) -> str:
    here = lasting(request.scope["path"], request.scope["query_string"].decode("latin-1"))
    return here if here != "/" else ""


def _page_of(request: Request[Any, Any, Any]) -> str:
    """Return the page that she is on: of a form, the one that it stands on, as far as the browser says."""
    if request.method in ("GET", "HEAD"):
        return _here(request)
    host, _, address = request.headers.get("referer", "").partition("://")[2].partition("/")
    path, _, query = address.partition("?")
    return local(lasting(f"/{path}", query)) if host == request.headers.get("host") else ""


def _nobody(request: Request[Any, Any, Any]) -> Visit:
    """Return a visit that rests on nothing: whatever failed, its page can be shown."""
    look: Look = request.app.state.look
    language = request.state.get("language") or chosen(
        offered(None), [request.query_params.get(NAME, "")], request.headers.get("accept-language", "")
    )
    return Visit(look=look, language=language, languages=[language], path=request.scope["path"])

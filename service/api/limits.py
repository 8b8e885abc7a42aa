"""How much a service may ask for in a minute, as its answers say (draft-ietf-httpapi-ratelimit-headers-11)."""

from typing import Any

from litestar import Request

from service.api.actions import Actions
from service.errors import TooManyRequestsError
from service.model.callers import ServiceCaller
from service.model.limits import WINDOW, Allowance

FIELDS = "rate-limit"
"""Where a request keeps the fields that its answer will have."""


async def keep_within(request: Request[Any, Any, Any], actions: Actions, caller: ServiceCaller, count: int) -> None:
    """Count releases towards what a service may have in a minute; raises TooManyRequestsError."""
    allowance = await actions.take(caller, count)
    if allowance is None:
        return
    request.scope["state"][FIELDS] = fields(allowance)
    if allowance.retry:
        raise TooManyRequestsError


def fields(allowance: Allowance) -> dict[str, str]:
    """Return what an answer says of what is left."""
    rates = {
        "RateLimit-Policy": f'"releases";q={allowance.quota};w={WINDOW}',
        "RateLimit": f'"releases";r={allowance.remaining};t={allowance.reset}',
    }
    return {**rates, "Retry-After": str(allowance.retry)} if allowance.retry else rates

"""Who is at the door: a service with its API key, or a customer with her token."""

import re
from typing import Any

from litestar import Request
from litestar.di import NamedDependency
from msgspec import structs

from service.actions import Actions
from service.errors import UnauthenticatedError
from service.model.callers import CustomerCaller, ServiceCaller

BEARER = re.compile(r"^Bearer ([a-z0-9_]{1,200})$", re.IGNORECASE)


async def service(request: Request[Any, Any, Any], actions: NamedDependency[Actions]) -> ServiceCaller:
    """Return the service that calls."""
    return await actions.service_caller(presented(request.headers.get("authorization", "")))


async def customer(request: Request[Any, Any, Any], actions: NamedDependency[Actions]) -> CustomerCaller:
    """Return the customer who calls."""
    caller = await actions.customer_caller(presented(request.headers.get("authorization", "")))
    # Only "1" says it (Global Privacy Control, section 3.3).
    return structs.replace(caller, gpc=request.headers.getall("sec-gpc", []) == ["1"])


def presented(authorization: str) -> str:
    """Return what an Authorization header presents; raises UnauthenticatedError."""
    found = BEARER.match(authorization)
    if found is None:
        raise UnauthenticatedError
    return found[1]

"""The ``Idempotency-Key`` header: a write repeated under one key has one effect and one answer."""

import re
from typing import Any

from litestar import Request

from service.errors import BadIdempotencyKeyError
from service.model.attempts import Attempt
from service.model.callers import Caller, CustomerCaller, actor

STRING = re.compile(r'^"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,255})"(?!\n)$')
"""A structured-field string, RFC 9651 section 3.3.3."""


async def attempt_of(request: Request[Any, Any, Any], caller: Caller) -> Attempt | None:
    """Return the attempt that a request is, or None when it does not say that it may be repeated."""
    header = request.headers.get("idempotency-key")
    if header is None:
        return None
    found = STRING.fullmatch(header.strip(" "))
    if found is None:
        raise BadIdempotencyKeyError
    who = str(caller.customer) if isinstance(caller, CustomerCaller) else actor(caller)
    return Attempt(who, f"{request.method} {request.url.path}", found[1], await request.body())

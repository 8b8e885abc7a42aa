"""``Prefer: wait=N`` (RFC 7240): an answer may wait a little for what is about to be there."""

import re
from typing import Any

from litestar import Request

LONGEST = 2
"""Seconds: by then the sequencer has taken in what was entered, or something is wrong with it."""
WAIT = re.compile(r'(?:^|,)\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:;[^,]*)?(?=,|$)', re.IGNORECASE)


def wait_of(request: Request[Any, Any, Any]) -> int:
    """Return how many seconds an answer may take to wait; a preference that is written in another way is none."""
    found = WAIT.search(",".join(request.headers.getall("prefer", [])))
    return 0 if found is None else min(int(found[1]), LONGEST)


def applied(wait: int) -> dict[str, str]:
    """Return the headers that say so."""
    return {"Preference-Applied": "wait"} if wait else {}

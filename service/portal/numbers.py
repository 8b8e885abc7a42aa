"""Numbers in addresses, written in the one way in which we write them."""

import re

from service.errors import NotFoundError

WRITTEN = re.compile(r"[1-9][0-9]{0,5}")


def number_in(text: str) -> int:
    """Return a number; raises NotFoundError for anything else, which is at no address of ours."""
    if not WRITTEN.fullmatch(text):
        raise NotFoundError
    return int(text)

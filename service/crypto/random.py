"""The only source of randomness: the operating system's."""

import secrets  # noqa: TID251  the one place
from datetime import datetime

from ulid import ULID

from service.crypto.framing import spelt

TIME, CHANCE = 10, 16
"""Characters of a ULID that say when, and that are random (github.com/ulid/spec)."""


def random_bytes(count: int) -> bytes:
    """Return random bytes fit for keys, nonces and tokens."""
    return secrets.token_bytes(count)


def random_number(below: int) -> int:
    """Return a number from 1 up to, but not including, a bound."""
    return 1 + secrets.randbelow(below - 1)


def random_word(count: int) -> str:
    """Return random bytes as lower-case base32 without padding, fit for ids and tokens."""
    return spelt(random_bytes(count))


def sortable_id(prefix: str, at: datetime) -> str:
    """Return an id like ``ent_01J...``: a ULID, so that ids made later sort later."""
    return f"{prefix}_{ULID.from_datetime(at)}"


def first_id(prefix: str, at: datetime) -> str:
    """Return the id before which none sorts that was made at this instant or later."""
    return f"{prefix}_{str(ULID.from_datetime(at))[:TIME]}{'0' * CHANCE}"

"""One unambiguous way to turn several parts into bytes, for MACs and associated data, and bytes into a word."""

import base64
from collections.abc import Iterable
from datetime import datetime, timezone
from enum import Enum
from uuid import UUID

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017  the same name in every supported version

Part = bytes | str | int | bool | UUID | datetime | None


def framed(parts: Iterable[Part]) -> bytes:
    """Join parts, each with a tag for its type and a 4-byte length, so that no two lists collide."""
    return b"".join(_frame(part) for part in parts)


def _frame(part: Part) -> bytes:
    # Most parts are words; an enumeration's member is not of this very type.
    tag, data = (b"s", part.encode()) if type(part) is str else _bytes(part)
    return tag + len(data).to_bytes(4) + data


def _bytes(part: Part) -> tuple[bytes, bytes]:  # noqa: PLR0911  a table, one line per type
    match part:
        case None:
            return b"n", b""
        case bytes():
            return b"b", part
        case Enum():
            return b"s", str(part.value).encode()
        case str():
            return b"s", part.encode()
        case bool():
            return b"t", bytes([part])
        case int():
            return b"i", str(part).encode()
        case UUID():
            return b"u", part.bytes
        case datetime():
            return b"d", str(microseconds(part)).encode()


def spelt(data: bytes) -> str:
    """Return bytes as lower-case base32 without padding, fit for ids and tokens."""
    return base64.b32encode(data).decode().rstrip("=").lower()


def microseconds(instant: datetime) -> int:
    """Return the instant as whole microseconds since 1970, which is what PostgreSQL stores."""
    gone = instant - EPOCH
    return (gone.days * 86_400 + gone.seconds) * 1_000_000 + gone.microseconds

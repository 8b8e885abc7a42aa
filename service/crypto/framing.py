"""One unambiguous way to turn several parts into bytes, for MACs and associated data, and bytes into a word."""

import base64
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from enum import Enum
from functools import lru_cache
from typing import Any
from uuid import UUID

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017  the same name in every supported version


class Framed(bytes):
    """Parts that are joined already: what many lists have in common is framed once."""

    __slots__ = ()


Part = bytes | str | int | bool | UUID | datetime | None


def framed(parts: Iterable[Part]) -> bytes:
    """Join parts, each with a tag for its type and a 4-byte length, so that no two lists collide."""
    return b"".join([FRAMES[type(part)](part) for part in parts])


def _text(part: str) -> bytes:
    data = part.encode()
    return b"s" + len(data).to_bytes(4) + data


def _number(part: int) -> bytes:
    data = b"%d" % part
    return b"i" + len(data).to_bytes(4) + data


def _instant(part: datetime) -> bytes:
    data = b"%d" % microseconds(part)
    return b"d" + len(data).to_bytes(4) + data


@lru_cache(maxsize=1024)
def _word(part: Enum) -> bytes:
    """A member of one of our vocabularies, of which there are few."""
    return _text(str(part.value))


class _Frames(dict[type, Callable[[Any], bytes]]):
    """How a part is framed, by its very type, for this is done some hundred times for each release."""

    def __missing__(self, kind: type) -> Callable[[Any], bytes]:
        """Learn a type that stands for another: a vocabulary of ours, or asyncpg's own UUID."""
        alike = _word if issubclass(kind, Enum) else next(self[each] for each in self if issubclass(kind, each))
        self[kind] = alike
        return alike


FRAMES = _Frames(
    {
        Framed: lambda part: part,
        str: _text,
        int: _number,
        datetime: _instant,
        UUID: lambda part: b"u\x00\x00\x00\x10" + part.bytes,
        bytes: lambda part: b"b" + len(part).to_bytes(4) + part,
        bool: lambda part: b"t\x00\x00\x00\x01\x01" if part else b"t\x00\x00\x00\x01\x00",
        type(None): lambda _: b"n\x00\x00\x00\x00",
    }
)


def spelt(data: bytes) -> str:
    """Return bytes as lower-case base32 without padding, fit for ids and tokens."""
    return base64.b32encode(data).decode().rstrip("=").lower()


def microseconds(instant: datetime) -> int:
    """Return the instant as whole microseconds since 1970, which is what PostgreSQL stores."""
    gone = instant - EPOCH
    return (gone.days * 86_400 + gone.seconds) * 1_000_000 + gone.microseconds

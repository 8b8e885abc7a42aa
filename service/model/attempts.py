"""Attempts at a write that may be repeated."""

from msgspec import Struct


class Attempt(Struct, frozen=True):
    """One attempt at a write: who, at what, under which idempotency key, with which body. Its repr hides it."""

    caller: str
    operation: str
    key: str
    body: bytes

    def __repr__(self) -> str:
        return "Attempt()"

"""What the API's document says of an operation, kept beside its handler."""

from typing import Any

from msgspec import Struct

from service.errors import ServiceError


class Described(Struct, frozen=True, kw_only=True):
    """One operation: who may call it, what goes in, what comes out, and how it can refuse."""

    caller: str
    """``service``, ``customer`` or ``anyone``."""
    answer: type[Struct] | type[str] | type[bytes]
    """A struct is answered as JSON; ``media`` says what a text or bytes are."""
    example: Struct | str | None
    """None for bytes, which JSON cannot show."""
    media: str = "application/json"
    body: type[Struct] | None = None
    body_rule: dict[str, Any] = {}
    """What the body's struct cannot say of it, in words of JSON Schema."""
    body_example: Struct | None = None
    refusals: tuple[type[ServiceError], ...] = ()
    also: dict[int, Struct] = {}
    """Another status that comes with an answer of the same kind, to its example."""
    writes: bool = False
    """Whether it takes an Idempotency-Key."""
    tagged: bool = False
    """Whether the answer comes with an ETag."""
    conditional: bool = False
    """Whether it takes, and needs, an If-Match."""
    waits: bool = False
    """Whether it takes ``Prefer: wait``."""
    alone: bool = False
    """Whether it answers without the database, the keys and the policies, so that none of them can fail it."""
    keyless: bool = False
    """Whether it answers with the database alone, without keys and policies."""
    query: type[Struct] | None = None
    """A struct of the query's parameters."""


def described(**words: Any) -> dict[str, Described]:  # noqa: ANN401  the fields of Described, checked there
    """Return a handler's ``opt`` with its description."""
    return {"described": Described(**words)}

"""What goes in and what comes back, typed. Fields that a newer server adds are passed over."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

Decision = Literal["permit", "partial", "deny", "unavailable"]


class Customer(Struct, frozen=True, omit_defaults=True):
    """One customer: by this service's id of her, or by one identifier. Its repr shows neither."""

    id: str | None = None
    email: str | None = None
    phone: str | None = None
    loyalty: str | None = None

    def __repr__(self) -> str:
        return "Customer()"


class Fact(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something to contribute about a customer; its repr hides the value."""

    attribute: str
    value: Any
    provenance: Literal["volunteered", "observed", "acquired", "inferred"]
    as_of: datetime | None = None

    def __repr__(self) -> str:
        return f"Fact({self.attribute!r}, {self.provenance!r})"


class Value(Struct, frozen=True):
    """One released attribute; its repr hides the value."""

    value: Any
    provenance: str
    as_of: datetime

    def __repr__(self) -> str:
        return f"Value({self.provenance!r})"


class Withheld(Struct, frozen=True):
    """An attribute that was not released, and why."""

    attribute: str
    reason: str
    policy: str | None = None


class Obligation(Struct, frozen=True):
    """What to do with what was released."""

    id: str
    days: int | None = None


class Answer(Struct, frozen=True):
    """A decision. ``unavailable``: the service could not be asked, so nothing may be used; ``failure`` says why."""

    decision: Decision
    released: Mapping[str, Value] = {}
    withheld: tuple[Withheld, ...] = ()
    obligations: tuple[Obligation, ...] = ()
    entry: str | None = None
    customer: str | None = None
    version: int | None = None
    failure: str | None = None

    def get(self, attribute: str, default: Any = None) -> Any:  # noqa: ANN401  whatever the attribute holds
        """Return a released value, or the default: for a page that must show something in any case."""
        found = self.released.get(attribute)
        return default if found is None else found.value

    def __bool__(self) -> bool:
        """Whether anything was permitted."""
        return self.decision in ("permit", "partial")


class Written(Struct, frozen=True):
    """A write took effect: this is its entry, and the customer's version after it."""

    version: int
    entry: str
    customer: str | None = None


class Problem(Struct, frozen=True):
    """A refusal as the service words it."""

    code: str
    pointer: str | None = None


class NotWrittenError(Exception):
    """A write was refused, or could not be done; ``code`` is the service's, ``pointer`` the place of what is wrong."""

    def __init__(self, code: str, pointer: str | None = None) -> None:
        super().__init__(code if pointer is None else f"{code} at {pointer}")
        self.code = code
        self.pointer = pointer

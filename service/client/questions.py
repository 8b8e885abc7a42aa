"""What a service says and asks, typed. What is personal is hidden from every repr."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

AgeBand = Literal["adult", "minor", "unknown"]
Channel = Literal["web", "app", "email", "sms", "phone", "post", "counter", "internal"]
Identifier = Literal["email", "phone", "loyalty"]
Method = Literal["api", "phone", "paper", "counter"]
Provenance = Literal["volunteered", "observed", "acquired", "inferred"]
Reach = Literal["marketing", "everything"]


class Customer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One customer: to ask about her by exactly one of these, to enrol her by one or more identifiers.

    ``id``: this service's own id of her, as ``enrol`` answers it.
    """

    id: str | None = None
    email: str | None = None
    phone: str | None = None
    loyalty: str | None = None
    device: str | None = None

    def __repr__(self) -> str:
        return "Customer()"


class Parent(Struct, frozen=True):
    """A fact that another was inferred from, as a release names it."""

    attribute: str
    provenance: Provenance
    source: str


class Fact(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something to contribute about a customer. ``confidence`` in percent; ``source``: where you have it from."""

    attribute: str
    value: Any
    provenance: Provenance
    as_of: datetime | None = None
    source: str | None = None
    confidence: int | None = None
    derived_from: Sequence[Parent] = ()

    def __repr__(self) -> str:
        return f"Fact({self.attribute!r}, {self.provenance!r})"


class Consent(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What she answered here. A no without a channel means all.

    A yes names the channel and the notice she read, with the ``snapshot`` that came with it when it was shown, or by
    which ``method`` it was captured and where the proof lies (``evidence``). ``actor``: which member of staff or till;
    ``given_at``: when, if not now.
    """

    purpose: str
    answer: Literal["given", "renewed", "refused", "withdrawn", "deferred"]
    channel: Channel | None = None
    notice: int | None = None
    explicit: bool = False
    snapshot: str | None = None
    evidence: str | None = None
    method: Method | None = None
    acting: Literal["herself", "staff"] = "herself"
    actor: str | None = None
    given_at: datetime | None = None

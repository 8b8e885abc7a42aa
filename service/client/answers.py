"""What comes back, typed. Fields and words that a newer server adds are passed over, all but its decision."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

Decision = Literal["permit", "partial", "deny", "unavailable"]


class Value(Struct, frozen=True, kw_only=True):
    """One released attribute; its repr hides the value. ``confidence`` in percent."""

    value: Any
    provenance: str
    as_of: datetime
    source: str = ""
    confidence: int = 100

    def __repr__(self) -> str:
        return f"Value({self.provenance!r})"


class Withheld(Struct, frozen=True):
    """An attribute that was not released, and why."""

    attribute: str
    reason: str
    policy: str | None = None


class Obligation(Struct, frozen=True):
    """What you must do with what was released: who cannot, must not use it."""

    id: str
    days: int | None = None


class Conflict(Struct, frozen=True):
    """She said yes to this once, and wants nothing shared with outside companies; the no wins."""

    given: datetime


class Answer(Struct, frozen=True, kw_only=True):
    """A decision, true when something is permitted.

    ``unavailable``: Byleave could not be asked, so nothing may be used; ``failure`` says why.
    """

    decision: Decision
    permitted: tuple[str, ...] = ()
    released: Mapping[str, Value] = {}
    withheld: tuple[Withheld, ...] = ()
    obligations: tuple[Obligation, ...] = ()
    entry: str | None = None
    customer: str | None = None
    version: int | None = None
    conflict: Conflict | None = None
    failure: str | None = None

    def __post_init__(self) -> None:
        """Refuse an answer that contradicts itself."""
        if not self and (self.permitted or self.released):
            raise ValueError("nothing is permitted, yet something is there")

    def __bool__(self) -> bool:
        """Whether anything was permitted."""
        return self.decision in ("permit", "partial")

    def get(self, attribute: str, default: Any = None) -> Any:  # noqa: ANN401  whatever the attribute holds
        """Return a released value, or the default: for a page that must show something in any case."""
        found = self.released.get(attribute)
        return default if found is None else found.value


class Written(Struct, frozen=True, kw_only=True):
    """A write took effect: its entry, and the customer's version after it."""

    version: int
    entry: str


class Contributed(Written, frozen=True, kw_only=True):
    """Facts were taken in. ``not_kept``: places in your list of those not kept.

    She wants them kept by nobody, or a newer one is there.
    """

    not_kept: tuple[int, ...] = ()


class Enrolled(Written, frozen=True, kw_only=True):
    """A customer is enrolled: this service's own id of her, to keep beside the account."""

    customer: str


class Standing(Struct, frozen=True):
    """What stands now for a purpose on a channel."""

    purpose: str
    channel: str
    status: str


class Recorded(Written, frozen=True, kw_only=True):
    """An answer was recorded, and this is what stands: not it, if a later answer was there already.

    ``receipt``: the signed proof of it, for her; absent where it follows later, and for a service that neither uses nor
    records the purpose.
    """

    standing: tuple[Standing, ...]
    receipt: str | None = None


class MessageLink(Struct, frozen=True):
    """A link for a message to her, with which she can stop such messages, and nothing else.

    ``list_unsubscribe``, ``list_unsubscribe_post``: the values of the headers ``List-Unsubscribe`` and
    ``List-Unsubscribe-Post`` (RFC 8058), which the message's DKIM signature must cover. Its repr hides it.
    """

    url: str
    ends_at: datetime
    list_unsubscribe: str
    list_unsubscribe_post: str

    def __repr__(self) -> str:
        return "MessageLink()"


class LinkOfOne(Struct, frozen=True):
    """The link of one customer, None for somebody whom this service does not know."""

    customer: str
    link: MessageLink | None = None


class Links(Struct, frozen=True):
    """A link for each customer."""

    links: tuple[LinkOfOne, ...]


class Problem(Struct, frozen=True):
    """A refusal as the service words it."""

    code: Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,64}\Z")]
    pointer: str | None = None


class Each(Struct, frozen=True, kw_only=True):
    """Of many customers one: an answer, or why there is none."""

    answer: Answer | None = None
    problem: Problem | None = None


class Answers(Struct, frozen=True):
    """An answer for each of many customers, in their order."""

    answers: tuple[Each, ...]


class Failure(Struct, frozen=True):
    """Why one attempt came to nothing. ``again``: seconds before another may help, None when none will."""

    problem: Problem
    again: float | None


class NotWrittenError(Exception):
    """A write was refused, or it is not known to have happened.

    ``code``: the service's own, with ``pointer`` to what is wrong; or how it failed, such as ``ConnectError``. Then it
    may have happened all the same, and doing it again is right.
    """

    def __init__(self, code: str, pointer: str | None = None) -> None:
        super().__init__(code if pointer is None else f"{code} at {pointer}")
        self.code = code
        self.pointer = pointer

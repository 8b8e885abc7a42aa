"""Who is asking. A caller says who; what it may do is read with the facts on each request."""

from msgspec import Struct

from service.model.words import Channel, CustomerId, PurposeId, ServiceId


class ServiceCaller(Struct, frozen=True):
    """An internal system, by its API key. ``proven``: we, and nobody at the database, gave it that key."""

    service: ServiceId
    key: str
    proven: bool


class CustomerCaller(Struct, frozen=True):
    """The customer herself, by her token or her session. ``proven``: as above.

    ``gpc``: her browser sends Global Privacy Control. ``strong``: a moment ago she proved afresh that it is she.
    """

    customer: CustomerId
    proven: bool
    gpc: bool = False
    strong: bool = False


class OperatorCaller(Struct, frozen=True):
    """A member of staff at the command line, and why."""

    account: str
    reason: str


class WorkerCaller(Struct, frozen=True):
    """The clock on the wall: what has run its time is ended, and nobody asked."""


class MessageCaller(Struct, frozen=True):
    """Whoever has the link of a message: may say no for her, to what it was about or to more, and nothing else."""

    customer: CustomerId
    purpose: PurposeId
    channel: Channel
    proven: bool


Caller = ServiceCaller | CustomerCaller | OperatorCaller | WorkerCaller
"""Who may ask for something, as far as it may."""
Speaker = Caller | MessageCaller
"""Who may say no."""


def actor(caller: Speaker) -> str:
    """Return how the ledger names this caller."""
    match caller:
        case ServiceCaller():
            return f"service:{caller.service}"
        case CustomerCaller():
            return "customer"
        case OperatorCaller():
            return f"operator:{caller.account}"
        case WorkerCaller():
            return "worker"
        case MessageCaller():
            return "message-link"

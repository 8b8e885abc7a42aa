"""The client package: ask for what a customer allows, and take every failure as "no data".

Stands alone: it needs ``httpx`` and ``msgspec`` and nothing else of this repository, so it can be vendored.
"""

from service.client.answers import (
    Answer,
    Conflict,
    Contributed,
    Enrolled,
    MessageLink,
    NotWrittenError,
    Obligation,
    Recorded,
    Standing,
    Value,
    Withheld,
    Written,
)
from service.client.client import Byleave
from service.client.questions import (
    AgeBand,
    Channel,
    Consent,
    Customer,
    Fact,
    Identifier,
    Method,
    Parent,
    Provenance,
    Reach,
)

__all__ = [
    "AgeBand",
    "Answer",
    "Byleave",
    "Channel",
    "Conflict",
    "Consent",
    "Contributed",
    "Customer",
    "Enrolled",
    "Fact",
    "Identifier",
    "MessageLink",
    "Method",
    "NotWrittenError",
    "Obligation",
    "Parent",
    "Provenance",
    "Reach",
    "Recorded",
    "Standing",
    "Value",
    "Withheld",
    "Written",
]

"""The product's words: ids, and the closed vocabularies that values are chosen from."""

from enum import StrEnum
from typing import NewType
from uuid import UUID

CustomerId = NewType("CustomerId", UUID)
PairwiseId = NewType("PairwiseId", str)
"""How one service knows a customer: ``byc_...``, random, different for each service."""
ServiceId = NewType("ServiceId", str)
PurposeId = NewType("PurposeId", str)
AttributeId = NewType("AttributeId", str)
EntryId = NewType("EntryId", str)
PolicyVersion = NewType("PolicyVersion", str)
"""``sha256:`` and 64 hexadecimal digits, over policies, schema and catalogue."""


class Channel(StrEnum):
    """The way by which a purpose reaches the customer."""

    WEB = "web"
    APP = "app"
    EMAIL = "email"
    SMS = "sms"
    PHONE = "phone"
    POST = "post"
    COUNTER = "counter"
    INTERNAL = "internal"


class Provenance(StrEnum):
    """How a fact came to be known, in the order in which facts are preferred."""

    VOLUNTEERED = "volunteered"
    OBSERVED = "observed"
    ACQUIRED = "acquired"
    INFERRED = "inferred"


class Basis(StrEnum):
    """The lawful basis of a purpose, GDPR Art. 6(1)."""

    CONSENT = "consent"
    CONTRACT = "contract"
    LEGAL_OBLIGATION = "legal-obligation"
    VITAL_INTEREST = "vital-interest"
    PUBLIC_TASK = "public-task"
    LEGITIMATE_INTEREST = "legitimate-interest"


class Status(StrEnum):
    """What holds for one purpose on one channel: the consent status of the W3C DPV."""

    GIVEN = "given"
    RENEWED = "renewed"
    REQUESTED = "requested"
    DEFERRED = "deferred"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    REVOKED = "revoked"
    EXPIRED = "expired"
    INVALIDATED = "invalidated"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, _: object) -> "Status":
        """Take a word that is no status for one that was never asked: whoever wrote it, it is no yes."""
        return cls.UNKNOWN

    @property
    def valid(self) -> bool:
        """Only these two can ever permit."""
        return self in (Status.GIVEN, Status.RENEWED)

    @property
    def no(self) -> bool:
        """Whether somebody said no: she, or the controller for her. That a yes ran out is nobody's word."""
        return not (self.valid or self.open or self is Status.EXPIRED)

    @property
    def open(self) -> bool:
        """Whether she has said neither yes nor no: never asked, asked, or put off."""
        return self in (Status.UNKNOWN, Status.REQUESTED, Status.DEFERRED)


class Method(StrEnum):
    """By which road an answer reached us."""

    PORTAL = "portal"
    API = "api"
    PHONE = "phone"
    PAPER = "paper"
    COUNTER = "counter"
    IMPORT = "import"
    BROWSER_SIGNAL = "browser-signal"
    MESSAGE = "message"
    """A link in a message, by which anybody who has it can say no for her."""
    SYSTEM = "system"
    """Nobody spoke: the controller or the clock acted."""


class Acting(StrEnum):
    """Who spoke for a customer; ``actor`` says which one of them."""

    HERSELF = "herself"
    STAFF = "staff"
    GUARDIAN = "guardian"
    DELEGATE = "delegate"
    CONTROLLER = "controller"
    WORKER = "worker"


class AgeBand(StrEnum):
    """All that a decision needs to know about age."""

    ADULT = "adult"
    MINOR = "minor"
    UNKNOWN = "unknown"


class IdentifierKind(StrEnum):
    """What a customer can be found by."""

    EMAIL = "email"
    PHONE = "phone"
    LOYALTY = "loyalty"
    DEVICE = "device"
    """A browser or an app, whoever sits before it: it never says who a person is."""

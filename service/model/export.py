"""What an export of the ledger is made of: one JSON object on each line, one struct for each kind of line.

``docs/ledger.md`` tells it to whoever writes a reader of their own. Words that are stored are plain texts here: what
somebody else wrote into the database must be shown as it is, not refused.
"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct, structs

from service.model.facts import Restrictions, Standing, restrictions_from
from service.model.words import CustomerId, EntryId

FORMAT = 1
"""Grows when a reader of the one before would misread what is written."""
LONGEST = 1 << 22
"""No line is longer, its end included: some hundred times what an entry takes."""

Digest = Annotated[bytes, Meta(min_length=32, max_length=32)]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Instant = Annotated[datetime, Meta(tz=True)]


class Line(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="line"):
    """A line of an export; its ``line`` says of which kind."""

    def __repr__(self) -> str:  # most are about somebody
        return f"{type(self).__name__}()"


class Head(Line, frozen=True, tag="head"):
    """The first line. ``keys``: what the checkpoints are signed with, as the database has it, under each name."""

    format: int
    opened: bool
    """Whether what entries say is here, and what stands."""
    names: list[str]
    keys: list[str]
    at: Instant


class Said(Line, frozen=True):
    """What an entry is committed to and, where it is opened, what it says and what opens it."""

    commitment: Digest
    id: EntryId | None = None
    customer: CustomerId | None = None
    seed: Digest | None = None
    body: str | None = None
    unreadable: bool = False
    """It is there, and does not open."""


class Entry(Said, frozen=True, kw_only=True, tag="entry"):
    """A place of the log. ``erased``: the entry of the erasure by which its body went; ``missing``: it went by none."""

    position: Count
    erased: EntryId | None = None
    missing: bool = False


class Signed(Line, frozen=True, tag="checkpoint"):
    """A signed head of the log, right after the last entry that it covers."""

    note: str


class Waiting(Said, frozen=True, tag="waiting"):
    """An entry that is not in the log yet, in the order in which they will be taken in."""


class Consent(Line, frozen=True, tag="consent"):
    """What stands of a customer for a purpose on a channel; ``link``: not by her own answer, but by this merge."""

    customer: CustomerId
    purpose: str
    channel: str
    status: str
    notice: int
    explicit: bool
    decided_at: Instant
    expires_at: Instant | None = None
    link: UUID | None = None


class Limits(Line, frozen=True, tag="restrictions"):
    """What a customer restricts and opens; ``said_no``: what she took away since while no key was there."""

    customer: CustomerId
    age_band: str
    may_process: bool
    may_market: bool
    may_profile: bool
    may_share: bool
    observed_allowed: bool
    acquired_allowed: bool
    inferred_allowed: bool
    demographic_allowed: bool
    more_than_told: bool
    objections: list[str]
    paused_until: Instant | None
    quiet_hours: str
    linked: list[UUID]
    said_no: list[str]
    disputed: list[str] = []
    barred: list[str] = []

    @property
    def restrictions(self) -> Restrictions:
        """What the row says, without ``said_no``; ValueError for an age band that there is not."""
        return restrictions_from(*(getattr(self, name) for name in Restrictions.__struct_fields__))


class End(Line, frozen=True, tag="end"):
    """The last line: how many of each kind came before it, so that a file that was cut off is noticed."""

    entries: Count
    checkpoints: Count
    waiting: Count
    consents: Count
    restrictions: Count


AnyLine = Head | Entry | Signed | Waiting | Consent | Limits | End


def standing_line(customer: CustomerId, standing: Standing, link: UUID | None = None) -> Consent:
    """Return the line of what stands."""
    return Consent(customer, **structs.asdict(standing), link=link)

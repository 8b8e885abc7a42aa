"""Decisions: for each attribute a permit or a reason, and what comes with it."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from service.model.facts import SealedFact
from service.model.words import AttributeId, CustomerId, PolicyVersion


class Outcome(StrEnum):
    """The whole of a decision in one word."""

    PERMIT = "permit"
    PARTIAL = "partial"
    DENY = "deny"


class Obligation(Struct, frozen=True, order=True, omit_defaults=True):
    """What a service must do with what it receives."""

    id: Annotated[
        str, Meta(description="What to do, such as `delete-after`; do not use the values if you do not know it.")
    ]
    days: Annotated[int | None, Meta(description="Within how many days, where that is part of it.")] = None


class Permit(Struct, frozen=True):
    """Proof in code that the policy said yes to one fact of one customer; only ``policy/decide.py`` makes one.

    ``customer``: whose fact it is, which of a merged person need not be the side that was asked about.
    """

    customer: CustomerId
    fact: SealedFact
    policies: tuple[str, ...]


class Withheld(Struct, frozen=True, omit_defaults=True):
    """An attribute that stays here, and why."""

    attribute: AttributeId
    reason: Annotated[str, Meta(description="A word that says why; docs/reasons.md has each.")]
    policy: Annotated[str | None, Meta(description="The policy that forbids it, if one does.")] = None


class Decision(Struct, frozen=True):
    """The answer of the policies to one request."""

    permits: tuple[Permit, ...]
    withheld: tuple[Withheld, ...]
    obligations: tuple[Obligation, ...]
    policy_version: PolicyVersion

    @property
    def outcome(self) -> Outcome:
        """Permit, partial or deny."""
        if not self.permits:
            return Outcome.DENY
        return Outcome.PARTIAL if self.withheld else Outcome.PERMIT


def nothing_but(reason: str, attributes: Iterable[AttributeId], version: PolicyVersion) -> Decision:
    """Return a refusal of every attribute for one and the same reason."""
    return Decision((), tuple(Withheld(a, reason) for a in attributes), (), version)

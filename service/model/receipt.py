"""Receipts: what a customer keeps as proof of one act, and for whom it was written.

``receipt_document`` writes it for programs, ``receipt_text`` for people; neither reads anything.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum

from msgspec import Struct, structs

from service.model.catalogue import Company
from service.model.consent import Answer
from service.model.facts import Standing
from service.model.words import Acting, EntryId, Method, PolicyVersion, PurposeId, ServiceId, Status


class Flaw(StrEnum):
    """Why a receipt is not accepted. Programs read these words, so they never change."""

    MALFORMED = "malformed"
    """Not a compact JSON Web Signature in the one form that we write."""
    UNSUPPORTED_ALGORITHM = "unsupported-algorithm"
    CRITICAL_HEADER = "critical-header"
    UNKNOWN_KEY = "unknown-key"
    BAD_SIGNATURE = "bad-signature"
    NOT_A_RECEIPT = "not-a-receipt"
    """Signed, but as something else."""


class ChoiceEvent(Struct, frozen=True):
    """A choice beyond single purposes, as it reached us: an event, kept for ever."""

    choice: str
    value: str
    method: Method
    acting: Acting
    recorder: str
    given_at: datetime
    recorded_at: datetime
    entry: EntryId

    def __repr__(self) -> str:  # what she chose is hers
        return f"ChoiceEvent({self.entry!r})"


class Act(Struct, frozen=True):
    """All that one entry says of what a customer answered and chose; at least one of both."""

    entry: EntryId
    answers: Sequence[Answer]
    choices: Sequence[ChoiceEvent]

    @property
    def recorded_at(self) -> datetime:
        """When it was recorded: also the date of its receipt, for a receipt made later says the same."""
        events: list[Answer | ChoiceEvent] = [*self.answers, *self.choices]
        return events[0].recorded_at

    @property
    def language(self) -> str:
        """The language in which she was asked, or empty where we do not know it."""
        return next((each.shown.language for each in self.answers if each.shown is not None), "")

    @property
    def policy_version(self) -> PolicyVersion | None:
        """The version of the catalogue by which it was recorded, where the events say it."""
        return next((each.policy_version for each in self.answers if each.policy_version), None)

    @property
    def purposes(self) -> list[PurposeId]:
        """The purposes it is about."""
        return sorted({each.purpose for each in self.answers})

    def seen_by(self, service: ServiceId, purposes: Collection[PurposeId]) -> "Act | None":
        """Return what a service may see of it: what is about its purposes, and the choices that it told us itself."""
        answers = [each for each in self.answers if each.purpose in purposes]
        choices = [each for each in self.choices if each.recorder == f"service:{service}"]
        return Act(self.entry, answers, choices) if answers or choices else None


def alike_but_for_channel(answers: Sequence[Answer]) -> list[list[Answer]]:
    """Return answers together that differ in their channel only."""
    found: dict[Answer, list[Answer]] = {}
    for answer in answers:
        found.setdefault(structs.replace(answer, channel=answers[0].channel), []).append(answer)
    return list(found.values())


class Holder(Struct, frozen=True):
    """Whose receipt it is: how its reader knows her, and who that is. No service: she herself."""

    id: str
    service: ServiceId | None = None


class Standings(Struct, frozen=True):
    """What stands at an instant, for the purposes and channels that an act is about."""

    at: datetime
    standing: Sequence[tuple[Standing, Status]]


class Wording(Struct, frozen=True):
    """What a text says besides the act itself."""

    language: str
    company: Company
    now: Standings
    key: str
    """The thumbprint of the key that signed."""

"""Questions that a customer asks about a use of her data, and their answers."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

from msgspec import Struct

from service.model.facts import Sealed
from service.model.words import CustomerId

QuestionId = NewType("QuestionId", str)
ANSWERED_WITHIN = timedelta(days=30)
"""A month is what the law leaves (GDPR Art. 12(3))."""
MOST_OPEN = 20
"""Questions of one customer that wait for an answer."""
LONGEST = 2_000
"""Characters of a question, and of an answer."""


class State(StrEnum):
    """How far a question has got."""

    RECEIVED = "received"
    READ = "read"
    """By a person."""
    ANSWERED = "answered"


class Question(Struct, frozen=True, kw_only=True):
    """A question as it is stored: her words and the answer sealed. ``actor``: whose use it is about.

    ``line``: of use, ``entry``: the single one that she named; None, or empty, where she named none.
    """

    id: QuestionId
    customer: CustomerId
    actor: str
    line: int | None
    entry: str
    asked_at: datetime
    answer_by: datetime
    key: str
    sealed: Sealed
    read_at: datetime | None = None
    answered_at: datetime | None = None
    answer_key: str | None = None
    answer: Sealed | None = None

    @property
    def state(self) -> State:
        """How far it has got."""
        if self.answered_at is not None:
            return State.ANSWERED
        return State.RECEIVED if self.read_at is None else State.READ

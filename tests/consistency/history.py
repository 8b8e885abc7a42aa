"""What was done and decided, seen from outside, and what in it breaks a promise. Pure functions of what was recorded.

Every instant is of one monotonic clock, read by whoever sends and receives. When an act took effect is not known, only
that it was between its start and its acknowledgement; so whatever could have been right is taken to be right.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from math import inf

from msgspec import Struct

FRESH = 2.0
"""Seconds after a decision within which data must leave (P2)."""


class Kind(StrEnum):
    """What an act does to the consent that it is about."""

    CONSENT = "given"
    WITHDRAWAL = "withdrawn"


class Act(Struct, frozen=True):
    """A consent or a withdrawal; ``end`` is its acknowledgement, and infinite where none ever came.

    ``sent``: how often, until it was acknowledged.
    """

    customer: str
    kind: Kind
    start: float
    end: float
    entry: str = ""
    sent: int = 1


class Decision(Struct, frozen=True):
    """An answer to a service: from the first byte of its question to the last byte of what it was handed."""

    customer: str
    start: float
    end: float
    outcome: str
    entry: str = ""

    @property
    def permits(self) -> bool:
        """Whether anything left."""
        return self.outcome != "deny"


class Line(Struct, frozen=True):
    """An entry of the ledger, in its order: an act by its kind, a decision by its outcome."""

    customer: str
    entry: str
    said: str


class History(Struct, frozen=True):
    """Everything that one run recorded."""

    acts: list[Act]
    decisions: list[Decision]


def stale(history: History) -> list[Decision]:
    """Return what was permitted although no consent can have stood while it was decided (P1)."""
    return [each for each in judged(history) if each.permits]


def judged(history: History) -> list[Decision]:
    """Return the decisions that had to be a no: they show something only where there are some."""
    return list(_within(history, 0.0))


def late(history: History, slack: float) -> list[Decision]:
    """Return what was handed over longer after a consent last stood than a decision may be old (P2).

    ``slack``: seconds that the answer may be on its way from the service to whoever records.
    """
    return [each for each in _within(history, FRESH + slack) if each.permits]


def inversions(ledger: Iterable[Line]) -> list[Line]:
    """Return what was permitted after a withdrawal and before the next consent, in the order of the ledger (P3)."""
    last: dict[str, str] = {}
    found = []
    for line in ledger:
        if line.said in set(Kind):
            last[line.customer] = line.said
        elif line.said != "deny" and last.get(line.customer) == Kind.WITHDRAWAL:
            found.append(line)
    return found


def unentered(history: History, ledger: Iterable[Line]) -> list[Act | Decision]:
    """Return what was answered or acknowledged without an entry that says the same (P3, P4)."""
    said = {line.entry: line.said for line in ledger}
    acknowledged = [each for each in history.acts if each.end < inf]
    return [
        *(each for each in acknowledged if said.get(each.entry) != each.kind),
        *(each for each in history.decisions if said.get(each.entry) != each.outcome),
    ]


def _within(history: History, fresh: float) -> Iterator[Decision]:
    """Find the decisions that lie wholly in a time without consent; ``fresh``: of longer ones only the last seconds."""
    without = {customer: list(_without_consent(acts)) for customer, acts in _by_customer(history.acts).items()}
    for each in history.decisions:
        start = max(each.start, each.end - fresh) if fresh else each.start
        if any(begin < start and each.end < end for begin, end in without.get(each.customer, ())):
            yield each


def _without_consent(acts: Sequence[Act]) -> Iterator[tuple[float, float]]:
    """Return the times in which surely no consent stood: from an acknowledged withdrawal to the next consent's start.

    Where a consent was under way beside the withdrawal it may be the one that counts, so that says nothing.
    """
    consents = [act for act in acts if act.kind is Kind.CONSENT]
    for act in acts:
        beside = any(each.start < act.end and each.end > act.start for each in consents)
        if act.kind is Kind.WITHDRAWAL and not beside:
            yield act.end, min((each.start for each in consents if each.start >= act.end), default=inf)


def _by_customer(acts: Iterable[Act]) -> dict[str, list[Act]]:
    found: defaultdict[str, list[Act]] = defaultdict(list)
    for act in acts:
        found[act.customer].append(act)
    return found

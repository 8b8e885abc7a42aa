"""The checker of histories, on histories written by hand and against a slow reading of what is right."""

from collections.abc import Iterator
from itertools import permutations
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.consistency.history import Act, Decision, History, Kind, Line, inversions, judged, late, stale, unentered
from tests.examples import some

ABBIE, BO = "abbie", "bo"
GIVEN, WITHDRAWN = Kind.CONSENT, Kind.WITHDRAWAL


def consent(start: float, end: float, entry: str = "") -> Act:
    return Act(ABBIE, GIVEN, start, end, entry)


def withdrawal(start: float, end: float, entry: str = "") -> Act:
    return Act(ABBIE, WITHDRAWN, start, end, entry)


def permit(start: float, end: float, customer: str = ABBIE) -> Decision:
    return Decision(customer, start, end, "permit")


@pytest.mark.parametrize(
    ("acts", "decision"),
    [
        ([withdrawal(1, 2)], permit(3, 4)),
        ([consent(0, 1), withdrawal(2, 3)], permit(4, 5)),
        ([withdrawal(1, 2), consent(5, 6)], permit(3, 4)),
        ([withdrawal(1, 2), withdrawal(5, 9)], permit(6, 7)),
        ([consent(0, 3), withdrawal(1, 2), withdrawal(4, 5)], permit(6, 7)),
    ],
    ids=["never allowed", "allowed before", "allowed later", "withdrawn again meanwhile", "the later of two counts"],
)
def test_a_permit_wholly_after_a_withdrawal_and_before_the_next_consent_is_stale(
    acts: list[Act], decision: Decision
) -> None:
    assert stale(History(acts, [decision])) == [decision]


@pytest.mark.parametrize(
    ("acts", "decision"),
    [
        ([], permit(0, 1)),
        ([withdrawal(2, 3)], permit(0, 1)),
        ([withdrawal(2, 5)], permit(3, 4)),
        ([withdrawal(2, 3)], permit(1, 4)),
        ([withdrawal(2, inf)], permit(8, 9)),
        ([withdrawal(1, 2), consent(5, 6)], permit(4, 5.5)),
        ([withdrawal(1, 2), consent(3, inf)], permit(8, 9)),
        ([withdrawal(1, 2), consent(3, 4), consent(8, 9)], permit(5, 6)),
        ([withdrawal(2, 4), consent(3, 5)], permit(6, 7)),
        ([consent(1, 3), withdrawal(2, 4)], permit(6, 7)),
        ([withdrawal(1, 2)], permit(3, 4, BO)),
        ([withdrawal(1, 2)], Decision(ABBIE, 3, 4, "deny")),
    ],
    ids=[
        "nothing was ever said",
        "before",
        "while it is withdrawn",
        "begun before the acknowledgement",
        "never acknowledged",
        "a consent began meanwhile",
        "a consent that nobody acknowledged",
        "the first of two consents",
        "a consent beside the withdrawal that may be the later one",
        "a consent beside it that began earlier",
        "somebody else",
        "a no",
    ],
)
def test_what_may_have_been_right_is_not_stale(acts: list[Act], decision: Decision) -> None:
    assert stale(History(acts, [decision])) == []


def test_a_no_in_its_place_is_what_was_judged() -> None:
    no = Decision(ABBIE, 3, 4, "deny")
    assert judged(History([withdrawal(1, 2)], [no, Decision(ABBIE, 0, 4, "deny")])) == [no]


@pytest.mark.parametrize(
    ("decision", "is_late"),
    [(permit(1, 4.4), False), (permit(1, 4.6), True), (permit(3, 3.1), True)],
    ids=["in time", "too old when it left", "stale is late as well"],
)
def test_what_left_too_long_after_a_withdrawal_is_late(decision: Decision, *, is_late: bool) -> None:
    assert bool(late(History([withdrawal(1, 2)], [decision]), slack=0.5)) is is_late


def test_what_was_begun_long_before_a_consent_and_left_after_it_is_not_late() -> None:
    assert late(History([withdrawal(1, 2), consent(6, 7)], [permit(1, 6.5)]), slack=0) == []


def lines(*said: str) -> list[Line]:
    return [Line(ABBIE, str(number), each) for number, each in enumerate(said)]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (["permit", "given", "permit", "withdrawn", "deny"], []),
        (["given", "withdrawn", "permit"], ["2"]),
        (["withdrawn", "partial", "given", "permit"], ["1"]),
        (["given", "withdrawn", "withdrawn", "permit", "permit"], ["3", "4"]),
    ],
)
def test_a_permit_between_a_withdrawal_and_a_consent_in_the_ledger_is_an_inversion(
    said: list[str], found: list[str]
) -> None:
    assert [line.entry for line in inversions(lines(*said))] == found


def test_an_inversion_is_hers_alone() -> None:
    assert inversions([Line(ABBIE, "0", "withdrawn"), Line(BO, "1", "permit")]) == []


def test_what_was_answered_without_an_entry_or_against_it_is_found() -> None:
    acts = [withdrawal(0, 1, "0"), withdrawal(2, inf), consent(3, 4, "gone")]
    decisions = [Decision(ABBIE, 5, 6, "permit", "1"), Decision(ABBIE, 7, 8, "deny", "2")]
    ledger = lines("withdrawn", "permit", "permit")
    assert unentered(History(acts, decisions), ledger) == [acts[2], decisions[1]]


# --- against the definition ---


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Act], Decision]:
    """Make up to four acts and a decision, of which no two begin or end in the same instant."""
    count = draw(st.integers(0, 4))
    instants = iter(draw(st.permutations(range(2 * count + 2))))
    spans = [sorted((next(instants), next(instants))) for _ in range(count + 1)]
    (start, end), *others = spans
    acts = [
        Act(ABBIE, draw(st.sampled_from(Kind)), began, draw(st.sampled_from([ended, ended, ended, inf])))
        for began, ended in others
    ]
    return acts, permit(start, end)


def right(acts: list[Act], decision: Decision) -> bool:
    """Whether it could have happened: in some order that no clock contradicts, no withdrawal is the last word."""
    return any(_last(order, decision) != WITHDRAWN for order in _possible([*acts, decision]))


def _possible(happened: list[Act | Decision]) -> Iterator[tuple[Act | Decision, ...]]:
    # What was never acknowledged may also not have happened at all; late enough is the same.
    for order in permutations(happened):
        if not any(later.end < earlier.start for at, earlier in enumerate(order) for later in order[at + 1 :]):
            yield order


def _last(order: tuple[Act | Decision, ...], decision: Decision) -> Kind | None:
    before = order[: order.index(decision)]
    return before[-1].kind if before and isinstance(before[-1], Act) else None


@some(200)
@given(made=histories())
def test_stale_is_what_no_order_explains(made: tuple[list[Act], Decision]) -> None:
    acts, decision = made
    assert bool(stale(History(acts, [decision]))) is not right(acts, decision)

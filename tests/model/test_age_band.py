"""What a word about somebody's age does to what holds for her."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.model.facts import FLAGS, Restrictions, restrictions_at_enrolment, with_age_band
from service.model.words import AgeBand

UNKNOWN, ADULT, MINOR = AgeBand.UNKNOWN, AgeBand.ADULT, AgeBand.MINOR
LIMITS = st.builds(Restrictions, st.sampled_from(AgeBand), *[st.booleans()] * len(FLAGS))


@pytest.mark.parametrize(
    ("held", "said", "may_open", "then"),
    [
        (ADULT, MINOR, False, MINOR),
        (UNKNOWN, MINOR, False, MINOR),
        (MINOR, ADULT, True, MINOR),
        (MINOR, UNKNOWN, True, MINOR),
        (ADULT, UNKNOWN, True, ADULT),
        (UNKNOWN, ADULT, True, ADULT),
        (UNKNOWN, ADULT, False, UNKNOWN),
    ],
)
def test_a_minor_is_believed_and_an_adult_fills_an_unknown_only(
    *, held: AgeBand, said: AgeBand, may_open: bool, then: AgeBand
) -> None:
    assert with_age_band(restrictions_at_enrolment(held), said, may_open=may_open).age_band is then


@given(limits=LIMITS, said=st.sampled_from(AgeBand), may_open=st.booleans())
def test_nothing_but_the_age_band_ever_changes(*, limits: Restrictions, said: AgeBand, may_open: bool) -> None:
    then = with_age_band(limits, said, may_open=may_open)
    rest = [name for name in Restrictions.__struct_fields__ if name != "age_band"]
    assert [getattr(then, name) for name in rest] == [getattr(limits, name) for name in rest]


@given(LIMITS, st.lists(st.tuples(st.sampled_from(AgeBand), st.booleans())))
def test_whoever_was_once_called_a_minor_is_one(limits: Restrictions, words: list[tuple[AgeBand, bool]]) -> None:
    then = limits
    for said, may_open in words:
        then = with_age_band(then, said, may_open=may_open)
    called_one = limits.age_band is MINOR or MINOR in {said for said, _ in words}
    assert (then.age_band is MINOR) == called_one


def test_the_order_of_two_trusted_words_makes_no_difference() -> None:
    for held, one, other in product(AgeBand, repeat=3):
        limits = restrictions_at_enrolment(held)
        forth = with_age_band(with_age_band(limits, one, may_open=True), other, may_open=True)
        back = with_age_band(with_age_band(limits, other, may_open=True), one, may_open=True)
        assert forth == back

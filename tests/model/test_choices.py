"""What holds is the replay of her choices; and what only takes away opens nothing, in whatever order."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from service.model.choices import (
    FLAG,
    STRIKES,
    Age,
    Allowed,
    Bar,
    Choice,
    Kind,
    Objection,
    Pause,
    Quiet,
    Strike,
    choice_from,
    less,
    narrows,
    replay,
    restrictions_after,
    said_no,
    takes_away,
)
from service.model.facts import FLAGS, Restrictions, restrictions_at_enrolment, with_age_band
from service.model.words import AgeBand, AttributeId, PurposeId

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TIMES = st.none() | st.integers(-100, 100).map(lambda days: NOW + timedelta(days=days, microseconds=days))
HOURS = st.sampled_from(["", "22:00-07:00 Europe/Berlin", "13:00-15:00 Asia/Kathmandu"])
CHOICES: st.SearchStrategy[Choice] = st.one_of(
    st.builds(Allowed, st.sampled_from(list(FLAG)), st.booleans()),
    st.builds(Objection, st.sampled_from([PurposeId("prevent.fraud"), PurposeId("a")]), st.booleans()),
    st.builds(Pause, TIMES),
    st.builds(Quiet, HOURS),
    st.builds(Age, st.sampled_from([AgeBand.ADULT, AgeBand.MINOR])),
    st.builds(Bar, st.just(AttributeId("a")), st.sampled_from(["marketing", "prevent.fraud"]), st.booleans()),
    st.builds(Strike, st.sampled_from(STRIKES), st.sampled_from(["a#observed", "b#inferred"]), st.booleans()),
)
SEVERAL = st.lists(CHOICES, max_size=12)


@given(choice=CHOICES)
def test_the_stored_text_of_a_choice_is_the_choice(choice: Choice) -> None:
    assert choice_from(choice.kind, choice.value) == choice


@given(choices=SEVERAL, again=st.integers(1, 3))
def test_saying_the_same_again_changes_nothing(choices: list[Choice], again: int) -> None:
    for choice in choices:
        assert replay([*choices, choice]) == replay([*choices, *[choice] * again])


@given(choices=SEVERAL)
def test_a_choice_changes_one_field_and_no_other(choices: list[Choice]) -> None:
    limits = replay([])
    for choice in choices:
        after = restrictions_after(limits, choice)
        changed = {name for name in limits.__struct_fields__ if getattr(after, name) != getattr(limits, name)}
        assert len(changed) <= 1
        limits = after
    assert limits == replay(choices)


def test_nothing_said_is_what_holds_for_somebody_new() -> None:
    assert replay([]) == restrictions_at_enrolment(AgeBand.UNKNOWN)
    for band in (AgeBand.ADULT, AgeBand.MINOR):
        assert replay([Age(band)]) == restrictions_at_enrolment(band)
        assert with_age_band(replay([]), band, may_open=True) == replay([Age(band)])


def test_only_what_i_told_you_and_back_again_leaves_the_finer_choices_as_they_were() -> None:
    finer: list[Choice] = [Allowed(Kind.INFERRED, allowed=True), Allowed(Kind.OBSERVED, allowed=False)]
    off, on = Allowed(Kind.MORE_THAN_TOLD, allowed=False), Allowed(Kind.MORE_THAN_TOLD, allowed=True)
    assert replay([*finer, off]) != replay(finer)
    assert replay([*finer, off, on]) == replay(finer)


@given(choices=SEVERAL)
def test_a_minor_is_one_for_good(choices: list[Choice]) -> None:
    assert replay([Age(AgeBand.MINOR), *choices]).age_band is AgeBand.MINOR


@given(before=SEVERAL, words=st.lists(CHOICES.filter(takes_away), max_size=5))
def test_what_is_said_without_a_key_only_takes_away(before: list[Choice], words: list[Choice]) -> None:
    limits = replay(before)
    left = less(limits, map(said_no, words))
    assert left is not None
    assert narrows(limits, left)


@given(before=SEVERAL, said=st.lists(CHOICES.filter(takes_away), max_size=5))
def test_what_holds_without_a_key_is_the_replay_of_what_was_taken(before: list[Choice], said: list[Choice]) -> None:
    taken: list[Choice] = []
    for choice in said:
        limits = replay([*before, *taken])
        if narrows(limits, restrictions_after(limits, choice)):
            taken.append(choice)
    assert less(replay(before), map(said_no, taken)) == replay([*before, *taken])


@pytest.mark.parametrize(
    "word",
    [
        "",
        "may_fly",
        "objection",
        "age_band:old",
        "quiet_hours:x",
        "paused_until:soon",
        "paused_until:2026-01-01",
        "pause",
    ],
)
def test_a_word_that_cannot_be_read_refuses_everything_it_might_have_meant(word: str) -> None:
    assert less(replay([]), [word]) is None


@pytest.mark.parametrize("word", ["age_band:adult", "paused_until:2020-01-01T00:00:00+00:00", "quiet_hours:none"])
def test_a_word_that_would_open_something_changes_nothing(word: str) -> None:
    limits = structs.replace(replay([]), paused_until=NOW, quiet_hours="22:00-07:00 Europe/Berlin")
    assert less(limits, [word]) == limits


@given(one=SEVERAL, other=SEVERAL)
def test_narrower_means_that_no_field_opens(one: list[Choice], other: list[Choice]) -> None:
    before, after = replay(one), replay(other)
    if narrows(before, after):
        assert all(getattr(before, flag) or not getattr(after, flag) for flag in FLAGS)
        assert narrows(before, before)
        assert after.age_band is not AgeBand.ADULT or before.age_band is AgeBand.ADULT
    assert narrows(before, Restrictions(AgeBand.MINOR, linked=before.linked)) is (
        not (before.objections or before.quiet_hours or before.disputed or before.barred)
        and before.paused_until is None
    )


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("marketing", "maybe"),
        ("flying", "no"),
        ("pause", "2026-01-01"),
        ("pause", "0001-01-01T00:00:00+14:00"),
        ("objection", "prevent.fraud"),
        ("objection", " raised"),
        ("quiet-hours", ""),
        ("age-band", "old"),
        ("do-not-use", "a marketing"),
        ("do-not-use", "marketing raised"),
        ("dispute", "a#observed"),
        ("dispute", "a#heard raised"),
        ("dispute", "a b#observed raised"),
        ("deletion", "raised"),
    ],
)
def test_what_is_no_choice_is_refused(kind: str, value: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        choice_from(kind, value)

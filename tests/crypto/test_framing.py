"""Framing: different lists of parts give different bytes."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from service.crypto.framing import Part, framed, microseconds
from service.model.words import Channel, Provenance

MOMENTS = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]))
# Small alphabets, so that what could collide often does meet.
TEXTS = st.text("ab1\x00", max_size=3)
WORDS = st.sampled_from(Channel)
PART = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 12),
    TEXTS,
    TEXTS.map(str.encode),
    MOMENTS,
    st.uuids(),
    st.sampled_from(Channel),
)
LISTS = st.lists(PART, max_size=4)


def meaning(part: Part) -> tuple[str, object]:
    """Return what a part says: a word of ours is its text, an instant is the same in every zone."""
    match part:
        case str():
            return "text", str(part)
        case datetime():
            return "instant", part.astimezone(UTC)
        case _:
            return type(part).__name__, part


@given(LISTS, LISTS)
def test_two_lists_give_the_same_bytes_only_if_they_say_the_same(one: list[Part], other: list[Part]) -> None:
    assert (framed(one) == framed(other)) == (list(map(meaning, one)) == list(map(meaning, other)))


@given(LISTS, LISTS)
def test_where_one_list_ends_and_the_next_begins_is_told_by_the_parts(one: list[Part], other: list[Part]) -> None:
    assert framed([*one, *other]) == framed(one) + framed(other)


def test_no_two_short_lists_give_the_same_bytes() -> None:
    """All of them: the letters are those by which the parts themselves are told apart."""
    parts: list[Part] = ["", "b", "s", "bs", b"", b"b", b"s", b"sb", None, "n"]
    lists = [each for length in range(4) for each in product(parts, repeat=length)]
    assert len({framed(each) for each in lists}) == len(lists)


def test_what_looks_alike_is_told_apart() -> None:
    alike: list[list[Part]] = [
        [],
        [None],
        [""],
        [b""],
        ["", ""],
        [0],
        [False],
        ["0"],
        [b"0"],
        [True],
        [1],
        ["1"],
        ["ab", "c"],
        ["a", "bc"],
        ["abc"],
        [b"abc"],
        [UUID(int=0)],
        [bytes(16)],
        [-1],
        ["-1"],
        [datetime(1970, 1, 1, tzinfo=UTC)],
    ]
    assert len({framed(parts) for parts in alike}) == len(alike)


def test_a_word_of_a_vocabulary_is_its_text() -> None:
    assert framed([Provenance.OBSERVED]) == framed(["observed"])


@given(MOMENTS, MOMENTS)
def test_an_instant_is_exact_to_the_microsecond(one: datetime, other: datetime) -> None:
    assert microseconds(one) - microseconds(other) == (one - other) // timedelta(microseconds=1)

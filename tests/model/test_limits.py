"""How much may be asked in a minute: a bucket that fills evenly."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from service.errors import TooManyRequestsError
from service.model.limits import WINDOW, Limits

QUOTA = some.integers(1, 1000)
PAUSES = some.lists(some.floats(0, 90), max_size=200)


def taken(limits: Limits, service: str, per_minute: int, now: float) -> tuple[int, int, int] | None:
    """Take one; returns what a refusal says: the quota, in how many seconds it is full, and when to come again."""
    try:
        limits.take(service, per_minute, now)
    except TooManyRequestsError as error:
        return error.quota, error.reset, error.retry
    return None


def test_a_full_bucket_is_taken_empty_and_then_says_when_to_come_again() -> None:
    limits = Limits()
    assert [taken(limits, "shop", 3, 0.0) for _ in range(4)] == [None, None, None, (3, 60, 20)]
    assert taken(limits, "shop", 3, 19.9) == (3, 41, 1)
    assert [taken(limits, "shop", 3, 20.01) for _ in range(2)] == [None, (3, 60, 20)]


def test_each_service_has_a_bucket_of_its_own_and_each_worker_its_share() -> None:
    limits = Limits(workers=4)
    assert [taken(limits, "shop", 8, 0.0) for _ in range(3)] == [None, None, (2, 60, 30)]
    assert taken(limits, "airline", 8, 0.0) is None
    assert [taken(limits, "finance", 3, 0.0) for _ in range(2)] == [None, (1, 60, 60)]  # never none at all


def test_a_limit_that_was_changed_holds_from_then_on() -> None:
    limits = Limits()
    assert taken(limits, "shop", 1000, 0.0) is None
    assert [taken(limits, "shop", 2, 0.0) for _ in range(3)] == [None, None, (2, 60, 30)]
    assert taken(limits, "shop", 1000, 1.0) is None


@given(QUOTA, PAUSES)
def test_what_is_taken_never_runs_ahead_of_a_full_bucket_and_what_flowed_in(quota: int, pauses: list[float]) -> None:
    limits, now, count = Limits(), 0.0, 0
    for pause in pauses:
        now += pause
        count += taken(limits, "shop", quota, now) is None
        assert count <= quota + now * quota / WINDOW + 1e-6


@given(QUOTA, PAUSES)
def test_whoever_waits_as_long_as_was_said_is_served(quota: int, pauses: list[float]) -> None:
    limits, now = Limits(), 0.0
    for pause in [*pauses, *[0.0] * quota]:
        now += pause
        no = taken(limits, "shop", quota, now)
        if no is not None:
            now += no[2] + 1e-6
            assert taken(limits, "shop", quota, now) is None


@given(some.floats(0, 100))
def test_a_clock_that_goes_back_fills_nothing(back: float) -> None:
    limits = Limits()
    assert taken(limits, "shop", 1, 100.0) is None
    assert taken(limits, "shop", 1, 100.0 - back) == (1, 60, 60)
    with pytest.raises(TooManyRequestsError):
        limits.take("shop", 1, 159.0)

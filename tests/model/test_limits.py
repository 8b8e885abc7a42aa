"""How much may be asked in a minute: a bucket that fills evenly."""

from hypothesis import given
from hypothesis import strategies as some

from service.model.limits import WINDOW, Allowance, Bucket, Limits, drawn

QUOTA = some.integers(1, 1000)
ASKED = some.lists(some.tuples(some.floats(0, 90), some.integers(1, 1500)), max_size=60)


def test_a_full_bucket_is_drawn_empty_and_then_says_when_to_come_again() -> None:
    limits = Limits()
    assert [limits.take("shop", 3, 1, 0.0).remaining for _ in range(3)] == [2, 1, 0]
    assert limits.take("shop", 3, 1, 0.0) == Allowance(quota=3, remaining=0, reset=60, retry=20)
    assert limits.take("shop", 3, 1, 19.9).retry == 1
    assert limits.take("shop", 3, 1, 20.0) == Allowance(quota=3, remaining=0, reset=60)


def test_each_service_has_a_bucket_of_its_own_and_each_worker_its_share() -> None:
    limits = Limits(workers=4)
    assert limits.take("shop", 8, 2, 0.0) == Allowance(quota=2, remaining=0, reset=60)
    assert limits.take("shop", 8, 1, 0.0).retry == 30
    assert limits.take("airline", 8, 1, 0.0).remaining == 1
    assert limits.take("finance", 3, 1, 0.0).quota == 1  # never none at all


def test_a_limit_that_was_changed_holds_from_then_on() -> None:
    limits = Limits()
    limits.take("shop", 1000, 1, 0.0)
    assert limits.take("shop", 5, 1, 0.0) == Allowance(quota=5, remaining=4, reset=12)
    assert limits.take("shop", 1000, 5, 0.0).retry == 1


def test_a_batch_larger_than_the_bucket_takes_a_full_one_and_is_paid_off() -> None:
    limits = Limits()
    assert limits.take("shop", 100, 500, 0.0) == Allowance(quota=100, remaining=0, reset=300)
    assert limits.take("shop", 100, 1, 239.0).retry == 2
    assert limits.take("shop", 100, 500, 241.5).retry == 59
    assert limits.take("shop", 100, 500, 300.1).retry == 0


@given(QUOTA, ASKED)
def test_what_is_drawn_never_runs_ahead_of_a_full_bucket_and_what_flowed_in(
    quota: int, asked: list[tuple[float, int]]
) -> None:
    bucket, now, given_out = Bucket(quota, 0.0), 0.0, 0
    for pause, count in asked:
        now += pause
        before = given_out
        bucket, allowance = drawn(bucket, quota, count, now)
        assert 0 <= allowance.remaining <= quota
        if allowance.retry == 0:
            given_out += count
            # Who asks for more than the bucket holds waits until it is full, and pays the rest off.
            assert before + min(count, quota) <= quota + now * quota / WINDOW + 1e-6


@given(QUOTA, ASKED, some.integers(1, 1500))
def test_whoever_waits_as_long_as_was_said_is_served(quota: int, asked: list[tuple[float, int]], count: int) -> None:
    bucket, now = Bucket(quota, 0.0), 0.0
    for pause, drawn_before in asked:
        now += pause
        bucket, _ = drawn(bucket, quota, drawn_before, now)
    bucket, allowance = drawn(bucket, quota, count, now)
    assert drawn(bucket, quota, count, now + allowance.retry + 1e-6)[1].retry == 0 or allowance.retry == 0


@given(QUOTA, some.floats(0, 100))
def test_a_clock_that_goes_back_fills_nothing(quota: int, back: float) -> None:
    bucket, _ = drawn(Bucket(quota, 100.0), quota, quota, 100.0)
    after, allowance = drawn(bucket, quota, 1, 100.0 - back)
    assert (after, allowance.retry > 0) == (bucket, True)

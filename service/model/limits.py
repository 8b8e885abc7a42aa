"""How much a service may ask for in a minute: a bucket that fills evenly, from which each release is drawn."""

from math import ceil

from msgspec import Struct

WINDOW = 60
"""Seconds in which an empty bucket is full again."""


class Allowance(Struct, frozen=True):
    """What a bucket said. ``retry``: in how many seconds it makes sense to ask again, 0 if it was drawn from."""

    quota: int
    remaining: int
    reset: int
    """In how many seconds the bucket is full."""
    retry: int = 0


class Bucket(Struct, frozen=True):
    """How much was in it at an instant; less than nothing after a batch that was larger than the bucket."""

    level: float
    at: float

    def at_instant(self, now: float, quota: int) -> "Bucket":
        """Return the bucket as it is later; a clock that does not go on fills nothing."""
        later = max(now, self.at)
        return Bucket(min(quota, self.level + (later - self.at) * quota / WINDOW), later)

    def seconds_to(self, level: float, quota: int) -> int:
        """Return in how many whole seconds there is as much in it."""
        return max(0, ceil((level - self.level) * WINDOW / quota))


def drawn(bucket: Bucket, quota: int, count: int, now: float) -> tuple[Bucket, Allowance]:
    """Draw so many at once, or nothing. Of a full bucket more may be drawn than it holds, which is filled up first."""
    before = bucket.at_instant(now, quota)
    enough = min(count, quota)
    if before.level < enough:
        return before, _allowance(before, quota, max(1, before.seconds_to(enough, quota)))
    after = Bucket(before.level - count, before.at)
    return after, _allowance(after, quota, 0)


def _allowance(bucket: Bucket, quota: int, retry: int) -> Allowance:
    return Allowance(quota, max(0, int(bucket.level)), bucket.seconds_to(quota, quota), retry)


class Limits:
    """The buckets of one process. ``workers``: how many share what a service may have."""

    def __init__(self, workers: int = 1) -> None:
        self._workers = workers
        self._buckets: dict[str, Bucket] = {}

    def take(self, service: str, per_minute: int, count: int, now: float) -> Allowance:
        """Draw this process's share of what a service may have in a minute; a new service finds a full bucket."""
        quota = max(1, per_minute // self._workers)
        bucket = self._buckets.get(service, Bucket(quota, now))
        self._buckets[service], allowance = drawn(bucket, quota, count, now)
        return allowance

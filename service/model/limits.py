"""How much a service may ask for in a minute: a bucket that fills evenly, from which each release is taken."""

from math import ceil

from service.errors import TooManyRequestsError

WINDOW = 60
"""Seconds in which an empty bucket is full again."""


class Limits:
    """The buckets of one process. ``workers``: how many share what a service may have."""

    def __init__(self, workers: int = 1) -> None:
        self._workers = workers
        self._buckets: dict[str, tuple[float, float]] = {}
        """Of each service how much was in its bucket, and when."""

    def take(self, service: str, per_minute: int, now: float) -> None:
        """Take one release of this process's share of what a service may have in a minute.

        A service that comes for the first time finds a full bucket, and a clock that does not go on fills nothing.
        Raises TooManyRequestsError, and takes nothing, when it is empty.
        """
        quota = max(1, per_minute // self._workers)
        level, since = self._buckets.get(service, (quota, now))
        now = max(now, since)
        level = min(quota, level + (now - since) * quota / WINDOW)
        if level < 1:
            self._buckets[service] = level, now
            raise TooManyRequestsError(
                quota=quota, reset=_seconds(quota - level, quota), retry=_seconds(1 - level, quota)
            )
        self._buckets[service] = level - 1, now


def _seconds(missing: float, quota: int) -> int:
    return max(1, ceil(missing * WINDOW / quota))

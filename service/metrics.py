"""``byleave metrics``: what Prometheus is told, on a port of its own. Nothing in it is about anybody.

A process of its own, which ``serve`` starts: no release waits while the counts of all its processes are added up, and
whoever reaches the API reaches none of this.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from prometheus_client import CollectorRegistry, Metric, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from service import errors
from service.database import opened
from service.errors import DatabaseUnavailableError, OperatorError, ServiceError
from service.meters import Spread, together
from service.model.progress import Progress
from service.model.words import PolicyVersion
from service.usecases.ledger import progress
from service.usecases.policies import version_in_force

QUANTILES = ("0.5", "0.99")
NEVER = {
    kind.code: 0
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, ServiceError) and not issubclass(kind, OperatorError)
}
"""What was never refused yet is told too: what Prometheus sees for the first time has not increased."""
RELEASE = ("kind", "service", "purpose", "outcome")


def answer(host: str, port: int, url: str, folder: Path) -> None:
    """Answer Prometheus for ever, from what processes leave in a folder and what the database says."""
    _, thread = start_http_server(port, host, measures(url, folder))
    thread.join()


def measures(url: str, folder: Path) -> CollectorRegistry:
    """Return what Prometheus's library collects, anew each time that it is asked."""
    registry = CollectorRegistry()
    registry.register(_Counted(folder))
    registry.register(_Stored(url))
    return registry


class _Counted(Collector):
    """What the processes of one ``serve`` have counted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def describe(self) -> list[Metric]:
        """Describe nothing before it is asked."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield each measure, of all processes together."""
        now = together(self._folder)
        yield _counts("releases", "Releases, and checks, that were answered.", RELEASE, now.releases.items())
        refusals = [((code,), count) for code, count in (NEVER | now.refusals).items()]
        yield _counts("refusals", "Requests that were refused; docs/errors.md has each code.", ("code",), refusals)
        yield _spread("release_seconds", "From a request of a release or a check to its answer.", now.release_seconds)
        yield _spread("withdrawal_seconds", "From a no to its commit.", now.withdrawal_seconds)
        yield _spread("read_batch", "How many requests shared one read of the facts.", now.read_batch)
        yield _spread("commit_batch", "How many entries shared one commit.", now.commit_batch)
        failures = [((), now.policy_failures)]
        yield _counts("policy_failures", "How often published policies could not be used.", (), failures)
        yield _gauge("releases_waiting", "How many releases wait for a read or a commit.", now.waiting)
        yield _gauge("epoch_keys_open", "Versions of the epoch key that are open where fewest are.", now.keys_open)


class _Stored(Collector):
    """What the database says, which is the same wherever it is asked."""

    def __init__(self, url: str) -> None:
        self._url = url

    def describe(self) -> list[Metric]:
        """Describe nothing before it is asked."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield each measure; what there is none of yet is left out, and without the database everything."""
        try:
            now, version = asyncio.run(_read(self._url))
        except DatabaseUnavailableError:
            yield _gauge("database_up", "Whether the database answers.", 0)
            return
        yield _gauge("database_up", "Whether the database answers.", 1)
        if version is not None:
            in_force = GaugeMetricFamily("byleave_policy_in_force", "The policies in force.", labels=["version"])
            in_force.add_metric([version], 1)
            yield in_force
        yield from _ledger(now)


async def _read(url: str) -> tuple[Progress, PolicyVersion | None]:
    async with opened(url, connections=1) as database:
        return await progress(database), await version_in_force(database)


def _ledger(now: Progress) -> Iterator[Metric]:
    yield _gauge("ledger_entries", "How many entries the newest checkpoint signs.", now.size)
    yield _gauge("ledger_waiting", "How many entries wait to be taken in; 10000 means that many or more.", now.waiting)
    yield _gauge("ledger_waiting_unsealed", "How many of them wait for keys, counted likewise.", now.unsealed)
    yield _gauge(
        "ledger_oldest_waiting_seconds",
        "How long the first entry that waits has waited; above 2 is late.",
        _seconds(now.oldest),
    )
    lag = Metric(
        "byleave_ledger_lag_seconds",
        "How long the oldest entry of each of the last 1000 checkpoints waited.",
        "summary",
    )
    for quantile, value in zip(QUANTILES, now.lags or (), strict=False):
        lag.add_sample(lag.name, {"quantile": quantile}, _seconds(value))
    yield lag
    if now.age is not None:
        yield _gauge(
            "ledger_checkpoint_age_seconds",
            "How long ago the newest checkpoint was signed; it grows while nobody does anything.",
            _seconds(now.age),
        )


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(f"byleave_{name}", words, value)


def _counts(name: str, words: str, labels: tuple[str, ...], counts: Iterable[tuple[Sequence[str], int]]) -> Metric:
    family = CounterMetricFamily(f"byleave_{name}", words, labels=labels)
    for values, count in sorted(counts):
        family.add_metric(values, count)
    return family


def _spread(name: str, words: str, measured: Spread) -> Metric:
    buckets, up_to = [], 0
    for bound, count in zip([*map(str, measured.bounds), "+Inf"], measured.counts, strict=True):
        up_to += count
        buckets.append((bound, up_to))
    return HistogramMetricFamily(f"byleave_{name}", words, buckets=buckets, sum_value=measured.total)


def _seconds(time: timedelta | None) -> float:
    # A clock that was set back does not make anything wait for less than no time.
    return 0.0 if time is None else max(0.0, time.total_seconds())

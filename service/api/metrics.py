"""``/metrics``: how the ledger gets on, for Prometheus. All is read from the database: every process says the same."""

from collections.abc import Iterator
from datetime import timedelta

from litestar import Response, route
from litestar.di import NamedDependency
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from service.api.actions import Actions
from service.api.described import described
from service.api.ledger import READ, TEXT
from service.model.progress import Progress

QUANTILES = ("0.5", "0.99")
EXAMPLE = """\
# HELP byleave_ledger_oldest_waiting_seconds How long the first entry that waits has waited; above 2 somebody should look.
# TYPE byleave_ledger_oldest_waiting_seconds gauge
byleave_ledger_oldest_waiting_seconds 0.073
"""


@route(
    "/metrics",
    http_method=READ,
    opt=described(caller="anyone", keyless=True, answer=str, media=TEXT, example=EXAMPLE),
)
async def metrics(actions: NamedDependency[Actions]) -> Response[bytes]:
    """Return how the ledger gets on, in Prometheus's text format. Nothing in it is about anybody."""
    measured = generate_latest(_Measured(await actions.progress()))
    return Response(measured, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})


class _Measured(Collector):
    """What was read just now, as Prometheus's library collects it."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def collect(self) -> Iterator[Metric]:
        """Yield each measure; what there is none of yet is left out."""
        now = self._progress
        yield _gauge("entries", "How many entries the newest checkpoint signs.", now.size)
        yield _gauge("waiting", "How many entries wait to be taken in; 10000 means that many or more.", now.waiting)
        yield _gauge("waiting_unsealed", "How many of them wait for keys, counted likewise.", now.unsealed)
        yield _gauge(
            "oldest_waiting_seconds",
            "How long the first entry that waits has waited; above 2 somebody should look.",
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
                "checkpoint_age_seconds",
                "How long ago the newest checkpoint was signed; it grows while nobody does anything.",
                _seconds(now.age),
            )


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(f"byleave_ledger_{name}", words, value)


def _seconds(time: timedelta | None) -> float:
    # A clock that was set back does not make anything wait for less than no time.
    return 0.0 if time is None else max(0.0, time.total_seconds())

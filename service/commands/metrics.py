"""``byleave metrics``."""

import click

from service.metrics import answer
from service.process import harden, log_as_json
from service.settings import Settings


@click.command(hidden=True)
@click.pass_obj
def metrics(settings: Settings) -> None:
    """Answer Prometheus; ``serve`` starts this, if BYLEAVE_METRICS_PORT is set."""
    log_as_json()
    harden()
    if settings.metrics_port is None or settings.run is None or settings.database_url is None:
        raise click.UsageError("serve starts this")
    answer(settings.metrics_host, settings.metrics_port, settings.database_url, settings.run)

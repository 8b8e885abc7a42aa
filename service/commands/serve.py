"""``byleave serve``."""

import click

from service import serving
from service.database import reachable
from service.settings import Settings


@click.command()
@click.pass_obj
def serve(settings: Settings) -> None:
    """Serve the API."""
    with reachable(settings) as urls:
        serving.serve(settings, urls.app)

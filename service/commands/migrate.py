"""``byleave migrate``."""

import click

from service import migrating
from service.database import reachable
from service.settings import Settings


@click.command()
@click.pass_obj
def migrate(settings: Settings) -> None:
    """Bring the database to this release's schema."""
    with reachable(settings) as urls:
        migrating.migrate(urls.migrate)

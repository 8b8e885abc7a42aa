"""``byleave migrate``."""

from urllib.parse import urlsplit

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
    click.echo(f"{_where(settings, urls.migrate)} has the schema of this release")


def _where(settings: Settings, url: str) -> str:
    """Name a database without who logs in to it, and how."""
    if settings.urls is None:
        return f"the embedded server in {settings.home}"
    parts = urlsplit(url)
    return f"{parts.path.removeprefix('/')} at {parts.hostname or 'this host'}"

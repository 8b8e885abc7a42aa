"""``byleave openapi``."""

import click

from service.api.document import document


@click.command()
def openapi() -> None:
    """Print the API's OpenAPI document."""
    click.echo(document(), nl=False)

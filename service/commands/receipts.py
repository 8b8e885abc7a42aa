"""``byleave receipts key``: our public keys, as they are served."""

import click
import msgspec

from service.api.receipts import key_set_of
from service.commands.means import with_keys
from service.settings import read_settings
from service.usecases import receipts


@click.command()
@click.option("--jwks", "whole", is_flag=True, help="Every key, as the JSON Web Key set that is served.")
def key(*, whole: bool) -> None:
    """Print the newest public key in PEM, or all of them."""
    found = with_keys(read_settings(), receipts.public_keys)
    click.echo(msgspec.json.format(msgspec.json.encode(key_set_of(found))) if whole else found[0].pem, nl=whole)

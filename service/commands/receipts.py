"""``byleave receipts key``: our public keys, as they are served."""

from typing import TextIO

import click
import msgspec

from service.api.receipts import key_set_of
from service.commands.means import with_keys
from service.errors import ReceiptRefusedError
from service.settings import read_settings
from service.usecases import receipts


@click.command()
@click.option("--jwks", "whole", is_flag=True, help="Every key, as the JSON Web Key set that is served.")
@click.option(
    "--of", "receipt", type=click.File("r", encoding="utf-8", errors="replace"), help="The one that signed a receipt."
)
def key(receipt: TextIO | None, *, whole: bool) -> None:
    """Print the public key that signs now in PEM, that of a receipt ("-" is standard input), or all of them."""
    if whole and receipt is not None:
        raise click.UsageError("say --jwks or --of")
    if receipt is not None:
        click.echo(_pem_of(receipt.read().strip()), nl=False)
    elif whole:
        found = with_keys(read_settings(), receipts.public_keys)
        click.echo(msgspec.json.format(msgspec.json.encode(key_set_of(found))))
    else:
        click.echo(with_keys(read_settings(), receipts.signing_key).pem, nl=False)


def _pem_of(receipt: str) -> str:
    known = {each.id: each for each in with_keys(read_settings(), receipts.public_keys)}
    verdict = receipts.check(receipt, known)
    if verdict.key is None:
        raise ReceiptRefusedError(f"refused: {verdict.flaw}")
    return known[verdict.key].pem

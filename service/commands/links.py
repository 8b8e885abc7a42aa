"""``byleave links``: links for messages, for a list of people."""

import csv
import sys
from collections.abc import Iterator
from itertools import islice
from typing import TextIO

import click

from service.api.message_links import MOST, ONE_CLICK
from service.commands.means import operator, with_keys
from service.commands.reasons import Reason
from service.crypto.keyring import Keyring
from service.database import Database
from service.errors import WrongKindError
from service.model.consent import Spot
from service.model.identifiers import Identifier, identifier
from service.model.words import Channel, IdentifierKind, PurposeId, ServiceId
from service.settings import Settings
from service.usecases import message_links, policies

HEADS = ("identifier", "url", "List-Unsubscribe", "List-Unsubscribe-Post")


@click.command()
@click.argument("file", type=click.File("r", encoding="utf-8-sig", errors="replace"))
@click.option("--kind", type=click.Choice(["email", "phone", "loyalty"]), required=True)
@click.option("--service", required=True, help="Who sends the messages.")
@click.option("--purpose", required=True, help="What the messages are about.")
@click.option("--channel", type=click.Choice([each.value for each in Channel]), required=True)
@click.option("--reason", type=Reason(), required=True, help="Why; it is kept in the ledger of everybody who is found.")
@click.pass_obj
def links(  # noqa: PLR0913  one for each option
    settings: Settings, file: TextIO, *, kind: str, service: str, purpose: str, channel: str, reason: str
) -> None:
    """Write a CSV with a link for whoever each line of FILE ("-" is standard input) identifies.

    Whoever gets such a link can stop these messages with it, and do nothing else. A line that finds nobody, or several,
    has none: send nothing there.
    """
    caller, message = operator(reason), (ServiceId(service), Spot(PurposeId(purpose), Channel(channel)))

    async def make(database: Database, keyring: Keyring) -> None:
        in_force = await policies.Library(database).current()
        writer = csv.writer(sys.stdout, lineterminator="\n")
        # What may not be made is refused before there is a file that looks like one.
        await message_links.make_for(database, keyring, in_force, caller, message, [])
        writer.writerow(HEADS)
        for batch in _batches(file, IdentifierKind(kind)):
            known = [each for _, each in batch if each is not None]
            made = iter(await message_links.make_for(database, keyring, in_force, caller, message, known))
            for line, each in batch:
                writer.writerow(_row(line, None if each is None else next(made), settings.portal_url))
            sys.stdout.flush()  # or a full disk would show only when Python ends

    with_keys(settings, make)


def _batches(file: TextIO, kind: IdentifierKind) -> Iterator[list[tuple[str, Identifier | None]]]:
    lines = (line.strip() for line in file)
    while batch := list(islice(filter(None, lines), MOST)):
        yield [(line, _read(kind, line)) for line in batch]


def _read(kind: IdentifierKind, line: str) -> Identifier | None:
    try:
        return identifier(kind, line)
    except WrongKindError:
        return None


def _row(line: str, made: message_links.Made | None, public: str) -> tuple[str, ...]:
    if made is None:
        return line, "", "", ""
    url = made.under(public).url
    return line, url, f"<{url}>", ONE_CLICK

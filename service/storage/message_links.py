"""Links in messages: the digest of each, and what it is about. Nothing here can be turned back into a link."""

from collections.abc import Iterable
from datetime import datetime

import structlog
from msgspec import Struct

from service.crypto.keyring import Keyring
from service.crypto.message_tokens import MessageToken, authentic_token, digest_of
from service.database import Connection
from service.model.consent import Spot
from service.model.message_links import MessageLink
from service.model.words import Channel, CustomerId, PurposeId, ServiceId, Status
from service.storage.statements import statements, written

SQL = statements(__file__)
NOES = [status.value for status in Status if status.no]
log = structlog.get_logger()


class Found(Struct, frozen=True):
    """What a token is about, and whether we, and nobody at the database, said so."""

    link: MessageLink
    proven: bool
    now: datetime


async def put_all(connection: Connection, made: Iterable[tuple[MessageLink, MessageToken]]) -> None:
    """Let these links work."""
    rows = [
        (token.digest, link.service, link.customer, link.purpose, link.channel, link.ends_at, token.version)
        for link, token in made
    ]
    await connection.executemany(SQL["put"], rows)


async def find(connection: Connection, keyring: Keyring | None, token: str) -> Found | None:
    """Return what a token is about, None for one that never was, or has ended."""
    row = await connection.fetchrow(SQL["find"], digest_of(token))
    if row is None:
        return None
    link = MessageLink(
        service=ServiceId(row["service"]),
        customer=CustomerId(row["customer"]),
        purpose=PurposeId(row["purpose"]),
        channel=Channel(row["channel"]),
        ends_at=row["ends_at"],
    )
    proven = keyring is not None and authentic_token(keyring, token, row["mac_version"], link)
    if keyring is not None and not proven:
        log.error("alarm: a link in a message does not carry our MAC")
    return Found(link, proven, row["now"])


async def open_at(connection: Connection, customer: CustomerId, spots: Iterable[Spot]) -> bool:
    """Whether there is anything but a no at any of these places, on any side of a person."""
    places = list(spots)
    answered: bool = await connection.fetchval(
        SQL["open"], customer, [each.purpose for each in places], [each.channel for each in places], NOES
    )
    return answered


async def forget_ended(connection: Connection, most: int) -> int:
    """Forget links whose time has run; returns how many."""
    return written(await connection.execute(SQL["forget"], most))

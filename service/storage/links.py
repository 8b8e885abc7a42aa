"""Merges as links between customers, and the yeses that came by them."""

from collections.abc import Iterable, Sequence
from uuid import UUID

import msgspec
import structlog
from msgspec import Struct

from service.crypto.keyring import Keyring, Mac, link_parts, linked_standing_parts
from service.database import Connection, Record
from service.errors import IntegrityError
from service.model.facts import Standing
from service.model.links import Link
from service.model.words import Channel, CustomerId, PurposeId
from service.storage.statements import execute_for_all, statements

SQL = statements(__file__)
log = structlog.get_logger()


class Joined(Struct, frozen=True):
    """A link as it is stored, and whether it carries our MAC."""

    link: Link
    proven: bool


async def put_all(connection: Connection, keyring: Keyring, links: Iterable[Link]) -> None:
    """Store links under our MAC."""
    rows = [
        (each.id, each.one, each.other, each.said, each.made_at, each.made_by, *_mac(keyring, each)) for each in links
    ]
    await connection.executemany(SQL["put"], rows)


async def end_all(connection: Connection, keyring: Keyring, ended: Iterable[Link]) -> None:
    """Keep that links ended, as these say, and forget every yes that came by them."""
    gone = list(ended)
    rows = [(each.id, each.ended_at, each.ended_by, *_mac(keyring, each)) for each in gone]
    await connection.executemany(SQL["end"], rows)
    await connection.execute(SQL["forget"], [each.id for each in gone])


async def link(connection: Connection, keyring: Keyring, id_: UUID) -> Link | None:
    """Return a link; raises IntegrityError for one that is not ours."""
    row = await connection.fetchrow(SQL["link"], id_)
    return None if row is None else _link(keyring, row)


async def links_of(connection: Connection, keyring: Keyring, customers: Iterable[CustomerId]) -> list[Link]:
    """Return every link that these customers ever had, oldest first; raises IntegrityError for one that is not ours."""
    return [_link(keyring, row) for row in await connection.fetch(SQL["of"], list(customers))]


async def stored(connection: Connection, keyring: Keyring, customers: Iterable[CustomerId]) -> list[Joined]:
    """Return every link that these customers ever had, as the database has it: to be looked at, never acted on."""
    return [_joined(keyring, row) for row in await connection.fetch(SQL["of"], list(customers))]


async def ways(
    connection: Connection, keyring: Keyring, customer: CustomerId, others: Iterable[CustomerId]
) -> dict[CustomerId, Link]:
    """Return by which link each of these others is the same person; one that is not linked by us is left out."""
    to = {frozenset((customer, other)): other for other in others}
    live = [each for each in await links_of(connection, keyring, [customer]) if each.ended_at is None] if to else []
    return {to[each.pair]: each for each in live if each.pair in to}


async def put_yes(
    connection: Connection, keyring: Keyring, customer: CustomerId, by: UUID, origin: CustomerId, yes: Standing
) -> None:
    """Let a yes that she gave on one side stand on another, under our MAC, as long as they are linked."""
    mac = keyring.mac(linked_standing_parts(customer, by, origin, yes))
    await connection.execute(
        SQL["put_yes"],
        customer,
        yes.purpose,
        yes.channel,
        by,
        origin,
        yes.status,
        yes.notice,
        yes.explicit,
        yes.decided_at,
        yes.expires_at,
        mac.version,
        mac.digest,
    )


async def forget_yeses(connection: Connection, spots: Sequence[tuple[CustomerId, PurposeId, Channel]]) -> None:
    """Forget what came from other sides, because there is a no now for a purpose on a channel. It needs no key."""
    await execute_for_all(connection, SQL["forget_yeses"], spots)


def _mac(keyring: Keyring, each: Link) -> tuple[int, bytes]:
    mac = keyring.mac(link_parts(each))
    return mac.version, mac.digest


def _link(keyring: Keyring, row: Record) -> Link:
    found = _joined(keyring, row)
    if not found.proven:
        log.error("alarm: a link does not carry our MAC", link=str(found.link.id))
        raise IntegrityError("a link does not carry our MAC")
    return found.link


def _joined(keyring: Keyring, row: Record) -> Joined:
    found = msgspec.convert({name: row[name] for name in Link.__struct_fields__}, Link)
    return Joined(found, keyring.authentic(Mac(row["mac_version"], row["mac"]), link_parts(found)))

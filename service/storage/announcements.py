"""What services should hear of without having asked: a consent that ends soon."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from msgspec import Struct

from service.crypto.keyring import Keyring
from service.database import Connection
from service.model.consent import Spot
from service.model.words import Channel, CustomerId, PairwiseId, PurposeId, ServiceId
from service.storage.customers import own_id
from service.storage.statements import statements

SQL = statements(__file__)
CORNER = 0x0B21  # our corner of the advisory locks


class Due(Struct, frozen=True):
    """A consent that ends soon."""

    customer: CustomerId
    spot: Spot
    expires_at: datetime
    at: datetime


class Announcement(Struct, frozen=True):
    """What was announced, as one service hears it."""

    sequence: int
    kind: str
    customer: PairwiseId
    spot: Spot
    expires_at: datetime
    at: datetime


async def announce(connection: Connection, within: timedelta, most: int) -> list[Due]:
    """Announce consents that end within so long, each once; returns those that were not announced before."""
    await connection.execute(SQL["hold"], CORNER)
    rows = await connection.fetch(SQL["announce"], within, most)
    return [
        Due(r["customer"], Spot(PurposeId(r["purpose"]), Channel(r["channel"])), r["expires_at"], r["at"]) for r in rows
    ]


async def page(
    connection: Connection,
    keyring: Keyring,
    service: ServiceId,
    purposes: Iterable[PurposeId],
    *,
    after: int,
    most: int,
) -> list[Announcement]:
    """Return what was announced for these purposes after a position, oldest first."""
    found = []
    for row in await connection.fetch(SQL["page"], service, list(purposes), after, most):
        hers = own_id(keyring, row["customer"], service, (row["id"], row["mac_version"], row["mac"]))
        spot = Spot(PurposeId(row["purpose"]), Channel(row["channel"]))
        assert hers is not None  # noqa: S101  a row is there
        found.append(Announcement(row["sequence"], row["kind"], hers, spot, row["expires_at"], row["at"]))
    return found

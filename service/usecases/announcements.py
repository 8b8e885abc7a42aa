"""Announcing what services should hear of without having asked, and telling them."""

from msgspec import Struct

from service.crypto.cursors import cursor, position_of
from service.crypto.framing import Part
from service.crypto.keyring import Keyring
from service.database import Database
from service.model.callers import ServiceCaller, WorkerCaller
from service.model.consent import RENEWAL_DUE
from service.model.ledger import RenewalAnnounced, entry
from service.policy.engine import Policies
from service.storage import access, announcements, ledger
from service.storage.announcements import Announcement

AT_ONCE = 200


class Announced(Struct, frozen=True):
    """A page, oldest first, and the cursor after which the next begins, now or later."""

    announcements: list[Announcement]
    next: str


async def announce_renewals(database: Database, keyring: Keyring | None) -> int:
    """Announce every consent that ends within 30 days, once, whatever number of workers does this."""
    told = 0
    while True:
        async with database.transaction() as connection:
            due = await announcements.announce(connection, RENEWAL_DUE, AT_ONCE)
            lines = [
                entry(
                    ledger.new_entry_id(each.at),
                    each.customer,
                    WorkerCaller(),
                    each.at,
                    RenewalAnnounced(each.spot.purpose, each.spot.channel, each.expires_at.isoformat()),
                )
                for each in due
            ]
            await ledger.append_all(connection, keyring, lines)
        told += len(due)
        if len(due) < AT_ONCE:
            return told


async def announced(
    database: Database, keyring: Keyring, policies: Policies, caller: ServiceCaller, after: str | None, most: int
) -> Announced:
    """Return what was announced after a cursor, as far as this service's purposes go and it still holds."""
    access.refuse_unproven(caller)
    about: list[Part] = ["announcements", caller.service]
    position = 0 if after is None else position_of(keyring, after, about)
    purposes = policies.catalogue.consents_of(caller.service)
    async with database.connection() as connection:
        page = await announcements.page(connection, keyring, caller.service, purposes, after=position, most=most)
    return Announced(page, cursor(keyring, page[-1].sequence if page else position, about))

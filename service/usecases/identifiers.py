"""By what a customer is found: what she sees of it, and her word that something is not hers."""

from datetime import datetime

from msgspec import Struct

from service.crypto.keyring import Keyring, OpenKey, open_own_identifier
from service.database import Connection, Database
from service.errors import UnknownIdentifierError
from service.model.callers import CustomerCaller
from service.model.ledger import Disowned, SignedOut, entry
from service.model.words import EntryId, IdentifierKind
from service.storage import customers, ledger, sessions, signins


class HerIdentifier(Struct, frozen=True, kw_only=True):
    """One identifier, opened for the customer herself; its repr hides it."""

    reference: str
    kind: IdentifierKind
    value: str
    since: datetime
    verified: bool

    def __repr__(self) -> str:
        return f"HerIdentifier({self.kind!r})"


class Done(Struct, frozen=True):
    """That it is done: her new version, and the entry."""

    version: int
    entry: EntryId


async def identifiers(database: Database, keyring: Keyring, caller: CustomerCaller) -> list[HerIdentifier]:
    """Return by what a customer is found. Of a merged person her own side: the other may yet prove to be another's."""
    async with database.connection() as connection:
        key = await customers.open_key(connection, keyring, caller.customer)
        claims = await customers.proven_identifiers(connection, keyring, caller.customer)
    return [_hers(keyring, caller, key, each) for each in claims]


async def disown(
    database: Database, keyring: Keyring, caller: CustomerCaller, reference: str, here: bytes = b""
) -> Done:
    """Put an identifier out of use at once, for good: it finds nobody as her, and no service can say it again.

    Whoever came in by it is out: every session of hers ends but the one that she says it in (``here``, by its digest),
    and every code, link and question to a device that waits is of no use. Raises UnknownIdentifierError for a
    reference of none that is in use.
    """
    async with database.transaction() as connection:
        claim = await _named(connection, keyring, caller, reference)
        await customers.hold(connection, [claim.digest])
        change = await customers.bump(connection, caller.customer)
        claim = await _named(connection, keyring, caller, reference)
        await customers.disown(connection, keyring, claim, change.now)
        id_ = ledger.new_entry_id(change.now)
        await ledger.append(connection, keyring, entry(id_, caller.customer, caller, change.now, Disowned(claim.kind)))
        await signins.take_every(connection, caller.customer)  # waits for whoever is about to come in by one of them
        ended = await sessions.end_others(connection, caller.customer, here)
        if ended:
            out = entry(
                ledger.new_entry_id(change.now), caller.customer, caller, change.now, SignedOut(ended, own=False)
            )
            await ledger.append(connection, keyring, out)
    return Done(change.version, id_)


async def _named(connection: Connection, keyring: Keyring, caller: CustomerCaller, reference: str) -> customers.Claim:
    for each in await customers.proven_identifiers(connection, keyring, caller.customer):
        if keyring.reference_of(caller.customer, *each.found) == reference:
            return each
    raise UnknownIdentifierError


def _hers(keyring: Keyring, caller: CustomerCaller, key: OpenKey, claim: customers.Claim) -> HerIdentifier:
    return HerIdentifier(
        reference=keyring.reference_of(caller.customer, *claim.found),
        kind=claim.kind,
        value=open_own_identifier(key, caller, *claim.found, claim.sealed),
        since=claim.since,
        verified=claim.verified_at is not None,
    )

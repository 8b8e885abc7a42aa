"""Being signed in: whose cookie it is, where else she is signed in, and ending it.

To end a session is a no, and needs no key. To begin one is for the ways in: ``codes``, ``passkeys``, ``federated``.
"""

from datetime import datetime

from msgspec import Struct

from service.crypto.credentials import SESSION, read_secret
from service.crypto.keyring import Keyring
from service.database import Connection, Database
from service.errors import StepUpRequiredError, UnauthenticatedError, UnknownSessionError
from service.model.callers import CustomerCaller
from service.model.ledger import SignedIn, SignedOut, entry
from service.model.signin import Session, Way
from service.model.words import CustomerId, EntryId
from service.storage import customers, ledger, sessions


class HerSession(Struct, frozen=True):
    """Where she is signed in; ``this``: the one that she looks from. ``device`` is ``Firefox/Linux``, or empty."""

    id: str
    way: Way
    made_at: datetime
    seen_at: datetime
    device: str
    this: bool

    def __repr__(self) -> str:
        return f"HerSession({self.id!r})"


class Ended(Struct, frozen=True):
    """That sessions were ended, how many, and the entry that says so; None where there was none to end."""

    count: int
    entry: EntryId | None


async def session(database: Database, keyring: Keyring | None, cookie: str) -> Session:
    """Return whose session this is; raises UnauthenticatedError. Without a keyring she may only say no."""
    presented = read_secret(SESSION, cookie)
    if presented is None:
        raise UnauthenticatedError
    async with database.connection() as connection:
        found = await sessions.session_of(connection, keyring, presented)
    if found is None:
        raise UnauthenticatedError
    return found


async def listed(database: Database, keyring: Keyring, session: Session) -> list[HerSession]:
    """Return where she is signed in, the newest first."""
    async with database.connection() as connection:
        found = await sessions.sessions_of(connection, keyring, session.caller.customer)
    return [
        HerSession(each.id, each.way, each.made_at, each.seen_at, each.device, this=each.digest == session.digest)
        for each in found
    ]


async def end(database: Database, keyring: Keyring | None, session: Session, which: str) -> Ended:
    """End one of her sessions, now; raises UnknownSessionError when it is none of hers, or has ended."""
    async with database.transaction() as connection:
        if not await sessions.end_one(connection, session.caller.customer, which):
            raise UnknownSessionError
        act = SignedOut(1, own=which == session.id)
        return Ended(1, await _enter(connection, keyring, session.caller, act))


async def end_others(database: Database, keyring: Keyring | None, session: Session) -> Ended:
    """End every session of hers but this one."""
    async with database.transaction() as connection:
        count = await sessions.end_others(connection, session.caller.customer, session.digest)
        if not count:
            return Ended(0, None)
        return Ended(count, await _enter(connection, keyring, session.caller, SignedOut(count, own=False)))


async def begin_for_show(database: Database, keyring: Keyring, customer: CustomerId, device: str) -> str:
    """Sign somebody made up in without any proof, and return the cookie. Only the demo may call this."""
    caller = CustomerCaller(customer, proven=True)
    async with database.transaction() as connection:
        begun = await sessions.begin(connection, keyring, customer, Way.DEMO, device, strong=True)
        await _enter(connection, keyring, caller, SignedIn(Way.DEMO))
    return begun.cookie


def refuse_weak(caller: CustomerCaller) -> None:
    """Raise StepUpRequiredError for one who has not proved within five minutes that it is she."""
    if not caller.strong:
        raise StepUpRequiredError


async def _enter(
    connection: Connection, keyring: Keyring | None, caller: CustomerCaller, act: SignedIn | SignedOut
) -> EntryId:
    now = await customers.clock(connection)
    id_ = ledger.new_entry_id(now)
    await ledger.append(connection, keyring, entry(id_, caller.customer, caller, now, act))
    return id_

"""Who is signed in to the portal: sessions, known by the SHA-256 of their cookie, under our MAC.

A GET leaves one thing behind here, and no more often than once a minute: that she was there, for a session ends when
nobody was.
"""

from datetime import datetime

from msgspec import Struct

from service.crypto.credentials import SESSION, Credential, SessionParts, new_secret, session_parts
from service.crypto.keyring import Keyring, Mac
from service.crypto.random import random_word
from service.database import Connection, Record
from service.model.callers import CustomerCaller
from service.model.signin import IDLE, LASTS, STRONG, TOUCHED, Session, Way
from service.model.words import CustomerId
from service.storage import customers
from service.storage.statements import statements, written

SQL = statements(__file__)


class StoredSession(Struct, frozen=True):
    """A session as she sees it in a list."""

    id: str
    digest: bytes
    way: Way
    made_at: datetime
    seen_at: datetime
    device: str

    def __repr__(self) -> str:
        return f"StoredSession({self.id!r})"


class Begun(Struct, frozen=True):
    """A session that has just begun; ``cookie``: what its browser keeps."""

    cookie: str
    now: datetime

    def __repr__(self) -> str:
        return "Begun()"


async def begin(
    connection: Connection, keyring: Keyring, customer: CustomerId, way: Way, device: str, *, strong: bool
) -> Begun:
    """Begin a session of a customer; ``strong``: she has just proved by herself that it is she."""
    now = await customers.clock(connection)
    made, id_ = new_secret(SESSION), f"ses_{random_word(10)}"
    parts = SessionParts(id_, customer, way, now, now + LASTS, now if strong else None)
    mac = keyring.mac(session_parts(made.digest, parts))
    times = (parts.made_at, parts.ends_at, parts.strong_at)
    await connection.execute(
        SQL["put"],
        made.digest,
        parts.id,
        parts.customer,
        parts.way,
        *times,
        device,
        mac.version,
        mac.digest,
    )
    return Begun(made.text, now)


async def session_of(connection: Connection, keyring: Keyring | None, presented: Credential) -> Session | None:
    """Return whose cookie this is, if its time has not run; one that is not proven may say no and is never strong."""
    row = await connection.fetchrow(SQL["session"], presented.digest, IDLE, STRONG, TOUCHED)
    if row is None:
        return None
    if row["unseen"]:
        await connection.execute(SQL["touch"], presented.digest)
    proven = keyring is not None and _ours(keyring, presented.digest, row)
    strong = proven and bool(row["strong"])
    return Session(
        caller=CustomerCaller(row["customer"], proven=proven, strong=strong),
        id=row["id"],
        digest=presented.digest,
        way=Way(row["way"]),
        made_at=row["made_at"],
        ends_at=row["ends_at"],
        idle_ends_at=row["idle_ends_at"],
        now=row["now"],
        strong=strong,
    )


async def sessions_of(connection: Connection, keyring: Keyring, customer: CustomerId) -> list[StoredSession]:
    """Return where a customer is signed in, the newest first; what somebody at the database made is no session."""
    rows = await connection.fetch(SQL["sessions_of"], customer, IDLE)
    return [
        StoredSession(row["id"], row["digest"], Way(row["way"]), row["made_at"], row["seen_at"], row["device"])
        for row in rows
        if _ours(keyring, row["digest"], row)
    ]


async def strengthen(connection: Connection, keyring: Keyring, session: Session, now: datetime) -> None:
    """Keep that she proved afresh that it is she."""
    parts = SessionParts(session.id, session.caller.customer, session.way, session.made_at, session.ends_at, now)
    mac = keyring.mac(session_parts(session.digest, parts))
    await connection.execute(SQL["strengthen"], session.digest, now, mac.version, mac.digest)


async def end_one(connection: Connection, customer: CustomerId, session: str) -> bool:
    """End one of her sessions; returns whether there was one."""
    return await connection.fetchval(SQL["end_one"], customer, session) is not None


async def end_others(connection: Connection, customer: CustomerId, but: bytes) -> int:
    """End every session of hers but the one with this digest; returns how many there were."""
    return len(await connection.fetch(SQL["end_others"], customer, but))


async def end_all(connection: Connection, customer: CustomerId) -> None:
    """End every session of a customer, as an erasure does."""
    await connection.execute(SQL["end_all"], customer)


async def forget(connection: Connection, most: int) -> int:
    """Forget sessions whose time has run; returns how many."""
    return written(await connection.execute(SQL["forget"], IDLE, most))


def _ours(keyring: Keyring, digest: bytes, row: Record) -> bool:
    parts = SessionParts(row["id"], row["customer"], Way(row["way"]), row["made_at"], row["ends_at"], row["strong_at"])
    return keyring.authentic(Mac(row["mac_version"], row["mac"]), session_parts(digest, parts))

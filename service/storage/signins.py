"""Sign-ins that wait: for a code, for the press on a link's page, for the answer of a device. Hashes only.

A row under our MAC says whom it lets in, so that nobody at the database can make one, or move one to another customer.
"""

from datetime import timedelta

from msgspec import Struct

from service.crypto.credentials import (
    LINK,
    WAITING,
    Credential,
    WaitingParts,
    code_parts,
    new_code,
    new_secret,
    waiting_parts,
)
from service.crypto.keyring import Keyring, Mac
from service.database import Connection, Record
from service.errors import IntegrityError
from service.model.signin import TRIES, Aim
from service.model.words import CustomerId
from service.storage import customers
from service.storage.statements import statements, written

SQL = statements(__file__)


class Waiting(Struct, frozen=True):
    """A sign-in that waits, with the tries that it has had; its MAC is ours."""

    parts: WaitingParts
    tries: int
    key: int
    """The version of the key that its code is hashed with."""

    def opened_by(self, keyring: Keyring, code: str) -> bool:
        """Whether this is its code."""
        if self.parts.code is None or not code:
            return False
        return keyring.authentic(Mac(self.key, self.parts.code), code_parts(self.parts.digest, code))

    @property
    def left(self) -> int:
        """How many more tries there are."""
        return TRIES - self.tries


class Begun(Struct, frozen=True):
    """A sign-in that waits from now on: what the tab keeps, what a mail says."""

    waiting: Credential
    link: Credential
    code: str

    def __repr__(self) -> str:
        return "Begun()"


class Whom(Struct, frozen=True):
    """What a sign-in is for: to let in this customer (None: nobody is known), by this address, to this session."""

    aim: Aim
    customer: CustomerId | None = None
    address: bytes | None = None
    session: bytes | None = None
    coded: bool = True
    """Whether it has a code that can be typed, and so guessed."""

    def __repr__(self) -> str:
        return f"Whom({self.aim!r})"


async def begin(connection: Connection, keyring: Keyring, whom: Whom, lasts: timedelta) -> Begun:
    """Let a sign-in wait for its code, for its link, or for the answer of a device."""
    made = Begun(new_secret(WAITING), new_secret(LINK), new_code() if whom.coded else "")
    typed = made.code or made.link.text
    parts = WaitingParts(
        digest=made.waiting.digest,
        link=made.link.digest if whom.aim is Aim.SIGN_IN else None,
        aim=whom.aim,
        customer=whom.customer,
        session=whom.session,
        address=whom.address,
        code=None if whom.address is None else keyring.mac(code_parts(made.waiting.digest, typed)).digest,
        expires_at=await customers.clock(connection) + lasts,
    )
    await _put(connection, keyring, parts)
    return made


async def _put(connection: Connection, keyring: Keyring, parts: WaitingParts) -> None:
    mac = keyring.mac(waiting_parts(parts))
    values = (getattr(parts, name) for name in parts.__struct_fields__)
    await connection.execute(SQL["put"], *values, mac.version, mac.digest)


async def try_one(connection: Connection, keyring: Keyring, digest: bytes) -> Waiting | None:
    """Count one more try of a sign-in that waits, and return it; None when it has none left, or its time has run."""
    return _waiting(keyring, await connection.fetchrow(SQL["try"], digest, TRIES))


async def waiting(connection: Connection, keyring: Keyring, digest: bytes) -> Waiting | None:
    """Return a sign-in that waits, and leave it waiting."""
    return _waiting(keyring, await connection.fetchrow(SQL["waiting"], digest))


async def by_link(connection: Connection, keyring: Keyring, link: bytes) -> Waiting | None:
    """Return the sign-in that a link is for, and leave it waiting."""
    return _waiting(keyring, await connection.fetchrow(SQL["by_link"], link))


async def take(connection: Connection, digest: bytes) -> bool:
    """Use a sign-in up; returns whether nobody had before."""
    return await connection.fetchval(SQL["take"], digest) is not None


async def take_all(connection: Connection, customer: CustomerId, aim: Aim) -> None:
    """Use up whatever else waits for a customer with this aim."""
    await connection.execute(SQL["take_all"], customer, aim)


async def take_every(connection: Connection, customer: CustomerId) -> None:
    """Use up whatever waits for a customer."""
    await connection.execute(SQL["take_every"], customer)


async def forget(connection: Connection, most: int) -> int:
    """Forget sign-ins whose time has run; returns how many."""
    return written(await connection.execute(SQL["forget"], most))


def _waiting(keyring: Keyring, row: Record | None) -> Waiting | None:
    if row is None:
        return None
    fields = {name: row[name] for name in WaitingParts.__struct_fields__}
    parts = WaitingParts(**fields | {"aim": Aim(row["aim"])})
    if not keyring.authentic(Mac(row["mac_version"], row["mac"]), waiting_parts(parts)):
        raise IntegrityError("a sign-in that waits does not carry our MAC")
    return Waiting(parts, row["tries"], row["mac_version"])

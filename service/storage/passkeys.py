"""Passkeys: whose they are, under our MAC, and what she calls them, sealed under her key."""

from datetime import datetime

from msgspec import Struct

from service.crypto.framing import Part
from service.crypto.keyring import Keyring, Mac, OpenKey, seal_passkey_label
from service.crypto.passkeys import NewPasskey
from service.database import Connection, Record
from service.model.facts import Sealed
from service.model.words import CustomerId
from service.storage.statements import statements

SQL = statements(__file__)


class Passkey(Struct, frozen=True):
    """A passkey as it lies in the database; its MAC is ours. ``name``: by which she refers to it."""

    id: bytes
    customer: CustomerId
    name: str
    public_key: bytes
    uses: int
    made_at: datetime
    used_at: datetime | None
    key: str
    label: Sealed

    def __repr__(self) -> str:
        return f"Passkey({self.name!r})"


async def put(connection: Connection, keyring: Keyring, key: OpenKey, passkey: Passkey, label: str) -> bool:
    """Keep a passkey, and what she calls it; returns whether it is new."""
    sealed = seal_passkey_label(key, passkey.customer, passkey.name, label)
    mac = keyring.mac(_parts(passkey))
    values = (passkey.id, passkey.customer, passkey.name, passkey.public_key, passkey.uses, passkey.made_at)
    return await connection.fetchval(SQL["put"], *values, key.id, sealed.data, mac.version, mac.digest) is not None


def new(customer: CustomerId, name: str, made: NewPasskey, now: datetime) -> Passkey:
    """Return what a device made as a passkey of this customer."""
    return Passkey(made.id, customer, name, made.public_key, made.uses, now, None, "", Sealed(b""))


async def passkey(connection: Connection, keyring: Keyring, id_: bytes) -> Passkey | None:
    """Return a passkey by the id that its device gave it; None when it is not one that we keep."""
    row = await connection.fetchrow(SQL["passkey"], id_)
    return None if row is None else _ours(keyring, row)


async def passkeys_of(connection: Connection, keyring: Keyring, customer: CustomerId) -> list[Passkey]:
    """Return a customer's passkeys, oldest first, as far as they carry our MAC."""
    rows = await connection.fetch(SQL["passkeys_of"], customer)
    return [each for each in (_ours(keyring, row) for row in rows) if each is not None]


async def use(connection: Connection, keyring: Keyring, passkey: Passkey, uses: int, now: datetime) -> bool:
    """Keep that a passkey was used; returns whether nobody used it since it was read."""
    mac = keyring.mac(_parts_of(passkey.id, passkey.customer, passkey.name, passkey.public_key, uses))
    values = (passkey.id, passkey.uses, uses, now, mac.version, mac.digest, passkey.used_at)
    return await connection.fetchval(SQL["use"], *values) is not None


async def relabel(connection: Connection, key: OpenKey, customer: CustomerId, name: str, label: str) -> bool:
    """Keep what she calls a passkey from now on; returns whether she has it."""
    sealed = seal_passkey_label(key, customer, name, label)
    return await connection.fetchval(SQL["relabel"], customer, name, key.id, sealed.data) is not None


async def remove(connection: Connection, customer: CustomerId, name: str) -> bool:
    """Remove one of her passkeys; returns whether she had it."""
    return await connection.fetchval(SQL["remove"], customer, name) is not None


async def remove_all(connection: Connection, customer: CustomerId) -> None:
    """Remove every passkey of a customer, as an erasure does."""
    await connection.execute(SQL["remove_all"], customer)


def _ours(keyring: Keyring, row: Record) -> Passkey | None:
    found = Passkey(
        row["id"],
        row["customer"],
        row["name"],
        row["public_key"],
        row["uses"],
        row["made_at"],
        row["used_at"],
        row["key"],
        Sealed(row["label"]),
    )
    return found if keyring.authentic(Mac(row["mac_version"], row["mac"]), _parts(found)) else None


def _parts(passkey: Passkey) -> list[Part]:
    return _parts_of(passkey.id, passkey.customer, passkey.name, passkey.public_key, passkey.uses)


def _parts_of(id_: bytes, customer: CustomerId, name: str, public_key: bytes, uses: int) -> list[Part]:
    return ["passkey", id_, customer, name, public_key, uses]

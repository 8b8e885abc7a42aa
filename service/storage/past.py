"""What was recorded about customers by an instant of the past, in the order in which it was recorded."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from service.crypto.keyring import Keyring, Mac, linked_standing_parts, standing_parts
from service.database import Connection
from service.model.choices import Choice, choice_from
from service.model.consent import Answer
from service.model.facts import Standing
from service.model.words import CustomerId, PolicyVersion
from service.storage.consents import answer_from, standing_from
from service.storage.statements import statements

SQL = statements(__file__)


class Stood(Struct, frozen=True):
    """A row of what stands, and whether it carries our MAC."""

    standing: Standing
    proven: bool


class Brought(Struct, frozen=True):
    """A row of what stands by a merge, from which other side it came, and whether it carries our MAC."""

    link: UUID
    origin: CustomerId
    standing: Standing
    proven: bool


async def now(connection: Connection) -> datetime:
    """Return the database's time."""
    at: datetime = await connection.fetchval(SQL["now"])
    return at


async def policies(connection: Connection, at: datetime) -> PolicyVersion | None:
    """Return which policies were in force, None where none were yet."""
    version: str | None = await connection.fetchval(SQL["policies"], at)
    return None if version is None else PolicyVersion(version)


async def enrolled_at(connection: Connection, customer: CustomerId) -> datetime | None:
    """Return since when a customer is known, None for one who is not."""
    at: datetime | None = await connection.fetchval(SQL["enrolled"], customer)
    return at


async def answers(
    connection: Connection, customers: Iterable[CustomerId], at: datetime
) -> dict[CustomerId, list[Answer]]:
    """Return what customers had answered by an instant, oldest first."""
    found: dict[CustomerId, list[Answer]] = {}
    for row in await connection.fetch(SQL["answers"], list(customers), at):
        found.setdefault(row["customer"], []).append(answer_from(row))
    return found


async def linked(connection: Connection, customer: CustomerId, at: datetime) -> list[CustomerId]:
    """Return who else was the same person at an instant."""
    return [row["id"] for row in await connection.fetch(SQL["linked"], customer, at)]


async def choices(
    connection: Connection, customers: Iterable[CustomerId], at: datetime
) -> dict[CustomerId, list[Choice]]:
    """Return what customers had chosen by an instant, oldest first."""
    found: dict[CustomerId, list[Choice]] = {}
    for row in await connection.fetch(SQL["choices"], list(customers), at):
        found.setdefault(row["customer"], []).append(choice_from(row["choice"], row["value"]))
    return found


async def batch(connection: Connection, after: UUID, most: int) -> list[CustomerId]:
    """Return customers in the order of their ids, a batch after the other."""
    return [row["id"] for row in await connection.fetch(SQL["customers"], after, most)]


async def standing(
    connection: Connection, keyring: Keyring, customers: Iterable[CustomerId]
) -> dict[CustomerId, list[Stood]]:
    """Return what stands for customers now, row by row."""
    found: dict[CustomerId, list[Stood]] = {}
    for row in await connection.fetch(SQL["standing"], list(customers)):
        stands = standing_from(row)
        mac = None if row["mac"] is None else Mac(row["mac_version"], row["mac"])
        # Only a yes needs proof.
        proven = not stands.status.valid or keyring.authentic(mac, standing_parts(row["customer"], stands))
        found.setdefault(row["customer"], []).append(Stood(stands, proven))
    return found


async def brought(
    connection: Connection, keyring: Keyring, customers: Iterable[CustomerId]
) -> dict[CustomerId, list[Brought]]:
    """Return what stands for customers by merges now, row by row."""
    found: dict[CustomerId, list[Brought]] = {}
    for row in await connection.fetch(SQL["brought"], list(customers)):
        stands = standing_from(row)
        parts = linked_standing_parts(row["customer"], row["link"], row["origin"], stands)
        proven = keyring.authentic(Mac(row["mac_version"], row["mac"]), parts)
        found.setdefault(row["customer"], []).append(Brought(row["link"], row["origin"], stands, proven))
    return found

"""What receipts are made of: the events of one entry, the keys that sign, and the catalogues that spoke."""

from collections.abc import Iterable
from datetime import datetime

import msgspec
from asyncpg import Record
from msgspec import Struct

from service.database import Connection
from service.model.facts import Standing
from service.model.receipt import Act, Choice, Standings
from service.model.words import CustomerId, EntryId, PolicyVersion, PurposeId
from service.storage.consents import _answer, _standing
from service.storage.statements import statements

SQL = statements(__file__)


class Line(Struct, frozen=True):
    """One act of a customer, as a list of her receipts shows it."""

    entry: EntryId
    recorded_at: datetime
    purposes: list[PurposeId]
    choices: list[str]


class Signer(Struct, frozen=True):
    """A version of the receipt key, and from when on it signs."""

    version: int
    since: datetime


async def act(connection: Connection, customer: CustomerId, entry: EntryId) -> Act | None:
    """Return all that this customer said under an entry of hers; None when it is not about that, or not hers."""
    answers = [_answer(row) for row in await connection.fetch(SQL["answers"], customer, entry)]
    choices = [_choice(row) for row in await connection.fetch(SQL["choices"], customer, entry)]
    return Act(entry, answers, choices) if answers or choices else None


async def lines(connection: Connection, customer: CustomerId, before: datetime | None, most: int) -> list[Line]:
    """Return the acts before an instant, newest first."""
    rows = await connection.fetch(SQL["lines"], customer, before, most)
    return [Line(row["entry"], row["recorded_at"], list(row["purposes"]), list(row["choices"])) for row in rows]


async def standings(connection: Connection, customer: CustomerId, purposes: Iterable[PurposeId]) -> Standings:
    """Return what stands at this moment for some purposes."""
    now = await connection.fetchval(SQL["clock"])
    found: list[Standing] = [_standing(row) for row in await connection.fetch(SQL["standing"], customer, [*purposes])]
    return Standings(now, [(each, each.status_at(now)) for each in found])


async def signers(connection: Connection) -> list[Signer]:
    """Return every version of the receipt key, oldest first."""
    return [Signer(row["version"], row["since"]) for row in await connection.fetch(SQL["signers"])]


async def version_at(connection: Connection, at: datetime) -> PolicyVersion | None:
    """Return the version of the catalogue that was in force at an instant."""
    found: str | None = await connection.fetchval(SQL["version_at"], at)
    return None if found is None else PolicyVersion(found)


async def versions_after(connection: Connection, version: PolicyVersion) -> list[PolicyVersion]:
    """Return this version of the catalogue and those that were published after it, in their order."""
    return [PolicyVersion(row["version"]) for row in await connection.fetch(SQL["versions_after"], version)]


def _choice(row: Record) -> Choice:
    return msgspec.convert({name: row[name] for name in Choice.__struct_fields__}, Choice)

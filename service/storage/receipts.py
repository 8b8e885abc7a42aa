"""What receipts are made of: the events of one entry, the keys that sign, and the catalogues that spoke."""

from datetime import datetime

import msgspec
from asyncpg import Record
from msgspec import Struct

from service.database import Connection
from service.model.receipt import Act, ChoiceEvent
from service.model.words import CustomerId, EntryId, PolicyVersion, PurposeId
from service.storage.consents import answer_from
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
    answers = [answer_from(row) for row in await connection.fetch(SQL["answers"], customer, entry)]
    choices = [_choice(row) for row in await connection.fetch(SQL["choices"], customer, entry)]
    return Act(entry, answers, choices) if answers or choices else None


async def lines(
    connection: Connection, customer: CustomerId, before: tuple[datetime, EntryId] | None, most: int
) -> list[Line]:
    """Return the acts before one, newest first."""
    at, entry = (None, "") if before is None else before
    rows = await connection.fetch(SQL["lines"], customer, at, most, entry)
    return [Line(row["entry"], row["recorded_at"], list(row["purposes"]), list(row["choices"])) for row in rows]


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


def _choice(row: Record) -> ChoiceEvent:
    return msgspec.convert({name: row[name] for name in ChoiceEvent.__struct_fields__}, ChoiceEvent)

"""Choices beyond single purposes: every one ever made, and what was said while no key was there."""

from collections.abc import Iterable
from datetime import datetime

from asyncpg import Record

from service.database import Connection
from service.model.choices import Choice, Chosen, choice_from, less, said_no, takes_away
from service.model.facts import Restrictions, restrictions_from
from service.model.words import Acting, CustomerId, EntryId, Method
from service.storage.statements import statements

SQL = statements(__file__)


async def record(connection: Connection, customer: CustomerId, chosen: Chosen) -> None:
    """Append a choice to the history."""
    await connection.execute(SQL["record"], *_row(customer, chosen))


async def record_all(connection: Connection, chosen: Iterable[tuple[CustomerId, Chosen]]) -> None:
    """Append choices of several customers."""
    rows = [_row(*each) for each in chosen]
    if rows:
        await connection.executemany(SQL["record"], rows)


async def history(connection: Connection, customer: CustomerId, before: int, most: int) -> list[tuple[int, Chosen]]:
    """Return the choices before a position, newest first, each with its own."""
    rows = await connection.fetch(SQL["history"], customer, before, most)
    return [(row["sequence"], _chosen(row)) for row in rows]


async def no_sharing_since(connection: Connection, customer: CustomerId) -> datetime | None:
    """Return since when nothing of her is to be shared, if she said so."""
    since: datetime | None = await connection.fetchval(SQL["no_sharing_since"], customer)
    return since


async def held(connection: Connection, customer: CustomerId) -> Restrictions | None:
    """Return what holds, without asking for proof: to be narrowed, never to permit."""
    row = await connection.fetchrow(SQL["held"], customer)
    if row is None:
        return None
    *values, words = row.values()
    return less(restrictions_from(*values), words)


async def say_no(connection: Connection, customer: CustomerId, choice: Choice) -> None:
    """Let a choice that only takes away hold. It needs no key."""
    if not takes_away(choice):
        raise ValueError("what opens something needs a MAC")
    await connection.execute(SQL["say_no"], customer, said_no(choice))


def _row(customer: CustomerId, chosen: Chosen) -> list[object]:
    return [
        customer,
        chosen.choice.kind,
        chosen.choice.value,
        chosen.method,
        chosen.acting,
        chosen.actor,
        chosen.recorder,
        chosen.given_at,
        chosen.recorded_at,
        chosen.entry,
    ]


def _chosen(row: Record) -> Chosen:
    return Chosen(
        choice=choice_from(row["choice"], row["value"]),
        method=Method(row["method"]),
        acting=Acting(row["acting"]),
        actor=row["actor"],
        recorder=row["recorder"],
        given_at=row["given_at"],
        recorded_at=row["recorded_at"],
        entry=EntryId(row["entry"]),
    )

"""Questions about uses of a customer's data: her words and the answers, sealed."""

from datetime import datetime

from service.database import Connection, Record
from service.model.facts import Sealed
from service.model.questions import Question, QuestionId
from service.model.words import CustomerId, EntryId
from service.storage.statements import statements

SQL = statements(__file__)
NEWEST = "qst_~"
"""Below this is every question."""


async def put(connection: Connection, question: Question) -> None:
    """Keep a question."""
    row = (getattr(question, name) for name in ("id", "customer", "actor", "line", "entry", "asked_at", "answer_by"))
    await connection.execute(SQL["put"], *row, question.key, question.sealed.data)


async def of_customer(connection: Connection, customer: CustomerId, before: str, most: int) -> list[Question]:
    """Return a customer's questions below an id, newest first."""
    return [_question(row) for row in await connection.fetch(SQL["of_customer"], customer, before, most)]


async def waiting_of(connection: Connection, customer: CustomerId) -> int:
    """Return how many questions of a customer wait for an answer."""
    count: int = await connection.fetchval(SQL["waiting_of"], customer)
    return count


async def unanswered(connection: Connection, most: int) -> list[Question]:
    """Return what waits for an answer, oldest first."""
    return [_question(row) for row in await connection.fetch(SQL["open"], most)]


async def one(connection: Connection, id_: QuestionId) -> Question | None:
    """Return a question."""
    row = await connection.fetchrow(SQL["one"], id_)
    return None if row is None else _question(row)


async def mark_read(connection: Connection, id_: QuestionId, now: datetime) -> None:
    """Keep when somebody read a question first."""
    await connection.execute(SQL["mark_read"], id_, now)


async def answer(connection: Connection, id_: QuestionId, now: datetime, key: str, sealed: Sealed) -> bool:
    """Keep an answer; returns False where there is one."""
    return await connection.fetchval(SQL["answer"], id_, now, key, sealed.data) is not None


async def line_of(connection: Connection, customer: CustomerId, entry: EntryId) -> int | None:
    """Return the line of use that an entry of hers is counted in, None while it waits for the log."""
    line: int | None = await connection.fetchval(SQL["line_of"], entry, customer)
    return line


def _question(row: Record) -> Question:
    said = dict(row) | {"sealed": Sealed(row["sealed"])}
    said["answer"] = None if row["answer"] is None else Sealed(row["answer"])
    return Question(**said)

"""Who used or looked at a customer's data, by hour: what she sees before anything is opened.

The sequencer writes these lines as it takes entries into the log; here they are only read.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec import Struct

from service.crypto.cursors import LAST
from service.database import Connection
from service.errors import UnauthenticatedError
from service.model.ledger import UseKind
from service.model.words import CustomerId
from service.storage.statements import statements

SQL = statements(__file__)


class Line(Struct, frozen=True):
    """What somebody did ``times`` times within an hour, alike; an empty word where the kind of use has none."""

    line: int
    hour: datetime
    actor: str
    kind: UseKind
    purpose: str
    channel: str
    outcome: str
    times: int
    released: list[str]
    refused: list[str]


class Covers(Struct, frozen=True):
    """Everything that was entered from ``since`` on and before ``until`` is in the lines."""

    since: datetime
    until: datetime


async def lines(
    connection: Connection,
    customer: CustomerId,
    wanted: Sequence[object],
    before: tuple[datetime, int] | None,
    most: int,
) -> list[Line]:
    """Return lines newest first, below an hour and a line; ``wanted``: actor, purpose, refused only, since, until."""
    rows = await connection.fetch(SQL["lines"], customer, *wanted, *(before or (None, LAST)), most)
    return [msgspec.convert(dict(row), Line) for row in rows]


async def covers(connection: Connection, customer: CustomerId) -> Covers:
    """Return of what time the lines say everything, as of the same instant in a snapshot."""
    row = await connection.fetchrow(SQL["covers"], customer)
    if row is None:  # she was erased meanwhile, and her token with her
        raise UnauthenticatedError
    return Covers(row["since"], row["until"])


async def is_hers(connection: Connection, customer: CustomerId, line: int) -> bool:
    """Whether there is such a line of this customer."""
    return await connection.fetchrow(SQL["line"], line, customer) is not None

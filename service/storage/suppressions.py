"""Suppressions: blind indexes of identifiers that are to be left alone.

Nobody may put or look for one without having the identifiers on hold, so that nobody slips through in between. Rows
carry no MAC: whoever writes the database can delete one, and ``byleave verify`` does not find that yet. Every
``Suppressed`` entry says how many came, so an auditor can compare: fewer rows than that means that some are gone.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime

from msgspec import Struct

from service.database import Connection
from service.model.suppression import EVERYTHING, Found, Suppression, Why
from service.model.words import IdentifierKind, PurposeId
from service.storage.statements import statements

SQL = statements(__file__)


class Count(Struct, frozen=True):
    """How many identifiers of a kind are left alone for a reason and a purpose."""

    kind: IdentifierKind
    why: Why
    purpose: PurposeId
    rows: int


async def among(connection: Connection, wanted: Iterable[Found]) -> dict[Found, list[Suppression]]:
    """Return which of these identifiers are to be left alone, and for what."""
    pairs = list(wanted)
    found: defaultdict[Found, list[Suppression]] = defaultdict(list)
    for row in await connection.fetch(SQL["among"], [str(kind) for kind, _ in pairs], [digest for _, digest in pairs]):
        kind = IdentifierKind(row["kind"])
        found[kind, row["digest"]].append(
            Suppression(kind, row["digest"], Why(row["why"]), PurposeId(row["purpose"]), row["since"])
        )
    return dict(found)


async def put_all(connection: Connection, suppressions: Iterable[Suppression]) -> None:
    """Keep these identifiers out from now on."""
    rows = [(each.kind, each.digest, each.why, each.purpose, each.since) for each in suppressions]
    await connection.executemany(SQL["put"], rows)


async def put_erased(connection: Connection, identifiers: Collection[Found], since: datetime) -> None:
    """Never let in again, on any door, whoever had these identifiers and asked to be forgotten."""
    erased = [Suppression(kind, digest, Why.ERASED, EVERYTHING, since) for kind, digest in identifiers]
    await put_all(connection, erased)


async def count(connection: Connection) -> list[Count]:
    """Return how many identifiers are left alone."""
    return [
        Count(IdentifierKind(row["kind"]), Why(row["why"]), PurposeId(row["purpose"]), row["rows"])
        for row in await connection.fetch(SQL["count"])
    ]

"""What the ledger's queue says, opened: for tests, where no sequencer takes entries out of it.

Whoever reads an entry here has it checked as well: that it opens under her key, says what its row says, and is what was
committed to.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

import asyncpg
import msgspec
from msgspec import Struct

from service.crypto.entries import Content, content_of, mark_of, open_content
from service.crypto.keyring import Keyring
from service.database import Connection, Record
from service.model.facts import CustomerKey, Sealed
from service.model.ledger import Body, Chose, Recorded
from service.model.words import CustomerId, EntryId

AnyConnection: TypeAlias = "asyncpg.Connection[Record] | Connection"

WAITING = """
SELECT q.*, e.id AS key_id, e.epoch, e.wrapped
  FROM queue q
  LEFT JOIN evidence_key e ON e.customer = q.customer
 WHERE ($1::text IS NULL OR q.kind = $1) AND ($2::uuid IS NULL OR q.customer = $2)
 ORDER BY q.number DESC
 LIMIT $3
"""
COUNTED = {"release", "check"}
"""The kinds of which more is said in the clear than who, when and whose."""

EVENTS = """
SELECT customer, entry, recorded_at, purpose, channel, status, notice, explicit, given_at, expires_at, link
  FROM consent_event
 ORDER BY sequence
"""
CHOICES = "SELECT customer, entry, recorded_at, choice, value FROM choice_event ORDER BY sequence"


class Said(NamedTuple):
    """Something that she said, as the history has it or as its entry does."""

    customer: CustomerId | None
    entry: str
    at: datetime
    said: Recorded | Chose


class Entered(Struct, frozen=True):
    """An entry as it waits, opened."""

    number: int
    id: EntryId
    customer: CustomerId | None
    kind: str
    actor: str
    at: datetime
    sealed: bool
    """Whether it was sealed; one about nobody, or of a time without keys, is not."""
    content: Content
    act: dict[str, Any]
    recorded: list[Recorded]
    chosen: list[Chose]

    @property
    def text(self) -> str:
        """All that it says, as it is committed to."""
        return self.content.body.decode()


async def entered(
    connection: AnyConnection,
    keyring: Keyring,
    kind: str | None = None,
    customer: CustomerId | None = None,
    most: int | None = None,
) -> list[Entered]:
    """Open what was entered, oldest first: all of it, of one kind, about one customer, or the last few."""
    return [_entered(row, keyring) for row in reversed(await connection.fetch(WAITING, kind, customer, most))]


async def entry_of(connection: AnyConnection, keyring: Keyring, id_: str) -> Entered:
    """Open one entry."""
    (found,) = [each for each in await entered(connection, keyring) if each.id == id_]
    return found


async def unsaid(connection: AnyConnection, keyring: Keyring) -> list[tuple[list[Said], list[Said]]]:
    """Return the history of each customer of whom the ledger says something else, and what that says."""
    ledger = await entered(connection, keyring)
    answered = [Said(row[0], row[1], row[2], Recorded(*list(row)[3:])) for row in await connection.fetch(EVENTS)]
    chosen = [Said(row[0], row[1], row[2], Chose(*list(row)[3:])) for row in await connection.fetch(CHOICES)]
    return [
        *_differences(answered, [Said(e.customer, e.id, e.at, each) for e in ledger for each in e.recorded]),
        *_differences(chosen, [Said(e.customer, e.id, e.at, each) for e in ledger for each in e.chosen]),
    ]


def _differences(history: list[Said], ledger: list[Said]) -> Iterator[tuple[list[Said], list[Said]]]:
    for customer in {each.customer for each in (*history, *ledger)}:
        hers = [[each for each in said if each.customer == customer] for said in (history, ledger)]
        if hers[0] != hers[1]:
            yield hers[0], hers[1]


def _entered(row: Record, keyring: Keyring) -> Entered:
    content = _content(row, keyring)
    body, act = msgspec.json.decode(content.body, type=Body), msgspec.json.decode(content.body)["act"]
    assert content.commitment == row["commitment"]
    assert (body.id, body.actor, body.at, act["kind"]) == (row["id"], row["actor"], row["at"], row["kind"])
    assert body.customer == (None if row["customer"] is None else mark_of(content.seed, row["customer"]))
    said = act if row["kind"] in COUNTED else {}
    clear = [said.get("purpose", ""), said.get("channel", ""), said.get("outcome", "")]
    assert [row["purpose"], row["channel"], row["outcome"]] == clear
    assert row["released"] == sorted(said.get("released", []))
    assert row["refused"] == sorted(said.get("withheld", {}))
    return Entered(
        number=row["number"],
        id=row["id"],
        customer=row["customer"],
        kind=row["kind"],
        actor=row["actor"],
        at=row["at"],
        sealed=row["key"] is not None,
        content=content,
        act=act,
        recorded=body.recorded,
        chosen=body.chosen,
    )


def _content(row: Record, keyring: Keyring) -> Content:
    if row["key"] is None:
        return content_of(row["content"])
    assert row["key"] == row["key_id"], "sealed under a key that she does not have"
    wrapped = CustomerKey(row["key_id"], row["epoch"], Sealed(row["wrapped"]))
    key = keyring.open_evidence_key(row["customer"], wrapped)
    return open_content(key, row["customer"], row["id"], Sealed(row["content"]))

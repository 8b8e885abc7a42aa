"""Reading what customers consented to: what stands, and every answer that led there."""

from msgspec import Struct

from service.crypto.cursors import LAST, cursor, position_of
from service.crypto.framing import Part
from service.crypto.keyring import Keyring, open_evidence
from service.database import Database
from service.model.callers import Caller, CustomerCaller, OperatorCaller, ServiceCaller, actor
from service.model.catalogue import Catalogue
from service.model.consent import Answer
from service.model.facts import Standing
from service.model.identifiers import Identifier
from service.model.ledger import LookedUp, entry
from service.model.words import PairwiseId, PurposeId, Status
from service.policy.engine import Policies
from service.storage import access, consents, customers, evidence, ledger

LATEST = 100
"""Answers that come along with what stands."""
SHOWN = 1000
"""Answers that an operator is shown at most."""


class Record(Struct, frozen=True):
    """What stands, and the latest answers that led there."""

    standing: list[tuple[Standing, Status]]
    history: list[Answer]


class Past(Struct, frozen=True):
    """One answer of the past, and for herself where its proof lies; its repr hides that."""

    answer: Answer
    evidence: str | None

    def __repr__(self) -> str:
        return f"Past({self.answer.entry!r})"


class History(Struct, frozen=True):
    """A page of answers, newest first, and the cursor of the next."""

    answers: list[Past]
    next: str | None


async def read(
    database: Database, keyring: Keyring | None, policies: Policies, caller: Caller, customer: PairwiseId | None
) -> Record:
    """Return what stands and its history: all of it to the customer, to a service as far as its purposes go."""
    access.refuse_unproven(caller)
    purposes = _visible(policies.catalogue, caller)
    async with database.connection() as connection:
        found = await customers.whom(connection, keyring, caller, customer)
        return Record(
            await consents.all_standing(connection, found, purposes),
            [each.answer for each in await consents.history(connection, found, purposes, LAST, LATEST)],
        )


async def history(  # noqa: PLR0913  what it may touch, who asks, and which page
    database: Database,
    keyring: Keyring,
    policies: Policies,
    caller: Caller,
    customer: PairwiseId | None,
    *,
    after: str | None,
    most: int,
) -> History:
    """Return a page of answers, newest first; where the proof of each lies is for herself alone."""
    access.refuse_unproven(caller)
    purposes = _visible(policies.catalogue, caller)
    async with database.connection() as connection:
        found = await customers.whom(connection, keyring, caller, customer)
        about: list[Part] = ["consents", found, actor(caller)]
        before = LAST if after is None else position_of(keyring, after, about)
        events = await consents.history(connection, found, purposes, before, most + 1)
        key = await evidence.key_of(connection, found) if isinstance(caller, CustomerCaller) else None
    page = events[:most]
    more = cursor(keyring, page[-1].sequence, about) if len(events) > most else None
    opened = None if key is None else keyring.open_evidence_key(found, key)
    return History([Past(e.answer, open_evidence(opened, found, e.answer)) for e in page], more)


async def shown(database: Database, keyring: Keyring, caller: OperatorCaller, found_by: Identifier) -> list[Past]:
    """Return a customer's latest answers and where the proof of each lies, for an operator: an entry in her ledger."""
    async with database.transaction() as connection:
        customer = await customers.whom(connection, keyring, caller, found_by)
        key = await evidence.key_of(connection, customer)
        purposes = {spot.purpose for spot in await consents.spots_of(connection, customer)}
        events = await consents.history(connection, customer, purposes, LAST, SHOWN)
        now = await customers.clock(connection)
        act = LookedUp(what="consents", reason=caller.reason)
        await ledger.append(connection, keyring, entry(ledger.new_entry_id(now), customer, caller, now, act))
    opened = None if key is None else keyring.open_evidence_key(customer, key)
    return [Past(each.answer, open_evidence(opened, customer, each.answer)) for each in events]


def _visible(catalogue: Catalogue, caller: Caller) -> list[PurposeId]:
    return catalogue.consents_of(caller.service if isinstance(caller, ServiceCaller) else None)

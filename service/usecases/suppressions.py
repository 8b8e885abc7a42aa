"""Leaving people alone by their identifiers, whether or not they are anybody here."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from itertools import islice

from msgspec import Struct

from service.crypto.keyring import Keyring
from service.database import Connection, Database
from service.errors import ListedAheadError, NotConsentBasedError, ServiceError, UnknownPurposeError
from service.model.callers import OperatorCaller, actor
from service.model.columns import EXPECTED
from service.model.consent import Answer
from service.model.identifiers import Identifier, identifier
from service.model.ledger import Entry, Suppressed, SuppressedHer, entry
from service.model.sheet import LONGEST_LINE, TOO_LONG, Reject
from service.model.suppression import EVERYTHING, Found, Recording, Suppression, Why, refusal, refusals
from service.model.words import Basis, CustomerId, IdentifierKind, PurposeId
from service.policy.engine import Policies
from service.storage import consents, customers, ledger, suppressions
from service.storage.suppressions import Count

BATCH = 100
"""Identifiers of one transaction."""
DIGEST = re.compile(r"^(0x)?([0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{128})$", re.IGNORECASE)
A_DIGEST = "expected an identifier: a hash made elsewhere cannot be compared with our keyed index"


class Wanted(Struct, frozen=True):
    """Whom to leave alone: identifiers of which kind, for which purpose; EVERYTHING is all of them."""

    kind: IdentifierKind
    purpose: PurposeId
    region: str | None = None
    """Where phone numbers without a country code are from."""
    since: datetime | None = None
    """When they were listed: a yes until then is refused again. None: nobody knows, and of who was listed before
    nothing changes."""


class Summary(Struct, frozen=True, kw_only=True):
    """What became of the lines: every one that says something is in exactly one of the next four counts."""

    read: int = 0
    new: int = 0
    renewed: int = 0
    """Listed before, and again later."""
    unchanged: int = 0
    rejected: int = 0
    customers: int = 0
    """Who are customers already, and for whom it is refused from now on."""
    allowing: int = 0
    """Who are customers, and have a yes that stands all the same: she gave it after she was listed."""


async def leave_alone(  # noqa: PLR0913  what it may touch, on whose word, and what is wanted
    database: Database,
    keyring: Keyring,
    policies: Policies,
    caller: OperatorCaller,
    wanted: Wanted,
    lines: Iterable[str],
    *,
    reject: Callable[[Reject], None],
) -> Summary:
    """Keep out whoever has one of these identifiers, one to a line; run it again and nothing happens twice.

    Of a customer who has one, whatever she did not refuse herself is refused, but for a yes after she was listed.
    Raises for a purpose without consent, and for a list of the future.
    """
    _refuse_purpose(policies, wanted.purpose)
    await _refuse_ahead(database, wanted.since)
    total = Summary()
    numbered = iter(enumerate(lines, start=1))
    while batch := list(islice(numbered, BATCH)):
        found, rejected = _read(keyring, wanted, batch)
        for each in rejected:
            reject(each)
        async with database.transaction() as connection:
            landed = await _land(connection, keyring, policies, caller, wanted, found)
        total = _sum(total, landed, Summary(read=len(found) + len(rejected), rejected=len(rejected)))
    return total


async def count(database: Database) -> list[Count]:
    """Return how many identifiers are left alone, and for what."""
    async with database.connection() as connection:
        return await suppressions.count(connection)


def _refuse_purpose(policies: Policies, purpose: PurposeId) -> None:
    if purpose == EVERYTHING:
        return
    if purpose not in policies.catalogue.purposes:
        raise UnknownPurposeError(f"{purpose} is not in the catalogue")
    if policies.catalogue.purposes[purpose].basis is not Basis.CONSENT:
        raise NotConsentBasedError(f"{purpose} does not rest on consent, so there is nothing to refuse")


async def _refuse_ahead(database: Database, since: datetime | None) -> None:
    """Refuse a list of the future: it would refuse what she has yet to say."""
    async with database.connection() as connection:
        if since is not None and since > await customers.clock(connection):
            raise ListedAheadError(f"{since.isoformat()} has not come yet; of today's list say the time as well")


def _read(keyring: Keyring, wanted: Wanted, batch: list[tuple[int, str]]) -> tuple[list[Found], list[Reject]]:
    """Read identifiers; returns each as often as it stands there."""
    found: list[Found] = []
    rejected: list[Reject] = []
    for number, line in batch:
        if not line.strip():
            continue
        read = _identifier(wanted, line)
        if isinstance(read, Identifier):
            found.append((read.kind, keyring.index_of(read)))
        else:
            rejected.append(Reject(number, "", read))
    return found, rejected


def _identifier(wanted: Wanted, line: str) -> Identifier | str:
    """Return the identifier on a line, or what is wrong with it."""
    if len(line) >= LONGEST_LINE:
        return TOO_LONG
    try:
        return identifier(wanted.kind, line.strip(), region=wanted.region)
    except (ServiceError, ValueError):
        return A_DIGEST if DIGEST.match(line.strip()) else f"expected {EXPECTED[wanted.kind]}"


async def _land(
    connection: Connection,
    keyring: Keyring,
    policies: Policies,
    caller: OperatorCaller,
    wanted: Wanted,
    found: list[Found],
) -> Summary:
    """Keep out whoever has these identifiers, in one transaction."""
    asked = set(found)
    await customers.hold(connection, {digest for _, digest in asked})
    there = await suppressions.among(connection, asked)
    now = await customers.clock(connection)
    before = {each.found: each for these in there.values() for each in these if each.purpose == wanted.purpose}
    renewed = {each.found for each in before.values() if _later(wanted.since, each)}
    listed = [
        Suppression(kind, digest, Why.OPTED_OUT, wanted.purpose, wanted.since or now)
        for kind, digest in sorted((asked - before.keys()) | renewed)
    ]
    claims = await customers.claimants(connection, keyring, asked)
    everybody = sorted(await customers.line_up(connection, set().union(*claims.values())))
    sharing = {customer for each in listed for customer in claims.get(each.found, ())}
    reached = sorted(sharing | await customers.linked(connection, sharing))
    entries = await _refuse(connection, keyring, policies, caller, listed[:1], reached)
    refused, new = len(entries), len(listed) - len(renewed)
    await suppressions.put_all(connection, listed)
    if listed:
        purposes = [str(wanted.purpose)] if wanted.purpose else []
        act = Suppressed(wanted.kind, purposes, new, Why.OPTED_OUT, caller.reason, len(renewed))
        entries.append(entry(ledger.new_entry_id(now), None, caller, now, act))
    await ledger.append_all(connection, keyring, entries)
    return Summary(
        new=new,
        renewed=len(renewed),
        unchanged=len(found) - len(listed),
        customers=refused,
        allowing=await _allowing(connection, wanted.purpose, everybody),
    )


def _later(since: datetime | None, before: Suppression) -> bool:
    """Whether whoever was listed before was listed again after that. Who asked to be forgotten stays out anyway."""
    return since is not None and before.why is Why.OPTED_OUT and before.since < since


async def _allowing(connection: Connection, purpose: PurposeId, among: Collection[CustomerId]) -> int:
    """Return how many of these customers have a yes that stands, to this purpose or, for EVERYTHING, to any."""
    standing = await consents.standing_of_many(connection, among)
    return sum(
        any(each.status.valid and purpose in (EVERYTHING, each.purpose) for each in spots.values())
        for spots in standing.values()
    )


async def _refuse(
    connection: Connection,
    keyring: Keyring,
    policies: Policies,
    caller: OperatorCaller,
    why: list[Suppression],
    reached: list[CustomerId],
) -> list[Entry]:
    """Refuse for customers what they did not refuse themselves; returns an entry for each."""
    standing = await consents.standing_of_many(connection, reached)
    open_ = {each: refusals(why, standing.get(each, {}), policies.catalogue) for each in reached}
    changes = await customers.bump_all(connection, [customer for customer, spots in open_.items() if spots])
    answers: list[tuple[CustomerId, Answer]] = []
    entries: list[Entry] = []
    for customer, spots in open_.items():
        if not spots:
            continue
        change = changes[customer]
        id_ = ledger.new_entry_id(change.now)
        recording = Recording(actor(caller), change.now, policies.version, id_)
        said = [refusal(spot, since, recording) for spot, since in spots.items()]
        answers += [(customer, each) for each in said]
        act = SuppressedHer([str(spot) for spot in spots], caller.reason)
        entries.append(entry(id_, customer, caller, change.now, act, said))
    await consents.take_in(connection, keyring, answers)
    return entries


def _sum(*parts: Summary) -> Summary:
    return Summary(**dict(_sums(parts)))


def _sums(parts: tuple[Summary, ...]) -> Iterator[tuple[str, int]]:
    for name in Summary.__struct_fields__:
        yield name, sum(getattr(part, name) for part in parts)

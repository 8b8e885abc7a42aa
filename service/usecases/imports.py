"""Bringing customers in from another system's export. Consents do not come in this way."""

import csv
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from datetime import datetime
from io import TextIOWrapper
from typing import AnyStr, BinaryIO, Literal, TextIO
from uuid import UUID

from msgspec import Struct

from service.crypto.keyring import Keyring, OpenKey
from service.crypto.random import random_bytes
from service.database import Connection, Database
from service.errors import NotGrantedError, UnknownAttributeError, UnknownServiceError
from service.model.callers import Caller
from service.model.catalogue import Catalogue
from service.model.choices import Age, Chosen
from service.model.columns import Columns, Draft, draft, refuse_misfits
from service.model.facts import Restrictions, restrictions_at_enrolment, with_age_band
from service.model.identifiers import Identifier, recognised
from service.model.ledger import Entry, Imported, entry
from service.model.sheet import LONGEST_LINE, Reject, Row
from service.model.words import Acting, AgeBand, AttributeId, CustomerId, IdentifierKind, Method, Provenance, ServiceId
from service.policy.engine import Policies
from service.storage import choices, customers, facts, ledger, sources

BATCH = 100
"""Rows of one transaction: it is over long before anybody who waits for it loses patience."""
KEYLESS = "this customer's key is gone, as after erasure, or does not open"
NOT_HERS = "this customer said that this {} is not hers; the rest of the row is in"
UNPROVEN = "what this customer forbids is gone or does not carry our MAC, so her age band cannot be kept"

Outcome = Literal["created", "updated", "linked", "unchanged", "rejected"]
Found = tuple[IdentifierKind, bytes]


class Means(Struct, frozen=True):
    """What an import may touch, and on whose word it does."""

    database: Database
    keyring: Keyring
    policies: Policies
    caller: Caller

    def __repr__(self) -> str:
        return "Means()"


class Summary(Struct, frozen=True, kw_only=True):
    """What became of the rows: every one that was read is in exactly one of the next five counts."""

    read: int = 0
    created: int = 0
    updated: int = 0
    linked: int = 0
    """The first from this system about a customer whom another one brought in."""
    unchanged: int = 0
    rejected: int = 0
    shared: int = 0
    """Identifiers that somebody else had already: kept by both, they find nobody."""


async def import_customers(
    means: Means,
    columns: Columns,
    rows: Iterable[Row | Reject],
    *,
    reject: Callable[[Reject], None],
    progress: Callable[[Summary], None] = lambda _: None,
) -> Summary:
    """Bring customers in, row by row and as often as one likes: what came in before changes nothing.

    Each reason against a row goes to ``reject``, and the other rows land; ``progress`` hears after each transaction.
    Raises before the first row what the map may not do (NotGrantedError) or does not fit (ImportFileError).
    """
    _refuse_ungranted(means.policies.catalogue, columns)
    run = _Run(means, columns, reject, Counter())
    async with means.database.connection() as connection:
        now = await customers.clock(connection)
    for group in _groups(run.arrivals(rows, now)):
        async for landed in _land(run, group):
            run.count(landed)
            progress(run.summary)
    progress(run.summary)
    return run.summary


def lines(file: BinaryIO, encoding: str) -> Iterator[str]:
    """Read lines of text; bytes that are not of this encoding come out as surrogates, which no cell may have."""
    # A byte order mark may stand before UTF-8 whether or not the map says so.
    codec = "utf-8-sig" if encoding == "utf-8" else encoding
    text = TextIOWrapper(file, encoding=codec, errors="surrogateescape", newline="")
    try:
        yield from _cut(text.readline, ("\n", "\r"))
    finally:
        # Whoever opened the file closes it, not what was wrapped around it here.
        if not file.closed:
            text.detach()


def byte_lines(file: BinaryIO) -> Iterator[bytes]:
    """Read lines of bytes, which only a line feed ends."""
    return _cut(file.readline, (b"\n",))


def _cut(readline: Callable[[int], AnyStr], ends: tuple[AnyStr, ...]) -> Iterator[AnyStr]:
    """Read lines; of one that is too long the first LONGEST_LINE, by which whoever reads it knows, and nothing more."""
    while line := readline(LONGEST_LINE):
        yield line
        while len(line) == LONGEST_LINE and not line.endswith(ends):
            line = readline(LONGEST_LINE)


def rejects_into(file: TextIO) -> Callable[[Reject], None]:
    """Return what writes rejects to a CSV file: line, column, reason, and never a value."""
    writer = csv.writer(file)
    writer.writerow(["line", "column", "reason"])
    return lambda each: writer.writerow([each.line, each.column, each.reason])


class _Arrival(Struct, frozen=True):
    """A row on its way in, with the blind indexes of its id and its identifiers."""

    line: int
    draft: Draft
    digest: bytes
    found_by: Mapping[Found, Identifier]

    def __repr__(self) -> str:
        return f"_Arrival({self.line})"

    @property
    def digests(self) -> set[bytes]:
        """Everything by which another row could mean the same person."""
        return {self.digest, *(digest for _, digest in self.found_by)}


class _Landing(Struct, frozen=True):
    """As whom a row comes in, and what it adds to what is there."""

    arrival: _Arrival
    customer: CustomerId
    outcome: Outcome
    key: OpenKey | None = None
    """Hers; one who is new has none yet."""
    identifiers: Mapping[Found, Identifier] = {}
    news: tuple[facts.NewFact, ...] = ()
    limits: Restrictions | None = None
    """What holds for her from now on, where the row changes it or she is new."""
    linked: Mapping[CustomerId, Restrictions] = {}
    """What holds from now on for whoever is the same person, where the row changes it."""
    shared: int = 0
    refused: str = ""

    @property
    def adds(self) -> bool:
        """Whether anything is to be written."""
        return self.outcome not in ("unchanged", "rejected")


class _Run(Struct, frozen=True):
    """An import under way."""

    means: Means
    columns: Columns
    reject: Callable[[Reject], None]
    counts: Counter[str]

    @property
    def summary(self) -> Summary:
        return Summary(**self.counts)

    def arrivals(self, rows: Iterable[Row | Reject], now: datetime) -> Iterator[_Arrival]:
        """Check rows, and set the bad ones aside."""
        for row in rows:
            self.counts["read"] += 1
            read = _checked(self.columns, self.means.policies.catalogue, row, now)
            if isinstance(read, Draft):
                yield self._arrival(row.line, read)
            else:
                self.counts["rejected"] += 1
                for each in read:
                    self.reject(each)

    def count(self, landed: Iterable[_Landing]) -> None:
        """Count what was committed."""
        for each in landed:
            self.counts[each.outcome] += 1
            self.counts["shared"] += each.shared
            if each.refused:
                self.reject(Reject(each.arrival.line, "", each.refused))

    def _arrival(self, line: int, read: Draft) -> _Arrival:
        keyring = self.means.keyring
        digest = sources.digest_of(keyring, self.columns.service, read.source_id)
        return _Arrival(line, read, digest, {(each.kind, keyring.index_of(each)): each for each in read.identifiers})


def _refuse_ungranted(catalogue: Catalogue, columns: Columns) -> None:
    service = catalogue.services.get(columns.service)
    if service is None:
        raise UnknownServiceError(f"the column map names the service {columns.service}, which is not in the catalogue")
    for attribute, each in columns.attributes.items():
        if attribute not in catalogue.attributes:
            raise UnknownAttributeError(f"the column map names {attribute}, which is not in the catalogue")
        if not service.may_contribute(attribute, each.provenance):
            raise NotGrantedError(f"{columns.service} may not contribute {attribute} as {each.provenance}")
    refuse_misfits(columns, catalogue.attributes)


def _checked(columns: Columns, catalogue: Catalogue, row: Row | Reject, now: datetime) -> Draft | list[Reject]:
    if isinstance(row, Reject):
        return [row]
    read = draft(columns, catalogue.attributes, row.cells, now)
    if isinstance(read, Draft):
        return read
    return [Reject(row.line, each.column, f"expected {each.expected}") for each in read]


def _groups(arrivals: Iterable[_Arrival]) -> Iterator[list[_Arrival]]:
    """Group rows, and end a group where a row meets an earlier one of it: inside a group the order is all one."""
    group: list[_Arrival] = []
    seen: set[bytes] = set()
    for arrival in arrivals:
        if len(group) == BATCH or not seen.isdisjoint(arrival.digests):
            yield group
            group, seen = [], set()
        group.append(arrival)
        seen |= arrival.digests
    if group:
        yield group


async def _land(run: _Run, group: list[_Arrival]) -> AsyncIterator[list[_Landing]]:
    """Bring a group in: in one transaction, or in several where two of its rows are one customer."""
    unchanged = await _unchanged(run, group)
    yield list(unchanged.values())
    rest = [each for each in group if each.digest not in unchanged]
    while rest:
        landed = await _land_together(run, rest)
        yield landed
        rest = rest[len(landed) :]


async def _unchanged(run: _Run, group: list[_Arrival]) -> dict[bytes, _Landing]:
    """Return the rows that came in before just like this. They need no lock: they change nothing."""
    source, keyring = run.columns.service, run.means.keyring
    async with run.means.database.connection() as connection:
        known = await sources.known(connection, source, [each.digest for each in group])
    return {
        each.digest: _Landing(each, known[each.digest].customer, "unchanged")
        for each in group
        if each.digest in known and known[each.digest].same(keyring, source, each.draft)
    }


async def _land_together(run: _Run, group: list[_Arrival]) -> list[_Landing]:
    """Bring the first rows of a group in, in one transaction: those before a second row of the same customer."""
    async with run.means.database.transaction() as connection:
        ground = await _ground(connection, run, group)
        landings = [_landing(run, ground, *each) for each in _resolved(ground, group)]
        if adding := [each for each in landings if each.adds]:
            await _write(connection, run, ground.now, adding)
    return landings


class _Ground(Struct, frozen=True):
    """What is there already, read where nobody else can change it."""

    known: dict[bytes, sources.Known]
    claims: dict[Found, set[CustomerId]]
    """Of many who share an identifier, two: that it is shared is all there is to know."""
    recorded: set[CustomerId]
    hers: set[tuple[CustomerId, IdentifierKind, bytes]]
    disowned: set[tuple[CustomerId, IdentifierKind, bytes]]
    """What they said is not theirs."""
    keys: dict[CustomerId, OpenKey]
    limits: dict[CustomerId, Restrictions]
    """What holds for them, as far as it carries our MAC."""
    dates: dict[tuple[CustomerId, AttributeId, Provenance], datetime]
    now: datetime

    def found_by(self, arrival: _Arrival) -> CustomerId | None:
        """Return whom the identifiers of a row find; one that is shared finds nobody."""
        return recognised({each: self.claims.get(each, set()) for each in arrival.found_by}, self.hers)

    def person(self, customer: CustomerId) -> set[CustomerId]:
        """Return a customer, and whoever is linked to her."""
        return {customer, *(self.limits[customer].linked if customer in self.limits else ())}


async def _ground(connection: Connection, run: _Run, group: list[_Arrival]) -> _Ground:
    """Lock, then read: whoever wants the same identifiers or ids waits, then whoever wants the same customers."""
    await customers.hold(connection, {digest for each in group for digest in each.digests})
    source = run.columns.service
    known = await sources.known(connection, source, [each.digest for each in group])
    claims = await customers.claims(connection, run.means.keyring, [found for each in group for found in each.found_by])
    concerned = {each.customer for each in known.values()}.union(*claims.values())
    concerned = await customers.line_up(connection, concerned)
    claimed = await customers.identifiers_of(connection, concerned)
    return _Ground(
        known=known,
        claims=claims,
        recorded=await sources.recorded(connection, source, concerned),
        hers={(each.customer, *each.found) for each in claimed if each.disowned_at is None},
        disowned={(each.customer, *each.found) for each in claimed if each.disowned_at is not None},
        keys=await customers.open_keys(connection, run.means.keyring, concerned),
        limits=await customers.restrictions_of(connection, run.means.keyring, concerned),
        dates=await facts.dates(connection, concerned, source),
        now=await customers.clock(connection),
    )


def _resolved(ground: _Ground, group: list[_Arrival]) -> Iterator[tuple[_Arrival, CustomerId, Outcome]]:
    """Say as whom each row comes in, until one is a customer whom a row before it is, or is linked to.

    What that earlier row does to her is not in the ground yet: the later one waits for the next transaction.
    """
    here: set[CustomerId] = set()
    for arrival in group:
        customer, outcome = _whom(ground, arrival)
        if customer in here:
            return
        here |= ground.person(customer)
        yield arrival, customer, outcome


def _whom(ground: _Ground, arrival: _Arrival) -> tuple[CustomerId, Outcome]:
    """Return the customer of a row: by its id, else the one whom its identifiers find, else a new one.

    One whom this system has under another id is somebody else: two people are never merged silently.
    """
    if before := ground.known.get(arrival.digest):
        return before.customer, "updated"
    found = ground.found_by(arrival)
    if found is not None and found not in ground.recorded:
        return found, "linked"
    return CustomerId(UUID(bytes=random_bytes(16), version=4)), "created"


def _landing(run: _Run, ground: _Ground, arrival: _Arrival, customer: CustomerId, outcome: Outcome) -> _Landing:
    """Say what a row adds to what is there."""
    key = ground.keys.get(customer)
    if key is None and outcome != "created":
        return _Landing(arrival, customer, "rejected", refused=KEYLESS)
    before, said = ground.known.get(arrival.digest), arrival.draft.age_band
    if before and _said(run, before, arrival.draft):
        return _Landing(arrival, customer, "unchanged")
    if outcome != "created" and said is not AgeBand.UNKNOWN and customer not in ground.limits:
        return _Landing(arrival, customer, "rejected", refused=UNPROVEN)
    held = ground.limits.get(customer)
    limits = restrictions_at_enrolment(said) if outcome == "created" else _aged(run, held, said)
    linked = _aged_too(ground, customer) if said is AgeBand.MINOR else {}
    if linked is None:
        return _Landing(arrival, customer, "rejected", refused=UNPROVEN)
    news = _news(run.columns.service, ground, arrival, customer)
    hers = ground.hers | ground.disowned
    new = {found: each for found, each in arrival.found_by.items() if (customer, *found) not in hers}
    passed_over = sorted({kind for kind, digest in arrival.found_by if (customer, kind, digest) in ground.disowned})
    refused = NOT_HERS.format(" and ".join(passed_over)) if passed_over else ""
    if before and not (news or new or limits or linked):
        return _Landing(arrival, customer, "unchanged", refused=refused)
    return _Landing(
        arrival,
        customer,
        outcome,
        key,
        identifiers=new,
        news=news,
        limits=limits,
        linked=linked,
        shared=len(new.keys() & ground.claims.keys()),
        refused=refused,
    )


def _aged_too(ground: _Ground, customer: CustomerId) -> dict[CustomerId, Restrictions] | None:
    """Return what holds for whoever is linked to a minor, as far as it changes; None when it is not proven."""
    others = ground.person(customer) - {customer}
    if not others <= ground.limits.keys():
        return None
    told = {each: with_age_band(ground.limits[each], AgeBand.MINOR, may_open=False) for each in others}
    return {each: limits for each, limits in told.items() if limits != ground.limits[each]}


def _said(run: _Run, before: sources.Known, read: Draft) -> bool:
    """Whether this system said this before, or something of a later time."""
    return before.newer_than(read) or before.same(run.means.keyring, run.columns.service, read)


def _aged(run: _Run, held: Restrictions | None, said: AgeBand) -> Restrictions | None:
    """Return what holds once a row says an age band, None for no change. What is not proven is never rewritten."""
    if held is None:
        return None
    service = run.means.policies.catalogue.services[run.columns.service]
    limits = with_age_band(held, said, may_open=service.may_open)
    return None if limits == held else limits


def _news(source: ServiceId, ground: _Ground, arrival: _Arrival, customer: CustomerId) -> tuple[facts.NewFact, ...]:
    """Return the facts of a row, but for those of which this system said something newer."""
    as_of = min(arrival.draft.as_of or ground.now, ground.now)
    return tuple(
        facts.NewFact(each.attribute, each.provenance, source, as_of, each.value)
        for each in arrival.draft.facts
        if ground.dates.get((customer, each.attribute, each.provenance), as_of) <= as_of
    )


async def _write(connection: Connection, run: _Run, now: datetime, landings: list[_Landing]) -> None:
    """Write what rows add, with one entry for each customer."""
    keyring, source = run.means.keyring, run.columns.service
    keys = {each.customer: each.key for each in landings if each.key}
    limits = {each.customer: each.limits for each in landings if each.limits}
    born = {customer: each for customer, each in limits.items() if customer not in keys}
    changed = {customer: each for customer, each in limits.items() if customer in keys}
    for landing in landings:
        changed |= landing.linked
    changes = await customers.bump_all(connection, keys)
    await customers.put_all_restrictions(connection, keyring, changed)
    keys |= await customers.create_all(connection, keyring, born)
    await customers.put_identifiers(
        connection,
        keyring,
        [(to.customer, keys[to.customer], each) for to in landings for each in to.identifiers.values()],
    )
    await facts.put_all(
        connection,
        [
            (to.customer, keys[to.customer], each, _revision(changes, to.customer))
            for to in landings
            for each in to.news
        ],
    )
    await sources.put_all(connection, source, [_record(run, each) for each in landings])
    entries = [_entry(run, now, each) for each in landings]
    linked = [(other, _linked_entry(run, now, other)) for each in landings for other in each.linked]
    await choices.record_all(
        connection,
        [
            (each.customer, _age(each.limits.age_band, changes.get(each.customer), line))
            for each, line in zip(landings, entries, strict=True)
            if each.limits and each.limits.age_band is not AgeBand.UNKNOWN
        ],
    )
    await choices.record_all(
        connection, [(other, _age(AgeBand.MINOR, changes.get(other), line)) for other, line in linked]
    )
    await ledger.append_all(connection, [*entries, *(line for _, line in linked)])


def _revision(changes: Mapping[CustomerId, customers.Change], customer: CustomerId) -> int:
    return changes[customer].version if customer in changes else 1


def _age(band: AgeBand, change: customers.Change | None, line: Entry) -> Chosen:
    """Return the one choice that an import can bring: an age band that was believed."""
    recorded_at = line.at if change is None else change.now
    return Chosen(
        choice=Age(band),
        method=Method.IMPORT,
        acting=Acting.CONTROLLER,
        actor="",
        recorder=line.actor,
        given_at=recorded_at,
        recorded_at=recorded_at,
        entry=line.id,
    )


def _record(run: _Run, landing: _Landing) -> tuple[bytes, CustomerId, bytes]:
    fingerprint = sources.fingerprint(run.means.keyring, run.columns.service, landing.arrival.draft)
    return landing.arrival.digest, landing.customer, fingerprint


def _entry(run: _Run, now: datetime, landing: _Landing) -> Entry:
    act = Imported(
        identifiers=sorted({kind for kind, _ in landing.identifiers}),
        facts=sorted(f"{each.attribute}#{each.provenance}" for each in landing.news),
        new=landing.outcome == "created",
        restrictions=["age_band"] if landing.key and landing.limits else [],
    )
    return entry(ledger.new_entry_id(now), landing.customer, run.means.caller, now, act)


def _linked_entry(run: _Run, now: datetime, other: CustomerId) -> Entry:
    act = Imported(identifiers=[], facts=[], new=False, restrictions=["age_band"])
    return entry(ledger.new_entry_id(now), other, run.means.caller, now, act)

"""Bringing customers in from another system's export, and what they answered there.

A no always lands: on the customer of the row, on everybody who shares her address, or, where that is nobody, on the
address itself. A yes lands only with proof, and never on a no; ``model/hearsay`` says when.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct, structs

from service.crypto.keyring import Keyring, OpenKey, seal_evidence
from service.crypto.random import random_bytes
from service.database import Connection, Database
from service.errors import (
    NotConsentBasedError,
    NotGrantedError,
    UnknownAttributeError,
    UnknownChannelError,
    UnknownPurposeError,
    UnknownServiceError,
)
from service.model.callers import Caller, actor
from service.model.catalogue import Catalogue, Service
from service.model.choices import Age, Chosen, at_once
from service.model.columns import Columns, Draft, draft, refuse_misfits
from service.model.consent import Answer, Spot
from service.model.consent_columns import ConsentColumns
from service.model.facts import Restrictions, restrictions_at_enrolment, with_age_band
from service.model.hearsay import Heard, Stood, refused_purposes, said
from service.model.identifiers import STRENGTH, Identifier, recognised
from service.model.ledger import Entry, Imported, Suppressed, entry
from service.model.sheet import Reject, Row
from service.model.strikes import Block, Label, kept_out
from service.model.suppression import (
    Found,
    Recording,
    Suppression,
    Why,
    bearing,
    forgotten,
    refusal,
    refusals,
)
from service.model.words import (
    Acting,
    AgeBand,
    AttributeId,
    Basis,
    CustomerId,
    EntryId,
    IdentifierKind,
    Method,
    Provenance,
)
from service.policy.engine import Policies
from service.storage import (
    choices,
    consents,
    customers,
    evidence,
    facts,
    hearsay,
    ledger,
    sources,
    strikes,
    suppressions,
)

BATCH = 100
"""Rows of one transaction: it is over long before anybody who waits for it loses patience."""
FORGOTTEN = "asked to be forgotten"
NOBODY = "without an identifier nobody can be found by this row, and her no could not be kept"
KEYLESS = "this customer's key is gone, as after erasure, or does not open"
NOT_HERS = "this customer said that this {} is not hers; the rest of the row is in"
NOT_KEPT = "this customer wants {} kept by nobody; the rest of the row is in"
SHUT = "the key that seals what proves her answers does not open, so a yes cannot be kept; the rest of the row is in"
UNPROVEN = "what this customer forbids is gone or does not carry our MAC, so her age band cannot be kept"

Outcome = Literal["created", "updated", "linked", "suppressed", "unchanged", "rejected"]


class Means(Struct, frozen=True):
    """What an import may touch, and on whose word it does."""

    database: Database
    keyring: Keyring
    policies: Policies
    caller: Caller

    def __repr__(self) -> str:
        return "Means()"


class Summary(Struct, frozen=True, kw_only=True):
    """What became of the rows: every one that was read is in exactly one of the next six counts."""

    read: int = 0
    created: int = 0
    updated: int = 0
    linked: int = 0
    """The first from this system about a customer whom another one brought in."""
    suppressed: int = 0
    """A no of somebody who is nobody here: her address is left alone, and nothing else is kept."""
    unchanged: int = 0
    rejected: int = 0
    shared: int = 0
    """Identifiers that somebody else had already: kept by both, they find nobody."""
    given: int = 0
    """Answers that came in: a yes, a no, and what nobody can rely on."""
    refused: int = 0
    unknown: int = 0


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

    @property
    def address(self) -> set[Found]:
        """The strongest of its identifiers: who shares it is reached by it."""
        strongest = min((STRENGTH[kind] for kind, _ in self.found_by), default=0)
        return {found for found in self.found_by if STRENGTH[found[0]] == strongest}


class _Hearing(Struct, frozen=True):
    """What a row adds to what is known of answers."""

    answers: tuple[Heard, ...] = ()
    """Hers."""
    refusals: Mapping[CustomerId, Mapping[Spot, datetime]] = {}
    """What is refused for her, on every side, and since when: she said no before she was anybody here."""
    others: Mapping[CustomerId, tuple[Heard, ...]] = {}
    """Her no, for everybody who is the same person or shares her address."""
    suppressions: tuple[Suppression, ...] = ()

    @property
    def adds(self) -> bool:
        """Whether anything is to be written."""
        return bool(self.answers or self.refusals or self.others or self.suppressions)


NOTHING = _Hearing()


class _Landing(Struct, frozen=True):
    """As whom a row comes in, and what it adds to what is there."""

    arrival: _Arrival
    customer: CustomerId | None
    """None: as nobody."""
    outcome: Outcome
    key: OpenKey | None = None
    """Hers; one who is new has none yet."""
    identifiers: Mapping[Found, Identifier] = {}
    news: tuple[facts.NewFact, ...] = ()
    limits: Restrictions | None = None
    """What holds for her from now on, where the row changes it or she is new."""
    hearing: _Hearing = NOTHING
    remembered: bool = True
    """Whether the row is known again from now on; an older one that came late leaves the newer one in its place."""
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
            for heard in each.hearing.answers:
                self.counts["given" if heard.status.valid else "refused" if heard.no else "unknown"] += 1
            for spread in (*each.hearing.refusals.values(), *each.hearing.others.values()):
                self.counts["refused"] += len(spread)
            if each.refused:
                self.reject(Reject(each.arrival.line, "", each.refused))

    def _arrival(self, line: int, read: Draft) -> _Arrival:
        keyring = self.means.keyring
        digest = sources.digest_of(keyring, self.columns.origin, read.source_id)
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
    for consent in columns.consents:
        _refuse_ungranted_answers(catalogue, service, consent)


def _refuse_ungranted_answers(catalogue: Catalogue, service: Service, columns: ConsentColumns) -> None:
    """Refuse answers to what nobody asks, and a yes from a service that does not record it; a no needs no right."""
    purpose = catalogue.purposes.get(columns.purpose)
    if purpose is None:
        raise UnknownPurposeError(f"the column map names {columns.purpose}, which is not in the catalogue")
    if purpose.basis is not Basis.CONSENT:
        raise NotConsentBasedError(f"{columns.purpose} does not rest on consent, so there is nothing to answer")
    if columns.channel not in purpose.channels:
        raise UnknownChannelError(f"{columns.purpose} is not offered on the channel {columns.channel}")
    if columns.may_give and columns.purpose not in service.records:
        raise NotGrantedError(f"{service.id} may not record a yes to {columns.purpose}")


def _checked(columns: Columns, catalogue: Catalogue, row: Row | Reject, now: datetime) -> Draft | list[Reject]:
    if isinstance(row, Reject):
        return [row]
    read = draft(columns, catalogue.attributes, row.cells, now)
    if isinstance(read, Draft):
        return structs.replace(read, answers=tuple(each.proven(catalogue) for each in read.answers))
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
    source, keyring = run.columns.origin, run.means.keyring
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
            await _write(connection, run, ground, adding)
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
    proofs: dict[CustomerId, OpenKey | None]
    """The keys that seal what proves their answers, where a row has any proof; None for one that does not open."""
    limits: dict[CustomerId, Restrictions]
    """What holds for them, as far as it carries our MAC."""
    dates: dict[tuple[CustomerId, AttributeId, Provenance], datetime]
    suppressed: dict[Found, list[Suppression]]
    blocks: list[Block]
    """What keeps something of them out."""
    sharing: dict[Found, set[CustomerId]]
    """Everybody who shares an address about whose consents a row says something."""
    stood: Stood
    now: datetime

    def concerned(self, arrival: _Arrival, customer: CustomerId | None) -> set[CustomerId]:
        """Return a customer, if any, everybody who shares the address of a row, and all who are linked to them."""
        sharing = [each for found in arrival.address for each in self.sharing.get(found, ())]
        return {each for who in (*sharing, *((customer,) if customer else ())) for each in self.person(who)}

    def left_alone(self, shown: Iterable[Found]) -> list[Suppression]:
        """Return why whoever shows these identifiers is to be left alone."""
        return [each for found in shown for each in self.suppressed.get(found, ())]

    def found_by(self, arrival: _Arrival) -> CustomerId | None:
        """Return whom the identifiers of a row find; one that is shared finds nobody."""
        return recognised({each: self.claims.get(each, set()) for each in arrival.found_by}, self.hers)

    def person(self, customer: CustomerId) -> set[CustomerId]:
        """Return a customer, and whoever is linked to her."""
        return {customer, *(self.limits[customer].linked if customer in self.limits else ())}


async def _ground(connection: Connection, run: _Run, group: list[_Arrival]) -> _Ground:
    """Lock, then read: whoever wants the same identifiers or ids waits, then whoever wants the same customers."""
    await customers.hold(connection, {digest for each in group for digest in each.digests})
    source, keyring = run.columns.origin, run.means.keyring
    wanted = {found for each in group for found in each.found_by}
    known = await sources.known(connection, source, [each.digest for each in group])
    claims = await customers.claims(connection, keyring, wanted)
    asked = {found for each in group if each.draft.answers for found in each.address if found in claims}
    sharing = await customers.claimants(connection, keyring, asked) if asked else {}
    concerned = {each.customer for each in known.values()}.union(*claims.values(), *sharing.values())
    concerned = await customers.line_up(connection, concerned)
    evident = any(heard.evidence for each in group for heard in each.draft.answers)
    claimed = await customers.identifiers_of(connection, concerned)
    in_use = {each.found for each in claimed if each.disowned_at is None}
    return _Ground(
        known=known,
        claims=claims,
        recorded=await sources.recorded(connection, source, concerned),
        hers={(each.customer, *each.found) for each in claimed if each.disowned_at is None},
        disowned={(each.customer, *each.found) for each in claimed if each.disowned_at is not None},
        keys=await customers.open_keys(connection, keyring, concerned),
        proofs=await evidence.keys_of(connection, keyring, concerned) if evident else {},
        limits=await customers.restrictions_of(connection, keyring, concerned),
        dates=await facts.dates(connection, concerned, source),
        suppressed=await suppressions.among(connection, wanted | in_use),
        blocks=await strikes.blocks(connection, concerned),
        sharing=sharing,
        stood=await hearsay.stood(connection, concerned, source),
        now=await customers.clock(connection),
    )


def _resolved(ground: _Ground, group: list[_Arrival]) -> Iterator[tuple[_Arrival, CustomerId | None, Outcome]]:
    """Say as whom each row comes in, until one concerns a customer, or one linked to her, whom a row before it does.

    What that earlier row does to her is not in the ground yet: the later one waits for the next transaction.
    """
    here: set[CustomerId] = set()
    for arrival in group:
        customer, outcome = _whom(ground, arrival)
        concerned = ground.concerned(arrival, customer)
        if here & concerned:
            return
        here |= concerned
        yield arrival, customer, outcome


def _whom(ground: _Ground, arrival: _Arrival) -> tuple[CustomerId | None, Outcome]:
    """Return the customer of a row: by its id, else the one whom its identifiers find, else a new one.

    One whom this system has under another id is somebody else: two people are never merged silently. And nobody
    becomes a customer by saying no.
    """
    if before := ground.known.get(arrival.digest):
        return before.customer, "updated"
    found = ground.found_by(arrival)
    if found is not None and found not in ground.recorded:
        return found, "linked"
    if arrival.draft.only_noes:
        return None, "suppressed"
    return CustomerId(UUID(bytes=random_bytes(16), version=4)), "created"


def _landing(run: _Run, ground: _Ground, arrival: _Arrival, customer: CustomerId | None, outcome: Outcome) -> _Landing:
    """Say what a row adds to what is there."""
    if forgotten(ground.left_alone(arrival.found_by)):
        return _Landing(arrival, customer, "rejected", refused=FORGOTTEN)
    if customer is None:
        return _as_nobody(ground, arrival)
    key, before = ground.keys.get(customer), ground.known.get(arrival.digest)
    if key is None and outcome != "created":
        return _Landing(arrival, customer, "rejected", refused=KEYLESS)
    if before and before.same(run.means.keyring, run.columns.origin, arrival.draft):
        return _Landing(arrival, customer, "unchanged")
    landing = _Landing(arrival, customer, outcome, key, hearing=_hearing(run, ground, arrival, customer))
    if before and before.newer_than(arrival.draft):
        # Her answers have dates of their own, and count by these.
        return _kept(ground, structs.replace(landing, outcome=_changed(landing), remembered=False))
    return _kept(ground, _profiled(run, ground, landing))


def _kept(ground: _Ground, landing: _Landing) -> _Landing:
    """Return a landing without a yes of which the proof cannot be sealed, and try the row anew another time."""
    answers, customer = landing.hearing.answers, landing.customer
    shut = customer in ground.proofs and ground.proofs[customer] is None
    if not shut or not any(each.status.valid for each in answers):
        return landing
    hearing = structs.replace(landing.hearing, answers=tuple(each for each in answers if not each.status.valid))
    left = structs.replace(landing, hearing=hearing, remembered=False)
    refused = "; ".join(each for each in (landing.refused, SHUT) if each)
    return structs.replace(left, outcome="rejected" if _changed(left) == "unchanged" else left.outcome, refused=refused)


def _profiled(run: _Run, ground: _Ground, landing: _Landing) -> _Landing:
    """Return a landing with what its row adds to her profile."""
    arrival, customer, outcome = landing.arrival, landing.customer, landing.outcome
    assert customer is not None  # noqa: S101  nobody has no profile
    age_band = arrival.draft.age_band
    if outcome != "created" and age_band is not AgeBand.UNKNOWN and customer not in ground.limits:
        return _Landing(arrival, customer, "rejected", refused=UNPROVEN)
    held = ground.limits.get(customer)
    limits = restrictions_at_enrolment(age_band) if outcome == "created" else _aged(run, held, age_band)
    linked = _aged_too(ground, customer) if age_band is AgeBand.MINOR else {}
    if linked is None:
        return _Landing(arrival, customer, "rejected", refused=UNPROVEN)
    had = ground.hers | ground.disowned
    new = {found: each for found, each in arrival.found_by.items() if (customer, *found) not in had}
    news = _news(run.columns.origin, ground, arrival, customer)
    out = _unwanted(run, ground, customer, news)
    profiled = structs.replace(
        landing,
        identifiers=new,
        news=tuple(each for index, each in enumerate(news) if index not in out),
        limits=limits,
        linked=linked,
        shared=len(new.keys() & ground.claims.keys()),
        refused=_passed_over(ground, arrival, customer, [news[index].attribute for index in sorted(out)]),
    )
    return structs.replace(profiled, outcome=_changed(profiled)) if arrival.digest in ground.known else profiled


def _passed_over(ground: _Ground, arrival: _Arrival, customer: CustomerId, unwanted: list[AttributeId]) -> str:
    """Say which identifiers of a row are not hers, as she said, and what else of it she wants kept by nobody."""
    kinds = sorted({kind for kind, digest in arrival.found_by if (customer, kind, digest) in ground.disowned})
    reasons = [NOT_HERS.format(" and ".join(kinds))] if kinds else []
    reasons += [NOT_KEPT.format(" and ".join(unwanted))] if unwanted else []
    return "; ".join(reasons)


def _unwanted(run: _Run, ground: _Ground, customer: CustomerId, news: tuple[facts.NewFact, ...]) -> Mapping[int, UUID]:
    """Return which facts of a row were struck out before, so that they stay out."""
    blocks = [each for each in ground.blocks if each.customer in ground.person(customer)]
    if not blocks:
        return {}
    fence = strikes.Fence(run.means.keyring, blocks, run.means.policies.catalogue.attributes)
    return kept_out([Label(each.attribute, each.provenance, each.source, each.as_of) for each in news], (), fence)


def _aged_too(ground: _Ground, customer: CustomerId) -> dict[CustomerId, Restrictions] | None:
    """Return what holds for whoever is linked to a minor, as far as it changes; None when it is not proven."""
    others = ground.person(customer) - {customer}
    if not others <= ground.limits.keys():
        return None
    told = {each: with_age_band(ground.limits[each], AgeBand.MINOR, may_open=False) for each in others}
    return {each: limits for each, limits in told.items() if limits != ground.limits[each]}


def _changed(landing: _Landing) -> Outcome:
    """Return what became of a row that was here before."""
    adds = landing.news or landing.identifiers or landing.limits or landing.linked or landing.hearing.adds
    return "updated" if adds else "unchanged"


def _hearing(run: _Run, ground: _Ground, arrival: _Arrival, customer: CustomerId) -> _Hearing:
    """Say what a row adds to what is known of a customer's answers, and of everybody's who shares her address."""
    shown = {(kind, digest) for whose, kind, digest in ground.hers if whose == customer} | arrival.found_by.keys()
    suppressed = bearing(ground.left_alone(shown), shown)
    beside = ground.concerned(arrival, customer) - {customer}
    standing, catalogue = ground.stood.standing, run.means.policies.catalogue
    refused = {each: refusals(suppressed, standing.get(each, {}), catalogue) for each in ground.person(customer)}
    return _Hearing(
        answers=ground.stood.news(customer, arrival.draft.answers, beside=beside, suppressed=suppressed),
        refusals={each: spots for each, spots in refused.items() if spots},
        others=_others(ground, arrival, beside),
    )


def _as_nobody(ground: _Ground, arrival: _Arrival) -> _Landing:
    """Say what the no of somebody who is nobody here adds: that whoever has her identifiers is left alone."""
    if not arrival.found_by:
        return _Landing(arrival, None, "rejected", refused=NOBODY)
    new = tuple(
        Suppression(kind, digest, Why.OPTED_OUT, purpose, at or ground.now)
        for kind, digest in arrival.found_by
        if (kind, digest) not in ground.claims
        for purpose, at in refused_purposes(arrival.draft.answers).items()
        if not any(
            each.purpose == purpose and (at is None or at <= each.since)
            for each in ground.suppressed.get((kind, digest), ())
        )
    )
    hearing = _Hearing(others=_others(ground, arrival, ground.concerned(arrival, None)), suppressions=new)
    return _Landing(arrival, None, "suppressed" if hearing.adds else "unchanged", hearing=hearing)


def _others(ground: _Ground, arrival: _Arrival, beside: set[CustomerId]) -> dict[CustomerId, tuple[Heard, ...]]:
    noes = [each for each in arrival.draft.answers if each.no]
    return {customer: news for customer in sorted(beside) if (news := ground.stood.news(customer, noes))}


def _aged(run: _Run, held: Restrictions | None, said: AgeBand) -> Restrictions | None:
    """Return what holds once a row says an age band, None for no change. What is not proven is never rewritten."""
    if held is None:
        return None
    service = run.means.policies.catalogue.services[run.columns.service]
    limits = with_age_band(held, said, may_open=service.may_open)
    return None if limits == held else limits


def _news(source: str, ground: _Ground, arrival: _Arrival, customer: CustomerId) -> tuple[facts.NewFact, ...]:
    """Return the facts of a row, but for those of which this system said something newer."""
    as_of = min(arrival.draft.as_of or ground.now, ground.now)
    return tuple(
        facts.NewFact(each.attribute, each.provenance, source, as_of, each.value)
        for each in arrival.draft.facts
        if ground.dates.get((customer, each.attribute, each.provenance), as_of) <= as_of
    )


class _Touched(Struct, frozen=True):
    """One customer whom a row touches: by which entry, and what is recorded of her answers."""

    customer: CustomerId
    entry: EntryId
    act: Imported
    heard: tuple[Heard, ...] = ()
    refusals: Mapping[Spot, datetime] = {}


async def _write(connection: Connection, run: _Run, ground: _Ground, landings: list[_Landing]) -> None:
    """Write what rows add, with one entry for each customer."""
    mine = [(each.customer, each) for each in landings if each.customer]
    touched = [each for to in landings for each in _touched(ground.now, to)]
    changes = await _write_profiles(connection, run, mine, {each.customer for each in touched if _speaks(each)})
    await sources.put_all(
        connection, run.columns.origin, [_record(run, to, customer) for customer, to in mine if to.remembered]
    )
    said = await _write_answers(
        connection, run, ground, [(each, changes[each.customer].now) for each in touched if _speaks(each)]
    )
    new = [each for to in landings for each in to.hearing.suppressions]
    await suppressions.put_all(connection, new)
    bands = {customer: to.limits.age_band for customer, to in mine if to.limits}
    bands |= dict.fromkeys((other for to in landings for other in to.linked), AgeBand.MINOR)
    at = {each.customer: changes[each.customer].now if each.customer in changes else ground.now for each in touched}
    aged = {
        each.entry: _age(bands[each.customer], run.means.caller, at[each.customer], each.entry)
        for each in touched
        if bands.get(each.customer, AgeBand.UNKNOWN) is not AgeBand.UNKNOWN
    }
    await choices.record_all(connection, [(each.customer, aged[each.entry]) for each in touched if each.entry in aged])
    entries = [
        entry(
            each.entry,
            each.customer,
            run.means.caller,
            at[each.customer],
            each.act,
            [*said.get(each.entry, ()), *([aged[each.entry]] if each.entry in aged else ())],
        )
        for each in touched
    ]
    await ledger.append_all(connection, run.means.keyring, [*entries, *_entries_of(run, ground.now, new)])


async def _write_profiles(
    connection: Connection, run: _Run, mine: list[tuple[CustomerId, _Landing]], speaking: set[CustomerId]
) -> dict[CustomerId, customers.Change]:
    """Write who came in, and what is new about whom; returns what changed of those who were here or who speak."""
    keyring = run.means.keyring
    known = {customer: to.key for customer, to in mine if to.key}
    limits = {customer: to.limits for customer, to in mine if to.limits}
    born = {customer: each for customer, each in limits.items() if customer not in known}
    changed = {customer: each for customer, each in limits.items() if customer in known}
    for _, to in mine:
        changed |= to.linked
    changes = await customers.bump_all(connection, known.keys() | speaking - born.keys())
    await customers.put_all_restrictions(connection, keyring, changed)
    keys = known | await customers.create_all(connection, keyring, born)
    found_by = [(customer, keys[customer], each) for customer, to in mine for each in to.identifiers.values()]
    await customers.put_identifiers(connection, keyring, found_by)
    versions = {customer: changes[customer].version if customer in changes else 1 for customer in keys}
    await facts.put_all(
        connection, [(customer, keys[customer], each, versions[customer]) for customer, to in mine for each in to.news]
    )
    return changes | await customers.bump_all(connection, speaking & born.keys())


def _age(band: AgeBand, caller: Caller, at: datetime, entry_id: EntryId) -> Chosen:
    """Return the one choice that an import can bring: an age band that was believed."""
    return at_once(Age(band), actor(caller), at, entry_id, method=Method.IMPORT, acting=Acting.CONTROLLER)


async def _write_answers(
    connection: Connection, run: _Run, ground: _Ground, speaking: list[tuple[_Touched, datetime]]
) -> dict[EntryId, list[Answer]]:
    """Write what customers answered, her refusals of the time before she was anybody here first; returns it."""
    keyring, caller, version = run.means.keyring, actor(run.means.caller), run.means.policies.version
    evident = {each.customer for each, _ in speaking if any(heard.evidence for heard in each.heard)}
    keys = ground.proofs | await evidence.keys_for(connection, keyring, evident - ground.proofs.keys())
    said: dict[EntryId, list[Answer]] = {}
    for each, at in speaking:
        recording = Recording(caller, at, version, each.entry)
        said[each.entry] = [refusal(spot, since, recording) for spot, since in each.refusals.items()]
        said[each.entry] += [
            _answer(run, heard, recording, each.customer, keys.get(each.customer)) for heard in each.heard
        ]
    hers = [(each.customer, answer) for each, _ in speaking for answer in said[each.entry]]
    await consents.take_in(connection, keyring, hers, imported=True)
    return said


def _answer(run: _Run, heard: Heard, recording: Recording, customer: CustomerId, key: OpenKey | None) -> Answer:
    """Return an answer as an event: whoever told us is its actor, and one without a date is of now."""
    given_at = min(heard.given_at or recording.at, recording.at)
    purpose = run.means.policies.catalogue.purposes[heard.spot.purpose]
    made = Answer(
        purpose=heard.spot.purpose,
        channel=heard.spot.channel,
        status=heard.status,
        notice=heard.notice,
        explicit=False,
        method=heard.method,
        actor=run.columns.origin,
        given_at=given_at,
        recorded_at=recording.at,
        recorder=recording.recorder,
        policy_version=recording.policy_version,
        entry=recording.entry,
        expires_at=purpose.consent_ends(given_at) if heard.status.valid else None,
    )
    sealed = seal_evidence(key, customer, made, heard.evidence) if key and heard.evidence else None
    return structs.replace(made, evidence=sealed)


def _record(run: _Run, landing: _Landing, customer: CustomerId) -> tuple[bytes, CustomerId, bytes]:
    fingerprint = sources.fingerprint(run.means.keyring, run.columns.origin, landing.arrival.draft)
    return landing.arrival.digest, customer, fingerprint


def _touched(now: datetime, landing: _Landing) -> Iterator[_Touched]:
    """Yield each customer whom a row touches."""
    hearing = landing.hearing
    if landing.customer:
        act = Imported(
            identifiers=sorted({kind for kind, _ in landing.identifiers}),
            facts=sorted(f"{each.attribute}#{each.provenance}" for each in landing.news),
            new=landing.outcome == "created",
            restrictions=["age_band"] if landing.key and landing.limits else [],
            answers=[said(each) for each in hearing.answers],
            refused=[str(spot) for spot in hearing.refusals.get(landing.customer, ())],
        )
        refused = hearing.refusals.get(landing.customer, {})
        yield _Touched(landing.customer, ledger.new_entry_id(now), act, hearing.answers, refused)
    for other in sorted({*hearing.others, *hearing.refusals, *landing.linked} - {landing.customer}):
        heard, refused = hearing.others.get(other, ()), hearing.refusals.get(other, {})
        act = Imported(
            identifiers=[],
            facts=[],
            new=False,
            restrictions=["age_band"] if other in landing.linked else [],
            answers=[said(each) for each in heard],
            refused=[str(spot) for spot in refused],
        )
        yield _Touched(other, ledger.new_entry_id(now), act, heard, refused)


def _speaks(touched: _Touched) -> bool:
    return bool(touched.heard or touched.refusals)


def _entries_of(run: _Run, now: datetime, new: list[Suppression]) -> Iterator[Entry]:
    """Yield one entry for each kind of identifiers that are to be left alone."""
    for kind in dict.fromkeys(each.kind for each in new):
        these = [each for each in new if each.kind is kind]
        act = Suppressed(kind, sorted({each.purpose for each in these}), len(these), Why.OPTED_OUT)
        yield entry(ledger.new_entry_id(now), None, run.means.caller, now, act)

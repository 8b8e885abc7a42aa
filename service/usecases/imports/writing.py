"""Writing what rows add, with one entry for each customer whom they touch."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from msgspec import Struct, structs

from service.crypto.keyring import OpenKey, seal_evidence
from service.database import Connection
from service.model.callers import Caller, actor
from service.model.choices import Age, Chosen, at_once
from service.model.consent import Answer, Spot
from service.model.hearsay import Heard, said
from service.model.ledger import Entry, Imported, Suppressed, entry
from service.model.suppression import Recording, Suppression, Why, refusal
from service.model.words import Acting, AgeBand, CustomerId, EntryId, Method
from service.storage import choices, consents, customers, evidence, facts, ledger, sources, suppressions
from service.usecases.imports.arriving import Run
from service.usecases.imports.ground import Ground
from service.usecases.imports.landing import Landing


class _Touched(Struct, frozen=True):
    """One customer whom a row touches: by which entry, and what is recorded of her answers."""

    customer: CustomerId
    entry: EntryId
    act: Imported
    heard: tuple[Heard, ...] = ()
    refusals: Mapping[Spot, datetime] = {}


async def write(connection: Connection, run: Run, ground: Ground, landings: list[Landing]) -> None:
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
    at = {each.customer: changes[each.customer].now if each.customer in changes else ground.now for each in touched}
    aged = _ages(run, landings, touched, at)
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
    connection: Connection, run: Run, mine: list[tuple[CustomerId, Landing]], speaking: set[CustomerId]
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


def _ages(
    run: Run, landings: list[Landing], touched: list[_Touched], at: Mapping[CustomerId, datetime]
) -> dict[EntryId, Chosen]:
    """Return the age bands that were believed, by the entry that says so: of a row, and of whoever is linked to it."""
    bands = {each.customer: each.limits.age_band for each in landings if each.customer and each.limits}
    bands |= dict.fromkeys((other for each in landings for other in each.linked), AgeBand.MINOR)
    return {
        each.entry: _age(bands[each.customer], run.means.caller, at[each.customer], each.entry)
        for each in touched
        if bands.get(each.customer, AgeBand.UNKNOWN) is not AgeBand.UNKNOWN
    }


def _age(band: AgeBand, caller: Caller, at: datetime, entry_id: EntryId) -> Chosen:
    """Return the one choice that an import can bring: an age band that was believed."""
    return at_once(Age(band), actor(caller), at, entry_id, method=Method.IMPORT, acting=Acting.CONTROLLER)


async def _write_answers(
    connection: Connection, run: Run, ground: Ground, speaking: list[tuple[_Touched, datetime]]
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


def _answer(run: Run, heard: Heard, recording: Recording, customer: CustomerId, key: OpenKey | None) -> Answer:
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


def _record(run: Run, landing: Landing, customer: CustomerId) -> tuple[bytes, CustomerId, bytes]:
    fingerprint = sources.fingerprint(run.means.keyring, run.columns.origin, landing.arrival.draft)
    return landing.arrival.digest, customer, fingerprint


def _touched(now: datetime, landing: Landing) -> Iterator[_Touched]:
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


def _entries_of(run: Run, now: datetime, new: list[Suppression]) -> Iterator[Entry]:
    """Yield one entry for each kind of identifiers that are to be left alone."""
    for kind in dict.fromkeys(each.kind for each in new):
        these = [each for each in new if each.kind is kind]
        act = Suppressed(kind, sorted({each.purpose for each in these}), len(these), Why.OPTED_OUT)
        yield entry(ledger.new_entry_id(now), None, run.means.caller, now, act)

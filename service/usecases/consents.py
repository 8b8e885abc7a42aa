"""Recording and reading what customers consented to."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct, structs

from service.crypto.keyring import Keyring
from service.database import Connection, Database
from service.errors import (
    MissingFieldError,
    NotConsentBasedError,
    NotGrantedError,
    NoticeSupersededError,
    UnauthenticatedError,
    UnknownChannelError,
    UnknownCustomerError,
    UnknownNoticeError,
    UnknownPurposeError,
    WrongKindError,
)
from service.model.callers import Caller, CustomerCaller, ServiceCaller, actor
from service.model.catalogue import Catalogue, Purpose
from service.model.clocks import CLOCKS_DIFFER
from service.model.consent import Answer, latest, standing_after
from service.model.facts import Standing
from service.model.ledger import Answered, entry
from service.model.words import (
    Basis,
    Channel,
    CustomerId,
    EntryId,
    Method,
    PairwiseId,
    PurposeId,
    Status,
)
from service.policy.engine import Policies
from service.storage import access, consents, customers, ledger, links

PAGE = 100


class Said(Struct, frozen=True, kw_only=True):
    """What a customer said, as a caller reports it.

    Without a customer it is the caller's own answer; without a channel a no means every channel.
    """

    purpose: PurposeId
    status: Status
    method: Method
    customer: PairwiseId | None = None
    channel: Channel | None = None
    notice: int | None = None
    explicit: bool = False
    actor: str = ""
    given_at: datetime | None = None


class Acknowledged(Struct, frozen=True):
    """That an answer is recorded, and what stands now."""

    standing: list[tuple[Channel, Status]]
    version: int
    entry: EntryId


class Record(Struct, frozen=True):
    """What stands, and the latest answers that led there."""

    standing: list[tuple[Standing, Status]]
    history: list[Answer]


async def record_no(
    database: Database, keyring: Keyring | None, policies: Policies, caller: Caller, said: Said
) -> Acknowledged:
    """Record a refusal or withdrawal: from anybody who may come in, at once.

    It works without a keyring. With one, whom the caller means is proven, so that nobody at the database can turn
    her no into somebody else's.
    """
    if keyring is not None:
        _refuse_unproven(caller)
    return await _record(database, keyring, policies, caller, said)


async def record_yes(
    database: Database, keyring: Keyring, policies: Policies, caller: Caller, said: Said
) -> Acknowledged:
    """Record a consent: from the customer herself, or from a service that records this purpose."""
    purpose = _consent_purpose(policies.catalogue, said.purpose)
    if said.channel is None:
        raise MissingFieldError("a yes is for one channel", pointer="/channel")
    _offered(purpose, said.channel)
    _refuse_unproven(caller)
    _refuse_recorder(policies.catalogue, caller, said.purpose)
    _refuse_outdated(policies.catalogue, said)
    return await _record(database, keyring, policies, caller, said)


async def read(
    database: Database, keyring: Keyring | None, policies: Policies, caller: Caller, customer: PairwiseId | None
) -> Record:
    """Return what stands and its history: all of it to the customer, to a service as far as its purposes go."""
    purposes = _visible(policies.catalogue, caller)
    async with database.connection() as connection:
        found = await _find(connection, keyring, caller, customer)
        return Record(
            await consents.all_standing(connection, found, purposes),
            await consents.history(connection, found, purposes, PAGE),
        )


async def _record(
    database: Database, keyring: Keyring | None, policies: Policies, caller: Caller, said: Said
) -> Acknowledged:
    async with database.transaction() as connection:
        if said.status.valid:
            await access.refuse_ended(connection, caller)
        customer = await _find(connection, keyring, caller, said.customer)
        change = await customers.bump(connection, customer)
        channels = await _channels(connection, policies.catalogue, customer, said)
        id_ = ledger.new_entry_id(change.now)
        answers = [_answer(said, channel, change.now, caller, policies, id_) for channel in channels]
        standing = [await _stand(connection, keyring, customer, each) for each in answers]
        await ledger.append(connection, entry(id_, customer, caller, change.now, _act(said, channels, change.now)))
        for other, reached in (await _elsewhere(connection, keyring, customer, change, said, answers)).items():
            await _spread(connection, keyring, customer, other, reached)
            act = _act(said, [each.channel for each in reached], change.now)
            await ledger.append(connection, entry(reached[0].entry, other, caller, change.now, act))
    now = change.now
    return Acknowledged([(each.channel, each.status_at(now)) for each in standing], change.version, id_)


async def _channels(
    connection: Connection, catalogue: Catalogue, customer: CustomerId, said: Said
) -> Sequence[Channel]:
    """Return the channels that an answer is for: a no also reaches a yes on a channel that is offered no more."""
    offered = catalogue.purposes[said.purpose].channels if said.purpose in catalogue.purposes else ()
    stands = () if said.status.valid else await consents.channels_of(connection, customer, said.purpose)
    if not stands:
        _consent_purpose(catalogue, said.purpose)
    if said.channel is None:
        return [*offered, *(channel for channel in stands if channel not in offered)]
    if said.channel not in {*offered, *stands}:
        raise UnknownChannelError(pointer="/channel")
    return (said.channel,)


async def _elsewhere(
    connection: Connection,
    keyring: Keyring | None,
    customer: CustomerId,
    change: customers.Change,
    said: Said,
    answers: Sequence[Answer],
) -> dict[CustomerId, list[Answer]]:
    """Return what the other sides of a merged person hear of it: every no, and a yes by the link that it came by.

    Asked or put off, or run out of its time, is a matter of one side.
    """
    heard: dict[CustomerId, list[Answer]] = {}
    if said.status.no:
        for other in change.others:
            id_ = ledger.new_entry_id(change.now)
            stands = [] if said.channel else await consents.channels_of(connection, other, said.purpose)
            channels = dict.fromkeys([*(each.channel for each in answers), *stands])
            heard[other] = [structs.replace(answers[0], channel=each, entry=id_) for each in channels]
    elif said.status.valid and keyring is not None:
        for other, way in (await links.ways(connection, keyring, customer, change.others)).items():
            id_ = ledger.new_entry_id(change.now)
            heard[other] = [structs.replace(each, entry=id_, link=way.id) for each in answers]
    return heard


async def _spread(
    connection: Connection,
    keyring: Keyring | None,
    origin: CustomerId,
    other: CustomerId,
    reached: Sequence[Answer],
) -> None:
    """Record what another side of the same person hears: a no stands there as hers, a yes as long as the link."""
    for answer in reached:
        if answer.link is None or keyring is None:
            await _stand(connection, keyring, other, answer)
            continue
        await consents.record(connection, other, answer)
        own = await consents.standing(connection, other, answer.purpose, answer.channel)
        yes = standing_after(None, answer)
        # One that is older than what stands there is kept in the history, and changes nothing.
        if latest(own, [yes]) is yes:
            await links.put_yes(connection, keyring, other, answer.link, origin, yes)


async def _stand(connection: Connection, keyring: Keyring | None, customer: CustomerId, answer: Answer) -> Standing:
    """Keep an answer, and let it stand if it is the one that counts."""
    await consents.record(connection, customer, answer)
    if answer.status.no:
        await links.forget_yes(connection, customer, answer.purpose, answer.channel)
    before = await consents.standing(connection, customer, answer.purpose, answer.channel)
    after = standing_after(before, answer)
    if after == before:
        return after
    if after.status.valid and keyring is not None:
        await consents.put_yes(connection, keyring, customer, after)
    else:
        await consents.put_no(connection, customer, after)
    return after


def _expiry(catalogue: Catalogue, said: Said, given_at: datetime) -> datetime | None:
    """Return when a yes ends that was given at an instant."""
    purpose = catalogue.purposes.get(said.purpose)
    if purpose is None or purpose.consent_expires_days is None or not said.status.valid:
        return None
    return given_at + timedelta(days=purpose.consent_expires_days)


def _act(said: Said, channels: Sequence[Channel], now: datetime) -> Answered:
    return Answered(
        purpose=said.purpose,
        channels=list(channels),
        answer=said.status,
        notice=said.notice or 0,
        explicit=said.explicit,
        method=said.method,
        given_at=min(said.given_at or now, now).isoformat(),
    )


async def _find(
    connection: Connection, keyring: Keyring | None, caller: Caller, customer: PairwiseId | None
) -> CustomerId:
    match caller:
        case CustomerCaller():
            return caller.customer
        case ServiceCaller() if customer is not None:
            found = await customers.by_pairwise(connection, keyring, caller.service, customer)
            if found is not None:
                return found
    raise UnknownCustomerError


def _consent_purpose(catalogue: Catalogue, id_: PurposeId) -> Purpose:
    purpose = catalogue.purposes.get(id_)
    if purpose is None:
        raise UnknownPurposeError(pointer="/purpose")
    if purpose.basis is not Basis.CONSENT:
        raise NotConsentBasedError(pointer="/purpose")
    return purpose


def _offered(purpose: Purpose, channel: Channel) -> Channel:
    if channel not in purpose.channels:
        raise UnknownChannelError(pointer="/channel")
    return channel


def _refuse_unproven(caller: Caller) -> None:
    if isinstance(caller, ServiceCaller | CustomerCaller) and not caller.proven:
        raise UnauthenticatedError


def _refuse_recorder(catalogue: Catalogue, caller: Caller, purpose: PurposeId) -> None:
    if not isinstance(caller, ServiceCaller):
        return
    service = catalogue.services.get(caller.service)
    if service is None or purpose not in service.records:
        raise NotGrantedError("this service may not record a yes to this purpose", pointer="/purpose")


def _refuse_outdated(catalogue: Catalogue, said: Said) -> None:
    in_force = catalogue.notice_in_force(said.purpose)
    if said.notice is None:
        raise MissingFieldError("a yes names the notice that she read", pointer="/notice")
    if not 1 <= said.notice <= in_force:
        raise UnknownNoticeError(pointer="/notice")
    if said.notice < in_force:
        raise NoticeSupersededError(pointer="/notice")


def _visible(catalogue: Catalogue, caller: Caller) -> list[PurposeId]:
    asked_by_consent = [id_ for id_, purpose in catalogue.purposes.items() if purpose.basis is Basis.CONSENT]
    if not isinstance(caller, ServiceCaller):
        return asked_by_consent
    service = catalogue.services.get(caller.service)
    mine: set[str] = set() if service is None else {*service.uses, *service.records}
    return [id_ for id_ in asked_by_consent if id_ in mine]


def _answer(said: Said, channel: Channel, now: datetime, caller: Caller, policies: Policies, id_: EntryId) -> Answer:
    given_at = said.given_at or now
    if given_at > now + CLOCKS_DIFFER:
        raise WrongKindError("she cannot have answered in the future", pointer="/given_at")
    return Answer(
        purpose=said.purpose,
        channel=channel,
        status=said.status,
        notice=said.notice or 0,
        explicit=said.explicit,
        method=said.method,
        actor=said.actor,
        given_at=min(given_at, now),
        recorded_at=now,
        recorder=actor(caller),
        policy_version=policies.version,
        entry=id_,
        expires_at=_expiry(policies.catalogue, said, min(given_at, now)),
    )

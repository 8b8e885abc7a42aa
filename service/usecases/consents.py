"""Recording and reading what customers consented to."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import structlog
from msgspec import Struct, structs

from service.crypto.keyring import Keyring, OpenKey, seal_evidence
from service.crypto.snapshots import read_snapshot
from service.database import Connection, Database
from service.errors import (
    BadSnapshotError,
    IntegrityError,
    MissingFieldError,
    NotConsentBasedError,
    NotGrantedError,
    NothingToRenewError,
    NoticeSupersededError,
    PoliciesUnavailableError,
    PreconditionFailedError,
    SnapshotExpiredError,
    UnknownChannelError,
    UnknownNoticeError,
    UnknownPurposeError,
    WrongKindError,
)
from service.model.callers import Caller, CustomerCaller, MessageCaller, OperatorCaller, ServiceCaller, Speaker, actor
from service.model.catalogue import Catalogue, Purpose
from service.model.clocks import CLOCKS_DIFFER
from service.model.consent import Answer, Reach, Shown, Spot, latest, standing_after
from service.model.identifiers import Identifier
from service.model.ledger import Act, Answered, AnsweredWidely, entry
from service.model.situation import Yes, by_anybody, yes_of
from service.model.snapshots import Given, Snapshot, refuse_another_screen
from service.model.words import (
    Acting,
    Basis,
    Channel,
    CustomerId,
    EntryId,
    Method,
    PairwiseId,
    PolicyVersion,
    PurposeId,
    Status,
)
from service.policy.engine import Policies
from service.storage import access, consents, customers, evidence, facts, ledger, links, publications

PAGE = 100
log = structlog.get_logger()
RENEWABLE = (Status.GIVEN, Status.RENEWED, Status.EXPIRED)


class Said(Struct, frozen=True, kw_only=True):
    """What a customer said, as a caller reports it; its repr hides the evidence.

    Without a customer it is the caller's own answer; without a channel a no means every channel. ``snapshot``: proof
    of what was on the screen. ``evidence``: where else the proof lies. ``reason``: why an operator acts. ``ends``: when
    a yes ends at the latest.
    """

    purpose: PurposeId | Reach
    status: Status
    method: Method
    customer: PairwiseId | Identifier | CustomerId | None = None
    channel: Channel | None = None
    notice: int | None = None
    explicit: bool = False
    acting: Acting = Acting.HERSELF
    actor: str = ""
    given_at: datetime | None = None
    snapshot: str = ""
    evidence: str = ""
    reason: str = ""
    ends: datetime | None = None

    def __repr__(self) -> str:
        return f"Said({self.purpose!r}, {self.status!r})"


class Stands(Struct, frozen=True):
    """What stands for one purpose on one channel once an answer is recorded."""

    purpose: PurposeId
    channel: Channel
    status: Status


class Acknowledged(Struct, frozen=True):
    """That an answer is recorded, and what stands now."""

    standing: list[Stands]
    version: int
    entry: EntryId


async def record_no(
    database: Database, keyring: Keyring | None, policies: Policies | None, caller: Speaker, said: Said
) -> Acknowledged:
    """Record what is no yes: from anybody who may come in, at once.

    It works without a keyring, and without policies as far as something stands. With a keyring, whom the caller means
    is proven, so that nobody at the database can turn her no into somebody else's.
    """
    if keyring is not None:
        access.refuse_unproven(caller)
    return await _record(database, keyring, policies, caller, said)


async def record_yes(
    database: Database, keyring: Keyring, policies: Policies, caller: Caller, said: Said
) -> Acknowledged:
    """Record a consent: from the customer herself, or from a service that records this purpose."""
    purpose = _consent_purpose(policies.catalogue, said.purpose)
    if said.channel is None:
        raise MissingFieldError("a yes is for one channel", pointer="/channel")
    _offered(purpose, said.channel)
    access.refuse_unproven(caller)
    _refuse_recorder(policies.catalogue, caller, PurposeId(purpose.id))
    _refuse_outdated(policies.catalogue, PurposeId(purpose.id), said.notice)
    if not said.snapshot and not said.evidence:
        raise MissingFieldError("a yes needs a snapshot of what she was shown, or evidence", pointer="/evidence")
    return await _record(database, keyring, policies, caller, said)


async def record_yes_in_sight(
    database: Database, keyring: Keyring, policies: Policies, caller: CustomerCaller, said: Said
) -> Acknowledged:
    """Record a yes of a page that shows her what stands, of which each button says one thing.

    An explicit one is to special data alone, so it needs a yes that stands and covers all the rest, and raises
    PreconditionFailedError. A plain one keeps what she was explicit about, where no more is done with that.
    """
    catalogue, purpose = policies.catalogue, PurposeId(_consent_purpose(policies.catalogue, said.purpose).id)
    async with database.transaction() as connection:
        await customers.line_up(connection, [caller.customer])
        yes = await _yes(connection, keyring, caller, said)
        if said.explicit and (yes is None or yes.notice < catalogue.newest_material(purpose)):
            raise PreconditionFailedError
        if not said.explicit and yes is not None and yes.explicit:
            stays = catalogue.same_special(purpose, yes.notice, said.notice or 0)
            said = structs.replace(said, explicit=stays)
        return await record_yes(database.within(connection), keyring, policies, caller, said)


async def end_special(
    database: Database, keyring: Keyring, policies: Policies, caller: CustomerCaller, spot: Spot
) -> Acknowledged:
    """Take back what she agreed to of special data; the rest of her yes stands, to the same notice and for as long.

    Raises PreconditionFailedError where no yes stands, for then none may come to stand.
    """
    access.refuse_unproven(caller)
    said = Said(purpose=spot.purpose, channel=spot.channel, status=Status.GIVEN, method=Method.PORTAL)
    async with database.transaction() as connection:
        await customers.line_up(connection, [caller.customer])
        yes = await _yes(connection, keyring, caller, said)
        if yes is None:
            raise PreconditionFailedError
        # No snapshot and no evidence: what proves the yes is the answer that it was part of.
        said = structs.replace(said, notice=yes.notice, ends=yes.ends)
        return await _record(database.within(connection), keyring, policies, caller, said)


async def invalidate(
    database: Database, policies: Policies, caller: OperatorCaller, purpose: PurposeId, notice: int
) -> int:
    """Take back every consent that rests on one version of a notice, because that was wrong; returns of how many.

    Each customer in a transaction of her own; run again, it goes on where it broke off. Raises UnknownNoticeError.
    """
    _consent_purpose(policies.catalogue, purpose)
    if not 1 <= notice <= policies.catalogue.notice_in_force(purpose):
        raise UnknownNoticeError
    said = Said(
        purpose=purpose,
        status=Status.INVALIDATED,
        method=Method.SYSTEM,
        notice=notice,
        acting=Acting.CONTROLLER,
        actor=caller.account,
        reason=caller.reason,
    )
    ended = 0
    while True:
        async with database.connection() as connection:
            concerned = await consents.given_to(connection, purpose, notice, PAGE)
        for customer in concerned:
            ended += await _invalidate(database, policies, caller, customer, said)
        if len(concerned) < PAGE:
            return ended


async def _yes(connection: Connection, keyring: Keyring, caller: CustomerCaller, said: Said) -> Yes | None:
    """Return the yes that stands where she answers, by the facts that decisions rest on."""
    if said.channel is None or isinstance(said.purpose, Reach):
        return None
    found = await facts.read(connection, keyring, caller.customer, by_anybody(said.purpose, said.channel), ())
    return yes_of(found.facts)


async def _record(
    database: Database, keyring: Keyring | None, policies: Policies | None, caller: Speaker, said: Said
) -> Acknowledged:
    async with database.transaction() as connection:
        if said.status.valid:
            await access.refuse_ended(connection, caller)
        customer = await customers.whom(connection, keyring, caller, said.customer)
        change = await customers.bump(connection, customer)
        person = (customer, *change.others)
        stands = {} if said.status.valid else {each: await consents.spots_of(connection, each) for each in person}
        seen = _seen(keyring, customer, caller, said, change.now)
        if seen is not None:
            said = structs.replace(said, notice=seen.notice)
        shown = None if seen is None else seen.shown
        act = _Act(said, caller, change.now, policies, await _version(connection, policies), shown)
        key = await _evidence_key(connection, keyring, customer, said)
        answers = act.answers(_spots(act, customer, stands), key, customer)
        if said.status is Status.RENEWED:
            await _refuse_nothing_to_renew(connection, customer, answers)
        standing = await consents.take_in(connection, keyring, [(customer, each) for each in answers])
        id_ = await _enter(connection, keyring, act, customer, answers)
        for other in change.others:
            heard = await _heard(connection, keyring, act, answers, (customer, other), stands.get(other, ()))
            if heard:
                await _spread(connection, keyring, customer, other, heard)
                await _enter(connection, keyring, act, other, heard)
    return Acknowledged(
        [Stands(each.purpose, each.channel, each.status_at(change.now)) for each in standing], change.version, id_
    )


async def _enter(
    connection: Connection, keyring: Keyring | None, act: "_Act", customer: CustomerId, answers: Sequence[Answer]
) -> EntryId:
    """Enter what was answered, under the entry that the answers name."""
    id_ = answers[0].entry if answers else ledger.new_entry_id(act.now)
    await ledger.append(connection, keyring, entry(id_, customer, act.caller, act.now, act.entered(answers), answers))
    return id_


async def _invalidate(
    database: Database, policies: Policies, caller: OperatorCaller, customer: CustomerId, said: Said
) -> bool:
    async with database.transaction() as connection:
        # The lock first: a yes to a better notice that comes meanwhile stays.
        await customers.line_up(connection, [customer])
        purpose, notice = said.purpose, said.notice or 0
        assert isinstance(purpose, str)  # noqa: S101  one purpose; see invalidate
        channels = await consents.channels_given_to(connection, customer, PurposeId(purpose), notice)
        for channel in channels:
            about = structs.replace(said, customer=customer, channel=channel)
            await _record(database.within(connection), None, policies, caller, about)
    return bool(channels)


class _Act(Struct, frozen=True):
    """What was said, who recorded it and when, by which policies, and what is known to have been on the screen."""

    said: Said
    caller: Speaker
    now: datetime
    policies: Policies | None
    version: PolicyVersion
    shown: Shown | None

    def answers(self, spots: Sequence[Spot], key: OpenKey | None, customer: CustomerId) -> list[Answer]:
        """Return an event for each spot, under one entry; where the proof lies is sealed for each of them."""
        given_at = self.said.given_at or self.now
        if given_at > self.now + CLOCKS_DIFFER:
            raise WrongKindError("she cannot have answered in the future", pointer="/given_at")
        id_ = ledger.new_entry_id(self.now)
        made = [self._answer(spot, id_, min(given_at, self.now)) for spot in spots]
        if key is None:
            return made
        return [structs.replace(each, evidence=seal_evidence(key, customer, each, self.said.evidence)) for each in made]

    def entered(self, answers: Sequence[Answer]) -> Act:
        """Return what the ledger says of it."""
        said, given_at = self.said, min(self.said.given_at or self.now, self.now).isoformat()
        if isinstance(said.purpose, Reach):
            return AnsweredWidely(
                reach=said.purpose,
                spots=[f"{each.purpose}/{each.channel}" for each in answers],
                answer=said.status,
                method=said.method,
                given_at=given_at,
                reason=said.reason,
            )
        return Answered(
            purpose=said.purpose,
            channels=[each.channel for each in answers],
            answer=said.status,
            notice=said.notice or 0,
            explicit=said.explicit,
            method=said.method,
            given_at=given_at,
            reason=said.reason,
        )

    def _answer(self, spot: Spot, entry_id: EntryId, given_at: datetime) -> Answer:
        said = self.said
        return Answer(
            purpose=spot.purpose,
            channel=spot.channel,
            status=said.status,
            notice=said.notice or 0,
            explicit=said.explicit,
            method=said.method,
            actor=said.actor,
            given_at=given_at,
            recorded_at=self.now,
            recorder=actor(self.caller),
            policy_version=self.version,
            entry=entry_id,
            acting=said.acting,
            expires_at=_expiry(self.policies, spot.purpose, given_at, said.ends) if said.status.valid else None,
            shown=self.shown,
        )


async def _version(connection: Connection, policies: Policies | None) -> PolicyVersion:
    return await publications.current_version(connection) if policies is None else policies.version


def _spots(act: _Act, customer: CustomerId, stands: Mapping[CustomerId, Sequence[Spot]]) -> Sequence[Spot]:
    """Return for which purposes and channels an answer is: a no also reaches a yes that is offered no more.

    Without policies, which only a no can do without, it is for what stands, on whatever side of a merged person.
    """
    said, catalogue = act.said, None if act.policies is None else act.policies.catalogue
    if isinstance(said.purpose, Reach):
        return _reached(catalogue, said.purpose, stands.get(customer, ()))
    if isinstance(act.caller, MessageCaller):
        # We offered it when we made the link, whatever is offered by now.
        return [Spot(act.caller.purpose, act.caller.channel)]
    purpose, channel = said.purpose, said.channel
    hers = [spot.channel for spot in stands.get(customer, ()) if spot.purpose == purpose]
    elsewhere = any(spot.purpose == purpose for side in stands.values() for spot in side)
    if catalogue is None and not elsewhere:
        raise PoliciesUnavailableError("nothing stands, and what is offered is not known")
    if catalogue is not None and not elsewhere:
        _consent_purpose(catalogue, purpose)
    offered = () if catalogue is None or purpose not in catalogue.purposes else catalogue.purposes[purpose].channels
    every = [*offered, *(each for each in hers if each not in offered)]
    if channel is None:
        return [Spot(purpose, each) for each in every]
    if channel not in every and catalogue is not None:
        raise UnknownChannelError(pointer="/channel")
    return [Spot(purpose, channel)]


def _reached(catalogue: Catalogue | None, reach: Reach, stands: Sequence[Spot]) -> Sequence[Spot]:
    """Return what a withdrawal from several purposes reaches: what is offered, and whatever stands besides."""
    if catalogue is None:
        # Nobody can say now which purposes market: rather too much ends than too little.
        return stands
    offered = [
        Spot(PurposeId(purpose.id), channel)
        for purpose in catalogue.purposes.values()
        if purpose.basis is Basis.CONSENT
        for channel in purpose.channels
    ]
    every = [*offered, *(spot for spot in stands if spot not in offered)]
    return [spot for spot in every if reach.reaches(catalogue.purposes.get(spot.purpose))]


async def _heard(
    connection: Connection,
    keyring: Keyring | None,
    act: _Act,
    answers: Sequence[Answer],
    sides: tuple[CustomerId, CustomerId],
    stands: Sequence[Spot],
) -> list[Answer]:
    """Return what the other side of a merged person hears of it: every no, and a yes by the link that it came by.

    Asked or put off, or run out of its time, is a matter of one side.
    """
    here, other = sides
    spots = [Spot(each.purpose, each.channel) for each in answers]
    if act.said.status.no:
        also = _meant(act.policies, act.said.purpose, stands) if act.said.channel is None else ()
        return act.answers(list(dict.fromkeys([*spots, *also])), None, other)
    if not act.said.status.valid or keyring is None:
        return []
    link = (await links.ways(connection, keyring, here, [other])).get(other)
    told = [] if link is None else act.answers(spots, None, other)
    return [structs.replace(each, link=None if link is None else link.id) for each in told]


def _meant(policies: Policies | None, purpose: PurposeId | Reach, stands: Sequence[Spot]) -> Sequence[Spot]:
    """Return which of what stands a no on every channel means."""
    if not isinstance(purpose, Reach):
        return [spot for spot in stands if spot.purpose == purpose]
    if policies is None:
        return stands
    return [spot for spot in stands if purpose.reaches(policies.catalogue.purposes.get(spot.purpose))]


async def _spread(
    connection: Connection, keyring: Keyring | None, here: CustomerId, other: CustomerId, heard: Sequence[Answer]
) -> None:
    """Record what the other side hears: a no stands there as her own, a yes as long as the link."""
    await consents.take_in(connection, keyring, [(other, each) for each in heard if each.link is None])
    for answer in heard:
        if answer.link is None or keyring is None:
            continue
        await consents.record(connection, other, answer)
        own = await consents.standing(connection, other, answer.purpose, answer.channel)
        yes = standing_after(None, answer)
        # One that is older than what stands there is kept in the history, and changes nothing.
        if latest(own, [yes]) is yes:
            await links.put_yes(connection, keyring, other, answer.link, here, yes)


async def _refuse_nothing_to_renew(connection: Connection, customer: CustomerId, answers: Sequence[Answer]) -> None:
    for each in answers:
        before = await consents.standing(connection, customer, each.purpose, each.channel)
        if before is None or before.status not in RENEWABLE:
            raise NothingToRenewError(pointer="/answer")


def _seen(keyring: Keyring | None, customer: CustomerId, caller: Speaker, said: Said, now: datetime) -> Snapshot | None:
    """Return what she saw when she answered. A no is recorded whatever its snapshot is worth, and without a key."""
    if not said.snapshot or keyring is None:
        return None
    try:
        snapshot = read_snapshot(keyring, said.snapshot, customer)
        given = Given(said.purpose, said.channel, said.notice, said.given_at or now)
        refuse_another_screen(snapshot, caller, given, now)
    except (BadSnapshotError, SnapshotExpiredError):
        if said.status.valid:
            raise
        return None
    return snapshot


async def _evidence_key(
    connection: Connection, keyring: Keyring | None, customer: CustomerId, said: Said
) -> OpenKey | None:
    """Return the key that seals where the proof lies.

    Without it a no is recorded all the same, and only its evidence is not kept.
    """
    if not said.evidence or keyring is None:
        return None
    key = (await evidence.keys_for(connection, keyring, [customer]))[customer]
    if key is None and said.status.valid:
        raise IntegrityError("an evidence key does not open")
    return key


def _expiry(
    policies: Policies | None, purpose: PurposeId, given_at: datetime, latest_end: datetime | None
) -> datetime | None:
    """Return when a yes ends that was given at an instant."""
    found = None if policies is None else policies.catalogue.purposes.get(purpose)
    ends = None if found is None else found.consent_ends(given_at)
    return min((each for each in (ends, latest_end) if each is not None), default=None)


def _consent_purpose(catalogue: Catalogue, id_: PurposeId | Reach) -> Purpose:
    purpose = None if isinstance(id_, Reach) else catalogue.purposes.get(id_)
    if purpose is None:
        raise UnknownPurposeError(pointer="/purpose")
    if purpose.basis is not Basis.CONSENT:
        raise NotConsentBasedError(pointer="/purpose")
    return purpose


def _offered(purpose: Purpose, channel: Channel) -> Channel:
    if channel not in purpose.channels:
        raise UnknownChannelError(pointer="/channel")
    return channel


def _refuse_recorder(catalogue: Catalogue, caller: Caller, purpose: PurposeId) -> None:
    if not isinstance(caller, ServiceCaller):
        return
    service = catalogue.services.get(caller.service)
    if service is None or purpose not in service.records:
        raise NotGrantedError("this service may not record a yes to this purpose", pointer="/purpose")


def _refuse_outdated(catalogue: Catalogue, purpose: PurposeId, notice: int | None) -> None:
    in_force = catalogue.notice_in_force(purpose)
    if notice is None:
        raise MissingFieldError("a yes names the notice that she read", pointer="/notice")
    if not 1 <= notice <= in_force:
        raise UnknownNoticeError(pointer="/notice")
    if notice < in_force:
        raise NoticeSupersededError(pointer="/notice")

"""Showing notices, with proof of what was on the screen, and whether to show one at all."""

from datetime import datetime

from msgspec import Struct

from service.crypto.keyring import Keyring
from service.crypto.snapshots import make_snapshot
from service.database import Connection, Database
from service.errors import (
    NotConsentBasedError,
    NotGrantedError,
    NoticeSupersededError,
    UnknownChannelError,
    UnknownCustomerError,
    UnknownNoticeError,
    UnknownPurposeError,
)
from service.model.callers import CustomerCaller, ServiceCaller, actor
from service.model.catalogue import Catalogue, Notice
from service.model.consent import Answer
from service.model.facts import Restrictions, sides_of
from service.model.ledger import Served as ServedAct
from service.model.ledger import entry
from service.model.prompts import Hearing, Prompt, offered, prompts
from service.model.snapshots import Snapshot
from service.model.words import (
    Acting,
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
from service.storage import access, consents, customers, ledger, notices

Asker = ServiceCaller | CustomerCaller


class Serving(Struct, frozen=True, kw_only=True):
    """What a page is about to show, and on which channel; without a version, the notice in force.

    ``customer``: who will see it, where a service knows; a customer shows it to herself.
    """

    purpose: PurposeId
    channel: Channel
    language: str
    layout: str
    version: int | None = None
    customer: PairwiseId | None = None


class Served(Struct, frozen=True):
    """What proves that a notice was shown, and how the customer's record stands, where she is known."""

    snapshot: str
    said: Snapshot
    entry: EntryId
    version: int | None = None


async def serve(database: Database, keyring: Keyring, policies: Policies, caller: Asker, wanted: Serving) -> Served:
    """Enter that a notice is shown, and return what an answer to it is proven by.

    Of a customer who is known it is an event too, which changes neither a yes nor a no of hers.
    """
    notice = _notice(policies.catalogue, caller, wanted)
    async with database.transaction() as connection:
        await access.refuse_ended(connection, caller)
        customer = await _shown_to(connection, keyring, caller, wanted.customer)
        change = None if customer is None else await customers.bump(connection, customer)
        now = await customers.clock(connection) if change is None else change.now
        said = _snapshot(notice, wanted, caller, now)
        id_, asked = ledger.new_entry_id(now), list[Answer]()
        if customer is not None:
            asked.append(await _ask(connection, policies, customer, said, id_))
        await ledger.append(connection, keyring, entry(id_, customer, caller, now, _act(said), asked))
    return Served(make_snapshot(keyring, said, customer), said, id_, None if change is None else change.version)


async def prompts_for(
    database: Database,
    keyring: Keyring,
    policies: Policies,
    caller: Asker,
    customer: PairwiseId | None,
    where: tuple[Channel, str],
) -> list[Prompt]:
    """Say of each purpose that this caller may ask for on a channel, in a language, whether to ask; writes nothing."""
    (channel, language), catalogue = where, policies.catalogue
    mine = _recorded_by(catalogue, caller)
    newest = {id_: catalogue.notice_in_force(id_) for id_ in offered(catalogue, channel) if id_ in mine}
    async with database.snapshot() as connection:
        found = await _shown_to(connection, keyring, caller, customer)
        if found is None:
            raise UnknownCustomerError
        if not newest:
            return []
        limits = await _limits(connection, keyring, found)
        asked = await notices.asked(connection, [*limits] or [found], channel, newest)
    return prompts(catalogue, Hearing(channel, language, asked.now, [*limits.values()]), asked.past)


async def _limits(connection: Connection, keyring: Keyring, customer: CustomerId) -> dict[CustomerId, Restrictions]:
    """Return what each side of a person forbids, hers first; nothing unless all of it is proven."""
    limits = await customers.restrictions_of(connection, keyring, [customer])
    if customer in limits and limits[customer].linked:
        limits |= await customers.restrictions_of(connection, keyring, limits[customer].linked)
    return {each: limits[each] for each in sides_of(customer, limits)}


def _notice(catalogue: Catalogue, caller: Asker, wanted: Serving) -> Notice:
    purpose = catalogue.purposes.get(wanted.purpose)
    if purpose is None:
        raise UnknownPurposeError(pointer="/purpose")
    if purpose.basis is not Basis.CONSENT:
        raise NotConsentBasedError(pointer="/purpose")
    if wanted.purpose not in _recorded_by(catalogue, caller):
        raise NotGrantedError("this service may not ask for this purpose", pointer="/purpose")
    if wanted.channel not in purpose.channels:
        raise UnknownChannelError(pointer="/channel")
    in_force = catalogue.notice_in_force(wanted.purpose)
    version = in_force if wanted.version is None else wanted.version
    if version > in_force:
        raise UnknownNoticeError(pointer="/version")
    if version < in_force:
        raise NoticeSupersededError(pointer="/version")
    found = catalogue.notices.get((wanted.purpose, version, wanted.language))
    if found is None:
        raise UnknownNoticeError("there is none in this language", pointer="/language")
    return found


def _recorded_by(catalogue: Catalogue, caller: Asker) -> set[str]:
    """Return the purposes for which this caller may record a yes, and so may ask."""
    if isinstance(caller, CustomerCaller):
        return set(catalogue.purposes)
    service = catalogue.services.get(caller.service)
    return set() if service is None else set(service.records)


async def _shown_to(
    connection: Connection, keyring: Keyring, caller: Asker, customer: PairwiseId | None
) -> CustomerId | None:
    """Return who sees the page, or None where the service does not say."""
    if isinstance(caller, ServiceCaller) and customer is None:
        return None
    return await customers.whom(connection, keyring, caller, customer)


def _snapshot(notice: Notice, wanted: Serving, caller: Asker, now: datetime) -> Snapshot:
    return Snapshot(
        purpose=wanted.purpose,
        channel=wanted.channel,
        notice=notice.version,
        language=notice.language,
        layout=wanted.layout,
        digest=notice.digest,
        at=now,
        by=actor(caller),
    )


async def _ask(
    connection: Connection, policies: Policies, customer: CustomerId, said: Snapshot, id_: EntryId
) -> Answer:
    """Keep that she is asked, and return it.

    A page that is loaded again while it may still be before her began when it began.
    """
    past = await notices.asked(connection, [customer], said.channel, {said.purpose: said.notice})
    last = past.past[said.purpose].last
    begun_at = last.begun_at if last is not None and last.is_open(said.notice, said.at) else said.at
    answer = Answer(
        purpose=said.purpose,
        channel=said.channel,
        status=Status.REQUESTED,
        notice=said.notice,
        explicit=False,
        method=Method.SYSTEM,
        actor="",
        given_at=begun_at,
        recorded_at=said.at,
        recorder=said.by,
        policy_version=policies.version,
        entry=id_,
        acting=Acting.CONTROLLER,
        shown=said.shown,
    )
    await consents.take_in(connection, None, [(customer, answer)])
    return answer


def _act(said: Snapshot) -> ServedAct:
    return ServedAct(
        purpose=said.purpose,
        channel=said.channel,
        notice=said.notice,
        language=said.language,
        layout=said.layout,
        digest=said.digest,
    )

"""Links in messages: made for those who send them, and used by whoever has one. See docs/decisions/0016."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from service.crypto.keyring import Keyring
from service.crypto.message_tokens import MessageToken, can_be_token, token_of
from service.database import Connection, Database
from service.errors import (
    NotConsentBasedError,
    NotGrantedError,
    UnknownChannelError,
    UnknownMessageLinkError,
    UnknownPurposeError,
    UnknownServiceError,
)
from service.model.callers import MessageCaller, OperatorCaller, ServiceCaller
from service.model.catalogue import Catalogue
from service.model.choices import PAUSED_FOR
from service.model.consent import Reach, Spot
from service.model.identifiers import Identifier
from service.model.ledger import LookedUp, entry
from service.model.message_links import AGAIN, MessageLink, No, ends_at
from service.model.words import Basis, CustomerId, PairwiseId, ServiceId
from service.policy.engine import Policies
from service.storage import access, choices, consents, customers, ledger, message_links
from service.storage.forgetting import forget_all


class Address(Struct, frozen=True):
    """Where a link leads, and until when it is good; its repr hides it, for whoever has it can say no."""

    url: str
    ends_at: datetime

    def __repr__(self) -> str:
        return "Address()"


class Made(Struct, frozen=True):
    """A link."""

    token: MessageToken
    ends_at: datetime

    def under(self, public: str) -> Address:
        """Return its address; ``public``: where customers find the portal."""
        return Address(f"{public}/n/{self.token.text}", self.ends_at)

    def __repr__(self) -> str:
        return "Made()"


class Held(Struct, frozen=True):
    """Whoever has a link, and what it is about."""

    caller: MessageCaller
    now: datetime
    paused_until: datetime | None


async def make(
    database: Database,
    keyring: Keyring,
    policies: Policies,
    caller: ServiceCaller,
    spot: Spot,
    wanted: Sequence[PairwiseId],
) -> Mapping[PairwiseId, Made]:
    """Make a link for each of these customers; whom the service does not know is left out. Made again it is the same.

    Raises UnknownPurposeError, UnknownChannelError, NotConsentBasedError, NotGrantedError for what the service may not
    use, or what nobody consents to.
    """
    access.refuse_unproven(caller)
    _refuse_misuse(policies.catalogue, caller.service, spot)
    async with database.transaction() as connection:
        await access.refuse_ended(connection, caller)
        found = await customers.by_pairwise_ids(connection, keyring, caller.service, wanted)
        made = await _make(connection, keyring, caller.service, spot, list(found.values()))
    return {id_: made[customer] for id_, customer in found.items()}


async def make_for(
    database: Database,
    keyring: Keyring,
    policies: Policies,
    caller: OperatorCaller,
    message: tuple[ServiceId, Spot],
    wanted: Sequence[Identifier],
) -> list[Made | None]:
    """Make a link for whoever each identifier finds, None where that is nobody; each is an entry of hers.

    ``message``: which service sends it, and what it is about. Raises as ``make`` does, and UnknownServiceError.
    """
    service, spot = message
    if service not in policies.catalogue.services:
        raise UnknownServiceError
    _refuse_misuse(policies.catalogue, service, spot)
    async with database.transaction() as connection:
        digests = [(each.kind, keyring.index_of(each)) for each in wanted]
        found = [await customers.by_identifier(connection, keyring, *each) for each in digests]
        hers = list(dict.fromkeys(each for each in found if each is not None))
        made = await _make(connection, keyring, service, spot, hers)
        now, act = await customers.clock(connection), LookedUp(what="message link", reason=caller.reason)
        lines = [entry(ledger.new_entry_id(now), each, caller, now, act) for each in hers]
        await ledger.append_all(connection, keyring, lines)
    return [None if each is None else made[each] for each in found]


async def held(database: Database, keyring: Keyring | None, token: str) -> Held:
    """Return who has a link; raises UnknownMessageLinkError for one that never was, or has ended.

    It needs no key; where there is one, nobody at the database can turn her no into somebody else's.
    """
    if not can_be_token(token):
        raise UnknownMessageLinkError
    async with database.connection() as connection:
        found = await message_links.find(connection, keyring, token)
        limits = None if found is None else await choices.held(connection, found.link.customer)
    if found is None or limits is None or (keyring is not None and not found.proven):  # or she is erased
        raise UnknownMessageLinkError
    caller = MessageCaller(found.link.customer, found.link.purpose, found.link.channel, found.proven)
    return Held(caller, found.now, limits.paused_until)


async def is_done(database: Database, policies: Policies | None, held: Held, no: No) -> bool:
    """Whether what somebody wants with a link is so already: then nothing is written, however often he asks."""
    if no is No.PAUSE:
        return held.paused_until is not None and held.paused_until > held.now + PAUSED_FOR - AGAIN
    caller = held.caller
    if no is No.STOP:
        async with database.connection() as connection:
            return not await message_links.open_at(connection, caller.customer, [Spot(caller.purpose, caller.channel)])
    if policies is None:
        return False
    async with database.connection() as connection:
        hers = await consents.spots_of(connection, caller.customer)
        return not await message_links.open_at(connection, caller.customer, _marketing(policies.catalogue, hers))


async def forget_ended(database: Database) -> int:
    """Forget the links whose time has run; returns how many."""
    return await forget_all(database, message_links.forget_ended)


def _marketing(catalogue: Catalogue, hers: Sequence[Spot]) -> list[Spot]:
    offered = [Spot(id_, channel) for id_, purpose in catalogue.purposes.items() for channel in purpose.channels]
    every = dict.fromkeys([*offered, *hers])
    purposes = catalogue.purposes
    return [
        spot
        for spot in every
        if Reach.MARKETING.reaches(purposes.get(spot.purpose)) and purposes[spot.purpose].basis is Basis.CONSENT
    ]


def _refuse_misuse(catalogue: Catalogue, service: ServiceId, spot: Spot) -> None:
    purpose = catalogue.purposes.get(spot.purpose)
    if purpose is None:
        raise UnknownPurposeError(pointer="/purpose")
    if spot.channel not in purpose.channels:
        raise UnknownChannelError(pointer="/channel")
    if purpose.basis is not Basis.CONSENT:
        raise NotConsentBasedError(pointer="/purpose")
    rights = catalogue.services.get(service)
    use = None if rights is None else rights.uses.get(spot.purpose)
    if use is None or spot.channel not in use.channels:
        raise NotGrantedError("this service has no grant for this purpose on this channel", pointer="/purpose")


async def _make(
    connection: Connection, keyring: Keyring, service: ServiceId, spot: Spot, hers: Sequence[CustomerId]
) -> dict[CustomerId, Made]:
    ends = ends_at(await customers.clock(connection))
    links = [
        MessageLink(service=service, customer=each, purpose=spot.purpose, channel=spot.channel, ends_at=ends)
        for each in hers
    ]
    made = [(each, token_of(keyring, each)) for each in links]
    await message_links.put_all(connection, made)
    return {link.customer: Made(token, link.ends_at) for link, token in made}

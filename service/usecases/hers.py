"""What a customer sees of herself: what is known, and who may use it."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct, structs

from service.crypto.cursors import name_cursor, name_of
from service.crypto.framing import Part
from service.crypto.keyring import Keyring, OpenKey, open_own
from service.database import Database
from service.errors import KeysUnavailableError
from service.model.callers import CustomerCaller
from service.model.facts import PREFERENCE, SealedFact
from service.model.situation import everybody
from service.model.words import Channel, PurposeId, ServiceId
from service.policy.decide import decide
from service.policy.engine import Policies
from service.storage import facts


class Known(Struct, frozen=True):
    """One fact, opened for the customer herself; its repr hides the value."""

    fact: SealedFact
    title: str
    value: msgspec.Raw
    kept_until: datetime | None
    usable: Mapping[tuple[ServiceId, PurposeId], tuple[Channel, ...]]
    """Which services may use it now, for which purposes, on which channels."""

    def __repr__(self) -> str:
        return f"Known({self.fact.attribute!r})"


class Knowledge(Struct, frozen=True):
    """A page of facts, and the cursor of the next."""

    facts: list[Known]
    next: str | None


async def known(
    database: Database,
    keyring: Keyring,
    policies: Policies,
    caller: CustomerCaller,
    *,
    after: str | None,
    most: int,
) -> Knowledge:
    """Return facts about her by name, with who may use each now by the decision that a release would make."""
    about: list[Part] = ["facts", caller.customer]
    last = b"" if after is None else name_of(keyring, after, about)
    async with database.connection() as connection:
        profile = await facts.read_profile(connection, keyring, caller.customer)
    if profile.key is None:
        raise KeysUnavailableError("the customer's key is gone")
    key = keyring.open_customer_key(caller.customer, profile.key)
    everything = [fact for each in profile.facts.values() for fact in each]
    rest = sorted((fact for fact in everything if _name(fact) > last), key=_name)
    page = [_known(policies, profile, key, caller, fact) for fact in rest[:most]]
    return Knowledge(page, name_cursor(keyring, _name(rest[most - 1]), about) if len(rest) > most else None)


def _name(fact: SealedFact) -> bytes:
    """Return the name that facts are listed by: attribute, how it is known in the order of preference, source."""
    return f"{fact.attribute}#{PREFERENCE[fact.provenance]}@{fact.source}".encode()


def _known(policies: Policies, profile: facts.Profile, key: OpenKey, caller: CustomerCaller, fact: SealedFact) -> Known:
    attribute = policies.catalogue.attributes.get(fact.attribute)
    kept = None if attribute is None else fact.as_of + timedelta(days=attribute.retention_days)
    title = fact.attribute if attribute is None else attribute.title
    return Known(fact, title, msgspec.Raw(open_own(key, caller, fact)), kept, _usable(policies, profile, fact))


def _usable(
    policies: Policies, profile: facts.Profile, fact: SealedFact
) -> dict[tuple[ServiceId, PurposeId], tuple[Channel, ...]]:
    """Ask the decision of a release, for this one fact, of every service, purpose and channel."""
    found: dict[tuple[ServiceId, PurposeId], tuple[Channel, ...]] = {}
    for asked in everybody(policies.catalogue):
        alone = structs.replace(profile.facts_for(asked), facts={fact.attribute: (fact,)})
        if fact.attribute in policies.catalogue.attributes and decide(policies, asked, [fact.attribute], alone).permits:
            pair = asked.service, asked.purpose
            found[pair] = (*found.get(pair, ()), asked.channel)
    return found

"""What a customer sees of herself: what is known, and who may use it."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct, structs

from service.crypto.cursors import name_cursor, name_of
from service.crypto.framing import Part
from service.crypto.keyring import Keyring, OpenKey, open_own
from service.database import Database
from service.errors import KeysUnavailableError, UnknownFactError
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
    """A page of facts, the cursor of the next, and where anything that is known comes from."""

    facts: list[Known]
    next: str | None
    sources: list[str] = []
    barred: tuple[str, ...] = ()
    """What she keeps out of a purpose or a kind of purposes, each ``attribute purpose``."""


async def known(  # noqa: PLR0913  what it may touch, who asks, and which page of what
    database: Database,
    keyring: Keyring,
    policies: Policies,
    caller: CustomerCaller,
    *,
    after: str | None,
    most: int,
    source: str | None = None,
) -> Knowledge:
    """Return facts about her by name, with who may use each now by the decision that a release would make.

    ``source``: only what comes from there.
    """
    about: list[Part] = ["facts", caller.customer] if source is None else ["facts", caller.customer, source]
    last = b"" if after is None else name_of(keyring, after, about)
    profile, key = await _profile(database, keyring, caller)
    everything = [fact for each in profile.facts.values() for fact in each]
    wanted = [fact for fact in everything if source in (None, fact.source)]
    rest = sorted((fact for fact in wanted if _name(fact) > last), key=_name)
    page = [_known(policies, profile, key, caller, fact) for fact in rest[:most]]
    more = name_cursor(keyring, _name(rest[most - 1]), about) if len(rest) > most else None
    return Knowledge(page, more, sorted({fact.source for fact in everything}), _barred(profile))


async def fact(
    database: Database, keyring: Keyring, policies: Policies, caller: CustomerCaller, name: str
) -> Knowledge:
    """Return one fact about her, by its name; raises UnknownFactError."""
    profile, key = await _profile(database, keyring, caller)
    for each in (fact for of_one in profile.facts.values() for fact in of_one):
        if each.name == name:
            return Knowledge([_known(policies, profile, key, caller, each)], None, barred=_barred(profile))
    raise UnknownFactError


async def _profile(database: Database, keyring: Keyring, caller: CustomerCaller) -> tuple[facts.Profile, OpenKey]:
    async with database.connection() as connection:
        profile = await facts.read_profile(connection, keyring, caller.customer)
    if profile.key is None:
        raise KeysUnavailableError("the customer's key is gone")
    return profile, keyring.open_customer_key(caller.customer, profile.key)


def _barred(profile: facts.Profile) -> tuple[str, ...]:
    return () if profile.restrictions is None else profile.restrictions.barred


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

"""A customer's preferences: what she likes, how often, in which language, and when nobody disturbs her.

What is a value is a fact like any other, volunteered by herself: sealed, and released only as the policies say.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
from msgspec import Struct

from service.crypto.keyring import Keyring, OpenKey, open_own
from service.database import Connection, Database
from service.errors import (
    IntegrityError,
    KeysUnavailableError,
    PreconditionFailedError,
    UnknownAttributeError,
    WrongKindError,
)
from service.model.callers import CustomerCaller, actor
from service.model.catalogue import Attribute
from service.model.choices import Chosen, Quiet, at_once, restrictions_after
from service.model.facts import HERSELF, Restrictions, SealedFact, in_preference
from service.model.ledger import Preferred, entry
from service.model.words import AttributeId, CustomerId, EntryId, Method, Provenance
from service.policy.engine import Policies
from service.storage import access, choices, customers, facts, ledger


class Preferences(Struct, frozen=True):
    """What she likes, opened for herself; its repr hides it. ``tag`` tells one state from another, and nothing else."""

    values: Mapping[AttributeId, msgspec.Raw]
    quiet_hours: str
    tag: str

    def __repr__(self) -> str:
        return "Preferences()"


class Wished(Struct, frozen=True):
    """All that she likes from now on; what is left out she likes no more. Its repr hides it."""

    values: Sequence[tuple[AttributeId, bytes]]
    quiet_hours: str

    def __repr__(self) -> str:
        return "Wished()"


class Kept(Struct, frozen=True):
    """That preferences are recorded, and the tag of what holds now."""

    version: int
    entry: EntryId
    tag: str


async def read(database: Database, keyring: Keyring, policies: Policies, caller: CustomerCaller) -> Preferences:
    """Return what she likes, whoever wrote it down."""
    async with database.connection() as connection:
        return (await _state(connection, keyring, policies, caller)).seen


async def keep(
    database: Database,
    keyring: Keyring,
    policies: Policies,
    caller: CustomerCaller,
    wished: Wished,
    seen: frozenset[str],
) -> Kept:
    """Replace what she likes, if it is as she saw it; ``seen``: the tags of the states that she may have seen.

    Raises PreconditionFailedError when it was changed since, UnknownAttributeError and WrongKindError for values.
    """
    values = {id_: _checked(policies, index, id_, value) for index, (id_, value) in enumerate(wished.values)}
    async with database.transaction() as connection:
        await access.refuse_ended(connection, caller)
        # Whoever comes second waits here, and then sees what the first one left.
        change = await customers.bump(connection, caller.customer)
        state = await _state(connection, keyring, policies, caller)
        if state.seen.tag not in seen and "*" not in seen:
            raise PreconditionFailedError
        id_ = ledger.new_entry_id(change.now)
        kept = _Keeping(caller, change, id_)
        changed, chosen = await _put(connection, kept, state, values), list[Chosen]()
        if wished.quiet_hours != state.limits.quiet_hours:
            chosen.append(await _quieten(connection, keyring, kept, state.limits, wished.quiet_hours))
        act = Preferred(facts=changed, quiet_hours=wished.quiet_hours != state.limits.quiet_hours)
        await ledger.append(connection, keyring, entry(id_, caller.customer, caller, change.now, act, chosen))
    return Kept(change.version, id_, _tag(keyring, caller.customer, values, wished.quiet_hours))


async def language(database: Database, keyring: Keyring, policies: Policies, caller: CustomerCaller) -> str:
    """Return the language that she likes to be spoken to in, empty where she did not say."""
    attribute = policies.catalogue.spoken
    if attribute is None:
        return ""
    liked = (await read(database, keyring, policies, caller)).values.get(attribute)
    return "" if liked is None else msgspec.json.decode(liked, type=str)


async def speak(
    database: Database, keyring: Keyring, policies: Policies, caller: CustomerCaller, language: str
) -> Kept | None:
    """Keep the language that she likes to be spoken to in, and leave the rest as it is.

    Returns None where the catalogue has no attribute for it, or not this language.
    """
    catalogue = policies.catalogue
    attribute = catalogue.spoken
    if attribute is None or language not in catalogue.attributes[attribute].choices:
        return None
    seen = await read(database, keyring, policies, caller)
    values = {id_: bytes(value) for id_, value in seen.values.items()} | {attribute: msgspec.json.encode(language)}
    return await keep(
        database, keyring, policies, caller, Wished([*values.items()], seen.quiet_hours), frozenset([seen.tag])
    )


class _Keeping(Struct, frozen=True):
    caller: CustomerCaller
    change: customers.Change
    entry: EntryId


class _State(Struct, frozen=True):
    """What is there now."""

    seen: Preferences
    limits: Restrictions
    key: OpenKey


async def _state(connection: Connection, keyring: Keyring, policies: Policies, caller: CustomerCaller) -> _State:
    profile = await facts.read_profile(connection, keyring, caller.customer)
    if profile.key is None:
        raise KeysUnavailableError("the customer's key is gone")
    if profile.restrictions is None:
        raise IntegrityError("a customer's restrictions are gone or do not carry our MAC")
    key = keyring.open_customer_key(caller.customer, profile.key)
    newest = {
        id_: next(_volunteered(in_preference(profile.facts.get(id_, ()))), None)
        for id_, each in sorted(policies.catalogue.attributes.items())
        if each.preference
    }
    values = {id_: open_own(key, caller, fact) for id_, fact in newest.items() if fact is not None}
    hours = profile.restrictions.quiet_hours
    raw = {id_: msgspec.Raw(value) for id_, value in values.items()}
    return _State(Preferences(raw, hours, _tag(keyring, caller.customer, values, hours)), profile.restrictions, key)


def _volunteered(of_one: Iterable[SealedFact]) -> Iterator[SealedFact]:
    return (fact for fact in of_one if fact.provenance is Provenance.VOLUNTEERED)


def _tag(keyring: Keyring, customer: CustomerId, values: Mapping[AttributeId, bytes], quiet_hours: str) -> str:
    """Return a MAC of the content: without our key nobody can tell from it what the content is."""
    parts = [part for id_ in sorted(values) for part in (id_, values[id_])]
    mac = keyring.mac(["preferences", customer, quiet_hours, len(values), *parts])
    return f"{mac.version}-{mac.digest.hex()}"


def _checked(policies: Policies, index: int, id_: AttributeId, value: bytes) -> bytes:
    """Return a value in its stored form, if it is that of a preference."""
    attribute: Attribute | None = policies.catalogue.attributes.get(id_)
    if attribute is None or not attribute.preference:
        raise UnknownAttributeError(pointer=f"/preferences/{index}/attribute")
    try:
        return attribute.canonical(value)
    except msgspec.ValidationError:
        raise WrongKindError(f"expected {attribute.kind}", pointer=f"/preferences/{index}/value") from None


async def _put(connection: Connection, kept: _Keeping, state: _State, values: Mapping[AttributeId, bytes]) -> list[str]:
    """Seal what is new and delete what she likes no more; returns what changed, without values."""
    customer, now = kept.caller.customer, kept.change.now
    before = {id_: bytes(value) for id_, value in state.seen.values.items()}
    gone = [id_ for id_ in before if id_ not in values]
    new = {id_: value for id_, value in values.items() if before.get(id_) != value}
    if gone:
        await facts.forget_volunteered(connection, customer, gone)
    fresh = [facts.NewFact(id_, Provenance.VOLUNTEERED, HERSELF, now, value) for id_, value in new.items()]
    if fresh:
        await facts.put_all(connection, [(customer, state.key, each, kept.change.version) for each in fresh])
    return sorted([*gone, *new])


async def _quieten(
    connection: Connection, keyring: Keyring, kept: _Keeping, limits: Restrictions, hours: str
) -> Chosen:
    """Let quiet hours hold, as the choice that they are, and return it."""
    customer, now, choice = kept.caller.customer, kept.change.now, Quiet(hours)
    chosen = at_once(choice, actor(kept.caller), now, kept.entry, method=Method.PORTAL)
    await choices.record(connection, customer, chosen)
    await customers.put_restrictions(connection, keyring, customer, restrictions_after(limits, choice))
    return chosen

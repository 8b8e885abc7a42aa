"""Recording and reading choices beyond single purposes: objections, restrictions, pauses, what she opens."""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from service.crypto.cursors import LAST, cursor, position_of
from service.crypto.framing import Part
from service.crypto.keyring import Keyring
from service.database import Connection, Database
from service.errors import (
    DemandedByLawError,
    IntegrityError,
    KeysUnavailableError,
    NotGrantedError,
    NotInterestBasedError,
    UnknownAttributeError,
    UnknownPurposeError,
    WrongKindError,
)
from service.model import ledger as acts
from service.model.callers import Caller, CustomerCaller, MessageCaller, ServiceCaller, Speaker, actor
from service.model.catalogue import Catalogue
from service.model.choices import (
    PAUSED_FOR,
    Allowed,
    Bar,
    Choice,
    Chosen,
    Kind,
    Objection,
    Pause,
    Quiet,
    Strike,
    narrows,
    restrictions_after,
    takes_away,
)
from service.model.clocks import CLOCKS_DIFFER
from service.model.facts import Restrictions, Standing
from service.model.ledger import entry
from service.model.words import Acting, Basis, CustomerId, EntryId, Method, PairwiseId, PurposeId, Status
from service.policy.engine import Policies
from service.storage import access, choices, consents, customers, ledger

NO_SHARING = Allowed(Kind.SHARING, allowed=False)


class Said(Struct, frozen=True, kw_only=True):
    """What a customer chose, as a caller reports it. Without a customer it is the caller's own choice."""

    choice: Choice
    method: Method
    customer: PairwiseId | None = None
    actor: str = ""
    given_at: datetime | None = None


class Conflict(Struct, frozen=True):
    """A yes to something that an outside company gets, while she wants nothing shared: the no wins."""

    purpose: PurposeId
    channel: str
    since: datetime


class Taken(Struct, frozen=True, kw_only=True):
    """That a choice is recorded, the yes that it overrules, and what she wants shared since when."""

    version: int
    entry: EntryId
    conflicts: list[Conflict] = []


class Choices(Struct, frozen=True):
    """What holds beside her consents, the yes that it overrules, and a page of the choices that led there."""

    limits: Restrictions
    conflicts: list[Conflict]
    no_sharing_since: datetime | None
    history: list[Chosen]
    next: str | None
    now: datetime


async def choose(
    database: Database, keyring: Keyring | None, policies: Policies | None, caller: Speaker, said: Said
) -> Taken:
    """Record a choice: from the customer herself, or what takes away from any service that knows her.

    What only takes away works without a keyring and without policies. Raises NotGrantedError for a service, or the link
    of a message, that would open something, KeysUnavailableError for an opening while no key is there.
    """
    if keyring is not None:
        access.refuse_unproven(caller)
    catalogue = None if policies is None else policies.catalogue
    async with database.transaction() as connection:
        if not takes_away(said.choice):
            await access.refuse_ended(connection, caller)
        customer = await customers.whom(connection, keyring, caller, said.customer)
        change = await customers.bump(connection, customer)
        await _refuse_misfits(connection, catalogue, customer, said.choice, change.now)
        taken = await _record(connection, keyring, catalogue, caller, _Recording(customer, change, said))
        await _spread(connection, keyring, catalogue, caller, _Recording(customer, change, said))
        return taken


async def pause_from_now(database: Database) -> Pause:
    """Return the pause that begins now, by the database's clock. No key is needed, as for every no."""
    async with database.connection() as connection:
        return Pause(await customers.clock(connection) + PAUSED_FOR)


async def heed(
    database: Database, keyring: Keyring | None, policies: Policies | None, caller: Caller, customer: CustomerId
) -> Taken | None:
    """Record the Global Privacy Control of her browser; None when nothing was shared anyway."""
    said = Said(choice=NO_SHARING, method=Method.BROWSER_SIGNAL)
    catalogue = None if policies is None else policies.catalogue
    async with database.transaction() as connection:
        # Two that come at once: the second waits, and finds that it is so already.
        await customers.line_up(connection, [customer])
        held = await choices.held(connection, customer)
        if held is not None and not held.may_share:
            return None
        change = await customers.bump(connection, customer)
        taken = await _record(connection, keyring, catalogue, caller, _Recording(customer, change, said))
        await _spread(connection, keyring, catalogue, caller, _Recording(customer, change, said))
        return taken


async def read(
    database: Database,
    keyring: Keyring,
    policies: Policies,
    caller: CustomerCaller,
    *,
    after: str | None,
    most: int,
) -> Choices:
    """Return what holds and a page of choices; raises IntegrityError when what holds is not proven."""
    about: list[Part] = ["choices", caller.customer]
    before = LAST if after is None else position_of(keyring, after, about)
    async with database.connection() as connection:
        limits = (await customers.restrictions_of(connection, keyring, [caller.customer])).get(caller.customer)
        if limits is None:
            raise IntegrityError("a customer's restrictions are gone or do not carry our MAC")
        events = await choices.history(connection, caller.customer, before, most + 1)
        conflicts = await _conflicts(connection, policies.catalogue, caller.customer, limits)
        since = await choices.no_sharing_since(connection, caller.customer)
        now = await customers.clock(connection)
    more = cursor(keyring, events[most - 1][0], about) if len(events) > most else None
    history = [chosen for _, chosen in events[:most]]
    return Choices(limits, conflicts, None if limits.may_share else since, history, more, now)


class _Recording(Struct, frozen=True):
    customer: CustomerId
    change: customers.Change
    said: Said


async def _record(
    connection: Connection, keyring: Keyring | None, catalogue: Catalogue | None, caller: Speaker, what: _Recording
) -> Taken:
    """Append the event, let it hold, and enter it."""
    customer, change, said = what.customer, what.change, what.said
    id_ = ledger.new_entry_id(change.now)
    chosen = Chosen(
        choice=said.choice,
        method=said.method,
        acting=Acting.HERSELF,
        actor=said.actor,
        recorder=actor(caller),
        given_at=_given_at(said, change.now),
        recorded_at=change.now,
        entry=id_,
    )
    await choices.record(connection, customer, chosen)
    limits = await _hold(connection, keyring, caller, customer, said.choice)
    await ledger.append(connection, keyring, entry(id_, customer, caller, change.now, _act(chosen), [chosen]))
    conflicts = await _conflicts(connection, catalogue, customer, limits) if said.choice == NO_SHARING else []
    return Taken(version=change.version, entry=id_, conflicts=conflicts)


async def _spread(
    connection: Connection, keyring: Keyring | None, catalogue: Catalogue | None, caller: Speaker, what: _Recording
) -> None:
    """Let what takes away hold on the other sides of a merged person too, unless more is closed there already.

    What opens is hers on the side she said it on: the other must open it itself.
    """
    if not takes_away(what.said.choice):
        return
    for other in what.change.others:
        held = await choices.held(connection, other)
        after = None if held is None else restrictions_after(held, what.said.choice)
        if held is None or after is None or narrows(held, after):
            await _record(connection, keyring, catalogue, caller, _Recording(other, what.change, what.said))


async def _hold(
    connection: Connection, keyring: Keyring | None, caller: Speaker, customer: CustomerId, choice: Choice
) -> Restrictions | None:
    """Let a choice hold: in the row under our MAC, or beside it where the row cannot be proven and it takes away."""
    proven = (
        None if keyring is None else (await customers.restrictions_of(connection, keyring, [customer])).get(customer)
    )
    before = await choices.held(connection, customer) if proven is None else proven
    after = None if before is None else restrictions_after(before, choice)
    opens = not takes_away(choice) or (before is not None and after is not None and not narrows(before, after))
    if opens and isinstance(caller, ServiceCaller | MessageCaller):
        raise NotGrantedError("only she herself can open what is closed", pointer="/choice")
    if proven is not None and keyring is not None and after is not None:
        if after != before:
            await customers.put_restrictions(connection, keyring, customer, after)
    elif opens and keyring is None:
        raise KeysUnavailableError("opening something needs a key")
    elif opens:
        raise IntegrityError("a customer's restrictions are gone or do not carry our MAC")
    elif after != before or before is None:
        await choices.say_no(connection, customer, choice)
    return after


async def _refuse_misfits(
    connection: Connection, catalogue: Catalogue | None, customer: CustomerId, choice: Choice, now: datetime
) -> None:
    """Refuse a pause that is over, and an objection to what nobody rests on an interest."""
    if isinstance(choice, Pause) and choice.until is not None and choice.until <= now:
        raise WrongKindError("a pause ends in the future", pointer="/value")
    if isinstance(choice, Strike):
        raise WrongKindError("facts are struck out by acts of their own", pointer="/choice")
    if catalogue is None:
        return  # without policies nobody knows what rests on what, and she may object all the same
    if isinstance(choice, Bar):
        await _refuse_unusable(connection, catalogue, customer, choice)
    if not isinstance(choice, Objection):
        return
    purpose = catalogue.purposes.get(choice.purpose)
    held = await choices.held(connection, customer)
    if not choice.stands and held is not None and choice.purpose in held.objections:
        return  # whatever became of the purpose, she can take back what she said
    if purpose is None:
        raise UnknownPurposeError(pointer="/purpose")
    if purpose.basis is not Basis.LEGITIMATE_INTEREST:
        raise NotInterestBasedError(pointer="/purpose")


async def _refuse_unusable(connection: Connection, catalogue: Catalogue, customer: CustomerId, bar: Bar) -> None:
    """Refuse to keep what there is not out of what there is not, and anything out of what the law demands."""
    held = await choices.held(connection, customer)
    if not bar.stands and held is not None and bar.what in held.barred:
        return  # whatever became of it, she can take back what she said
    if bar.attribute not in catalogue.attributes:
        raise UnknownAttributeError(pointer="/attribute")
    purpose = catalogue.purposes.get(PurposeId(bar.purpose))
    kinds = {kind for each in catalogue.purposes.values() for kind in each.kinds}
    if purpose is None and bar.purpose not in kinds:
        raise UnknownPurposeError(pointer="/purpose")
    if purpose is not None and purpose.basis is Basis.LEGAL_OBLIGATION:
        raise DemandedByLawError(pointer="/purpose")


async def _conflicts(
    connection: Connection, catalogue: Catalogue | None, customer: CustomerId, limits: Restrictions | None
) -> list[Conflict]:
    """Return each yes that stands to something that an outside company gets, while she wants nothing shared."""
    if catalogue is None or (limits is not None and limits.may_share):
        return []
    shared = [id_ for id_, each in catalogue.purposes.items() if _shared(catalogue, id_, each.basis)]
    return list(_yeses(await consents.all_standing(connection, customer, shared)))


def _shared(catalogue: Catalogue, purpose: PurposeId, basis: Basis) -> bool:
    return basis is Basis.CONSENT and catalogue.reaches_outside(purpose)


def _yeses(standing: Iterable[tuple[Standing, Status]]) -> Iterable[Conflict]:
    for each, status in standing:
        if status.valid:
            yield Conflict(each.purpose, each.channel, each.decided_at)


def _given_at(said: Said, now: datetime) -> datetime:
    given_at = said.given_at or now
    if given_at > now + CLOCKS_DIFFER:
        raise WrongKindError("she cannot have chosen in the future", pointer="/given_at")
    return min(given_at, now)


def _act(chosen: Chosen) -> acts.Chosen:
    choice = chosen.choice
    # Where she sleeps is nobody's to read in a ledger.
    value = "some" if isinstance(choice, Quiet) and choice.hours else choice.value
    return acts.Chosen(choice=choice.kind, value=value, method=chosen.method, given_at=chosen.given_at.isoformat())

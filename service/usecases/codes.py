"""Codes by e-mail: to sign in, to prove afresh that it is she, to add an address.

Whoever asks is answered alike whether or not anybody is known by an address, and nothing is looked up, written or
hashed in one case that is not in the other. A code is good in the tab that asked for it; a link, which only signs in,
is good wherever its page's one button is pressed. Each is used once.
"""

from msgspec import Struct

from service.crypto.credentials import LINK, WAITING, Credential, WaitingParts, read_code, read_secret
from service.crypto.keyring import Keyring, open_own_identifier
from service.database import Connection, Database
from service.errors import (
    IdentifierTakenError,
    SignInOverError,
    StepUpRequiredError,
    SuppressedError,
    UnknownIdentifierError,
    WrongCodeError,
    WrongKindError,
)
from service.model.callers import CustomerCaller, actor
from service.model.identifiers import Identifier
from service.model.ledger import Identified, SignedIn, entry
from service.model.signin import CODE_LASTS, Aim, Session, Way, digest_of
from service.model.suppression import Found, Recording, bearing, forgotten
from service.model.words import CustomerId, EntryId, IdentifierKind
from service.policy.engine import Policies
from service.storage import consents, customers, ledger, rates, sessions, signins, suppressions, tries
from service.storage.forgetting import forget_all

EMAIL = IdentifierKind.EMAIL


class Letter(Struct, frozen=True):
    """What is to be mailed; its repr hides all of it. Without a link or code: that nobody is known by this address."""

    to: str
    aim: Aim
    code: str = ""
    link: str = ""

    def __repr__(self) -> str:
        return f"Letter({self.aim!r})"


class Asked(Struct, frozen=True):
    """What the tab that asked keeps, and the letter; None where nothing may be sent to that address."""

    waiting: str
    letter: Letter | None
    linked: bool = False
    """Whether it is a link alone that is sent, for of codes there were enough today."""

    def __repr__(self) -> str:
        return "Asked()"


class Entered(Struct, frozen=True):
    """That she is in: the cookie of her session, and the entry."""

    cookie: str
    entry: EntryId

    def __repr__(self) -> str:
        return "Entered()"


class Added(Struct, frozen=True):
    """That an address is hers now: her new version, and the entry."""

    version: int
    entry: EntryId


async def ask(database: Database, keyring: Keyring, address: Identifier, network: str) -> Asked:
    """Ask for a code and a link for whoever is known by an e-mail address.

    ``network``: from where. Raises TooManyTriesError, whoever is or is not known.
    """
    digest = _index_of(keyring, address)
    await tries.from_network(database, keyring, network)
    async with database.transaction() as connection:
        coded = await tries.to_sign_in(connection, keyring, network, digest)
    async with database.transaction() as connection:
        customer = await customers.by_identifier(connection, keyring, EMAIL, digest)
        left_alone = (await suppressions.among(connection, [(EMAIL, digest)])).get((EMAIL, digest), ())
        whom = signins.Whom(Aim.SIGN_IN, customer, digest, coded=coded)
        begun = await signins.begin(connection, keyring, whom, CODE_LASTS)
    letter: Letter | None = None if forgotten(left_alone) else Letter(address.value, Aim.SIGN_IN)
    if customer is not None:
        letter = Letter(address.value, Aim.SIGN_IN, begun.code, begun.link.text)
    return Asked(begun.waiting.text, letter, linked=not coded)


async def enter(database: Database, keyring: Keyring, waiting: str, code: str, network: str, device: str) -> Entered:
    """Sign in with a code, in the tab that asked for it; raises WrongCodeError, SignInOverError, TooManyTriesError."""
    await tries.from_network(database, keyring, network)
    guessed = await _guessed(database, keyring, (waiting, code), Aim.SIGN_IN)
    return await _let_in(database, keyring, guessed, device)


async def waits(database: Database, keyring: Keyring, link: str) -> bool:
    """Whether a link can still be used; nothing is changed, however often it is asked."""
    presented = read_secret(LINK, link)
    if presented is None:
        return False
    async with database.connection() as connection:
        found = await signins.by_link(connection, keyring, presented.digest)
    return found is not None and found.parts.customer is not None


async def press(database: Database, keyring: Keyring, link: str, network: str, device: str) -> Entered:
    """Sign in with a link whose button was pressed; raises SignInOverError, TooManyTriesError."""
    await tries.from_network(database, keyring, network)
    presented = read_secret(LINK, link)
    if presented is None:
        raise SignInOverError
    async with database.connection() as connection:
        found = await signins.by_link(connection, keyring, presented.digest)
    if found is None or found.parts.customer is None:
        raise SignInOverError
    return await _let_in(database, keyring, found.parts, device)


async def ask_again(database: Database, keyring: Keyring, session: Session, reference: str, network: str) -> Asked:
    """Ask for a code that proves afresh that it is she, to an address of hers; raises UnknownIdentifierError."""
    her = session.caller.customer
    async with database.connection() as connection:
        key = await customers.open_key(connection, keyring, her)
        claims = await customers.proven_identifiers(connection, keyring, her)
    claim = next((each for each in claims if keyring.reference_of(her, *each.found) == reference), None)
    if claim is None or claim.kind is not EMAIL:
        raise UnknownIdentifierError
    await tries.from_network(database, keyring, network)
    async with database.transaction() as connection:
        await tries.in_session(connection, keyring, session)
    whom = signins.Whom(Aim.STEP_UP, her, claim.digest, session.digest)
    async with database.transaction() as connection:
        begun = await signins.begin(connection, keyring, whom, CODE_LASTS)
    to = open_own_identifier(key, session.caller, *claim.found, claim.sealed)
    return Asked(begun.waiting.text, Letter(to, Aim.STEP_UP, begun.code))


async def enter_again(
    database: Database, keyring: Keyring, session: Session, waiting: str, code: str, network: str
) -> EntryId:
    """Prove afresh that it is she, in the session that asked; raises as ``enter`` does."""
    await tries.from_network(database, keyring, network)
    guessed = await _guessed(database, keyring, (waiting, code), Aim.STEP_UP, session)
    async with database.transaction() as connection:
        await _use_up(connection, keyring, guessed)
        now = await customers.clock(connection)
        await sessions.strengthen(connection, keyring, session, now)
        id_ = ledger.new_entry_id(now)
        act = SignedIn(Way.EMAIL, again=True)
        await ledger.append(connection, keyring, entry(id_, session.caller.customer, session.caller, now, act))
    return id_


async def ask_to_add(
    database: Database, keyring: Keyring, session: Session, address: Identifier, network: str
) -> Asked:
    """Ask for a code to an address that is to be hers too; raises StepUpRequiredError.

    Whether anybody is known by it is said nowhere, and whoever asked to be forgotten is sent nothing.
    """
    if not session.strong:
        raise StepUpRequiredError
    digest = _index_of(keyring, address)
    await tries.from_network(database, keyring, network)
    async with database.transaction() as connection:
        await tries.in_session(connection, keyring, session, digest)
    whom = signins.Whom(Aim.ADDRESS, session.caller.customer, digest, session.digest)
    async with database.transaction() as connection:
        left_alone = (await suppressions.among(connection, [(EMAIL, digest)])).get((EMAIL, digest), ())
        begun = await signins.begin(connection, keyring, whom, CODE_LASTS)
    letter = None if forgotten(left_alone) else Letter(address.value, Aim.ADDRESS, begun.code)
    return Asked(begun.waiting.text, letter)


class Shown(Struct, frozen=True):
    """That somebody has the code that was sent to an address; ``waiting``: what the tab that asked keeps."""

    address: Identifier
    waiting: str
    code: str
    network: str

    def __repr__(self) -> str:
        return "Shown()"


async def add(database: Database, keyring: Keyring, policies: Policies, session: Session, shown: Shown) -> Added:
    """Let an address be hers, verified, once she has its code; raises as ``enter`` does.

    Claimed by somebody else, too, it is shared from then on and finds nobody. Whatever was refused by this address
    while it was nobody's is refused for her. Raises IdentifierTakenError for one that she disowned, and
    SuppressedError for one that asked to be forgotten.
    """
    await tries.from_network(database, keyring, shown.network)
    guessed = await _guessed(database, keyring, (shown.waiting, shown.code), Aim.ADDRESS, session)
    digest, her = _index_of(keyring, shown.address), session.caller.customer
    if guessed.address != digest:
        raise WrongCodeError
    found: Found = (EMAIL, digest)
    async with database.transaction() as connection:
        await _use_up(connection, keyring, guessed)
        await customers.hold(connection, [digest])
        left_alone = (await suppressions.among(connection, [found])).get(found, [])
        if forgotten(left_alone):
            raise SuppressedError
        key = await customers.open_key(connection, keyring, her)
        change = await customers.bump(connection, her)
        claims = await customers.identifiers_of(connection, [her])
        if any(each.found == found and each.disowned_at is not None for each in claims):
            raise IdentifierTakenError("you said of this address that it is not yours")
        await customers.put_identifier(connection, keyring, her, key, shown.address, change.now)
        id_ = ledger.new_entry_id(change.now)
        for each in (her, *change.others):
            own = id_ if each == her else ledger.new_entry_id(change.now)
            recording = Recording(actor(session.caller), change.now, policies.version, own)
            refused = await consents.refuse_left_alone(
                connection, keyring, policies.catalogue, each, bearing(left_alone, {found}), recording
            )
            if each == her or refused:
                act = Identified(EMAIL, refused=[f"{spot.purpose}/{spot.channel}" for spot in refused])
                line = entry(own, each, session.caller, change.now, act, refused)
                await ledger.append(connection, keyring, line)
    return Added(change.version, id_)


async def forget_old(database: Database) -> int:
    """Forget the codes, sessions and counts whose time has run; returns how many."""
    return sum([await forget_all(database, each.forget) for each in (signins, sessions, rates)])


def _index_of(keyring: Keyring, address: Identifier) -> bytes:
    if address.kind is not EMAIL:
        raise WrongKindError("not an e-mail address")
    return keyring.index_of(address)


async def _guessed(
    database: Database, keyring: Keyring, said: tuple[str, str], aim: Aim, session: Session | None = None
) -> WaitingParts:
    """Return what a code opens; a wrong one is counted by itself, so that it counts whatever becomes of it."""
    waiting, code = said
    presented: Credential | None = read_secret(WAITING, waiting)
    if presented is None:
        raise SignInOverError
    async with database.transaction() as connection:
        found = await signins.try_one(connection, keyring, presented.digest)
    if found is None or found.parts.aim is not aim or found.parts.session != digest_of(session):
        raise SignInOverError
    if not found.opened_by(keyring, read_code(code)) or found.parts.customer is None:
        raise WrongCodeError if found.left else SignInOverError
    return found.parts


async def _use_up(connection: Connection, keyring: Keyring, parts: WaitingParts) -> CustomerId:
    """Use a sign-in up, and return whom it is for; raises SignInOverError for the second who tries.

    An address that was disowned since, or is shared by now, finds nobody: then the code finds nobody either.
    """
    if parts.customer is None or not await signins.take(connection, parts.digest):
        raise SignInOverError
    if parts.aim is Aim.SIGN_IN:
        found = await customers.by_identifier(connection, keyring, EMAIL, parts.address or b"")
        if found != parts.customer:
            raise SignInOverError
    if parts.aim is Aim.STEP_UP:
        hers = await customers.proven_identifiers(connection, keyring, parts.customer)
        if (EMAIL, parts.address) not in {each.found for each in hers}:
            raise SignInOverError
    await signins.take_all(connection, parts.customer, parts.aim)
    return parts.customer


async def _let_in(database: Database, keyring: Keyring, parts: WaitingParts, device: str) -> Entered:
    async with database.transaction() as connection:
        customer = await _use_up(connection, keyring, parts)
        begun = await sessions.begin(connection, keyring, customer, Way.EMAIL, device, strong=True)
        id_ = ledger.new_entry_id(begun.now)
        caller = CustomerCaller(customer, proven=True)
        line = entry(id_, customer, caller, begun.now, SignedIn(Way.EMAIL))
        await ledger.append(connection, keyring, line)
    return Entered(begun.cookie, id_)

"""Passkeys: signing in with one, proving afresh, adding, naming, removing, and looking at those that one has."""

from datetime import datetime

from msgspec import Struct

from service.crypto import passkeys as devices
from service.crypto.credentials import WAITING, Credential, challenge_of, read_secret
from service.crypto.keyring import Keyring, open_passkey_label
from service.crypto.passkeys import Owner, Party
from service.crypto.random import random_word
from service.database import Connection, Database
from service.errors import (
    PasskeyRefusedError,
    SignInOverError,
    StepUpRequiredError,
    UnknownPasskeyError,
    WrongKindError,
)
from service.model.callers import CustomerCaller
from service.model.ledger import Act, PasskeyChanged, SignedIn, entry
from service.model.signin import CEREMONY_LASTS, Aim, Session, Way, digest_of
from service.model.words import EntryId
from service.storage import customers, ledger, passkeys, sessions, signins, tries

MOST = 20
"""Passkeys of one customer."""
LONGEST_LABEL = 60


class Ceremony(Struct, frozen=True):
    """What a page asks a device (as JSON), and what its tab keeps until the device has answered."""

    waiting: str
    options: str

    def __repr__(self) -> str:
        return "Ceremony()"


class Answer(Struct, frozen=True):
    """What a device answered (as JSON), in the tab that asked it."""

    waiting: str
    answer: str

    def __repr__(self) -> str:
        return "Answer()"


class Entered(Struct, frozen=True):
    """That she is in: the cookie of her session, and the entry."""

    cookie: str
    entry: EntryId

    def __repr__(self) -> str:
        return "Entered()"


class HerPasskey(Struct, frozen=True):
    """One passkey, for herself: by which word she refers to it, and what she calls it."""

    name: str
    label: str
    made_at: datetime
    used_at: datetime | None

    def __repr__(self) -> str:
        return f"HerPasskey({self.name!r})"


async def ask(database: Database, keyring: Keyring, party: Party, network: str) -> Ceremony:
    """Ask whatever device there is for a passkey of this place; nobody has to say who she is."""
    await tries.from_network(database, keyring, network)
    async with database.transaction() as connection:
        begun = await signins.begin(connection, keyring, signins.Whom(Aim.SIGN_IN), CEREMONY_LASTS)
    return Ceremony(begun.waiting.text, devices.options_to_use(party, challenge_of(begun.waiting)))


async def enter(database: Database, keyring: Keyring, party: Party, answer: Answer, device: str) -> Entered:
    """Sign in with a passkey; raises PasskeyRefusedError, SignInOverError."""
    waiting = await _taken(database, keyring, answer, Aim.SIGN_IN)
    async with database.transaction() as connection:
        used, now = await _used(connection, keyring, party, waiting, answer)
        begun = await sessions.begin(connection, keyring, used.customer, Way.PASSKEY, device, strong=True)
        caller = CustomerCaller(used.customer, proven=True)
        id_ = await _enter(connection, keyring, caller, SignedIn(Way.PASSKEY), now)
    return Entered(begun.cookie, id_)


async def ask_again(database: Database, keyring: Keyring, party: Party, session: Session) -> Ceremony:
    """Ask her device for a passkey, to prove afresh that it is she."""
    whom = signins.Whom(Aim.STEP_UP, session.caller.customer, session=session.digest)
    async with database.transaction() as connection:
        begun = await signins.begin(connection, keyring, whom, CEREMONY_LASTS)
    return Ceremony(begun.waiting.text, devices.options_to_use(party, challenge_of(begun.waiting)))


async def enter_again(database: Database, keyring: Keyring, party: Party, session: Session, answer: Answer) -> EntryId:
    """Prove afresh that it is she, with a passkey of hers and of nobody else."""
    waiting = await _taken(database, keyring, answer, Aim.STEP_UP, session)
    async with database.transaction() as connection:
        used, now = await _used(connection, keyring, party, waiting, answer)
        if used.customer != session.caller.customer:
            raise PasskeyRefusedError
        await sessions.strengthen(connection, keyring, session, now)
        return await _enter(connection, keyring, session.caller, SignedIn(Way.PASSKEY, again=True), now)


async def ask_to_add(database: Database, keyring: Keyring, party: Party, session: Session, name: str) -> Ceremony:
    """Ask her device to make a passkey; ``name``: what the device shows. Raises StepUpRequiredError."""
    if not session.strong:
        raise StepUpRequiredError
    her = session.caller.customer
    whom = signins.Whom(Aim.PASSKEY, her, session=session.digest)
    async with database.transaction() as connection:
        there = await passkeys.passkeys_of(connection, keyring, her)
        begun = await signins.begin(connection, keyring, whom, CEREMONY_LASTS)
    owner = Owner(keyring.handle(her), name)
    options = devices.options_to_make(party, challenge_of(begun.waiting), owner, [each.id for each in there])
    return Ceremony(begun.waiting.text, options)


async def add(
    database: Database, keyring: Keyring, party: Party, session: Session, answer: Answer, label: str
) -> EntryId:
    """Keep the passkey that her device made, in the session that asked for it."""
    _refuse_label(label)
    waiting = await _taken(database, keyring, answer, Aim.PASSKEY, session)
    made = devices.made(party, challenge_of(waiting), answer.answer)
    her = session.caller.customer
    async with database.transaction() as connection:
        if len(await passkeys.passkeys_of(connection, keyring, her)) >= MOST:
            raise WrongKindError(f"there are {MOST} passkeys already")
        key = await customers.open_key(connection, keyring, her)
        now = await customers.clock(connection)
        passkey = passkeys.new(her, f"pky_{random_word(10)}", made, now)
        if not await passkeys.put(connection, keyring, key, passkey, label):
            raise PasskeyRefusedError
        return await _enter(connection, keyring, session.caller, PasskeyChanged("added"), now)


async def listed(database: Database, keyring: Keyring, caller: CustomerCaller) -> list[HerPasskey]:
    """Return her passkeys, oldest first."""
    async with database.connection() as connection:
        key = await customers.open_key(connection, keyring, caller.customer)
        found = await passkeys.passkeys_of(connection, keyring, caller.customer)
    return [
        HerPasskey(each.name, open_passkey_label(key, caller, each.name, each.label), each.made_at, each.used_at)
        for each in found
    ]


async def relabel(database: Database, keyring: Keyring, caller: CustomerCaller, name: str, label: str) -> None:
    """Keep what she calls a passkey from now on; raises UnknownPasskeyError."""
    _refuse_label(label)
    async with database.transaction() as connection:
        key = await customers.open_key(connection, keyring, caller.customer)
        if not await passkeys.relabel(connection, key, caller.customer, name, label):
            raise UnknownPasskeyError


async def remove(database: Database, keyring: Keyring | None, caller: CustomerCaller, name: str) -> EntryId:
    """Remove one of her passkeys, now; raises UnknownPasskeyError."""
    async with database.transaction() as connection:
        if not await passkeys.remove(connection, caller.customer, name):
            raise UnknownPasskeyError
        now = await customers.clock(connection)
        return await _enter(connection, keyring, caller, PasskeyChanged("removed"), now)


def _refuse_label(label: str) -> None:
    if not 0 < len(label.strip()) <= LONGEST_LABEL or not label.isprintable():
        raise WrongKindError(f"a name has 1 to {LONGEST_LABEL} characters")


async def _taken(
    database: Database, keyring: Keyring, answer: Answer, aim: Aim, session: Session | None = None
) -> Credential:
    """Use up what waits for a device's answer, by itself, so that no answer is tried twice."""
    presented = read_secret(WAITING, answer.waiting)
    if presented is None:
        raise SignInOverError
    async with database.transaction() as connection:
        found = await signins.waiting(connection, keyring, presented.digest)
        if found is None or found.parts.aim is not aim or found.parts.session != digest_of(session):
            raise SignInOverError
        if found.parts.code is not None or not await signins.take(connection, presented.digest):
            raise SignInOverError
    return presented


async def _used(
    connection: Connection, keyring: Keyring, party: Party, waiting: Credential, answer: Answer
) -> tuple[passkeys.Passkey, datetime]:
    """Return the passkey that answered, and when; raises PasskeyRefusedError."""
    id_, handle = devices.presented(answer.answer)
    found = await passkeys.passkey(connection, keyring, id_)
    if found is None or handle not in (None, keyring.handle(found.customer)):
        raise PasskeyRefusedError
    uses = devices.used(party, challenge_of(waiting), answer.answer, found.public_key, found.uses)
    now = await customers.clock(connection)
    if not await passkeys.use(connection, keyring, found, uses, now):
        raise PasskeyRefusedError
    return found, now


async def _enter(
    connection: Connection, keyring: Keyring | None, caller: CustomerCaller, act: Act, now: datetime
) -> EntryId:
    id_ = ledger.new_entry_id(now)
    await ledger.append(connection, keyring, entry(id_, caller.customer, caller, now, act))
    return id_

"""Receipts: making them, listing them, publishing the keys that prove them, and checking them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from service.crypto.cursors import POSITION, name_cursor, name_of
from service.crypto.entries import OPENING, commitment
from service.crypto.framing import EPOCH, Part, microseconds
from service.crypto.keyring import Keyring
from service.crypto.notes import Verifier, check_proof
from service.crypto.signing import PublicKey, public_key, sign, verified
from service.database import Connection, Database
from service.errors import KeysUnavailableError, PoliciesUnavailableError, UnknownReceiptError
from service.model.callers import CustomerCaller, ServiceCaller
from service.model.catalogue import Catalogue, Company
from service.model.ledger import Body
from service.model.receipt import Act, Flaw, Holder, Standings, Wording
from service.model.receipt_document import STATUS, told, written
from service.model.receipt_text import text
from service.model.words import CustomerId, EntryId, PairwiseId, PolicyVersion
from service.storage import consents, customers, receipts


class Desk(Struct, frozen=True):
    """What receipts are made with: the database, the keys, the catalogue of any day, and that of today."""

    database: Database
    keyring: Keyring
    catalogue_at: Callable[[PolicyVersion], Awaitable[Catalogue]]
    today: Catalogue
    """What a service may see is a matter of its rights of today."""


class Wanted(Struct, frozen=True, kw_only=True):
    """Which receipt: of which customer, None for the caller herself.

    ``language``: in which its text is, where it is not known in which she was asked. ``page``: the language of the page
    that shows it, which no text on it departs from.
    """

    entry: EntryId
    customer: PairwiseId | None = None
    language: str | None = None
    page: str | None = None


class Receipt(Struct, frozen=True):
    """The proof of an act: signed, as the document that was signed, as a text, and what these are written from.

    ``catalogue``: of the day of the act.
    """

    entry: EntryId
    signed: str
    document: bytes
    text: str
    act: Act
    catalogue: Catalogue
    wording: Wording

    def __repr__(self) -> str:  # what she said is hers
        return f"Receipt({self.entry!r})"


class Page(Struct, frozen=True):
    """A page of a list of receipts, newest first, and the cursor of the next."""

    lines: list[receipts.Line]
    next: str | None


class Verdict(Struct, frozen=True):
    """Whether a receipt is one that these keys signed; if so by which, and what it says."""

    flaw: Flaw | None
    key: str | None = None
    document: bytes | None = None

    def __repr__(self) -> str:  # what she said is hers
        return f"Verdict({self.flaw!r})"


class Enclosed(Struct, frozen=True):
    """What comes with a receipt once the ledger has its entry."""

    body: bytes
    opening: bytes
    proof: str

    def __repr__(self) -> str:  # what she said is hers
        return "Enclosed()"


class Found(Struct, frozen=True):
    """What the database has for one receipt."""

    act: Act
    holder: Holder
    signers: Sequence[receipts.Signer]
    versions: Sequence[PolicyVersion]
    """The catalogue of the act, and those published after it."""
    now: Standings


class Marked(Struct, frozen=True):
    """What every receipt says of itself."""

    types: list[str] = msgspec.field(name="@type")


async def receipt_of(desk: Desk, caller: ServiceCaller | CustomerCaller, wanted: Wanted) -> Receipt:
    """Return the receipt of an act, the same to the byte whenever it is asked for.

    Raises UnknownReceiptError for an entry of somebody else, or of something else, as for none at all.
    """
    async with desk.database.connection() as connection:
        found = await _find(connection, desk, caller, wanted)
    # With the connection given back: a catalogue may have to be fetched with one.
    catalogue = await desk.catalogue_at(found.versions[0])
    company = await _company(desk, found.versions)
    document = written(found.act, found.holder, catalogue, company)
    signed, key = _signed(desk.keyring, found.signers, found.act.recorded_at, document)
    language = wanted.page or found.act.language or wanted.language or catalogue.language
    wording = Wording(language, company, found.now, key)
    said = text(found.act, catalogue, wording)
    return Receipt(wanted.entry, signed, document, said, found.act, catalogue, wording)


async def listed(database: Database, keyring: Keyring, caller: CustomerCaller, after: str | None, most: int) -> Page:
    """Return of which acts there are receipts, newest first."""
    about: list[Part] = ["receipts", caller.customer]
    before = None if after is None else _act_named(name_of(keyring, after, about))
    async with database.connection() as connection:
        lines = await receipts.lines(connection, caller.customer, before, most + 1)
    page = lines[:most]
    more = name_cursor(keyring, _name(page[-1]), about) if len(lines) > most else None
    return Page(page, more)


def _name(line: receipts.Line) -> bytes:
    """Return where an act stands among hers: by its instant, and by its entry among those of one instant."""
    return microseconds(line.recorded_at).to_bytes(POSITION) + line.entry.encode()


def _act_named(name: bytes) -> tuple[datetime, EntryId]:
    at = EPOCH + timedelta(microseconds=int.from_bytes(name[:POSITION]))
    return at, EntryId(name[POSITION:].decode())


async def public_keys(database: Database, keyring: Keyring) -> list[PublicKey]:
    """Return every key that proves receipts, newest first; raises KeysUnavailableError when this process lacks one."""
    async with database.connection() as connection:
        signers = await receipts.signers(connection)
    if not signers:
        raise KeysUnavailableError("there is no receipt key; run: byleave keys init")
    return [public_key(keyring.key("receipt", each.version)) for each in reversed(signers)]


async def signing_key(database: Database, keyring: Keyring) -> PublicKey:
    """Return the key that proves what is signed now: a new one is published some minutes before it signs."""
    async with database.connection() as connection:
        signers, now = await receipts.signers(connection), await customers.clock(connection)
    return public_key(_seed(keyring, signers, now))


async def verify(database: Database, keyring: Keyring, presented: str) -> Verdict:
    """Say whether a receipt is ours."""
    return check(presented, {key.id: key for key in await public_keys(database, keyring)})


def check(presented: str, keys: Mapping[str, PublicKey]) -> Verdict:
    """Say whether one of these keys signed a receipt; reads nothing else."""
    signed = verified(presented, keys)
    if isinstance(signed, Flaw):
        return Verdict(signed)
    try:
        kinds = msgspec.json.decode(signed.payload, type=Marked).types
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Verdict(Flaw.NOT_A_RECEIPT)
    if "dpv:ConsentReceipt" not in kinds:
        return Verdict(Flaw.NOT_A_RECEIPT)
    return Verdict(None, signed.key, signed.payload)


def check_entry(document: bytes, enclosed: Enclosed, ledger: Verifier) -> str | None:
    """Say in a word why it is not shown that a ledger has the entry of a receipt, None if it is; reads nothing else."""
    try:
        body, receipt = msgspec.json.decode(enclosed.body, type=Body), told(document)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return "malformed"
    if body.id != receipt.entry:
        return "another-entry"
    if receipt.answers != {(each.purpose, each.channel, STATUS[each.status]) for each in body.recorded}:
        return "another-answer"
    if len(enclosed.opening) != OPENING:  # HMAC would take a zero after it for the same
        return "malformed"
    flaw = check_proof(enclosed.proof, commitment(enclosed.opening, enclosed.body), ledger)
    return None if flaw is None else flaw.value


async def _find(connection: Connection, desk: Desk, caller: ServiceCaller | CustomerCaller, wanted: Wanted) -> Found:
    customer, holder = await _whose(connection, desk.keyring, caller, wanted)
    act = await receipts.act(connection, customer, wanted.entry)
    if act is not None and isinstance(caller, ServiceCaller):
        act = act.seen_by(caller.service, desk.today.consents_of(caller.service))
    if act is None:
        raise UnknownReceiptError
    version = act.policy_version or await receipts.version_at(connection, act.recorded_at)
    versions = [] if version is None else await receipts.versions_after(connection, version)
    if not versions:
        raise PoliciesUnavailableError("the catalogue of this act is not in the database")
    signers = await receipts.signers(connection)
    standing = await consents.all_standing(connection, customer, act.purposes)
    return Found(act, holder, signers, versions, Standings(await customers.clock(connection), standing))


async def _whose(
    connection: Connection, keyring: Keyring, caller: ServiceCaller | CustomerCaller, wanted: Wanted
) -> tuple[CustomerId, Holder]:
    customer = await customers.whom(connection, keyring, caller, wanted.customer)
    if isinstance(caller, ServiceCaller) and wanted.customer is not None:
        return customer, Holder(wanted.customer, caller.service)
    return customer, Holder(keyring.holder(customer))


async def _company(desk: Desk, versions: Sequence[PolicyVersion]) -> Company:
    """Return who the company is: as the catalogue of the act says, else the first one after it that does."""
    for version in versions:
        company = (await desk.catalogue_at(version)).company
        if company is not None:
            return company
    raise PoliciesUnavailableError("no catalogue says who the company is; publish one with company.toml")


def _signed(keyring: Keyring, signers: Sequence[receipts.Signer], at: datetime, document: bytes) -> tuple[str, str]:
    seed = _seed(keyring, signers, at)
    return sign(seed, document), public_key(seed).id


def _seed(keyring: Keyring, signers: Sequence[receipts.Signer], at: datetime) -> bytes:
    """Return the newest key of that day; the first one also signs what was recorded before there was any."""
    if not signers:
        raise KeysUnavailableError("there is no receipt key; run: byleave keys init")
    then = [each for each in signers if each.since <= at] or signers[:1]
    return keyring.key("receipt", then[-1].version)

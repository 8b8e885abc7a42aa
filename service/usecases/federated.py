"""Signing in by the company's own sign-in (OpenID Connect, code flow with PKCE), and proving afresh there.

It vouches for an identifier, and that identifier finds her as any other does: claimed by two customers, or disowned,
it finds nobody.
"""

from typing import Any

from msgspec import Struct, structs

from service.crypto.keyring import Keyring
from service.crypto.openid import (
    Expected,
    Handshake,
    UnknownKeyError,
    claims_of,
    new_handshake,
    read_handshake,
    write_handshake,
)
from service.database import Connection, Database
from service.errors import NobodyKnownError, ProviderRefusedError, SignInOverError, WrongKindError
from service.model.callers import CustomerCaller
from service.model.identifiers import Identifier, identifier
from service.model.ledger import SignedIn, entry
from service.model.signin import CEREMONY_LASTS, STRONG, Aim, Session, Way, digest_of
from service.model.words import CustomerId, EntryId, IdentifierKind
from service.provider import SignInElsewhere, Tokens
from service.storage import customers, ledger, sessions, tries

VOUCHED = {IdentifierKind.EMAIL: "email_verified", IdentifierKind.PHONE: "phone_number_verified"}
"""What a provider must say besides, for an identifier of a kind to count (OpenID Connect Core, 5.1)."""
SCOPES = {IdentifierKind.EMAIL: "openid email", IdentifierKind.PHONE: "openid phone"}


class Away(Struct, frozen=True):
    """Where she is sent, and the cookie that her browser keeps meanwhile."""

    address: str
    cookie: str

    def __repr__(self) -> str:
        return "Away()"


class Back(Struct, frozen=True):
    """What she comes back with: the cookie, and what the provider put into the address."""

    cookie: str
    state: str
    code: str
    issuer: str = ""

    def __repr__(self) -> str:
        return "Back()"


class Entered(Struct, frozen=True):
    """That she is in. ``cookie``: of her session; empty where she was in already, and proved afresh that it is she.

    ``onward``: where she wanted to go when she left.
    """

    cookie: str
    entry: EntryId
    onward: str

    def __repr__(self) -> str:
        return "Entered()"


async def leave(
    database: Database,
    keyring: Keyring,
    elsewhere: SignInElsewhere,
    aim: Aim,
    session: Session | None,
    onward: str = "/",
) -> Away:
    """Send her to the company's own sign-in; nothing is kept here meanwhile."""
    async with database.connection() as connection:
        now = await customers.clock(connection)
    handshake = new_handshake(aim, now, digest_of(session), onward)
    more = {
        "scope": SCOPES.get(_sought(elsewhere)[0], "openid profile"),
        "state": handshake.state,
        "nonce": handshake.nonce,
        "code_challenge": handshake.challenge,
    }
    if aim is Aim.STEP_UP:
        more |= {"prompt": "login", "max_age": str(STRONG.seconds)}
    return Away(await elsewhere.address(more), write_handshake(keyring, handshake))


async def count_return(database: Database, keyring: Keyring, network: str) -> None:
    """Count one more who comes back, whatever becomes of it; raises TooManyTriesError."""
    await tries.from_network(database, keyring, network)


async def come_back(
    database: Database,
    keyring: Keyring,
    elsewhere: SignInElsewhere,
    back: Back,
    session: Session | None,
    device: str,
) -> Entered:
    """Sign in whoever the company's own sign-in vouches for, or let it vouch afresh for whoever is in.

    Raises ProviderRefusedError, ProviderUnavailableError, SignInOverError, NobodyKnownError.
    """
    handshake = read_handshake(keyring, back.cookie)
    if back.state != handshake.state or back.issuer not in ("", elsewhere.provider.issuer):
        raise ProviderRefusedError("the answer is not to what this browser asked")
    async with database.connection() as connection:
        now = await customers.clock(connection)
    if now - handshake.issued_at > CEREMONY_LASTS:
        raise SignInOverError
    if handshake.session != digest_of(session):
        raise ProviderRefusedError("she was somebody else when she left")
    tokens = await elsewhere.redeem(back.code, handshake.verifier)
    claims = await _claims(elsewhere, tokens.id_token, handshake, int(now.timestamp()))
    if _sought(elsewhere)[1] not in claims:
        claims |= await _told(elsewhere, tokens, claims["sub"])
    found_by = _vouched(elsewhere, claims)
    async with database.transaction() as connection:
        await customers.hold(connection, [keyring.index_of(found_by)])  # or she says meanwhile that it is not hers
        customer = await customers.by_identifier(connection, keyring, found_by.kind, keyring.index_of(found_by))
        if customer is None:
            raise NobodyKnownError
        if handshake.aim is Aim.STEP_UP:
            entered = await _strengthen(connection, keyring, session, customer)
            return structs.replace(entered, onward=handshake.onward)
        begun = await sessions.begin(connection, keyring, customer, Way.OIDC, device, strong=False)
        caller, id_ = CustomerCaller(customer, proven=True), ledger.new_entry_id(begun.now)
        await ledger.append(connection, keyring, entry(id_, customer, caller, begun.now, SignedIn(Way.OIDC)))
    return Entered(begun.cookie, id_, handshake.onward)


async def _strengthen(
    connection: Connection, keyring: Keyring, session: Session | None, customer: CustomerId
) -> Entered:
    if session is None or session.caller.customer != customer:
        raise ProviderRefusedError("it vouches for somebody else than who is signed in")
    now = await customers.clock(connection)
    await sessions.strengthen(connection, keyring, session, now)
    id_ = ledger.new_entry_id(now)
    line = entry(id_, customer, session.caller, now, SignedIn(Way.OIDC, again=True))
    await ledger.append(connection, keyring, line)
    return Entered("", id_, "/")


async def _claims(elsewhere: SignInElsewhere, token: str, handshake: Handshake, now: int) -> dict[str, Any]:
    """Return what the token says, with the keys read anew once where it names one that is not known."""
    since = int(handshake.issued_at.timestamp()) if handshake.aim is Aim.STEP_UP else None
    expected = Expected(elsewhere.provider.issuer, elsewhere.provider.client_id, handshake.nonce, now, since)
    try:
        return claims_of(token, await elsewhere.keys(), expected)
    except UnknownKeyError:
        pass
    try:
        return claims_of(token, await elsewhere.keys(anew=True), expected)
    except UnknownKeyError:
        raise ProviderRefusedError("the ID token is signed with a key that is not published") from None


async def _told(elsewhere: SignInElsewhere, tokens: Tokens, sub: str) -> dict[str, str | bool]:
    """Return what is said of her beside the ID token, if it is of whom that speaks (Core, 5.3.2)."""
    told = await elsewhere.told(tokens)
    if told and told.get("sub") != sub:
        raise ProviderRefusedError("what it says is of somebody else")
    return told


def _sought(elsewhere: SignInElsewhere) -> tuple[IdentifierKind, str]:
    kind, _, claim = elsewhere.provider.claim.partition("=")
    return IdentifierKind(kind), claim


def _vouched(elsewhere: SignInElsewhere, claims: dict[str, Any]) -> Identifier:
    """Return the identifier that is vouched for; an address that the provider did not verify is nobody's."""
    kind, claim = _sought(elsewhere)
    written = claims.get(claim)
    if not isinstance(written, str) or (kind in VOUCHED and claims.get(VOUCHED[kind]) is not True):
        raise NobodyKnownError
    try:
        return identifier(kind, written)
    except WrongKindError:
        raise NobodyKnownError from None

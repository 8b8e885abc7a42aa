"""OpenID Connect Core 1.0 and PKCE (RFC 7636), as far as they are mathematics: what a browser keeps, and ID tokens."""

import base64
import binascii
import hashlib
from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, import_key
from msgspec import Struct

from service.crypto.framing import Part, framed
from service.crypto.keyring import Keyring, Mac
from service.crypto.random import random_bytes
from service.errors import ProviderRefusedError
from service.model.signin import Aim

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]
"""Only with a public key: neither ``none`` nor a shared secret signs an ID token here."""
VERSION, DIGEST = 2, 32
LEEWAY = 60
"""Seconds by which the provider's clock may differ from the database's."""
LONGEST = 32 * 1024


class Handshake(Struct, frozen=True, array_like=True):
    """What the browser keeps while it is at the provider; all that goes there is made of ``secret``."""

    secret: bytes
    aim: Aim
    issued_at: datetime
    session: bytes | None = None
    onward: str = "/"
    """Where she goes on to when she is back."""

    def __repr__(self) -> str:
        return f"Handshake({self.aim!r})"

    @property
    def state(self) -> str:
        """What comes back with the answer, and shows that this browser asked."""
        return self._derived("state")

    @property
    def nonce(self) -> str:
        """What the ID token must say."""
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        """What shows to the provider that who asked is who fetches (RFC 7636, 4.1)."""
        return self._derived("verifier")

    @property
    def challenge(self) -> str:
        """What the provider is told of the verifier before (RFC 7636, 4.2)."""
        return _base64url(hashlib.sha256(self.verifier.encode()).digest())

    def _derived(self, what: str) -> str:
        return _base64url(hashlib.sha256(framed(["openid", what, self.secret])).digest())


class Expected(Struct, frozen=True):
    """What an ID token must say; ``auth_since``: since when she must have proved who she is, in seconds."""

    issuer: str
    client_id: str
    nonce: str
    now: int
    auth_since: int | None = None


class UnknownKeyError(Exception):
    """The token is signed with a key that the provider had not published when its keys were read."""


def new_handshake(aim: Aim, issued_at: datetime, session: bytes | None, onward: str) -> Handshake:
    """Begin."""
    return Handshake(random_bytes(32), aim, issued_at, session, onward)


def write_handshake(keyring: Keyring, handshake: Handshake) -> str:
    """Return a handshake as the value of a cookie, under our MAC."""
    written = msgspec.msgpack.encode(handshake)
    mac = keyring.mac(_parts(written))
    return _base64url(written + mac.version.to_bytes(VERSION) + mac.digest)


def read_handshake(keyring: Keyring, cookie: str) -> Handshake:
    """Return what this browser keeps; raises ProviderRefusedError for what we did not write."""
    try:
        data = base64.b64decode(cookie + "=" * (-len(cookie) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise ProviderRefusedError from None
    written, version, digest = data[: -VERSION - DIGEST], data[-VERSION - DIGEST : -DIGEST], data[-DIGEST:]
    if not keyring.authentic(Mac(int.from_bytes(version), digest), _parts(written)):
        raise ProviderRefusedError
    return msgspec.msgpack.decode(written, type=Handshake)


def claims_of(token: str, keys: dict[str, Any], expected: Expected) -> dict[str, Any]:
    """Return what an ID token says that is for us, from whom it should be, and fresh (Core, 3.1.3.7).

    Raises ProviderRefusedError, and UnknownKeyError where the keys may have changed since they were read.
    """
    try:
        return _proven(token, keys, expected)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        raise ProviderRefusedError("the ID token is not as it must be") from None


def _proven(token: str, keys: dict[str, Any], expected: Expected) -> dict[str, Any]:
    if len(token) > LONGEST:
        raise ProviderRefusedError("the ID token is too long")
    signed_by = msgspec.json.decode(_unbase64url(token.partition(".")[0]), type=_Header)
    if signed_by.kid is not None and signed_by.kid not in {each.get("kid") for each in keys.get("keys", ())}:
        raise UnknownKeyError
    claims = jwt.decode(token, _known(keys["keys"]), algorithms=ALGORITHMS).claims
    jwt.JWTClaimsRegistry(
        now=expected.now,
        leeway=LEEWAY,
        iss={"essential": True, "value": expected.issuer},
        aud={"essential": True, "value": expected.client_id},
        exp={"essential": True},
        iat={"essential": True},
        sub={"essential": True},
        nonce={"essential": True, "value": expected.nonce},
    ).validate(claims)
    _refuse_others(claims, expected)
    return claims


def _known(keys: list[dict[str, Any]]) -> KeySet:
    """Return the keys that can be used; one of a kind or curve that is not known here says nothing against others."""
    known = []
    for each in keys:
        with suppress(JoseError, ValueError, TypeError, KeyError, AttributeError):
            known.append(import_key(each))
    return KeySet(known)


def _refuse_others(claims: dict[str, Any], expected: Expected) -> None:
    audience = claims["aud"]
    if isinstance(audience, list) and len(audience) > 1 and claims.get("azp") != expected.client_id:
        raise ProviderRefusedError("the ID token is for somebody else, too")
    if claims.get("azp", expected.client_id) != expected.client_id:
        raise ProviderRefusedError("the ID token is for somebody else")
    if expected.auth_since is not None and int(claims["auth_time"]) < expected.auth_since - LEEWAY:
        raise ProviderRefusedError("she was not asked afresh who she is")


class _Header(Struct, frozen=True):
    kid: str | None = None


def _parts(written: bytes) -> list[Part]:
    return ["openid-handshake", written]


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _unbase64url(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)

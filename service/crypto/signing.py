"""Signatures that anybody can check: Ed25519 (RFC 8032) in a JSON Web Signature (RFC 7515, RFC 8037).

The signature is cryptography's; the frame around it is written out here and strict: one algorithm, one form of each
header, no extension, one way to write each byte. So of each signed text there is exactly one.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from msgspec import Struct

from service.errors import KeyFileError
from service.model.receipt import Flaw

ALGORITHM = "EdDSA"
KIND = "byleave-receipt+jws"
"""Says what is signed, so that nothing else under the same key is ever taken for a receipt (RFC 8725, 3.11)."""
CURVE, KEY_TYPE = "Ed25519", "OKP"
PUBLIC = 32
PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----")


class PublicKey(Struct, frozen=True):
    """A key that proves signatures; 32 bytes that anybody may have."""

    x: bytes

    def __repr__(self) -> str:
        return f"PublicKey({self.id!r})"

    @property
    def written(self) -> str:
        """The key as a JSON Web Key has it."""
        return written(self.x)

    @property
    def id(self) -> str:
        """Its thumbprint (RFC 7638)."""
        members = {"crv": CURVE, "kty": KEY_TYPE, "x": self.written}
        return written(hashlib.sha256(msgspec.json.encode(members, order="sorted")).digest())

    @property
    def pem(self) -> str:
        """The form that openssl reads."""
        key = Ed25519PublicKey.from_public_bytes(self.x)
        return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


class Header(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The protected header; ``crit`` is only known in order to be refused."""

    alg: str
    kid: str
    typ: str
    crit: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class Jwk(Struct, frozen=True):
    """What of a JSON Web Key matters here."""

    kty: str
    crv: str = ""
    x: str = ""


class JwkSet(Struct, frozen=True):
    """A JSON Web Key set."""

    keys: list[Jwk]


def public_key(seed: bytes) -> PublicKey:
    """Return the public half of a private seed."""
    return PublicKey(Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw())


def sign(seed: bytes, payload: bytes) -> str:
    """Return a payload signed, in compact serialisation: the same for the same key and payload."""
    header = Header(alg=ALGORITHM, kid=public_key(seed).id, typ=KIND)
    signed = f"{written(_encoded(header))}.{written(payload)}"
    return f"{signed}.{written(Ed25519PrivateKey.from_private_bytes(seed).sign(signed.encode('ascii')))}"


class Signed(Struct, frozen=True):
    """What was signed, and by which key."""

    key: str
    payload: bytes

    def __repr__(self) -> str:  # what it says may be somebody's
        return f"Signed({self.key!r})"


def verified(text: str, keys: Mapping[str, PublicKey]) -> Signed | Flaw:
    """Return what one of these keys signed, or what is wrong."""
    parts = [read(part) for part in text.split(".")]
    match parts:
        case [bytes() as head, bytes() as payload, bytes() as signature]:
            header = _header(head)
        case _:
            return Flaw.MALFORMED
    if isinstance(header, Flaw):
        return header
    key = keys.get(header.kid)
    if key is None:
        return Flaw.UNKNOWN_KEY
    try:
        Ed25519PublicKey.from_public_bytes(key.x).verify(signature, text.rpartition(".")[0].encode("ascii"))
    except InvalidSignature:
        return Flaw.BAD_SIGNATURE
    return Signed(header.kid, payload)


def public_keys_in(data: bytes) -> dict[str, PublicKey]:
    """Return the keys of a PEM file or of a JSON Web Key set, by their thumbprints; raises KeyFileError."""
    found = {key.id: key for key in (_of_pem(data) if PEM.search(data) else _of_set(data))}
    if not found:
        raise KeyFileError("there is no Ed25519 public key in the file")
    return found


def written(data: bytes) -> str:
    """Return bytes in base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


def read(text: str) -> bytes | None:
    """Return the bytes of base64url, or None for what ``written`` would not have written."""
    try:
        data = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if written(data) == text else None


def _header(data: bytes) -> Header | Flaw:
    """Return a header that is written as we write it; the first flaw counts, whatever else is wrong."""
    try:
        header = msgspec.json.decode(data, type=Header, strict=True)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Flaw.MALFORMED
    if header.alg != ALGORITHM:
        return Flaw.UNSUPPORTED_ALGORITHM
    if header.crit is not msgspec.UNSET:
        return Flaw.CRITICAL_HEADER
    if header.typ != KIND:
        return Flaw.NOT_A_RECEIPT
    return header if _encoded(header) == data else Flaw.MALFORMED


def _encoded(header: Header) -> bytes:
    return msgspec.json.encode(header, order="sorted")


def _of_pem(data: bytes) -> Iterable[PublicKey]:
    for block in PEM.findall(data):
        try:
            key = load_pem_public_key(block)
        except ValueError:
            raise KeyFileError("the file holds no key in PEM") from None
        if isinstance(key, Ed25519PublicKey):
            yield PublicKey(key.public_bytes_raw())


def _of_set(data: bytes) -> Iterable[PublicKey]:
    try:
        keys = msgspec.json.decode(data, type=JwkSet).keys
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise KeyFileError("the file is neither a key in PEM nor a JSON Web Key set") from None
    for key in keys:
        x = read(key.x)
        if (key.kty, key.crv) == (KEY_TYPE, CURVE) and x is not None and len(x) == PUBLIC:
            yield PublicKey(x)

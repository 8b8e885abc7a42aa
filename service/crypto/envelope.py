"""Two envelopes: one that commits to its key, for keys under keys, and a light one for everything a key seals.

The light one is AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce. GCM does not commit to its key, so where
a wrong wrapping key could be offered (root over the rest) HKDF-SHA-512 (RFC 5869) derives a fresh key *and* a
commitment, which is compared before anything is decrypted.
"""

from collections.abc import Iterable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from service.crypto.framing import Part, framed
from service.crypto.random import random_bytes
from service.errors import IntegrityError, WrongKeysError
from service.model.facts import Sealed

KEY = 32
NONCE = 12
SALT = COMMITMENT = 32
BUCKET = 32
LIGHT = b"\x01"
COMMITTING = b"\x02"
BODY = len(LIGHT) + NONCE
"""Where the ciphertext begins."""
ZERO_NONCE = bytes(NONCE)


def seal(key: bytes, plaintext: bytes, labels: list[Part]) -> Sealed:
    """Seal bytes under a key, bound to labels: with any other label they do not open."""
    nonce = random_bytes(NONCE)
    return Sealed(LIGHT + nonce + AESGCM(key).encrypt(nonce, pad(plaintext), framed(labels)))


def unseal(key: bytes, sealed: Sealed, labels: list[Part]) -> bytes:
    """Return the plaintext, or raise IntegrityError."""
    [plaintext] = unseal_all(key, [(sealed, labels)])
    return plaintext


def unseal_all(key: bytes, sealed: Iterable[tuple[Sealed, list[Part]]]) -> list[bytes]:
    """Return what several values say that one key sealed, or raise IntegrityError."""
    cipher = AESGCM(key)
    return [_unsealed(cipher, each.data, framed(labels)) for each, labels in sealed]


def _unsealed(cipher: AESGCM, data: bytes, labels: bytes) -> bytes:
    if data[:1] != LIGHT:
        raise IntegrityError("unknown envelope")
    try:
        return unpad(cipher.decrypt(data[1:BODY], data[BODY:], labels))
    except (InvalidTag, ValueError):
        raise IntegrityError("a sealed value does not open") from None


def pad(plaintext: bytes) -> bytes:
    """Prefix the length and fill up to 32-byte buckets, so that lengths tell little."""
    framed_text = len(plaintext).to_bytes(4) + plaintext
    return framed_text + bytes(-len(framed_text) % BUCKET)


def unpad(padded: bytes) -> bytes:
    """Return what was padded; the tag was checked before, so a fault here is ours."""
    length = int.from_bytes(padded[:4])
    if length > len(padded) - 4:
        raise ValueError("padding")
    return padded[4 : 4 + length]


def wrap(root: bytes, root_id: str, key: bytes, context: list[Part]) -> Sealed:
    """Wrap a key under the root key: ``version | length of id, id | salt | commitment | ciphertext and tag``."""
    salt = random_bytes(SALT)
    fresh, commitment = _derive(root, salt, [root_id, *context])
    # A key made for this one message, so the nonce may be fixed.
    ciphertext = AESGCM(fresh).encrypt(ZERO_NONCE, key, None)
    name = root_id.encode()
    return Sealed(COMMITTING + bytes([len(name)]) + name + salt + commitment + ciphertext)


def unwrap(root: bytes, root_id: str, wrapped: Sealed, context: list[Part]) -> bytes:
    """Return a key wrapped under the root key, or raise WrongKeysError."""
    head, name = wrapped.data[:1], root_id.encode()
    body = wrapped.data[2 + len(name) :]
    if head != COMMITTING or wrapped.data[1 : 2 + len(name)] != bytes([len(name)]) + name:
        raise WrongKeysError("the keys in the database were wrapped by another root key")
    salt, commitment, ciphertext = body[:SALT], body[SALT : SALT + COMMITMENT], body[SALT + COMMITMENT :]
    fresh, expected = _derive(root, salt, [root_id, *context])
    if not bytes_eq(commitment, expected):
        raise WrongKeysError("the root key does not open the keys in the database")
    try:
        return AESGCM(fresh).decrypt(ZERO_NONCE, ciphertext, None)
    except InvalidTag:
        raise WrongKeysError("a key in the database was changed") from None


def _derive(root: bytes, salt: bytes, context: list[Part]) -> tuple[bytes, bytes]:
    derived = HKDF(SHA512(), KEY + COMMITMENT, salt, framed(["byleave-wrap-1", *context])).derive(root)
    return derived[:KEY], derived[KEY:]

"""API keys and customer tokens: 256-bit random values of which only the SHA-256 is kept.

Form of an API key: ``byl_<id>_<secret>_<crc>``; of a customer token: ``byt_<secret>_<crc>``. The CRC lets a scanner
and this door tell a mistyped key from a wrong one without a look-up; it protects nothing.
"""

import hashlib
import hmac
import re
import zlib
from datetime import datetime

from msgspec import Struct

from service.crypto.framing import Part
from service.crypto.random import random_word
from service.errors import UnauthenticatedError
from service.model.words import CustomerId, ServiceId

API_KEY = re.compile(r"^(byl_([a-z2-7]{16})_([a-z2-7]{52}))_([0-9a-f]{8})$")
CUSTOMER_TOKEN = re.compile(r"^(byt_([a-z2-7]{52}))_([0-9a-f]{8})$")


class Credential(Struct, frozen=True):
    """What was presented, or what was just made: hidden in its repr."""

    id: str
    text: str

    @property
    def digest(self) -> bytes:
        """What is stored and compared."""
        return hashlib.sha256(self.text.encode()).digest()

    def matches(self, digest: bytes) -> bool:
        """Whether the stored digest is this credential's, in constant time."""
        return hmac.compare_digest(self.digest, digest)

    def __repr__(self) -> str:
        return f"Credential({self.id!r})"


def new_api_key() -> Credential:
    """Make a service's API key."""
    key_id = random_word(10)
    return Credential(key_id, _with_crc(f"byl_{key_id}_{random_word(32)}"))


def new_customer_token() -> Credential:
    """Make a customer's token; it is found by its digest and has no id."""
    return Credential("", _with_crc(f"byt_{random_word(32)}"))


def read_credential(text: str) -> Credential | None:
    """Return what an Authorization header presents, or None when it cannot be one of ours."""
    for form in (API_KEY, CUSTOMER_TOKEN):
        found = form.match(text)
        if found and text == _with_crc(found[1]):
            return Credential(found[2] if form is API_KEY else "", text)
    return None


def read_api_key(text: str) -> Credential:
    """Return the API key that is presented, or raise UnauthenticatedError for what cannot be one."""
    credential = read_credential(text)
    if credential is None or not credential.id:
        raise UnauthenticatedError
    return credential


def credential_parts(service: ServiceId, key: str, digest: bytes) -> list[Part]:
    """Return what the MAC of an API key's row covers."""
    return ["credential", service, key, digest]


def token_parts(customer: CustomerId, digest: bytes, expires_at: datetime) -> list[Part]:
    """Return what the MAC of a customer token's row covers."""
    return ["token", customer, digest, expires_at]


def _with_crc(text: str) -> str:
    return f"{text}_{zlib.crc32(text.encode()):08x}"

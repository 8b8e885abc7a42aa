"""API keys, customer tokens, sessions and what signs in: 256-bit random values of which only the SHA-256 is kept.

Form of an API key: ``byl_<id>_<secret>_<crc>``; of a customer token: ``byt_<secret>_<crc>``; of a session, a tab that
waits for a code, and a link alike, with ``bys``, ``byw`` and ``byo``. The CRC lets a scanner and this door tell a
mistyped key from a wrong one without a look-up; it protects nothing.
"""

import hashlib
import hmac
import re
import zlib
from datetime import datetime

from msgspec import Struct

from service.crypto.framing import Part, framed
from service.crypto.random import random_number, random_word
from service.errors import UnauthenticatedError
from service.model.signin import DIGITS, Aim, Way
from service.model.words import CustomerId, ServiceId

API_KEY = re.compile(r"^(byl_([a-z2-7]{16})_([a-z2-7]{52}))_([0-9a-f]{8})$")
CUSTOMER_TOKEN = re.compile(r"^(byt_([a-z2-7]{52}))_([0-9a-f]{8})$")
SECRET = re.compile(r"^((by[swo])_[a-z2-7]{52})_[0-9a-f]{8}$")
SESSION, WAITING, LINK = "bys", "byw", "byo"
CODE = re.compile(r"^[0-9]{6}$")


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


class SessionParts(Struct, frozen=True):
    """What is proven of a session."""

    id: str
    customer: CustomerId
    way: Way
    made_at: datetime
    ends_at: datetime
    strong_at: datetime | None


class WaitingParts(Struct, frozen=True):
    """What is proven of a sign-in that waits; ``code``: a keyed hash."""

    digest: bytes
    link: bytes | None
    aim: Aim
    customer: CustomerId | None
    session: bytes | None
    address: bytes | None
    code: bytes | None
    expires_at: datetime

    def __repr__(self) -> str:
        return f"WaitingParts({self.aim!r})"


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


def new_secret(form: str) -> Credential:
    """Make the secret of a session, of a tab that waits or of a link; it is found by its digest and has no id."""
    return Credential("", _with_crc(f"{form}_{random_word(32)}"))


def read_secret(form: str, text: str) -> Credential | None:
    """Return such a secret as it was presented, or None when it cannot be one of ours."""
    found = SECRET.match(text)
    return Credential("", text) if found and found[2] == form and text == _with_crc(found[1]) else None


def new_code() -> str:
    """Make a code for typing."""
    return f"{random_number(10**DIGITS + 1) - 1:0{DIGITS}}"


def read_code(text: str) -> str:
    """Return a code as it was typed or pasted, without what stands between its digits; empty when it is none."""
    digits = re.sub(r"[\s.-]", "", text)
    return digits if CODE.match(digits) else ""


def session_parts(digest: bytes, session: SessionParts) -> list[Part]:
    """Return what the MAC of a session's row covers."""
    return [
        "session",
        digest,
        session.id,
        session.customer,
        session.way,
        session.made_at,
        session.ends_at,
        session.strong_at,
    ]


def waiting_parts(waiting: WaitingParts) -> list[Part]:
    """Return what the MAC of a waiting sign-in covers; its code has one of its own."""
    return [
        "sign-in",
        waiting.digest,
        waiting.link,
        waiting.aim,
        waiting.customer,
        waiting.session,
        waiting.address,
        waiting.code,
        waiting.expires_at,
    ]


def challenge_of(waiting: Credential) -> bytes:
    """Return what the device of a waiting tab has to sign."""
    return hashlib.sha256(framed(["challenge", waiting.text])).digest()


def code_parts(digest: bytes, code: str) -> list[Part]:
    """Return what the keyed hash of a code covers: it is good in the tab that waits for it and nowhere else."""
    return ["code", digest, code]


def credential_parts(service: ServiceId, key: str, digest: bytes) -> list[Part]:
    """Return what the MAC of an API key's row covers."""
    return ["credential", service, key, digest]


def token_parts(customer: CustomerId, digest: bytes, expires_at: datetime) -> list[Part]:
    """Return what the MAC of a customer token's row covers."""
    return ["token", customer, digest, expires_at]


def _with_crc(text: str) -> str:
    return f"{text}_{zlib.crc32(text.encode()):08x}"

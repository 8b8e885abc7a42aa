"""The word in the address of a link in a message.

It is our MAC of all that the link is about, so the same link has the same word whenever it is made, and nothing need be
kept by which it could be made again. Only its SHA-256 is stored: to find what it is about needs no secret, and with our
keys it also proves that.
"""

import base64
import binascii
import hashlib
import re

from msgspec import Struct

from service.crypto.framing import Part, spelt
from service.crypto.keyring import Keyring, Mac
from service.model.message_links import MessageLink

FORM = re.compile(r"[a-z2-7]{52}")


class MessageToken(Struct, frozen=True):
    """A token; its repr hides it. ``version``: of the key that made it."""

    text: str
    version: int

    @property
    def digest(self) -> bytes:
        """What is stored of it."""
        return digest_of(self.text)

    def __repr__(self) -> str:
        return "MessageToken()"


def token_of(keyring: Keyring, link: MessageLink) -> MessageToken:
    """Return the token of a link."""
    mac = keyring.mac(_parts(link))
    return MessageToken(spelt(mac.digest), mac.version)


def digest_of(text: str) -> bytes:
    """Return by what a link is found."""
    return hashlib.sha256(text.encode()).digest()


def can_be_token(text: str) -> bool:
    """Whether a text has the form of a token."""
    return FORM.fullmatch(text) is not None


def authentic_token(keyring: Keyring, text: str, version: int, link: MessageLink) -> bool:
    """Whether we, and nobody at the database, made this token for this link."""
    try:
        digest = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    except (binascii.Error, ValueError):
        return False
    return keyring.authentic(Mac(version, digest), _parts(link))


def _parts(link: MessageLink) -> list[Part]:
    return ["message-link", link.service, link.customer, link.purpose, link.channel, link.ends_at]

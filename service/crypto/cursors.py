"""Where a page of a list ended: opaque, and good only for the list and the customer that it was made for."""

import base64
import binascii

from service.crypto.framing import Part
from service.crypto.keyring import Keyring, Mac
from service.errors import BadCursorError, UnknownUseError
from service.model.words import CustomerId

POSITION = 8
LAST = 2**63 - 1
"""Before this is everything."""
HEAD = 2 + 32
"""The version of the key, and the MAC."""


def cursor(keyring: Keyring, position: int, about: list[Part]) -> str:
    """Return the cursor of a position in a list."""
    return name_cursor(keyring, position.to_bytes(POSITION), about)


def name_cursor(keyring: Keyring, name: bytes, about: list[Part]) -> str:
    """Return the cursor of a list that is in the order of names; whoever has the cursor can read the name."""
    mac = keyring.mac(["cursor", name, *about])
    return base64.urlsafe_b64encode(mac.version.to_bytes(2) + mac.digest + name).decode().rstrip("=")


def position_of(keyring: Keyring, text: str, about: list[Part]) -> int:
    """Return the position that a cursor of this list means, or raise BadCursorError."""
    name = name_of(keyring, text, about)
    if len(name) != POSITION:
        raise BadCursorError(pointer="/cursor")
    return int.from_bytes(name)


def name_of(keyring: Keyring, text: str, about: list[Part]) -> bytes:
    """Return the name that a cursor of this list means, or raise BadCursorError."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise BadCursorError(pointer="/cursor") from None
    mac, name = Mac(int.from_bytes(data[:2]), data[2:HEAD]), data[HEAD:]
    if len(data) <= HEAD or not keyring.authentic(mac, ["cursor", name, *about]):
        raise BadCursorError(pointer="/cursor")
    return name


def line_word(keyring: Keyring, customer: CustomerId, line: int) -> str:
    """Return the word by which a customer names a line of the use of her data: good for herself, for ever."""
    return cursor(keyring, line, ["use-line", customer])


def line_of(keyring: Keyring, customer: CustomerId, word: str) -> int:
    """Return the line that her word names; raises UnknownUseError."""
    try:
        return position_of(keyring, word, ["use-line", customer])
    except BadCursorError:
        raise UnknownUseError from None

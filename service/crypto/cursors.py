"""Where a page of a list ended: opaque, and good only for the list and the customer that it was made for."""

import base64
import binascii

from service.crypto.framing import Part
from service.crypto.keyring import Keyring, Mac
from service.errors import BadCursorError

POSITION = 8
LAST = 2**63 - 1
"""Before this is everything."""
DIGEST = 32


def cursor(keyring: Keyring, position: int, about: list[Part]) -> str:
    """Return the cursor of a position in a list."""
    mac = keyring.mac(["cursor", position, *about])
    data = position.to_bytes(POSITION) + mac.version.to_bytes(2) + mac.digest
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def position_of(keyring: Keyring, text: str, about: list[Part]) -> int:
    """Return the position that a cursor of this list means, or raise BadCursorError."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise BadCursorError(pointer="/cursor") from None
    position, mac = int.from_bytes(data[:POSITION]), Mac(int.from_bytes(data[POSITION : POSITION + 2]), data[-DIGEST:])
    right_size = len(data) == POSITION + 2 + DIGEST
    if not right_size or not keyring.authentic(mac, ["cursor", position, *about]):
        raise BadCursorError(pointer="/cursor")
    return position

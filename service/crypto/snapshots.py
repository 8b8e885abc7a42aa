"""Snapshots on the wire: what was shown, and our MAC over all of it. Nothing is stored.

A snapshot made for a customer is good for her only. She is part of what the MAC covers and not of what is written, so
that nobody can tell from two snapshots whether they are one person's.
"""

import base64
import binascii

import msgspec

from service.crypto.framing import Part
from service.crypto.keyring import Keyring, Mac
from service.errors import BadSnapshotError
from service.model.snapshots import Snapshot
from service.model.words import CustomerId

VERSION = 2
DIGEST = 32
POINTER = "/snapshot"


def make_snapshot(keyring: Keyring, snapshot: Snapshot, customer: CustomerId | None) -> str:
    """Return a snapshot as text; ``customer``: whom it was shown to, where that is known."""
    written = msgspec.msgpack.encode(snapshot)
    mac = keyring.mac(_parts(written, customer))
    return base64.urlsafe_b64encode(written + mac.version.to_bytes(VERSION) + mac.digest).decode().rstrip("=")


def read_snapshot(keyring: Keyring, text: str, customer: CustomerId) -> Snapshot:
    """Return what a snapshot says, shown to this customer or to somebody not known then; else BadSnapshotError.

    Whether its time has run and whether it is this screen: see ``model/snapshots``.
    """
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise BadSnapshotError(pointer=POINTER) from None
    written, version, digest = data[: -VERSION - DIGEST], data[-VERSION - DIGEST : -DIGEST], data[-DIGEST:]
    mac = Mac(int.from_bytes(version), digest)
    if not any(keyring.authentic(mac, _parts(written, each)) for each in (customer, None)):
        raise BadSnapshotError(pointer=POINTER)
    return msgspec.msgpack.decode(written, type=Snapshot, strict=True)


def _parts(written: bytes, customer: CustomerId | None) -> list[Part]:
    return ["snapshot", written, customer]

"""What is published of a ledger entry, and what proves what it says.

Each entry has a seed of its own. From it come the *opening*, which with the body shows what the entry is committed to,
and the customer's *mark* in the body. So whoever is shown opening and body learns nothing by which the database, or
another entry of hers, could be searched; and who has the seed can show whose entry it is.
"""

import hashlib
import hmac
from collections.abc import Iterable

from msgspec import Struct

from service.crypto.envelope import seal, unseal
from service.crypto.framing import Part
from service.crypto.keyring import OpenKey
from service.crypto.random import random_bytes
from service.errors import IntegrityError, KeysUnavailableError
from service.model.facts import Sealed
from service.model.ledger import Entry
from service.model.words import CustomerId, EntryId

SEED = OPENING = 32


class Content(Struct, frozen=True):
    """The seed and the body of an entry."""

    seed: bytes
    body: bytes

    def __repr__(self) -> str:  # it may be about somebody
        return "Content()"

    @property
    def opening(self) -> bytes:
        """The 32 bytes that open the commitment."""
        return opening_of(self.seed)

    @property
    def commitment(self) -> bytes:
        """The 32 bytes that are published of it."""
        return commitment(self.opening, self.body)

    @property
    def joined(self) -> bytes:
        """Both in one, as they are stored."""
        return self.seed + self.body


def new_content(entry: Entry) -> Content:
    """Give an entry its seed."""
    seed = random_bytes(SEED)
    return Content(seed, entry.body(None if entry.customer is None else mark_of(seed, entry.customer)))


def content_of(joined: bytes) -> Content:
    """Return what was joined."""
    return Content(joined[:SEED], joined[SEED:])


def opening_of(seed: bytes) -> bytes:
    """Return what opens the commitment of the entry with this seed."""
    return hmac.digest(seed, b"opening", hashlib.sha256)


def mark_of(seed: bytes, customer: CustomerId) -> str:
    """Return how a body with this seed names a customer: 64 hexadecimal digits."""
    return hmac.digest(seed, b"customer" + customer.bytes, hashlib.sha256).hex()


def commitment(opening: bytes, body: bytes) -> bytes:
    """Return what a body is committed to: 32 bytes that hide it until the opening is shown, and bind it for ever."""
    return hmac.digest(opening, body, hashlib.sha256)


def positions_digest(positions: Iterable[int]) -> str:
    """Return what an erasure says of the positions that it concerned: SHA-256, hexadecimal, of 8 bytes for each."""
    return hashlib.sha256(b"".join(position.to_bytes(8) for position in sorted(positions))).hexdigest()


def seal_content(key: OpenKey, customer: CustomerId, id_: EntryId, content: Content) -> Sealed:
    """Seal an entry's content under the customer's evidence key, bound to her and to the entry."""
    return seal(key.key, content.joined, _labels(customer, id_, key.id))


def open_content(key: OpenKey, customer: CustomerId, id_: EntryId, sealed: Sealed) -> Content:
    """Open what was sealed; raises IntegrityError for what is not that entry's, or not hers."""
    return _whole(unseal(key.key, sealed, _labels(customer, id_, key.id)))


def stored_content(
    key: OpenKey | None, customer: CustomerId | None, id_: EntryId, under: str | None, stored: bytes
) -> Content:
    """Return what is stored of an entry; ``under``: the id of the key that sealed it, ``key``: the one she has.

    In the clear is what is about nobody, and what was entered while no key was there. Raises KeysUnavailableError when
    its key is gone, IntegrityError as ``open_content`` does.
    """
    if customer is None or under is None:
        return _whole(stored)
    if key is None or key.id != under:
        raise KeysUnavailableError("the key of this entry is gone")
    return open_content(key, customer, id_, Sealed(stored))


def _whole(joined: bytes) -> Content:
    content = content_of(joined)
    if len(content.seed) != SEED:
        raise IntegrityError("an entry's content is not whole")
    return content


def _labels(customer: CustomerId, id_: EntryId, key_id: str) -> list[Part]:
    return ["entry", customer, id_, key_id]

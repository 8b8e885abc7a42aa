"""Rows of other systems: as whom each came in, and a MAC by which the same row is known again."""

import struct
from collections.abc import Iterable

from msgspec import Struct

from service.crypto.framing import Part, microseconds
from service.crypto.keyring import Keyring, Mac
from service.database import Connection
from service.model.columns import Draft
from service.model.hearsay import Heard
from service.model.words import CustomerId
from service.storage.statements import execute_for_all, statements

SQL = statements(__file__)
# Version of the MAC key, the row's own time in microseconds since 1970, MAC.
FINGERPRINT = struct.Struct(">Iq32s")
TIMELESS = -(2**63)


class Known(Struct, frozen=True):
    """As whom a row came in, and as what."""

    customer: CustomerId
    fingerprint: bytes

    def same(self, keyring: Keyring, source: str, draft: Draft) -> bool:
        """Whether the row said just this when it last changed anything."""
        version, _, digest = FINGERPRINT.unpack(self.fingerprint)
        return keyring.authentic(Mac(version, digest), _parts(source, draft))

    def newer_than(self, draft: Draft) -> bool:
        """Whether what came in before is of a later time, so that this row has nothing to say any more."""
        _, at, _ = FINGERPRINT.unpack(self.fingerprint)
        return draft.as_of is not None and microseconds(draft.as_of) < at


def digest_of(keyring: Keyring, source: str, source_id: str) -> bytes:
    """Return the blind index of another system's id."""
    return keyring.blind_index(f"source:{source}", source_id)


def fingerprint(keyring: Keyring, source: str, draft: Draft) -> bytes:
    """Return by what this row is known again."""
    mac = keyring.mac(_parts(source, draft))
    at = TIMELESS if draft.as_of is None else microseconds(draft.as_of)
    return FINGERPRINT.pack(mac.version, at, mac.digest)


async def known(connection: Connection, source: str, digests: Iterable[bytes]) -> dict[bytes, Known]:
    """Return the rows that came in before, by digest."""
    rows = await connection.fetch(SQL["known"], source, list(digests))
    return {row["digest"]: Known(row["customer"], row["fingerprint"]) for row in rows}


async def recorded(connection: Connection, source: str, customers: Iterable[CustomerId]) -> set[CustomerId]:
    """Return which of these customers a row of this system stands for."""
    return {row["customer"] for row in await connection.fetch(SQL["recorded"], source, list(customers))}


async def put_all(connection: Connection, source: str, rows: Iterable[tuple[bytes, CustomerId, bytes]]) -> None:
    """Remember rows: digest, as whom, fingerprint."""
    await execute_for_all(connection, SQL["put"], [(source, *row) for row in rows])


def _parts(source: str, draft: Draft) -> list[Part]:
    """Return all that a row says."""
    identifiers: list[Part] = [part for each in draft.identifiers for part in (each.kind, each.value)]
    facts: list[Part] = [part for each in draft.facts for part in (each.attribute, each.provenance, each.value)]
    head: list[Part] = ["source-record", source, draft.source_id, draft.as_of, draft.age_band]
    answers: list[Part] = [part for each in draft.answers for part in _answer_parts(each)]
    return [*head, len(identifiers), *identifiers, len(facts), *facts, *answers]


def _answer_parts(heard: Heard) -> list[Part]:
    """Return all that one answer says; without any, a row is known again by what it always was."""
    place: list[Part] = ["answer", heard.spot.purpose, heard.spot.channel, heard.status, heard.notice, heard.given_at]
    return [*place, heard.method, heard.language, heard.evidence]

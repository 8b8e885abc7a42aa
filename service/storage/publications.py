"""Published policies: content by its hash, and which version is in force."""

from collections.abc import Sequence
from typing import Any

from service.crypto.framing import Part
from service.crypto.keyring import Keyring, Mac
from service.database import Connection
from service.errors import IntegrityError, PoliciesUnavailableError
from service.model.facts import Publication
from service.model.words import PolicyVersion
from service.storage.statements import statements

SQL = statements(__file__)
CORNER = 0x0B23  # our corner of the advisory locks


async def current_version(connection: Connection) -> PolicyVersion:
    """Return the version in force, as the database says it: enough for a no, never for a yes."""
    row = await connection.fetchrow(SQL["current"])
    if row is None:
        raise PoliciesUnavailableError("nothing was published; run: byleave policies publish")
    return PolicyVersion(row["version"])


async def current(connection: Connection, keyring: Keyring) -> Publication | None:
    """Return what is in force, proven by its MAC."""
    row = await connection.fetchrow(SQL["current"])
    return None if row is None else authentic_publication(keyring, tuple(row.values()))


async def bundle(connection: Connection, version: PolicyVersion) -> bytes:
    """Return the files of a version."""
    data = await connection.fetchval(SQL["bundle"], version)
    if data is None:
        raise PoliciesUnavailableError("the version is not in the database")
    return bytes(data)


async def bundles(connection: Connection) -> list[bytes]:
    """Return the files of every version ever published."""
    return [row["bundle"] for row in await connection.fetch(SQL["bundles"])]


async def lock(connection: Connection) -> None:
    """Wait for other publications to end; theirs are seen afterwards."""
    await connection.execute(SQL["hold"], CORNER)


async def publish(connection: Connection, keyring: Keyring, publication: Publication, files: bytes) -> None:
    """Put a version in force."""
    mac = keyring.mac(_parts(publication))
    await connection.execute(SQL["publish"], publication.sequence, publication.version, files, mac.version, mac.digest)


def authentic_publication(keyring: Keyring, row: Sequence[Any] | None) -> Publication:
    """Return a publication from its row; raises when there is none or it is not ours."""
    if row is None:
        raise PoliciesUnavailableError("nothing was published; run: byleave policies publish")
    sequence, version, mac_version, mac = row
    publication = Publication(sequence, PolicyVersion(version))
    if not keyring.authentic_again(Mac(mac_version, mac), tuple(_parts(publication))):
        raise IntegrityError("the publication in force does not carry our MAC")
    return publication


def _parts(publication: Publication) -> list[Part]:
    return ["publication", publication.sequence, publication.version]

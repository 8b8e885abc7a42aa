"""Publishing policies, and having the published ones at hand."""

import asyncio
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import structlog

from service.crypto.keyring import Keyring
from service.database import Connection, Database
from service.errors import PoliciesUnavailableError, PolicyError
from service.meters import METERS
from service.model.callers import Caller
from service.model.catalogue import Catalogue
from service.model.facts import Publication
from service.model.ledger import Published, entry
from service.model.words import PolicyVersion
from service.policy.bundle import Bundle, decode, read_bundle
from service.policy.catalogue import parse_catalogue
from service.policy.engine import Policies, check_policies, compile_policies
from service.policy.materiality import immaterial_changes
from service.storage import customers, ledger, publications

KEPT = 4
CATALOGUES_KEPT = 32
Read = TypeVar("Read", Policies, Catalogue)
log = structlog.get_logger()


class Library:
    """The compiled policies of every version in use. A version never changes, so there is nothing to go stale."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._shelf: dict[PolicyVersion, Policies] = {}
        self._catalogues: dict[PolicyVersion, Catalogue] = {}
        self._one_at_a_time = asyncio.Lock()

    async def at(self, version: PolicyVersion) -> Policies:
        """Return the policies of a version, or raise PoliciesUnavailableError."""
        # Who has what he needs does not wait for a version that is being compiled.
        if version in self._shelf:
            return self._shelf[version]
        async with self._one_at_a_time:
            if version not in self._shelf:
                compiled = await self._load(version, _compiled)
                self._shelf = dict([*self._shelf.items()][1 - KEPT :]) | {version: compiled}
            return self._shelf[version]

    async def catalogue(self, version: PolicyVersion) -> Catalogue:
        """Return what a version said, also one whose policies are used no more: a receipt speaks of its own day.

        On a shelf of its own, so that who reads old receipts does not push out what releases are decided by.
        """
        if version not in self._catalogues:
            read = await self._load(version, _catalogue)
            self._catalogues = dict([*self._catalogues.items()][1 - CATALOGUES_KEPT :]) | {version: read}
        return self._catalogues[version]

    async def current(self) -> Policies:
        """Return the policies that the database says are in force."""
        async with self._database.connection() as connection:
            version = await publications.current_version(connection)
        return await self.at(version)

    async def _load(self, version: PolicyVersion, read: Callable[[bytes, PolicyVersion], Read]) -> Read:
        async with self._database.connection() as connection:
            data = await publications.bundle(connection, version)
        try:
            return await asyncio.to_thread(read, data, version)
        except PolicyError as error:
            METERS.policy_failures += 1
            log.error("alarm: published policies cannot be used", version=version, faults=error.faults)  # noqa: TRY400  no traceback
            raise PoliciesUnavailableError("the published policies cannot be used") from None


async def version_in_force(database: Database) -> PolicyVersion | None:
    """Return the version of the policies that the database says are in force, None before any were published."""
    async with database.connection() as connection:
        try:
            return await publications.current_version(connection)
        except PoliciesUnavailableError:
            return None


@lru_cache(maxsize=KEPT)  # of its input alone, so every library of this process has one and the same
def _compiled(data: bytes, version: PolicyVersion) -> Policies:
    return compile_policies(_authentic(data, version))


def _catalogue(data: bytes, version: PolicyVersion) -> Catalogue:
    return parse_catalogue(_authentic(data, version))


def _authentic(data: bytes, version: PolicyVersion) -> Bundle:
    bundle = decode(data)
    if bundle.version != version:
        raise PolicyError(["the published files do not have the published hash"])
    return bundle


def check(folder: Path) -> Policies:
    """Compile the policies of a folder; raises PolicyError with every fault."""
    return check_policies(read_bundle(folder))


async def publish(database: Database, keyring: Keyring, caller: Caller, folder: Path) -> tuple[Publication, bool]:
    """Put the policies of a folder in force; returns the publication and whether it is new."""
    bundle = read_bundle(folder)
    policies = check_policies(bundle)
    async with database.transaction() as connection:
        await publications.lock(connection)
        before = await publications.current(connection, keyring)
        if before is not None and before.version == policies.version:
            return before, False
        _refuse_changed_notices(bundle, await publications.bundles(connection))
        if before is not None:
            _refuse_immaterial(await publications.bundle(connection, before.version), before.version, policies)
        publication = Publication(1 if before is None else before.sequence + 1, policies.version)
        await publications.publish(connection, keyring, publication, bundle.encode())
        await _enter(connection, caller, publication)
    return publication, True


CHANGED, REMOVED = "cannot change; write the next version", "is not here; put it back"


def _refuse_changed_notices(bundle: Bundle, published: list[bytes]) -> None:
    """A published notice is what somebody read: it never changes."""
    faults = [
        f"{path}: this notice was published and {CHANGED if path in bundle.files else REMOVED}"
        for files in map(decode, published)
        for path, text in files.files.items()
        if path.startswith("notices/") and bundle.files.get(path) != text
    ]
    if faults:
        raise PolicyError(sorted(set(faults)))


def _refuse_immaterial(files: bytes, version: PolicyVersion, policies: Policies) -> None:
    """What asks for more than what is in force says so in a new notice."""
    faults = immaterial_changes(parse_catalogue(_authentic(files, version)), policies.catalogue)
    if faults:
        raise PolicyError(faults)


async def _enter(connection: Connection, caller: Caller, publication: Publication) -> None:
    now = await customers.clock(connection)
    act = Published(policy_version=publication.version)
    await ledger.append(connection, None, entry(ledger.new_entry_id(now), None, caller, now, act))

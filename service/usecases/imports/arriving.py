"""Rows on their way in: what an import may touch and may say, each row checked, and which of them go together."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

from msgspec import Struct, structs

from service.crypto.keyring import Keyring
from service.database import Database
from service.errors import (
    NotConsentBasedError,
    NotGrantedError,
    UnknownAttributeError,
    UnknownChannelError,
    UnknownPurposeError,
    UnknownServiceError,
)
from service.model.callers import Caller
from service.model.catalogue import Catalogue, Service
from service.model.columns import Columns, Draft, draft, refuse_misfits
from service.model.consent_columns import ConsentColumns
from service.model.identifiers import STRENGTH, Identifier
from service.model.sheet import Reject, Row
from service.model.suppression import Found
from service.model.words import Basis
from service.policy.engine import Policies
from service.storage import sources

BATCH = 100
"""Rows of one transaction: it is over long before anybody who waits for it loses patience."""


class Means(Struct, frozen=True):
    """What an import may touch, and on whose word it does."""

    database: Database
    keyring: Keyring
    policies: Policies
    caller: Caller

    def __repr__(self) -> str:
        return "Means()"


class Summary(Struct, frozen=True, kw_only=True):
    """What became of the rows: every one that was read is in exactly one of the next six counts."""

    read: int = 0
    created: int = 0
    updated: int = 0
    linked: int = 0
    """The first from this system about a customer whom another one brought in."""
    suppressed: int = 0
    """A no of somebody who is nobody here: her address is left alone, and nothing else is kept."""
    unchanged: int = 0
    rejected: int = 0
    shared: int = 0
    """Identifiers that somebody else had already: kept by both, they find nobody."""
    given: int = 0
    """Answers that came in: a yes, a no, and what nobody can rely on."""
    refused: int = 0
    unknown: int = 0


class Arrival(Struct, frozen=True):
    """A row on its way in, with the blind indexes of its id and its identifiers."""

    line: int
    draft: Draft
    digest: bytes
    found_by: Mapping[Found, Identifier]

    def __repr__(self) -> str:
        return f"Arrival({self.line})"

    @property
    def digests(self) -> set[bytes]:
        """Everything by which another row could mean the same person."""
        return {self.digest, *(digest for _, digest in self.found_by)}

    @property
    def address(self) -> set[Found]:
        """The strongest of its identifiers: who shares it is reached by it."""
        strongest = min((STRENGTH[kind] for kind, _ in self.found_by), default=0)
        return {found for found in self.found_by if STRENGTH[found[0]] == strongest}


class Run(Struct, frozen=True):
    """An import under way."""

    means: Means
    columns: Columns
    reject: Callable[[Reject], None]
    counts: Counter[str]

    @property
    def summary(self) -> Summary:
        """What became of the rows until now."""
        return Summary(**self.counts)

    def arrivals(self, rows: Iterable[Row | Reject], now: datetime) -> Iterator[Arrival]:
        """Check rows, and set the bad ones aside."""
        for row in rows:
            self.counts["read"] += 1
            read = _checked(self.columns, self.means.policies.catalogue, row, now)
            if isinstance(read, Draft):
                yield self._arrival(row.line, read)
            else:
                self.counts["rejected"] += 1
                for each in read:
                    self.reject(each)

    def _arrival(self, line: int, read: Draft) -> Arrival:
        keyring = self.means.keyring
        digest = sources.digest_of(keyring, self.columns.origin, read.source_id)
        return Arrival(line, read, digest, {(each.kind, keyring.index_of(each)): each for each in read.identifiers})


def refuse_ungranted(catalogue: Catalogue, columns: Columns) -> None:
    """Refuse a map that says more than its service may, or speaks of what is not in the catalogue."""
    service = catalogue.services.get(columns.service)
    if service is None:
        raise UnknownServiceError(f"the column map names the service {columns.service}, which is not in the catalogue")
    for attribute, each in columns.attributes.items():
        if attribute not in catalogue.attributes:
            raise UnknownAttributeError(f"the column map names {attribute}, which is not in the catalogue")
        if not service.may_contribute(attribute, each.provenance):
            raise NotGrantedError(f"{columns.service} may not contribute {attribute} as {each.provenance}")
    refuse_misfits(columns, catalogue.attributes)
    for consent in columns.consents:
        _refuse_ungranted_answers(catalogue, service, consent)


def _refuse_ungranted_answers(catalogue: Catalogue, service: Service, columns: ConsentColumns) -> None:
    """Refuse answers to what nobody asks, and a yes from a service that does not record it; a no needs no right."""
    purpose = catalogue.purposes.get(columns.purpose)
    if purpose is None:
        raise UnknownPurposeError(f"the column map names {columns.purpose}, which is not in the catalogue")
    if purpose.basis is not Basis.CONSENT:
        raise NotConsentBasedError(f"{columns.purpose} does not rest on consent, so there is nothing to answer")
    if columns.channel not in purpose.channels:
        raise UnknownChannelError(f"{columns.purpose} is not offered on the channel {columns.channel}")
    if columns.may_give and columns.purpose not in service.records:
        raise NotGrantedError(f"{service.id} may not record a yes to {columns.purpose}")


def _checked(columns: Columns, catalogue: Catalogue, row: Row | Reject, now: datetime) -> Draft | list[Reject]:
    if isinstance(row, Reject):
        return [row]
    read = draft(columns, catalogue.attributes, row.cells, now)
    if isinstance(read, Draft):
        return structs.replace(read, answers=tuple(each.proven(catalogue) for each in read.answers))
    return [Reject(row.line, each.column, f"expected {each.expected}") for each in read]


def groups(arrivals: Iterable[Arrival]) -> Iterator[list[Arrival]]:
    """Group rows, and end a group where a row meets an earlier one of it: inside a group the order is all one."""
    group: list[Arrival] = []
    seen: set[bytes] = set()
    for arrival in arrivals:
        if len(group) == BATCH or not seen.isdisjoint(arrival.digests):
            yield group
            group, seen = [], set()
        group.append(arrival)
        seen |= arrival.digests
    if group:
        yield group

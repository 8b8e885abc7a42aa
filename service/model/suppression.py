"""Identifiers of people who are to be left alone, whether or not they are anybody here.

Only keyed blind indexes are kept. A suppression takes away and never gives, so it carries no MAC; that one was
deleted can be told only from the ledger, where each left an entry.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from service.model.catalogue import Catalogue
from service.model.consent import Answer, Spot
from service.model.facts import Standing
from service.model.identifiers import STRENGTH
from service.model.words import Basis, EntryId, IdentifierKind, Method, PolicyVersion, PurposeId, Status

EVERYTHING = PurposeId("")
Found = tuple[IdentifierKind, bytes]
"""An identifier as it is looked for: its kind and its blind index."""


class Why(StrEnum):
    """Why somebody is to be left alone."""

    OPTED_OUT = "opted-out"
    ERASED = "erased"


class Suppression(Struct, frozen=True):
    """That whoever has an identifier is to be left alone, for one purpose or altogether."""

    kind: IdentifierKind
    digest: bytes
    why: Why
    purpose: PurposeId
    since: datetime

    @property
    def found(self) -> Found:
        """The identifier."""
        return self.kind, self.digest


class Recording(Struct, frozen=True):
    """Who records refusals, when, and under which entry."""

    recorder: str
    at: datetime
    policy_version: PolicyVersion
    entry: EntryId


def forgotten(suppressions: Iterable[Suppression]) -> bool:
    """Whether somebody behind these identifiers asked to be forgotten."""
    return any(each.why is Why.ERASED for each in suppressions)


def bearing(suppressions: Iterable[Suppression], shown: Collection[Found]) -> list[Suppression]:
    """Return the refusals that are surely of the person who shows these identifiers.

    As with recognising her, a card or a phone may be a household's: it speaks only for who shows nothing stronger.
    """
    strongest = min((STRENGTH[kind] for kind, _ in shown), default=0)
    return [
        each
        for each in suppressions
        if each.why is Why.OPTED_OUT and each.found in shown and STRENGTH[each.kind] == strongest
    ]


def refused(suppressions: Iterable[Suppression], purpose: PurposeId) -> datetime | None:
    """Return since when a purpose is refused, None where it is not."""
    since = [each.since for each in suppressions if each.purpose in (EVERYTHING, purpose)]
    return max(since, default=None)


def refusals(
    suppressions: Collection[Suppression], standing: Mapping[Spot, Standing], catalogue: Catalogue
) -> dict[Spot, datetime]:
    """Return what is to be refused for a customer, and since when: whatever she has not allowed later herself."""
    if not suppressions:
        return {}
    offered = [
        Spot(PurposeId(purpose.id), channel)
        for purpose in catalogue.purposes.values()
        if purpose.basis is Basis.CONSENT
        for channel in purpose.channels
    ]
    since = {spot: refused(suppressions, spot.purpose) for spot in [*offered, *standing]}
    return {spot: at for spot, at in since.items() if at is not None and _is_open(standing.get(spot), at)}


def refusal(spot: Spot, since: datetime, recording: Recording) -> Answer:
    """Return the refusal of one who said no before she was anybody here."""
    return Answer(
        purpose=spot.purpose,
        channel=spot.channel,
        status=Status.REFUSED,
        notice=0,
        explicit=False,
        method=Method.IMPORT,
        actor="",
        given_at=min(since, recording.at),
        recorded_at=recording.at,
        recorder=recording.recorder,
        policy_version=recording.policy_version,
        entry=recording.entry,
    )


def _is_open(stands: Standing | None, since: datetime) -> bool:
    """Whether nothing stands that a refusal of this date would not change."""
    if stands is None or stands.status.open or stands.status is Status.EXPIRED:
        return True
    return stands.status.valid and stands.decided_at <= since

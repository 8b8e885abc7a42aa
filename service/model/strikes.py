"""Striking facts out: what of her she means, what was built on it, and by what it is kept out from then on.

Pure: facts are looked at by their labels, and no value is ever needed.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from msgspec import Struct, structs

from service.model.catalogue import Attribute
from service.model.facts import SealedFact, fact_name, kind_of
from service.model.words import AttributeId, CustomerId, EntryId, Provenance, ServiceId

SCOPES = ("attribute", "category", "provenance", "source")
"""By what a fact can be meant, besides its date; in the order in which a block says it."""
ONE = "attribute provenance source"
"""The scope that means one fact."""
KEPT = timedelta(days=30)
"""For how long what was not her can be brought back; then only the block stays."""
KEPT_SHORTLY = timedelta(minutes=10)
"""For how long what she deleted, or said anew herself, can be."""


class Manner(StrEnum):
    """Why facts were struck out. The words are stored for ever."""

    DISPUTE = "dispute"
    CORRECTION = "correction"
    DELETION = "deletion"


class Answer(StrEnum):
    """What she says, if she likes, of why something was not her. The words are stored for ever."""

    SOMEBODY_ELSE = "somebody-else"
    GIFT = "gift"
    UNKNOWN = "i-do-not-know"
    LEAVE_OUT = "leave-out"
    """It was she, and it is to be left out all the same."""


class Label(Struct, frozen=True):
    """What is known of a fact without its value."""

    attribute: AttributeId
    provenance: Provenance
    source: str
    as_of: datetime
    derived_from: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its name among hers."""
        return fact_name(self.attribute, self.provenance, self.source)

    @property
    def kind(self) -> str:
        """Its kind: an attribute, known in one way."""
        return kind_of(self.attribute, self.provenance)


class Selection(Struct, frozen=True, kw_only=True):
    """Which facts she means: all that are like this in every respect that is said."""

    attribute: AttributeId | None = None
    category: str | None = None
    provenance: Provenance | None = None
    source: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def scope(self) -> str:
        """In which respects, besides the date, as a block says it."""
        return " ".join(each for each in SCOPES if getattr(self, each) is not None)

    @property
    def says(self) -> list[str]:
        """In which respects, the date too: what a ledger may say of it."""
        return [each for each in (*SCOPES, "since", "until") if getattr(self, each) is not None]

    @property
    def dated(self) -> bool:
        """Whether it means facts of some time only."""
        return self.since is not None or self.until is not None

    @property
    def item(self) -> str | None:
        """The name of the one fact that it means, if it means one."""
        if self.attribute is None or self.provenance is None or self.source is None or self.dated:
            return None
        return fact_name(self.attribute, self.provenance, self.source)

    def values(self) -> list[str]:
        """Return what its scope names."""
        return [str(getattr(self, each)) for each in self.scope.split()]

    def by_attribute(self, attributes: Mapping[AttributeId, Attribute]) -> Iterator["Selection"]:
        """Yield what means the same of each attribute of a category, for whoever does not know the catalogue."""
        for id_, attribute in attributes.items():
            if self.category == attribute.category and self.attribute in (None, id_):
                yield structs.replace(self, attribute=id_, category=None)

    def means(self, label: Label, attributes: Mapping[AttributeId, Attribute]) -> bool:
        """Whether it means this fact."""
        return (
            bool(self.says)
            and self.values() == values_of(self.scope, label, attributes)
            and in_time(label.as_of, self.since, self.until)
        )


class Block(Struct, frozen=True):
    """What keeps something of a customer out; what that is only its MAC knows. ``strike``: since which act."""

    customer: CustomerId
    strike: UUID
    scope: str
    version: int
    digest: bytes
    derived: bool
    since: datetime | None = None
    until: datetime | None = None

    def __repr__(self) -> str:
        return f"Block({self.scope!r})"

    @property
    def one(self) -> bool:
        """Whether it keeps out one fact, by its name."""
        return self.scope == ONE

    @property
    def ground(self) -> tuple[CustomerId, str, int]:
        """What blocks have in common that can be looked up together."""
        return self.customer, self.scope, self.version


class Struck(Struct, frozen=True):
    """A fact that was struck out, sealed once more; ``named``: by her, or built on one that she named."""

    strike: UUID
    customer: CustomerId
    fact: SealedFact
    named: bool
    kept: datetime

    @property
    def label(self) -> Label:
        """What is known of it without its value."""
        return label_of(self.fact)


class Strike(Struct, frozen=True, kw_only=True):
    """One time that she struck facts out."""

    sequence: int
    id: UUID
    customer: CustomerId
    kind: Manner
    entry: EntryId
    at: datetime
    version: int
    kinds: list[str]
    named: int
    built_on: int
    disputes: bool
    """Whether it was not her, and is kept out for good."""
    kept: datetime
    answer: str
    undone_at: datetime | None


class Recipient(Struct, frozen=True):
    """A service that had received what was struck out, and when it was told."""

    service: ServiceId
    attributes: list[str]
    told_at: datetime | None = None


class Barrier(Protocol):
    """What stands against facts: asked by labels and names, it says by which act something is kept out."""

    def against(self, label: Label) -> UUID | None:
        """Return what keeps a fact out by what it is itself."""

    def knows(self, name: str) -> UUID | None:
        """Return what was ever struck out under this name, whatever its date."""


def label_of(fact: SealedFact) -> Label:
    """Return what is known of a fact without its value."""
    return Label(fact.attribute, fact.provenance, fact.source, fact.as_of, fact.derived_from)


def label_named(name: str) -> Label:
    """Return what the name of a fact says of it: everything but its date and its lineage."""
    kind, _, source = name.partition("@")
    attribute, _, provenance = kind.partition("#")
    return Label(AttributeId(attribute), Provenance(provenance), source, datetime.min)  # noqa: DTZ901  no date


def service_of(label: Label) -> str:
    """Return the service that said a fact, where it added its own word for where it comes from; else nothing."""
    service, word, _ = label.source.partition("/")
    return service if word else ""


def values_of(scope: str, label: Label, attributes: Mapping[AttributeId, Attribute]) -> list[str]:
    """Return what a fact is in the respects of a scope."""
    known = attributes.get(label.attribute)
    respects = {
        "attribute": label.attribute,
        "category": "" if known is None else known.category,
        "provenance": label.provenance,
        "source": label.source,
    }
    return [str(respects[each]) for each in scope.split()]


def in_time(at: datetime, since: datetime | None, until: datetime | None) -> bool:
    """Whether an instant is not before the one and not after the other."""
    return (since is None or at >= since) and (until is None or at <= until)


def built_on(labels: Iterable[Label], seeds: Collection[str]) -> set[str]:
    """Return the names of all that rests on one of these facts, over however many steps, without themselves."""
    rest = [(label.name, label.derived_from) for label in labels]
    found = set(seeds)
    while new := {name for name, parents in rest if name not in found and not found.isdisjoint(parents)}:
        found |= new
    return found - set(seeds)


def kept_out(labels: Sequence[Label], live: Collection[str], barrier: Barrier) -> dict[int, UUID]:
    """Return which of these facts do not come in, and by which act; ``live``: the names of those that are in.

    A fact is out if it is blocked itself, or if it rests on one that is neither in nor coming in and that was struck
    out before, or is out here. So what was built on something disputed comes back only on other grounds.
    """
    out = {index: by for index, label in enumerate(labels) if (by := barrier.against(label)) is not None}
    while True:
        standing = {*live, *(label.name for index, label in enumerate(labels) if index not in out)}
        lost = {labels[index].name: by for index, by in out.items()}
        found = {
            index: by
            for index, label in enumerate(labels)
            if index not in out and (by := _lost(label, standing, lost, barrier)) is not None
        }
        if not found:
            return out
        out |= found


def _lost(label: Label, standing: Collection[str], lost: Mapping[str, UUID], barrier: Barrier) -> UUID | None:
    for parent in label.derived_from:
        if parent not in standing and (by := lost.get(parent) or barrier.knows(parent)) is not None:
            return by
    return None

"""The column map: which column of another system's export is which identifier or attribute here.

Pure: rows come in as text, drafts or reasons go out. Files, rights and the database are not here.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal, TypeVar

import msgspec
import phonenumbers
from msgspec import Meta, Struct

from service.errors import ImportFileError, ServiceError
from service.model.catalogue import Attribute, ValueKind
from service.model.identifiers import Identifier, identifier
from service.model.words import AgeBand, AttributeId, IdentifierKind, Provenance, ServiceId

Heading = Annotated[str, Meta(min_length=1, max_length=200)]
Attributes = Mapping[AttributeId, Attribute]
Shape = TypeVar("Shape", bound=Struct)

CLOCKS_DIFFER = timedelta(minutes=5)
"""By how much another system's clock may be ahead of ours."""
SOURCE_ID_LENGTH = 200
# At most 18 digits, so that it fits 64 bits.
INTEGER = re.compile(r"^[+-]?[0-9]{1,18}$")
YES_OR_NO = {"yes": True, "y": True, "true": True, "1": True, "no": False, "n": False, "false": False, "0": False}
# A lone surrogate is what is left of a byte that was no UTF-8; control characters other than tab and line breaks
# are what is left of a broken export.
NOT_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")

EXPECTED = {
    IdentifierKind.EMAIL: "an e-mail address",
    IdentifierKind.PHONE: "a phone number; without a country code the map needs a region",
    IdentifierKind.LOYALTY: "a loyalty number of 4 to 32 letters and digits",
}


class IdentifierColumns(Struct, frozen=True, forbid_unknown_fields=True):
    """In which columns the identifiers are."""

    email: Heading | None = None
    phone: Heading | None = None
    loyalty: Heading | None = None

    def items(self) -> Iterator[tuple[IdentifierKind, str]]:
        """Return the kinds that have a column."""
        for kind in IdentifierKind:
            column = getattr(self, kind.value)
            if column is not None:
                yield kind, column


class AttributeColumn(Struct, frozen=True, forbid_unknown_fields=True):
    """In which column an attribute is, how it came to be known, and what separates the values of a list."""

    column: Heading
    provenance: Provenance
    split: Annotated[str, Meta(min_length=1, max_length=3)] | None = None


class AgeColumn(Struct, frozen=True, forbid_unknown_fields=True):
    """In which column the age band is, and by which words; any other word means unknown."""

    column: Heading
    adult: tuple[Heading, ...]
    minor: tuple[Heading, ...]

    def band(self, cell: str) -> AgeBand:
        """Return the band that a cell says."""
        if cell in self.minor:
            return AgeBand.MINOR
        return AgeBand.ADULT if cell in self.adult else AgeBand.UNKNOWN


class Columns(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A column map. ``service`` is whose right to contribute counts, and the source of the facts."""

    service: ServiceId
    source_id: Heading
    region: Annotated[str, Meta(pattern=r"^[A-Z]{2}$")] | None = None
    encoding: Literal["utf-8-sig", "utf-8", "cp1252", "iso-8859-1", "iso-8859-15"] = "utf-8-sig"
    delimiter: Literal[",", ";", "\t", "|"] = ","
    as_of: Heading | None = None
    """A column of ISO 8601 dates or date-times, UTC where they do not say: when the row last changed."""
    age_band: AgeColumn | None = None
    identifiers: IdentifierColumns = IdentifierColumns()
    attributes: Mapping[AttributeId, AttributeColumn] = {}

    def headings(self) -> list[str]:
        """Return every column that the map names, in its order, once."""
        named = [self.source_id, *(column for _, column in self.identifiers.items())]
        named += [each.column for each in self.attributes.values()]
        named += [self.as_of] if self.as_of else []
        named += [self.age_band.column] if self.age_band else []
        return list(dict.fromkeys(named))


class Stated(Struct, frozen=True):
    """A fact as a row states it; its repr hides the value."""

    attribute: AttributeId
    provenance: Provenance
    value: bytes
    """Canonical JSON."""

    def __repr__(self) -> str:
        return f"Stated({self.attribute!r}, {self.provenance!r})"


class Draft(Struct, frozen=True):
    """What one row says about one person, checked; its repr hides it all."""

    source_id: str
    identifiers: tuple[Identifier, ...]
    facts: tuple[Stated, ...]
    age_band: AgeBand = AgeBand.UNKNOWN
    as_of: datetime | None = None

    def __repr__(self) -> str:
        return "Draft()"


class Reason(Struct, frozen=True):
    """Why a row is refused: the column, and what was expected there. Never what stood there."""

    column: str
    expected: str


def read_columns(data: bytes) -> Columns:
    """Read a column map from TOML; raises ImportFileError naming the key that is wrong."""
    try:
        table = tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ImportFileError(f"the column map is not TOML: {error}") from None
    attributes = table.get("attributes", {})
    # One by one, because msgspec does not name the key of a mapping in which the fault is.
    for name in attributes if isinstance(attributes, dict) else ():
        _converted(attributes[name], AttributeColumn, f"attributes.{name}: ")
    columns = _converted(table, Columns, "")
    if faults := list(_faults(columns)):
        raise ImportFileError("; ".join(f"the column map: {each}" for each in faults))
    return columns


def refuse_misfits(columns: Columns, attributes: Attributes) -> None:
    """Raise ImportFileError where the map does not fit the catalogue: lists need ``split``, nothing else has it."""
    for name, each in columns.attributes.items():
        if (each.split is not None) != (attributes[name].kind is ValueKind.TEXTS):
            how = "is for lists only" if each.split else "is missing: what separates the values of the list"
            raise ImportFileError(f"the column map: attributes.{name}.split {how}")


def draft(columns: Columns, attributes: Attributes, row: Mapping[str, str], now: datetime) -> Draft | list[Reason]:
    """Return what a row says, or every reason why it cannot be used; empty cells say nothing."""
    cells = {heading: _cleaned(row.get(heading, "")) for heading in columns.headings()}
    reasons = [Reason(heading, "text in the encoding of the map") for heading, cell in cells.items() if cell is None]
    if reasons:
        return reasons
    read = _Reading({heading: cell for heading, cell in cells.items() if cell}, [])
    drafted = Draft(
        source_id=read.source_id(columns.source_id),
        identifiers=tuple(read.identifiers(columns)),
        facts=tuple(read.facts(columns, attributes)),
        age_band=read.age_band(columns.age_band),
        as_of=read.as_of(columns.as_of, now),
    )
    return read.reasons or drafted


class _Reading(Struct):
    """A row being read: its cells that are not empty, and the reasons collected so far."""

    cells: dict[str, str]
    reasons: list[Reason]

    def __repr__(self) -> str:  # the cells are hers
        return f"_Reading({len(self.reasons)} reasons)"

    def source_id(self, column: str) -> str:
        written = self.cells.get(column, "")
        if not 0 < len(written) <= SOURCE_ID_LENGTH:
            self.reasons.append(Reason(column, f"the other system's id, of at most {SOURCE_ID_LENGTH} characters"))
        return written

    def identifiers(self, columns: Columns) -> Iterator[Identifier]:
        for kind, column in columns.identifiers.items():
            if column not in self.cells:
                continue
            try:
                yield identifier(kind, self.cells[column], region=columns.region)
            except ServiceError:
                self.reasons.append(Reason(column, EXPECTED[kind]))

    def facts(self, columns: Columns, attributes: Attributes) -> Iterator[Stated]:
        for name, each in sorted(columns.attributes.items()):
            try:
                value = _value(attributes[name], each.split, self.cells.get(each.column))
                if value is not None:
                    canonical = attributes[name].canonical(msgspec.json.encode(value))
                    yield Stated(name, each.provenance, canonical)
            except (ValueError, KeyError, msgspec.ValidationError):
                self.reasons.append(Reason(each.column, _expected(attributes[name])))

    def age_band(self, column: AgeColumn | None) -> AgeBand:
        return column.band(self.cells.get(column.column, "")) if column else AgeBand.UNKNOWN

    def as_of(self, column: str | None, now: datetime) -> datetime | None:
        if column is None or column not in self.cells:
            return None
        try:
            at = _instant(self.cells[column])
        except (ValueError, OverflowError):
            self.reasons.append(Reason(column, "a date or date-time such as 2026-12-31 or 2026-12-31T23:59:00Z"))
            return None
        if at > now + CLOCKS_DIFFER:
            self.reasons.append(Reason(column, "a date that is not in the future"))
        return at


def _cleaned(cell: str) -> str | None:
    """Return a cell in one form of Unicode, with one kind of line break, or None when it is not text."""
    if NOT_TEXT.search(cell):
        return None
    return unicodedata.normalize("NFC", cell).replace("\r\n", "\n").replace("\r", "\n").strip()


def _value(attribute: Attribute, split: str | None, cell: str | None) -> Any:  # noqa: ANN401  whatever JSON holds
    """Return what a cell means for an attribute, None for nothing; raises ValueError or KeyError."""
    if cell is None:
        return None
    match attribute.kind:
        case ValueKind.TEXT:
            return _word(attribute, cell)
        case ValueKind.TEXTS:
            parts = [part.strip() for part in (cell.split(split) if split else [cell])]
            return list(dict.fromkeys(_word(attribute, part) for part in parts if part)) or None
        case ValueKind.INTEGER:
            if not INTEGER.match(cell):
                raise ValueError
            return int(cell)
        case ValueKind.BOOLEAN:
            return YES_OR_NO[cell.casefold()]
        case ValueKind.DATE:
            return date.fromisoformat(cell).isoformat()


def _word(attribute: Attribute, text: str) -> str:
    """Return the choice that is meant, as ``Science fiction`` means ``science-fiction``; other text as it is."""
    meant = re.sub(r"\s+", "-", text.casefold())
    return meant if meant in attribute.choices else text


def _expected(attribute: Attribute) -> str:
    text = f"text of at most {attribute.max_length} characters"
    if attribute.choices:
        text = f"one of {', '.join(attribute.choices)}"
    match attribute.kind:
        case ValueKind.TEXT:
            return text
        case ValueKind.TEXTS:
            return f"a list, each {text}"
        case ValueKind.INTEGER:
            return f"a whole number{_bounds(attribute)}"
        case ValueKind.BOOLEAN:
            return "yes or no"
        case ValueKind.DATE:
            return "a date such as 2026-12-31"


def _bounds(attribute: Attribute) -> str:
    least = "" if attribute.minimum is None else f" from {attribute.minimum}"
    return least if attribute.maximum is None else f"{least} to {attribute.maximum}"


def _instant(written: str) -> datetime:
    at = datetime.fromisoformat(written)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _converted(table: object, shape: type[Shape], where: str) -> Shape:
    try:
        return msgspec.convert(table, shape, strict=True)
    except msgspec.ValidationError as error:
        raise ImportFileError(f"the column map: {where}{error}") from None


def _faults(columns: Columns) -> Iterator[str]:
    if columns.region is not None and columns.region not in phonenumbers.SUPPORTED_REGIONS:
        yield "region: not a country, such as GB"
    if columns.age_band and set(columns.age_band.adult) & set(columns.age_band.minor):
        yield "age_band: a word means both adult and minor"

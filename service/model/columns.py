"""The column map: which column of another system's export is which identifier or attribute here.

Pure: rows come in, drafts or reasons go out. Files, rights and the database are not here.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal, TypeVar

import msgspec
import phonenumbers
from msgspec import Meta, Struct

from service.errors import ImportFileError, ServiceError
from service.model.catalogue import Attribute, ValueKind
from service.model.cells import Heading, Reason, text_of, word_of
from service.model.clocks import CLOCKS_DIFFER, instant
from service.model.consent_columns import ConsentColumns
from service.model.hearsay import Heard
from service.model.identifiers import Identifier, identifier
from service.model.words import AgeBand, AttributeId, IdentifierKind, Provenance, ServiceId

Attributes = Mapping[AttributeId, Attribute]
Shape = TypeVar("Shape", bound=Struct)

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


class Format(StrEnum):
    """How another system writes rows."""

    CSV = "csv"
    JSONL = "jsonl"


class IdentifierColumns(Struct, frozen=True, forbid_unknown_fields=True):
    """In which columns the identifiers are. A device is nobody in particular, so no column brings one."""

    email: Heading | None = None
    phone: Heading | None = None
    loyalty: Heading | None = None

    def items(self) -> Iterator[tuple[IdentifierKind, str]]:
        """Return the kinds that have a column."""
        for name in self.__struct_fields__:
            column = getattr(self, name)
            if column is not None:
                yield IdentifierKind(name), column


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
    """A column map. ``service`` is whose rights to contribute and to record count, and the source of the facts.

    In JSON Lines a column is a path into the object (``contact.email``); ``encoding``, ``delimiter`` and ``split``
    are for CSV alone.
    """

    service: ServiceId
    source: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,47}$")] | None = None
    """The service's own word for the tool that the file is from, where its ids are not those of the service."""
    format: Format | None = None
    """None: as the file's ending says."""
    source_id: Heading
    region: Annotated[str, Meta(pattern=r"^[A-Z]{2}$")] | None = None
    encoding: Literal["utf-8-sig", "utf-8", "cp1252", "iso-8859-1", "iso-8859-15"] = "utf-8-sig"
    delimiter: Literal[",", ";", "\t", "|"] = ","
    as_of: Heading | None = None
    """A column of ISO 8601 dates or date-times, UTC where they do not say: when the row last changed."""
    age_band: AgeColumn | None = None
    identifiers: IdentifierColumns = IdentifierColumns()
    attributes: Mapping[AttributeId, AttributeColumn] = {}
    consents: tuple[ConsentColumns, ...] = ()

    @property
    def origin(self) -> str:
        """Whose rows they are: the source of facts, and within what an id is one person's."""
        return f"{self.service}/{self.source}" if self.source else self.service

    def headings(self) -> list[str]:
        """Return every column that the map names, in its order, once."""
        named = [self.source_id, *(column for _, column in self.identifiers.items())]
        named += [each.column for each in self.attributes.values()]
        named += [self.as_of] if self.as_of else []
        named += [self.age_band.column] if self.age_band else []
        named += [column for each in self.consents for column in each.headings()]
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
    answers: tuple[Heard, ...] = ()

    def __repr__(self) -> str:
        return "Draft()"

    @property
    def only_noes(self) -> bool:
        """Whether all that it says about consents is no."""
        return bool(self.answers) and all(each.no for each in self.answers)


def read_columns(data: bytes) -> Columns:
    """Read a column map from TOML; raises ImportFileError naming the key that is wrong."""
    try:
        table = tomllib.loads(data.decode("utf-8-sig"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ImportFileError(f"the column map is not TOML: {error}") from None
    attributes = table.get("attributes", {})
    # One by one, because msgspec does not name the key of a mapping in which the fault is.
    for name in attributes if isinstance(attributes, dict) else ():
        _converted(attributes[name], AttributeColumn, f"attributes.{name}: ")
    consents = table.get("consents", [])
    for number, each in enumerate(consents if isinstance(consents, list) else [], start=1):
        _converted(each, ConsentColumns, f"consents, the {number}.: ")
    columns = _converted(table, Columns, "")
    if faults := list(_faults(columns)):
        raise ImportFileError("; ".join(f"the column map: {each}" for each in faults))
    return columns


def refuse_misfits(columns: Columns, attributes: Attributes) -> None:
    """Raise ImportFileError where the map does not fit: in CSV lists need ``split``, and nothing else ever has it."""
    for name, each in columns.attributes.items():
        is_list = attributes[name].kind is ValueKind.TEXTS
        if each.split and not is_list:
            raise ImportFileError(f"the column map: attributes.{name}.split is for lists only")
        if is_list and not each.split and columns.format is not Format.JSONL:
            raise ImportFileError(
                f"the column map: attributes.{name}.split is missing: what separates the values of the list"
            )
    if columns.format is Format.JSONL and not columns.encoding.startswith("utf-8"):
        raise ImportFileError("the column map: encoding: JSON Lines is always UTF-8")


def draft(columns: Columns, attributes: Attributes, row: Mapping[str, object], now: datetime) -> Draft | list[Reason]:
    """Return what a row says, or every reason why it cannot be used; empty cells say nothing."""
    cells = {heading: cell for heading in columns.headings() if (cell := row.get(heading)) is not None}
    reasons = [Reason(heading, "text in the encoding of the map") for heading, cell in cells.items() if _broken(cell)]
    if reasons:
        return reasons
    read = _Reading({heading: tidy for heading, cell in cells.items() if (tidy := _tidied(cell)) != ""}, [])
    drafted = Draft(
        source_id=read.source_id(columns.source_id),
        identifiers=tuple(read.identifiers(columns)),
        facts=tuple(read.facts(columns, attributes)),
        age_band=read.age_band(columns.age_band),
        as_of=read.as_of(columns.as_of, now),
        answers=tuple(read.answers(columns.consents, now)),
    )
    return read.reasons or drafted


class _Reading(Struct):
    """A row being read: its cells that are not empty, and the reasons collected so far."""

    cells: dict[str, object]
    reasons: list[Reason]

    def __repr__(self) -> str:  # the cells are hers
        return f"_Reading({len(self.reasons)} reasons)"

    def source_id(self, column: str) -> str:
        cell = self.cells.get(column, "")
        # To many systems an id is a number; to none is it true or false.
        written = str(cell) if type(cell) is int else cell
        if isinstance(written, str) and 0 < len(written) <= SOURCE_ID_LENGTH:
            return written
        self.reasons.append(Reason(column, f"the other system's id, of at most {SOURCE_ID_LENGTH} characters"))
        return ""

    def identifiers(self, columns: Columns) -> Iterator[Identifier]:
        for kind, column in columns.identifiers.items():
            if column not in self.cells:
                continue
            try:
                yield identifier(kind, text_of(self.cells[column]), region=columns.region)
            except (ServiceError, ValueError):
                self.reasons.append(Reason(column, EXPECTED[kind]))

    def facts(self, columns: Columns, attributes: Attributes) -> Iterator[Stated]:
        for name, each in sorted(columns.attributes.items()):
            try:
                value = self._value(columns, attributes[name], each)
                if value is not None:
                    canonical = attributes[name].canonical(msgspec.json.encode(value))
                    yield Stated(name, each.provenance, canonical)
            except (ValueError, KeyError, OverflowError, msgspec.ValidationError):
                self.reasons.append(Reason(each.column, _expected(attributes[name])))

    def age_band(self, column: AgeColumn | None) -> AgeBand:
        cell = self.cells.get(column.column) if column else None
        if column is None or cell is None:
            return AgeBand.UNKNOWN
        if isinstance(cell, str | int):
            return column.band(word_of(cell))
        self.reasons.append(Reason(column.column, "a word of the map, or another"))
        return AgeBand.UNKNOWN

    def as_of(self, column: str | None, now: datetime) -> datetime | None:
        if column is None or column not in self.cells:
            return None
        try:
            at = instant(text_of(self.cells[column]))
        except (ValueError, OverflowError):
            self.reasons.append(Reason(column, "a date or date-time such as 2026-12-31 or 2026-12-31T23:59:00Z"))
            return None
        if at > now + CLOCKS_DIFFER:
            self.reasons.append(Reason(column, "a date that is not in the future"))
        return at

    def answers(self, consents: tuple[ConsentColumns, ...], now: datetime) -> Iterator[Heard]:
        for each in consents:
            heard = each.heard(self.cells, now)
            if isinstance(heard, Reason):
                self.reasons.append(heard)
            elif heard is not None:
                yield heard

    def _value(self, columns: Columns, attribute: Attribute, column: AttributeColumn) -> object:
        """Return what a cell means, None for nothing; raises ValueError or KeyError."""
        cell = self.cells.get(column.column)
        if cell is None:
            return None
        if columns.format is Format.JSONL:
            return _of_its_kind(attribute, cell)
        return _read(attribute, column.split, text_of(cell))


def _broken(cell: object) -> bool:
    """Whether what should be text, or texts, is none."""
    texts = cell if isinstance(cell, list) else [cell]
    return any(isinstance(each, str) and NOT_TEXT.search(each) for each in texts)


def _tidied(cell: object) -> object:
    """Return text, or texts, in one form of Unicode, with one kind of line break, and everything else as it is."""
    # One level deep and no deeper: what lies below is of no kind that an attribute has.
    return [_tidy(each) for each in cell] if isinstance(cell, list) else _tidy(cell)


def _tidy(cell: object) -> object:
    if not isinstance(cell, str):
        return cell
    return unicodedata.normalize("NFC", cell).replace("\r\n", "\n").replace("\r", "\n").strip()


def _of_its_kind(attribute: Attribute, cell: object) -> object:
    """Return what a JSON value means: strictly of the attribute's own kind, as in the API; raises ValueError."""
    match attribute.kind:
        case ValueKind.TEXT:
            return _word(attribute, text_of(cell))
        case ValueKind.TEXTS if isinstance(cell, list):
            return _words(attribute, [text_of(each) for each in cell])
        case ValueKind.INTEGER if type(cell) is int:
            return cell
        case ValueKind.BOOLEAN if type(cell) is bool:
            return cell
        case ValueKind.DATE:
            return date.fromisoformat(text_of(cell)).isoformat()
    raise ValueError


def _read(attribute: Attribute, split: str | None, cell: str) -> object:
    """Return what the text of a cell means for an attribute; raises ValueError or KeyError."""
    match attribute.kind:
        case ValueKind.TEXT:
            return _word(attribute, cell)
        case ValueKind.TEXTS:
            return _words(attribute, [part.strip() for part in (cell.split(split) if split else [cell])])
        case ValueKind.INTEGER:
            if not INTEGER.match(cell):
                raise ValueError
            return int(cell)
        case ValueKind.BOOLEAN:
            return YES_OR_NO[cell.casefold()]
        case ValueKind.DATE:
            return date.fromisoformat(cell).isoformat()


def _words(attribute: Attribute, parts: list[str]) -> list[str] | None:
    """Return each value of a list once, None for none."""
    return list(dict.fromkeys(_word(attribute, part) for part in parts if part)) or None


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
    spots = [each.spot for each in columns.consents]
    for spot in dict.fromkeys(each for each in spots if spots.count(each) > 1):
        yield f"consents: {spot.purpose} on {spot.channel} stands twice"
    if columns.consents and not list(columns.identifiers.items()):
        yield "consents: without an identifier nobody could be found again"

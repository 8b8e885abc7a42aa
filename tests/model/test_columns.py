"""The column map: what it refuses, and what a row becomes by it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from service.errors import ImportFileError
from service.model.catalogue import Attribute, ValueKind
from service.model.cells import Reason
from service.model.columns import AgeColumn, Columns, Draft, Format, draft, read_columns, refuse_misfits
from service.model.identifiers import Identifier
from service.model.words import AgeBand, AttributeId, IdentifierKind, Provenance

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MAP = b"""
service = "shop"
source_id = "No"
region = "GB"
as_of = "Changed"
age_band = { column = "Adult", adult = ["Y"], minor = ["N"] }

[identifiers]
email = "E-Mail"
phone = "Phone"
loyalty = "Card"

[attributes]
first_name = { column = "Name", provenance = "volunteered" }
genres = { column = "Genres", provenance = "volunteered", split = ";" }
born = { column = "Born", provenance = "volunteered" }
paperless = { column = "Paperless", provenance = "observed" }
joined = { column = "Joined", provenance = "observed" }
tier = { column = "Tier", provenance = "observed" }
"""


def attribute(id_: str, kind: ValueKind, **rest: Any) -> tuple[AttributeId, Attribute]:
    words: dict[str, Any] = {"title": id_, "dpv": "", "category": "c", "provenances": tuple(Provenance)}
    return AttributeId(id_), Attribute(id=id_, kind=kind, sensitivity=1, retention_days=1, **words, **rest)


ATTRIBUTES = dict(
    [
        attribute("first_name", ValueKind.TEXT, max_length=10),
        attribute("genres", ValueKind.TEXTS, choices=("crime", "science-fiction", "travel")),
        attribute("born", ValueKind.INTEGER, minimum=1900, maximum=2100),
        attribute("paperless", ValueKind.BOOLEAN),
        attribute("joined", ValueKind.DATE),
        attribute("tier", ValueKind.TEXT, choices=("bronze", "gold")),
    ]
)
COLUMNS = read_columns(MAP)


def read(**cells: str) -> Draft | list[Reason]:
    return draft(COLUMNS, ATTRIBUTES, {"No": "7"} | {name.replace("_", "-"): cell for name, cell in cells.items()}, NOW)


def values(**cells: str) -> dict[str, bytes]:
    said = read(**cells)
    assert isinstance(said, Draft), said
    return {each.attribute: each.value for each in said.facts}


def reasons(**cells: str) -> dict[str, str]:
    said = read(**cells)
    assert isinstance(said, list), said
    return {each.column: each.expected for each in said}


def test_a_row_becomes_identifiers_and_facts_in_their_one_stored_form() -> None:
    said = read(
        E_Mail=" Abbie@Example.COM ",
        Phone="(0)7700 900123",
        Card="hb 0001",
        Name="Abbie ",
        Genres="crime; Science fiction;;crime",
        Born="1985",
        Paperless="Yes",
        Joined="2020-02-29",
        Tier="GOLD",
        Adult="Y",
        Changed="2026-10-01",
    )
    assert isinstance(said, Draft)
    assert said.identifiers == (
        Identifier(IdentifierKind.EMAIL, "abbie@example.com"),
        Identifier(IdentifierKind.PHONE, "+447700900123"),
        Identifier(IdentifierKind.LOYALTY, "HB0001"),
    )
    assert [(each.attribute, each.value) for each in said.facts] == [
        ("born", b"1985"),
        ("first_name", b'"Abbie"'),
        ("genres", b'["crime","science-fiction"]'),
        ("joined", b'"2020-02-29"'),
        ("paperless", b"true"),
        ("tier", b'"gold"'),
    ]
    assert (said.source_id, said.age_band, said.as_of) == ("7", AgeBand.ADULT, datetime(2026, 10, 1, tzinfo=UTC))


def test_an_empty_cell_says_nothing() -> None:
    assert read(Name="  ", Genres=" ; ", Born="", E_Mail="") == Draft("7", (), ())


def test_the_same_text_in_another_form_of_unicode_or_of_line_break_is_the_same() -> None:
    assert values(Name="Zoe\u0308\r\nX") == values(Name="Zo\u00eb\nX")


@pytest.mark.parametrize(
    ("cells", "column", "expected"),
    [
        ({"No": ""}, "No", "the other system's id, of at most 200 characters"),
        ({"E_Mail": "abbie"}, "E-Mail", "an e-mail address"),
        ({"Phone": "ask"}, "Phone", "a phone number; without a country code the map needs a region"),
        ({"Card": "?"}, "Card", "a loyalty number of 4 to 32 letters and digits"),
        ({"Name": "A very long name"}, "Name", "text of at most 10 characters"),
        ({"Genres": "crime; gardening"}, "Genres", "a list, each one of crime, science-fiction, travel"),
        ({"Born": "1066"}, "Born", "a whole number from 1900 to 2100"),
        ({"Born": "1985.0"}, "Born", "a whole number from 1900 to 2100"),
        ({"Born": "9" * 4000}, "Born", "a whole number from 1900 to 2100"),
        ({"Born": "\u0661\u0669\u0668\u0665"}, "Born", "a whole number from 1900 to 2100"),
        ({"Paperless": "perhaps"}, "Paperless", "yes or no"),
        ({"Joined": "29/02/2020"}, "Joined", "a date such as 2026-12-31"),
        ({"Tier": "platinum"}, "Tier", "one of bronze, gold"),
        ({"Changed": "yesterday"}, "Changed", "a date or date-time such as 2026-12-31 or 2026-12-31T23:59:00Z"),
        (
            {"Changed": "0001-01-01T00:00:00+14:00"},
            "Changed",
            "a date or date-time such as 2026-12-31 or 2026-12-31T23:59:00Z",
        ),
        ({"Changed": "2026-11-24"}, "Changed", "a date that is not in the future"),
        ({"Name": "a\0b"}, "Name", "text in the encoding of the map"),
        ({"Name": "\udce9"}, "Name", "text in the encoding of the map"),
    ],
)
def test_a_wrong_cell_is_refused_by_its_column_and_what_was_expected(
    cells: dict[str, str], column: str, expected: str
) -> None:
    assert reasons(**cells) == {column: expected}


def test_every_fault_of_a_row_is_told() -> None:
    assert reasons(Born="x", E_Mail="x", Name="x").keys() == {"Born", "E-Mail"}


def test_a_clock_that_is_a_little_ahead_is_forgiven() -> None:
    assert isinstance(read(Changed=(NOW + timedelta(minutes=4)).isoformat()), Draft)


@pytest.mark.parametrize(("cell", "band"), [("Y", "adult"), ("N", "minor"), ("", "unknown"), ("y?", "unknown")])
def test_only_the_words_of_the_map_say_an_age_band(cell: str, band: str) -> None:
    said = read(Adult=cell)
    assert isinstance(said, Draft)
    assert said.age_band == band


@given(st.dictionaries(st.sampled_from(COLUMNS.headings()), st.text() | st.text(alphabet="0123456789-:TZ+.@a;, ")))
def test_whatever_a_row_holds_it_becomes_a_draft_or_reasons(row: dict[str, str]) -> None:
    said = draft(COLUMNS, ATTRIBUTES, row, NOW)
    assert isinstance(said, Draft) or (said and {each.column for each in said} <= set(COLUMNS.headings()))


@given(st.text(alphabet=st.characters(categories=["L", "N"]), min_size=5))
def test_neither_a_reason_nor_a_repr_ever_shows_a_value(marker: str) -> None:
    marker = f"{marker}\u2603{marker}"
    assert marker not in repr(read(Born=marker, E_Mail=marker, Joined=marker, Tier=marker, Changed=marker))
    assert marker not in repr(read(Name=marker[:10], E_Mail=f"x{marker[:5]}@example.com"))


def test_a_map_may_say_very_little() -> None:
    columns = read_columns(b'service = "shop"\nsource_id = "No"')
    assert columns.headings() == ["No"]
    assert (columns.delimiter, columns.encoding) == (",", "utf-8-sig")


def test_a_map_may_begin_with_a_byte_order_mark() -> None:
    text = 'service = "shop"\nsource_id = "No"'
    assert read_columns(text.encode("utf-8-sig")) == read_columns(text.encode())


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ((b'service = "shop"', b""), "service"),
        ((b'source_id = "No"', b"source_id = 7"), "source_id"),
        ((b'region = "GB"', b'region = "XX"'), "region"),
        ((b'region = "GB"', b'colour = "red"'), "colour"),
        ((b'region = "GB"', b'delimiter = "ab"'), "delimiter"),
        ((b'region = "GB"', b'encoding = "rot13"'), "encoding"),
        ((b'minor = ["N"]', b'minor = ["Y"]'), "age_band"),
        ((b'phone = "Phone"', b'fax = "Fax"'), "fax"),
        ((b'phone = "Phone"', b'phone = ""'), "identifiers.phone"),
        ((b'column = "Born", ', b""), "attributes.born"),
        (
            (b'column = "Born", provenance = "volunteered"', b'column = "Born", provenance = "hearsay"'),
            "attributes.born",
        ),
        ((b'column = "Born"', b'column = "Born", spilt = ";"'), "spilt"),
        ((b"[attributes]", b"[attributes"), "TOML"),
        ((b'"Born"', b'"\xff"'), "TOML"),
        ((b"[attributes]", b"[[attributes]]"), "attributes"),
    ],
)
def test_a_faulty_map_is_refused_by_the_key_that_is_wrong(change: tuple[bytes, bytes], named: str) -> None:
    assert change[0] in MAP
    with pytest.raises(ImportFileError) as refusal:
        read_columns(MAP.replace(*change, 1))
    assert named in refusal.value.detail


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ((b', split = ";"', b""), "genres.split is missing"),
        ((b'"Born"', b'"Born", split = ";"'), "born.split is for lists"),
    ],
)
def test_split_is_for_lists_and_lists_need_it(change: tuple[bytes, bytes], named: str) -> None:
    with pytest.raises(ImportFileError, match=named):
        refuse_misfits(read_columns(MAP.replace(*change)), ATTRIBUTES)
    refuse_misfits(COLUMNS, ATTRIBUTES)


def test_every_column_is_named_once() -> None:
    assert isinstance(COLUMNS, Columns)
    assert len(COLUMNS.headings()) == len(set(COLUMNS.headings())) == 12


# --- JSON Lines ---

OF_JSON = structs.replace(COLUMNS, format=Format.JSONL)


OBJECT: dict[str, object] = {}


def read_json(**cells: object) -> Draft | list[Reason]:
    return draft(OF_JSON, ATTRIBUTES, {"No": 7} | {name.replace("_", "-"): cell for name, cell in cells.items()}, NOW)


def test_what_json_says_is_what_csv_says() -> None:
    in_json = read_json(
        E_Mail=" Abbie@Example.COM ",
        Name="Abbie ",
        Genres=["crime", "Science fiction", "", "crime"],
        Born=1985,
        Paperless=True,
        Joined="2020-02-29",
        Tier="GOLD",
        Adult="Y",
        Changed="2026-10-01",
    )
    in_csv = read(
        E_Mail=" Abbie@Example.COM ",
        Name="Abbie ",
        Genres="crime; Science fiction;;crime",
        Born="1985",
        Paperless="Yes",
        Joined="2020-02-29",
        Tier="GOLD",
        Adult="Y",
        Changed="2026-10-01",
    )
    assert isinstance(in_json, Draft)
    assert in_json == in_csv


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        *[("No", cell) for cell in (True, 1.5, [1], OBJECT, 10**250)],
        *[("E_Mail", cell) for cell in (1, True, ["a@example.com"], OBJECT)],
        *[("Phone", cell) for cell in (447700900123, OBJECT)],
        *[("Name", cell) for cell in (1, False, ["Abbie"], OBJECT, [[["Abbie"]]])],
        *[("Genres", cell) for cell in ("crime; travel", 1, OBJECT, [1], [["crime"]], [None], ["gardening"])],
        *[("Born", cell) for cell in ("1985", 1985.0, True, 1066, 10**30, [1985], OBJECT)],
        *[("Paperless", cell) for cell in ("yes", 1, OBJECT)],
        *[("Joined", cell) for cell in (20200229, "x", OBJECT)],
        *[("Changed", cell) for cell in (1790000000, OBJECT, "x")],
        *[("Adult", cell) for cell in (OBJECT, ["Y"], 1.5)],
    ],
)
def test_json_of_the_wrong_kind_is_refused_by_its_column(column: str, cell: object) -> None:
    said = read_json(**{column: cell})
    assert isinstance(said, list)
    assert [each.column for each in said] == [column.replace("_", "-")]


@pytest.mark.parametrize("cell", ["a\0b", "\ud800", ["crime", "\udfff"]])
def test_json_that_holds_no_text_is_refused(cell: object) -> None:
    assert read_json(Genres=cell) == [Reason("Genres", "text in the encoding of the map")]


@pytest.mark.parametrize(
    "column", ["No", "E_Mail", "Name", "Genres", "Born", "Paperless", "Joined", "Adult", "Changed"]
)
def test_nesting_of_any_depth_is_refused_and_no_more(column: str) -> None:
    deep: object = "crime"
    for _ in range(50_000):
        deep = [deep]
    assert isinstance(read_json(**{column: deep}), list)


@pytest.mark.parametrize(("cell", "band"), [(True, "adult"), (False, "minor"), (1, "adult"), (0, "unknown")])
def test_true_false_and_numbers_are_words_of_an_age_band(cell: object, band: str) -> None:
    columns = structs.replace(OF_JSON, age_band=AgeColumn("Adult", adult=("true", "1"), minor=("false",)))
    said = draft(columns, ATTRIBUTES, {"No": 7, "Adult": cell}, NOW)
    assert isinstance(said, Draft)
    assert said.age_band == band


def test_a_map_of_json_needs_no_split_and_no_encoding_but_utf_8() -> None:
    refuse_misfits(read_columns(b'format = "jsonl"\n' + MAP.replace(b', split = ";"', b"")), ATTRIBUTES)
    refuse_misfits(OF_JSON, ATTRIBUTES)
    with pytest.raises(ImportFileError, match="UTF-8"):
        refuse_misfits(read_columns(b'format = "jsonl"\nencoding = "cp1252"\n' + MAP), ATTRIBUTES)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(COLUMNS.headings()), JSON))
def test_whatever_json_a_row_holds_it_becomes_a_draft_or_reasons(row: dict[str, object]) -> None:
    said = draft(OF_JSON, ATTRIBUTES, row, NOW)
    assert isinstance(said, Draft) or (said and {each.column for each in said} <= set(COLUMNS.headings()))

"""The sample export: the same everywhere, and as untidy as a real one."""

import csv
import hashlib
import io
import re
from collections import Counter
from pathlib import Path

import pytest

from service.demo.people import HEADINGS, PEOPLE, sample, write_sample
from service.model.columns import read_columns

DIGEST = "8ba2a385b47bcb2f715f74cea208253e19abdcfdbe77bd572031ad212103fe5a"


@pytest.fixture(scope="module")
def people() -> list[dict[str, str]]:
    """The rows that have as many columns as they should."""
    rows = list(csv.reader(io.StringIO(sample()), strict=True))
    assert tuple(rows[0]) == HEADINGS
    return [dict(zip(HEADINGS, row, strict=True)) for row in rows[1:] if len(row) == len(HEADINGS)]


def test_the_export_is_the_same_on_every_machine(tmp_path: Path) -> None:
    export, _ = write_sample(tmp_path)
    assert hashlib.sha256(export.read_bytes()).hexdigest() == DIGEST


def test_the_map_can_be_read_and_names_columns_of_the_export(tmp_path: Path) -> None:
    _, column_map = write_sample(tmp_path)
    assert set(read_columns(column_map.read_bytes()).headings()) <= set(HEADINGS)


def test_nobody_real_can_be_called_or_written_to(people: list[dict[str, str]]) -> None:
    for person in people:
        digits = re.sub(r"\D", "", person["Phone"])
        assert not digits or re.fullmatch(r"(0044|44|440|0)?7700900\d{3}", digits), person["Phone"]
        # Those at fault have no address that could be written to at all.
        assert (
            re.search(r"@example\.(com|org|net)\s*$", person["E-Mail"], re.IGNORECASE)
            or person["E-Mail"] == "no e-mail"
        )


def test_abbie_comes_first_and_lacks_nothing(people: list[dict[str, str]]) -> None:
    abbie = people[0]
    assert abbie["E-Mail"].casefold() == "abbie@example.com"
    assert all(abbie.values())


def test_the_export_has_the_quirks_of_a_real_one(people: list[dict[str, str]]) -> None:
    assert sample().encode("utf-8-sig").startswith(b"\xef\xbb\xbf")
    emails = Counter(person["E-Mail"].strip().casefold() for person in people)
    cards = Counter(re.sub(r"\W", "", person["Card"]).upper() for person in people if person["Card"])
    assert len(people) > PEOPLE
    assert sorted(cards.values())[-2:] == [1, 4], "one household on one card"
    assert [count for count in emails.values() if count > 1] == [2] * 13, "registered or exported twice"
    assert any("\n" in person["Address"] and '"' in person["Address"] and "," in person["Address"] for person in people)
    assert any(not person["First name"].isascii() for person in people)
    assert any(person["First name"].endswith(" ") for person in people)
    assert {re.sub(r"\d", "9", person["Phone"]) for person in people} >= {
        "99999 999999",
        "+99 (9)9999 999999",
        "(9)9999-999999",
    }
    assert {"Y", "N", ""} == {person["Adult"] for person in people}

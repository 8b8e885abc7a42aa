"""The sample export: the same everywhere, and as untidy as a real one."""

import csv
import hashlib
import io
import json
import re
from collections import Counter
from pathlib import Path

import pytest

from service.demo.people import (
    CUT_OFF,
    HEADINGS,
    IN_BOTH_SHOPS,
    OLD_SHOP,
    PEOPLE,
    many,
    sample,
    sample_of_json,
    write_sample,
)
from service.model import jsonlines
from service.model.columns import read_columns

DIGESTS = [
    "8ba2a385b47bcb2f715f74cea208253e19abdcfdbe77bd572031ad212103fe5a",
    "63cd2aa4aa1c42aad46ecd5e7c66e425eae656f8ee80e47da45ded7961976b0c",
]


@pytest.fixture(scope="module")
def people() -> list[dict[str, str]]:
    """The rows that have as many columns as they should."""
    rows = list(csv.reader(io.StringIO(sample()), strict=True))
    assert tuple(rows[0]) == HEADINGS
    return [dict(zip(HEADINGS, row, strict=True)) for row in rows[1:] if len(row) == len(HEADINGS)]


def test_the_exports_are_the_same_on_every_machine(tmp_path: Path) -> None:
    digests = [hashlib.sha256(export.read_bytes()).hexdigest() for export, _ in write_sample(tmp_path)]
    assert digests == DIGESTS


def test_the_maps_can_be_read_and_name_what_the_exports_have(tmp_path: Path) -> None:
    old, new = (read_columns(column_map.read_bytes()) for _, column_map in write_sample(tmp_path))
    assert set(old.headings()) <= set(HEADINGS)
    unseen = set(new.headings())
    assert len(list(jsonlines.rows(sample_of_json().encode().splitlines(), new, unseen))) == 506
    assert unseen == set()


def test_a_thousand_people_are_spread_over_two_shops_without_a_number_twice(people: list[dict[str, str]]) -> None:
    new = [json.loads(line) for place, line in enumerate(sample_of_json().splitlines()) if place != CUT_OFF - OLD_SHOP]
    emails = {person["contact"]["email"].strip().casefold() for person in new if person["contact"]["email"]}
    old = {person["E-Mail"].strip().casefold() for person in people}
    assert len(emails & old) == len(IN_BOTH_SHOPS)
    assert len(emails | old) == PEOPLE - 1, "of those at fault, two have no address, and one row has a column too many"
    assert not {str(person["id"]) for person in new} & {person["Customer no"] for person in people if person["E-Mail"]}


def test_a_shop_of_any_size_has_numbers_and_addresses_that_nobody_real_has() -> None:
    rows = [dict(zip(HEADINGS, row, strict=True)) for row in many(3000)]
    assert len({row["E-Mail"].strip().casefold() for row in rows}) == len(rows)
    phones = [row["Phone"] for row in rows[PEOPLE:] if row["Phone"]]
    assert len(set(phones)) == len(phones) > 1500
    assert all(re.fullmatch(r"\+1 \(\d{3}\) 555-01\d\d", phone) for phone in phones)


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
    assert len(people) > OLD_SHOP
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

"""The people of Harbour Books & Travel, as its web shop exports them. All made up, and the same on every machine.

Telephone numbers are those that Ofcom keeps for drama (07700 900000 to 900999), e-mail domains those of RFC 2606, and
the postcode areas are ones that no post office uses.
"""

import csv
import io
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random  # noqa: TID251  made-up people need dice that fall the same way everywhere
from typing import TypeVar

Item = TypeVar("Item")

SEED = 19960417
PEOPLE = 500
FIRST_NUMBER = 100_001
HEADINGS = (
    "Customer no",
    "First name",
    "Last name",
    "E-Mail",
    "Phone",
    "Card",
    "Address",
    "Area",
    "Birth year",
    "Adult",
    "Favourite genres",
    "Access needs",
    "Recently viewed",
    "Last trip",
    "Orders",
    "Newsletter",
    "Last change",
)

MAP = """\
# How the web shop's export becomes customers here.
service = "shop"            # whose right to contribute counts, and where the facts are from
source_id = "Customer no"   # by which a row is known again
region = "GB"               # for phone numbers without a country code

# `as_of = "Last change"` would date the facts; without it they are of the time of the import, so that this sample
# never grows old. `Newsletter` stays outside: a tick in an export is not a consent.

[age_band]
column = "Adult"
adult = ["Y"]
minor = ["N"]

[identifiers]
email = "E-Mail"
phone = "Phone"
loyalty = "Card"

[attributes]
first_name = { column = "First name", provenance = "volunteered" }
last_name = { column = "Last name", provenance = "volunteered" }
postal_address = { column = "Address", provenance = "volunteered" }
contact_email = { column = "E-Mail", provenance = "volunteered" }
birth_year = { column = "Birth year", provenance = "volunteered" }
favourite_genres = { column = "Favourite genres", provenance = "volunteered", split = ";" }
accessibility_needs = { column = "Access needs", provenance = "volunteered", split = ";" }
browsed_genres = { column = "Recently viewed", provenance = "observed", split = ";" }
last_destination = { column = "Last trip", provenance = "observed" }
orders_this_year = { column = "Orders", provenance = "observed" }
postcode_area = { column = "Area", provenance = "observed" }
"""

ABBIE = {
    "Customer no": str(FIRST_NUMBER),
    "First name": "Abbie",
    "Last name": "Harbour",
    "E-Mail": "Abbie@Example.com",
    "Phone": "07700 900000",
    "Card": "HB-0000-0001",
    "Address": 'The "Old Chandlery", 1 Quay Street\nWhitmouth\nHB1 1AA',
    "Area": "HB",
    "Birth year": "1985",
    "Adult": "Y",
    "Favourite genres": "crime; travel",
    "Access needs": "large-print",
    "Recently viewed": "history; nature",
    "Last trip": "Lisbon",
    "Orders": "7",
    "Newsletter": "Y",
    "Last change": "2026-10-02",
}

FIRST = (
    "Amina Arthur Åsa Beatrix Benedikt Callum Chloë Daniyar Deepa Dylan Eilidh Emeka Fatima Finlay François Freya "
    "Gethin Grace Hamza Hannah Ioan Iris Jacek Jasmine Jürgen Kofi Leila Łukasz Mairéad Marcus Mei Nadia Niamh Olu "
    "Øyvind Patrick Priya Renée Rhys Rosa Samir Siân Tariq Theo Uma Violet Winston Yusuf Zoë Zsófia"
)
LAST = (
    "Adeyemi Ahmed Baker Begum Björk Campbell Carter Davies Dvořák Edwards Fernández Fraser Green Gonçalves Hughes "
    "Hussain Iqbal Jones Kaur Khan Lewis MacLeod Mensah Morgan Müller Murphy Nowak Nuñez O'Connor Okafor Owen Patel "
    "Price Quinn Reid Roberts Sørensen Saunders Shah Singh Smith-Jones Taylor Thompson Vaughan Walsh Wójcik Çelik Young"
)
STREETS = ("Quay Street", "Harbour View", "Lighthouse Lane", "Rope Walk", "St Brannock's Road", "Sailmakers' Row")
TOWNS = {"Whitmouth": "HB", "Port Ellory": "QV", "Saltby-on-Sea": "XJ", "Upper Tidewater": "ZC"}
GENRES = (
    "art biography children cookery crime fantasy fiction history nature poetry romance science science-fiction "
    "thriller travel"
)
NEEDS = ("audio", "hearing-loop", "large-print", "step-free", "wheelchair", "assistance-dog")
TRIPS = ("Lisbon", "Tromsø", "São Miguel", "Kraków", "Skye", "Orkney", "Bruges", "Malmö", "Palermo", "Reykjavík")
DOMAINS = ("example.com", "example.org", "example.net")
PHONES = ("07700 {}", "+44 7700 {}", "+44 (0)7700 {}", "(0)7700-{}", "0044 7700 {}", "07700{}")
CARDS = ("HB-{:04}-{:04}", "HB{:04}{:04}", "hb {:04} {:04}")

# By place in the file, Abbie being 0. Nobody is in two of these.
ON_ONE_CARD = range(200, 204)
REGISTERED_TWICE = (17, 42, 77, 103, 131, 166, 219, 258, 301, 344, 390, 455)
EXPORTED_TWICE = (305,)
AT_FAULT = {
    58: ("E-Mail", "no e-mail"),
    121: ("Birth year", "1066"),
    187: ("E-Mail", "kim@@example.com"),
    240: ("Customer no", ""),
    288: ("Birth year", "19-eighty"),
    333: ("Favourite genres", "crime; gardening"),
    412: ("Phone", "ask Kim"),
}
OVERLONG = 470
"""Whose row has a column too many, where somebody edited the file by hand."""


def write_sample(folder: Path) -> tuple[Path, Path]:
    """Write the export and its column map; returns both paths."""
    export, column_map = folder / "customers.csv", folder / "shop.toml"
    # The byte order mark is what spreadsheet programs put there.
    export.write_bytes(sample().encode("utf-8-sig"))
    column_map.write_text(MAP, encoding="utf-8")
    return export, column_map


def sample() -> str:
    """Return the export as the shop writes it."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(HEADINGS)
    for row in _rows():
        writer.writerow(row)
    return file.getvalue()


def _rows() -> Iterator[list[str]]:
    """Return the rows: everybody once, then those who registered again, as the shop numbers them."""
    dice = _Dice(SEED)
    people = list(_people(dice))
    for place, person in enumerate(people):
        row = list(person.values())
        yield row if place != OVERLONG else [*row, "second floor"]
        if place in EXPORTED_TWICE:
            yield row
    for number, place in enumerate(REGISTERED_TWICE, start=FIRST_NUMBER + PEOPLE):
        yield list(_again(people[place], number).values())


def _people(dice: "_Dice") -> Iterator[dict[str, str]]:
    yield ABBIE
    addresses = {ABBIE["E-Mail"].casefold()}
    household: dict[str, str] = {}
    for place in range(1, PEOPLE):
        person = _person(dice, place, addresses)
        if place in ON_ONE_CARD:
            household = household or {name: person[name] for name in ("Last name", "Address", "Area")}
            person |= household | {"Card": "HB-0042-4242"}
        if place in AT_FAULT:
            name, value = AT_FAULT[place]
            person[name] = value
        yield person


def _person(dice: "_Dice", place: int, addresses: set[str]) -> dict[str, str]:
    first, last, town = dice.word_of(FIRST), dice.word_of(LAST), dice.one_of(list(TOWNS))
    born = 1931 + dice.below(83)
    year, month, day = 2025 + dice.below(2), 1 + dice.below(9), 1 + dice.below(28)
    return {
        "Customer no": str(FIRST_NUMBER + place),
        "First name": dice.untidy(first),
        "Last name": dice.untidy(last),
        "E-Mail": dice.cased(_address(dice, first, last, addresses)),
        # Everybody has a number of her own, and one in eight gave none.
        "Phone": dice.mostly(7 / 8, dice.one_of(PHONES).format(900_000 + place)),
        "Card": dice.mostly(1 / 2, dice.one_of(CARDS).format(place % 7, 1 + place)),
        "Address": dice.mostly(7 / 8, _home(dice, town)),
        "Area": TOWNS[town],
        "Birth year": dice.mostly(2 / 3, str(born)),
        "Adult": "N" if born > 2026 - 18 else dice.mostly(9 / 10, "Y"),
        "Favourite genres": dice.mostly(3 / 4, "; ".join(dice.some(GENRES.split(), 4))),
        "Access needs": dice.mostly(1 / 10, ";".join(dice.some(NEEDS, 2))),
        "Recently viewed": dice.mostly(3 / 4, dice.one_of((";", "; ")).join(dice.some(GENRES.split(), 3))),
        "Last trip": dice.mostly(2 / 5, dice.one_of(TRIPS)),
        "Orders": str(dice.below(12)),
        "Newsletter": dice.one_of("YN"),
        "Last change": f"{year}-{month:02}-{day:02}",
    }


def _again(person: dict[str, str], number: int) -> dict[str, str]:
    """Return the same person as she registers once more, in a hurry."""
    kept = ("First name", "Last name", "Adult", "Newsletter", "Last change")
    again = {name: person[name] if name in kept else "" for name in HEADINGS}
    return again | {"Customer no": str(number), "E-Mail": person["E-Mail"].swapcase(), "Orders": "1"}


def _address(dice: "_Dice", first: str, last: str, taken: set[str]) -> str:
    """Return an e-mail address that nobody has yet."""
    local, domain, number = f"{_plain(first)}.{_plain(last)}", dice.one_of(DOMAINS), 1
    address = f"{local}@{domain}"
    while address in taken:
        number += 1
        address = f"{local}{number}@{domain}"
    taken.add(address)
    return address


def _plain(name: str) -> str:
    replaced = name.translate(str.maketrans("øØłŁ", "oOlL"))
    plain = unicodedata.normalize("NFKD", replaced)
    return "".join(letter for letter in plain if letter.isascii() and letter.isalpha()).lower()


def _home(dice: "_Dice", town: str) -> str:
    """Return a postal address, over several lines, with the commas and quotes that people write."""
    street = f"{1 + dice.below(120)} {dice.one_of(STREETS)}"
    house = dice.one_of(("", "", "", "Flat 2, ", '"Sea Breeze", ', "c/o Müller & Sons, "))
    postcode = f"{TOWNS[town]}{1 + dice.below(9)} {1 + dice.below(9)}{dice.one_of('ABDEF')}{dice.one_of('GHJLN')}"
    return dice.one_of(("\n", "\r\n", ", ")).join((house + street, town, postcode))


class _Dice:
    """Dice that fall the same way in every release of Python: only ``Random.random`` promises that."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311  nothing here is secret

    def below(self, count: int) -> int:
        return int(self._random.random() * count)

    def one_of(self, items: Sequence[Item]) -> Item:
        return items[self.below(len(items))]

    def word_of(self, text: str) -> str:
        return self.one_of(text.split())

    def some(self, items: Sequence[Item], most: int) -> list[Item]:
        return list(dict.fromkeys(self.one_of(items) for _ in range(1 + self.below(most))))

    def mostly(self, share: float, text: str) -> str:
        return text if self._random.random() < share else ""

    def untidy(self, text: str) -> str:
        return self.one_of((text, text, text, text + " ", text.upper()))

    def cased(self, address: str) -> str:
        return self.one_of((address, address, address.title(), address.upper(), f" {address} "))

"""The people of Harbour Books & Travel, as its web shop exports them. All made up, and the same on every machine.

One half comes from the old shop, as CSV, the other from the new one, as JSON Lines. As many as one likes come from
``python -m service.demo.people 100000 jsonl``.

Telephone numbers are those that Ofcom keeps for drama (07700 900000 to 900999) and, for whom these do not suffice, the
555-01xx of North America; e-mail domains are those of RFC 2606, and the postcode areas ones that no post office uses.
"""

import csv
import io
import json
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from random import Random  # noqa: TID251  made-up people need dice that fall the same way everywhere
from typing import TypeVar

Item = TypeVar("Item")

SEED = 19960417
PEOPLE = 1000
OLD_SHOP = 500
"""So many, and then the ones who registered again, stand in the CSV; the others in the JSON Lines."""
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

MAP_OF_JSON = """\
# How the new shop's export becomes customers here. A column is a path into the object of each line.
service = "shop"
source_id = "id"
region = "GB"

[age_band]
column = "adult"
adult = ["true"]
minor = ["false"]

[identifiers]
email = "contact.email"
phone = "contact.phone"
loyalty = "card"

[attributes]
first_name = { column = "name.first", provenance = "volunteered" }
last_name = { column = "name.last", provenance = "volunteered" }
postal_address = { column = "contact.address", provenance = "volunteered" }
contact_email = { column = "contact.email", provenance = "volunteered" }
birth_year = { column = "born", provenance = "volunteered" }
favourite_genres = { column = "genres.favourite", provenance = "volunteered" }
accessibility_needs = { column = "needs", provenance = "volunteered" }
browsed_genres = { column = "genres.viewed", provenance = "observed" }
last_destination = { column = "trips.last", provenance = "observed" }
orders_this_year = { column = "orders", provenance = "observed" }
postcode_area = { column = "area", provenance = "observed" }
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
IN_BOTH_SHOPS = (61, 150, 273, 408)
"""Who registered again when the new shop opened."""
EXPORTED_TWICE = (305, 777)
AT_FAULT = {
    58: ("E-Mail", "no e-mail"),
    121: ("Birth year", "1066"),
    187: ("E-Mail", "kim@@example.com"),
    240: ("Customer no", ""),
    288: ("Birth year", "19-eighty"),
    333: ("Favourite genres", "crime; gardening"),
    412: ("Phone", "ask Kim"),
    521: ("E-Mail", "n/a"),
    604: ("Orders", "a few"),
    688: ("Birth year", "2999"),
    745: ("Favourite genres", "crime; knitting"),
    852: ("Customer no", ""),
}
CUT_OFF = 930
"""Whose line ends in the middle, where the export ran out of space and was started anew."""
OVERLONG = 470
"""Whose row has a column too many, where somebody edited the file by hand."""


def write_sample(folder: Path) -> list[tuple[Path, Path]]:
    """Write the exports of both shops; returns each with its column map."""
    old, new = folder / "customers.csv", folder / "customers.jsonl"
    maps = folder / "old-shop.toml", folder / "new-shop.toml"
    # The byte order mark is what spreadsheet programs put there.
    old.write_bytes(sample().encode("utf-8-sig"))
    new.write_bytes(sample_of_json().encode())
    maps[0].write_text(MAP, encoding="utf-8")
    maps[1].write_text(MAP_OF_JSON, encoding="utf-8")
    return [(old, maps[0]), (new, maps[1])]


def sample() -> str:
    """Return the export as the old shop writes it."""
    return "".join(as_csv(_old_shop()))


def sample_of_json() -> str:
    """Return the export as the new shop writes it."""
    lines = list(as_json(_new_shop()))
    place = CUT_OFF - OLD_SHOP
    return "".join([*lines[:place], lines[place][:70] + "\n", *lines[place:]])


def many(count: int) -> Iterator[list[str]]:
    """Return the rows of a shop of any size, without a fault; one household is on one card."""
    return (list(person.values()) for person in _people(_Dice(SEED), count, faults={}))


def as_csv(rows: Iterable[list[str]]) -> Iterator[str]:
    """Write rows, headings first."""
    for row in chain([list(HEADINGS)], rows):
        file = io.StringIO()
        csv.writer(file, lineterminator="\r\n").writerow(row)
        yield file.getvalue()


def as_json(rows: Iterable[list[str]]) -> Iterator[str]:
    """Write rows as objects, one per line."""
    for row in rows:
        yield json.dumps(_object(dict(zip(HEADINGS, row, strict=True))), ensure_ascii=False) + "\n"


def _object(row: dict[str, str]) -> dict[str, object]:
    """Return a row as the new shop has it: nested, with numbers and lists, and null for what it does not know."""
    return {
        "id": _number(row["Customer no"]),
        "name": {"first": row["First name"], "last": row["Last name"]},
        "contact": {
            "email": row["E-Mail"] or None,
            "phone": row["Phone"] or None,
            "address": row["Address"] or None,
        },
        "card": row["Card"] or None,
        "area": row["Area"] or None,
        "born": _number(row["Birth year"]),
        "adult": {"Y": True, "N": False}.get(row["Adult"]),
        "genres": {"favourite": _list(row["Favourite genres"]), "viewed": _list(row["Recently viewed"])},
        "needs": _list(row["Access needs"]),
        "trips": {"last": row["Last trip"]} if row["Last trip"] else None,
        "orders": _number(row["Orders"]),
        "newsletter": row["Newsletter"] == "Y",
        "changed": row["Last change"],
    }


def _number(cell: str) -> int | str | None:
    return int(cell) if cell.isdigit() else cell or None


def _list(cell: str) -> list[str]:
    return [each.strip() for each in cell.split(";") if each.strip()]


def _old_shop() -> Iterator[list[str]]:
    """Return the rows: everybody once, then those who registered again, as the shop numbers them."""
    people = list(_people(_Dice(SEED), OLD_SHOP))
    for place, person in enumerate(people):
        row = list(person.values())
        yield row if place != OVERLONG else [*row, "second floor"]
        if place in EXPORTED_TWICE:
            yield row
    for number, place in enumerate(REGISTERED_TWICE, start=FIRST_NUMBER + OLD_SHOP):
        yield list(_again(people[place], number).values())


def _new_shop() -> Iterator[list[str]]:
    """Return the rows of the new shop, whose numbers go on where those of the old one end."""
    people = list(_people(_Dice(SEED), PEOPLE))
    first = FIRST_NUMBER + OLD_SHOP + len(REGISTERED_TWICE)
    for place, person in enumerate(people[OLD_SHOP:], start=OLD_SHOP):
        numbered = {"Customer no": str(first + place - OLD_SHOP) if person["Customer no"] else ""}
        row = list((person | numbered).values())
        yield from [row, row] if place in EXPORTED_TWICE else [row]
    for number, place in enumerate(IN_BOTH_SHOPS, start=first + PEOPLE - OLD_SHOP):
        yield list(_again(people[place], number).values())


def _people(dice: "_Dice", count: int, faults: Mapping[int, tuple[str, str]] = AT_FAULT) -> Iterator[dict[str, str]]:
    yield ABBIE
    addresses = {ABBIE["E-Mail"].casefold()}
    household: dict[str, str] = {}
    for place in range(1, count):
        person = _person(dice, place, addresses)
        if place in ON_ONE_CARD:
            household = household or {name: person[name] for name in ("Last name", "Address", "Area")}
            person |= household | {"Card": "HB-0042-4242"}
        if place in faults:
            name, value = faults[place]
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
        "Phone": dice.mostly(7 / 8, _phone(dice, place)),
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


def _phone(dice: "_Dice", place: int) -> str:
    """Return a number that nobody has: Ofcom keeps a thousand, North America a hundred in each of 800 areas."""
    written = dice.one_of(PHONES)
    if place < PEOPLE:
        return written.format(900_000 + place)
    area, line = divmod(place - PEOPLE, 100)
    return f"+1 ({200 + area}) 555-01{line:02}" if area < len(range(200, 1000)) else ""


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


def main(count: str, kind: str = "csv") -> None:
    """Write the export of a shop of any size to standard output."""
    write = {"csv": as_csv, "jsonl": as_json}[kind]
    sys.stdout.buffer.writelines(line.encode() for line in write(many(int(count))))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A dump of the database without the keys shows no value and no identifier, in whatever way it is written (P10)."""

import asyncio
import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from itertools import permutations
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, urlencode, urlsplit

import asyncpg
import pytest
from msgspec import Struct

from service.crypto.keyring import ROLES, Keyring
from service.database import Database
from service.embedded import bundled
from service.model.identifiers import identifier
from service.model.words import CustomerId, IdentifierKind
from service.rootkey import read_root_key
from service.storage import customers
from service.usecases import access
from tests.conftest import OPERATOR, Api, Template

PEOPLE = 100
START = 6
AT_ONCE = 5
GENRES = list(permutations(("travel", "poetry", "nature", "crime", "art"), 4))
SYLLABLES = ["bra", "cle", "dro", "fli", "gwe", "hul", "jin", "kor", "lum", "mav"]
BYTEA = re.compile(rb"\\\\x((?:[0-9a-f]{2})+)")


def invented(number: int) -> str:
    """Return a word of twelve letters that stands nowhere else."""
    hundreds, tens, ones = number // 100 % 10, number // 10 % 10, number % 10
    return "".join(SYLLABLES[digit] for digit in (hundreds, tens, ones, (hundreds + tens + ones) % 10))


class Planted(Struct, frozen=True):
    """One invented customer: three identifiers and seven facts."""

    identifiers: dict[str, str]
    facts: dict[str, Any]


def planted(number: int) -> Planted:
    names = [invented(5 * number + each) for each in range(5)]
    return Planted(
        identifiers={
            "email": f"{names[0].title()}@{names[1]}.example.com",
            "phone": f"+44 7946 5{number:05}",
            "loyalty": f"hbt-7{number:02}9-{names[2]}",
        },
        facts={
            "first_name": names[0].title(),
            "last_name": f"{names[1].title()}-Ås",
            "postal_address": f"{number} {names[2].title()} Straße, {names[3]}",
            "contact_email": f"{names[4]}@example.org",
            "favourite_genres": list(GENRES[number]),
            "last_destination": f"Château {names[3]}",
            "orders_this_year": 7001 + number,
        },
    )


async def plant(api: Api, who: Planted) -> None:
    enrolment = {"identifiers": who.identifiers, "age_band": "adult"}
    customer = (await api.post("/v1/customers", "shop", enrolment))["customer"]
    observed = ("last_destination", "orders_this_year")
    said = [
        {"attribute": name, "value": value, "provenance": "observed" if name in observed else "volunteered"}
        for name, value in who.facts.items()
    ]
    await api.post(f"/v1/customers/{customer}/attributes", "shop", {"facts": said})
    parcel = {"purpose": "fulfil.orders", "channel": "internal", "attributes": ["first_name", "postal_address"]}
    by_email = {"customer": {"email": who.identifiers["email"]}, **parcel}
    assert (await api.post("/v1/releases", "fulfilment", by_email))["decision"] == "permit"


# --- a dump, and how something could stand in it ---


class Dump(Struct, frozen=True):
    """What pg_dump wrote, then the same followed by what its byte strings hold."""

    written: bytes
    text: bytes
    folded: bytes
    starts: frozenset[bytes]
    """So many bytes in a row as stand anywhere: most that is looked for is found missing by its first few."""

    def holds(self, form: bytes) -> bool:
        """Whether these bytes stand in it."""
        return (len(form) < START or form[:START] in self.starts) and form in self.text


async def dumped(url: str) -> Dump:
    parts = urlsplit(url)
    server = urlencode([*parse_qsl(parts.query), ("user", parts.username or "")])
    place = parts.netloc.rpartition("@")[2]
    command = (str(bundled() / "pg_dump"), f"--dbname=postgresql://{place}{parts.path}?{server}")
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, env={"PGPASSWORD": parts.password or ""}
    )
    text, _ = await process.communicate()
    assert process.returncode == 0
    written = text
    text += b"\n".join([b"", *(bytes.fromhex(found.decode()) for found in BYTEA.findall(text))])
    starts = frozenset(text[place : place + START] for place in range(len(text)))
    return Dump(written, text, text.decode("utf-8", "replace").casefold().encode(), starts)


def base64_forms(value: bytes) -> Iterator[bytes]:
    """Yield what of a value's base64 does not depend on its neighbours, for each place it can begin at."""
    for shift, first in ((0, 0), (1, 2), (2, 3)):
        text = b64encode(bytes(shift) + value).rstrip(b"=")
        core = text[first : None if (shift + len(value)) % 3 == 0 else -1]
        yield from {core, core.replace(b"+", b"-").replace(b"/", b"_")}


def forms(value: bytes) -> Iterator[bytes]:
    """Yield each way in which bytes could stand in a dump."""
    yield from (value, value[::-1], value.hex().encode(), value.hex().upper().encode(), value[::-1].hex().encode())
    yield from base64_forms(value)


def written_forms(text: str) -> Iterator[bytes]:
    """Yield each way in which a text could stand in a dump."""
    for each in {text, text.casefold(), text.upper()}:
        yield from forms(each.encode())
        yield from (each[::-1].encode(), each.encode("utf-16-le"), json.dumps(each)[1:-1].encode())
        yield from (quote(each).encode(), quote(each, safe="").encode(), quote_plus(each).encode())


def stands_in(dump: Dump, text: str) -> bool:
    return text.casefold().encode() in dump.folded or any(map(dump.holds, written_forms(text)))


def number_stands_in(dump: Dump, number: int) -> bool:
    """Whether a number stands there by itself: as a part of longer digits, or of an id, it would be there by chance.

    Not looked for among random bytes, where four digits turn up by chance too.
    """
    digits = str(number).encode()
    alone = (rb"%b", rb"\\\\x%b", rb"%b={0,2}")
    shapes = (digits, digits.hex().encode(), b64encode(digits).rstrip(b"="))
    return any(
        re.search(rb"(?<![0-9A-Za-z.+/-])" + form % shape + rb"(?![0-9A-Za-z+/-])", dump.written)
        for form, shape in zip(alone, shapes, strict=True)
    )


def bytes_stand_in(dump: Dump, value: bytes) -> bool:
    return any(map(dump.holds, forms(value)))


# --- the search, and that it finds ---


@pytest.fixture
async def people(api: Api) -> list[Planted]:
    everybody = [planted(number) for number in range(PEOPLE)]
    for first in range(0, PEOPLE, AT_ONCE):
        await asyncio.gather(*(plant(api, who) for who in everybody[first : first + AT_ONCE]))
    return everybody


def texts_of(who: Planted) -> list[str]:
    """Return her values as she wrote them and as they are stored, all but the number."""
    values = [value for value in who.facts.values() if isinstance(value, str)]
    genres = json.dumps(who.facts["favourite_genres"], separators=(",", ":"))
    return [*values, genres, genres[1:-1], *who.identifiers.values(), *normalised(who)]


def normalised(who: Planted) -> list[str]:
    return [identifier(IdentifierKind(kind), written).value for kind, written in who.identifiers.items()]


def digests_of(text: str) -> list[bytes]:
    """Return what a hash without a key would leave behind."""
    kinds: list[Callable[[bytes], Any]] = [hashlib.sha256, hashlib.sha512, hashlib.sha1, hashlib.md5]
    return [kind(text.encode()).digest() for kind in kinds]


async def test_a_thousand_planted_values_are_not_in_a_dump(
    people: list[Planted], superuser_url: str, owner: asyncpg.Connection
) -> None:
    values = [str(value) for who in people for value in (*who.identifiers.values(), *who.facts.values())]
    assert len(set(values)) == 1000
    assert await owner.fetchval("SELECT count(*) FROM fact") == 7 * PEOPLE
    assert await owner.fetchval("SELECT count(*) FROM identifier") == 3 * PEOPLE
    dump = await dumped(superuser_url)
    assert [text for who in people for text in texts_of(who) if stands_in(dump, text)] == []
    assert [who for who in people if number_stands_in(dump, who.facts["orders_this_year"])] == []
    hashed = [digest for who in people for text in texts_of(who) for digest in digests_of(text)]
    assert [digest for digest in hashed if dump.holds(digest.hex().encode()) or dump.holds(digest)] == []


async def test_no_key_and_no_credential_is_in_a_dump(
    api: Api, database: Database, keyring: Keyring, superuser_url: str, template: Template
) -> None:
    for number in range(3):
        await plant(api, planted(number))
    by_email = identifier(IdentifierKind.EMAIL, planted(0).identifiers["email"])
    token = (await access.make_customer_token(database, keyring, OPERATOR, by_email, 5)).text
    credentials = [token, *template.api_keys.values()]
    dump = await dumped(superuser_url)
    for credential in credentials:
        assert not stands_in(dump, credential)
        assert not stands_in(dump, credential.split("_")[-2])  # the secret by itself
    for key in [*_service_keys(keyring, template), *await _customer_keys(database, keyring)]:
        assert not bytes_stand_in(dump, key)


def _service_keys(keyring: Keyring, template: Template) -> list[bytes]:
    return [read_root_key(template.root_key_file).key, *(keyring.key(role, keyring.active(role)) for role in ROLES)]


async def _customer_keys(database: Database, keyring: Keyring) -> list[bytes]:
    async with database.connection() as connection:
        everybody = [CustomerId(row["id"]) for row in await connection.fetch("SELECT id FROM customer")]
        keys = [await customers.open_key(connection, keyring, customer) for customer in everybody]
    assert len(keys) == 3
    return [key.key for key in keys]


MARKER = "Marmaduke Ström of 9 Gull Wynd"
WAYS = (
    "$1",
    "upper($1)",
    "lower($1)",
    "reverse($1)",
    "encode($1::text::bytea, 'hex')",
    "encode($1::text::bytea, 'base64')",
    "encode(('x' || $1)::bytea, 'base64')",
    "encode(('xy' || $1 || 'z')::bytea, 'base64')",
    "'Marmaduke%20Str%C3%B6m%20of%209%20Gull%20Wynd'",
    "'Marmaduke+Str%C3%B6m+of+9+Gull+Wynd'",
    "to_json($1::text)::text",
    "'note: ' || $1 || ' (called)'",
)


@pytest.mark.parametrize("kind", ["text", "bytea"])
async def test_the_same_search_finds_a_value_in_each_way_it_could_be_written(
    kind: str, owner: asyncpg.Connection, superuser_url: str
) -> None:
    """The control: this search can fail."""
    assert not stands_in(await dumped(superuser_url), MARKER)
    for way in WAYS:
        column = f"convert_to({way}, 'UTF8')" if kind == "bytea" else way
        statement = f"CREATE TABLE scratch AS SELECT {column} AS note"
        await owner.execute(statement.replace("$1", f"'{MARKER}'"))
        assert stands_in(await dumped(superuser_url), MARKER), way
        await owner.execute("DROP TABLE scratch")


async def test_the_same_search_finds_numbers_hashes_and_keys(owner: asyncpg.Connection, superuser_url: str) -> None:
    key, hashed = bytes(range(32)), hashlib.sha256(MARKER.encode()).digest()
    await owner.execute("CREATE TABLE scratch (number integer, body bytea, key bytea, hash bytea)")
    await owner.execute("INSERT INTO scratch VALUES (7001, '7002', $1, $2)", key, hashed)
    dump = await dumped(superuser_url)
    assert [number for number in range(7001, 7101) if number_stands_in(dump, number)] == [7001, 7002]
    assert bytes_stand_in(dump, key)
    assert digests_of(MARKER)[0] in dump.text

"""The walk over every route of the API: what each takes, what the document says of it, what the database holds."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from msgspec import Struct

from service.api.described import Described
from service.api.document import document
from service.api.door import ROUTES
from service.app import House
from service.database import opened
from service.model.identifiers import identifier
from service.model.words import IdentifierKind, PairwiseId, ServiceId
from service.storage import customers
from service.usecases import access
from tests.conftest import OPERATOR, Api, Person, Template, allow, enrol, own_database
from tests.houses import reaching
from tests.reading import Entered, entered
from tests.sealing import seal

Json = dict[str, Any]
Path = tuple[str | int, ...]

DOCUMENT: Json = json.loads(document())
EMAIL, PHONE, LOYALTY = "abbie@example.com", "+442079460018", "HB1234567"
ASKED = {
    "purpose": "personalise.recommendations",
    "channel": "web",
    "attributes": ["first_name", "favourite_genres", "last_destination"],
}
NOBODY = "byc_" + "a" * 26
SOME_REFERENCE = "idn_" + "a" * 26
"""Stands for an identifier of hers that is in use; each can be disowned but once."""
SOME_LINE = "A" * 56
"""Stands for a line of the use of her data."""
SOME_ENTRY = "ent_" + "1" * 26
"""Stands for an entry of that line."""
SOME_SOURCE, SOME_DISPUTE = "shop/spare-xx", "ent_" + "0" * 26
"""Stand for a fact of hers and a dispute of hers; each can be struck out, or undone, but once."""
A_FACT = {"attribute": "home_airport", "provenance": "volunteered", "source": SOME_SOURCE}
DEVICE = "0b7c2f5e-3d1a-4c7e-9f60-6a5d2c1b8e9f"
WHOS: list[Json] = [{"email": EMAIL}, {"phone": PHONE}, {"loyalty": LOYALTY}, {"device": DEVICE}, {"id": NOBODY}]
HER_ANSWER = {
    "purpose": "personalise.recommendations",
    "answer": "given",
    "channel": "web",
    "notice": 2,
    "explicit": True,
    "snapshot": None,
    "evidence": "scan-4711",
}
FACT = {
    "attribute": "first_name",
    "value": "Abigail",
    "provenance": "volunteered",
    "as_of": "2026-01-02T03:04:05Z",
    "source": "counter-4",
    "confidence": 90,
    "derived_from": [],
}

SHOWN = {
    "purpose": "personalise.recommendations",
    "channel": "web",
    "language": "en",
    "layout": "checkout-3",
    "version": 2,
}
QUIET = "22:00-07:00 Europe/Berlin"

SAMPLES: dict[str, list[Json]] = {
    "release": [{"customer": who, **ASKED, "signals": {"gpc": False}} for who in WHOS],
    "decision": [{"customer": who, **ASKED, "signals": {"gpc": False}} for who in WHOS],
    "release_to_many": [{"customers": [who], **ASKED} for who in WHOS],
    "enrol": [
        {
            "identifiers": {"email": EMAIL, "phone": PHONE, "loyalty": LOYALTY},
            "age_band": "adult",
            "verified": ["email", "phone"],
        },
        {"identifiers": {"device": DEVICE}},
    ],
    "contribute": [{"facts": [FACT, {**FACT, "attribute": "last_name", "value": "Harbour"}]}],
    "record": [
        {**HER_ANSWER, "method": "counter", "acting": "staff", "actor": "till-4", "given_at": "2026-01-02T03:04:05Z"}
    ],
    "record_choice": [
        {
            "choice": "objection",
            "value": "raised",
            "purpose": "prevent.fraud",
            "attribute": None,
            "method": "counter",
            "actor": "till-4",
            "given_at": "2026-01-02T03:04:05Z",
        }
    ],
    "choose": [
        {"choice": "inferred", "value": "yes", "purpose": None, "attribute": None},
        {"choice": "inferred", "value": "no", "purpose": None, "attribute": None},
        {"choice": "do-not-use", "value": "raised", "purpose": "market.newsletter", "attribute": "first_name"},
    ],
    "dispute": [
        {
            "attribute": "last_destination",
            "category": "history",
            "provenance": "observed",
            "source": "shop/order-7",
            "since": "2026-01-02T03:04:05Z",
            "until": "2026-01-03T03:04:05Z",
        },
        {"source": "shop/order-8"},
    ],
    "undo": [{"entry": SOME_DISPUTE}],
    "explain": [{"entry": SOME_DISPUTE, "answer": "gift"}],
    "correct": [{**A_FACT, "value": "LBA"}],
    "delete": [A_FACT],
    "keep_preferences": [
        {"preferences": [{"attribute": "contact_frequency", "value": "monthly"}], "quiet_hours": QUIET},
        {"preferences": [], "quiet_hours": None},
    ],
    "answer_as_customer": [HER_ANSWER, {"purpose": "market.newsletter", "answer": "withdrawn"}],
    "verify_receipt": [{"receipt": "e30.e30.e30"}],
    "disown": [{"reference": SOME_REFERENCE}],
    "withdraw": [
        {"purpose": "market.newsletter", "channel": "email", "method": "phone", "acting": "staff", "actor": "till-4"},
        {"all": "marketing"},
    ],
    "withdraw_as_customer": [{"purpose": "market.newsletter", "channel": "email"}, {"all": "everything"}],
    "serve": [{**SHOWN, "customer": None}],
    "serve_as_customer": [SHOWN],
    "ask": [{"line": SOME_LINE, "text": "Why at night?"}, {"entry": SOME_ENTRY}],
    "message_links": [{"customers": [NOBODY], "purpose": "research.panel", "channel": "email"}],
}
"""A body that works, with every field, for each route that takes one: a new route needs one here."""
READABLE = """
SELECT relname FROM pg_class
 WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND has_table_privilege(oid, 'SELECT')
"""
QUERIES = dict.fromkeys(("prompts", "prompts_as_customer"), "?channel=web&language=en") | {
    "simulation": "?service=recommender&purpose=personalise.recommendations&channel=web&answer=no",
    "reach": "?source=shop%2Forder-7",
}
"""What must be asked of a route, besides its address."""


class Route(Struct, frozen=True):
    """One operation: as the application has it, and as the document describes it."""

    name: str
    method: str
    path: str
    described: Described
    operation: Json
    head: bool
    """Whether it answers HEAD, too."""

    @property
    def schema(self) -> Json:
        """What the document says of its body."""
        schema: Json = self.operation["requestBody"]["content"]["application/json"]["schema"]
        return schema


def _routes() -> Iterator[Route]:
    documented = {
        operation["operationId"]: (path, operation)
        for path, operations in DOCUMENT["paths"].items()
        for operation in operations.values()
    }
    for handler in ROUTES:
        (method,) = handler.http_methods - {"HEAD"}
        what = _with(handler.opt["described"], *documented[handler.handler_name])
        yield Route(handler.handler_name, method, *what, "HEAD" in handler.http_methods)


def _with(described: Described, path: str, operation: Json) -> tuple[str, Described, Json]:
    return path, described, operation


WALK = list(_routes())
WITH_BODY = [route for route in WALK if route.method != "GET"]
MUTATING = [route for route in WITH_BODY if route.name not in {"verify_receipt", "message_links"}]
"""A receipt is sent in a body because of its size; looking at it changes nothing. Who can say no has not said it."""
CLOSED = [route for route in WALK if route.described.caller != "anyone"]
every_route = pytest.mark.parametrize("route", WALK, ids=lambda route: route.name)
every_closed_route = pytest.mark.parametrize("route", CLOSED, ids=lambda route: route.name)
every_body = pytest.mark.parametrize("route", WITH_BODY, ids=lambda route: route.name)
every_write = pytest.mark.parametrize("route", MUTATING, ids=lambda route: route.name)


class Place(Struct, frozen=True):
    """One place of a body, and what the schema allows there."""

    path: Path
    value: Any
    options: list[Json]

    @property
    def pointer(self) -> str:
        """Its JSON pointer."""
        return "".join(f"/{step}" for step in self.path)


def options(schema: Json) -> list[Json]:
    """Return the alternatives of a schema, without references."""
    if "$ref" in schema:
        return options(DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]])
    return [option for each in schema["anyOf"] for option in options(each)] if "anyOf" in schema else [schema]


def places(body: Any, schema: Json, path: Path = ()) -> Iterator[Place]:
    """Yield every place of a body that its schema knows."""
    allowed = options(schema)
    yield Place(path, body, allowed)
    for option in allowed:
        if isinstance(body, dict) and "properties" in option:
            for name, value in body.items():
                yield from places(value, option["properties"][name], (*path, name))
        elif isinstance(body, list) and "items" in option:
            for index, value in enumerate(body):
                yield from places(value, option["items"], (*path, index))


def put(body: Any, path: Path, value: Any) -> Any:
    """Return a body with another value at one place."""
    if not path:
        return value
    step, *rest = path
    copy = body.copy()
    copy[step] = put(body[step] if rest else None, tuple(rest), value)
    return copy


class Hers(Struct, frozen=True):
    """What some addresses and bodies name: an entry with a receipt, a line of use, an entry of it, a device.

    And identifiers to disown, facts to strike out, and disputes to undo.
    """

    entry: str
    line: str
    use: str
    device: str
    references: list[str]
    sources: list[str]
    disputes: list[str]

    def spares(self, name: str) -> tuple[str, list[str]]:
        """Return what stands in a body of a route for something of hers, and what there is of that."""
        if name in {"correct", "delete"}:
            return SOME_SOURCE, self.sources
        return (SOME_DISPUTE, self.disputes) if name in {"undo", "explain"} else (SOME_REFERENCE, self.references)


class Walker:
    """Asks each route as one who may, and looks at the database."""

    def __init__(self, api: Api, house: House, person: Person, token: str, hers: Hers) -> None:
        self.api = api
        self.house = house
        self.database = house.database
        self.person = person
        self.token = token
        self.hers = hers

    def address(self, route: Route, **parts: str) -> str:
        """Return an address of a route that exists."""
        whole = {
            "customer": self.person.at_shop,
            "entry": self.hers.entry,
            "line": self.hers.line,
            "path": "0/000.p/1",
            "purpose": "personalise.recommendations",
            "version": "2",
        }
        return route.path.format(**(whole | parts)) + QUERIES.get(route.name, "")

    def caller(self, route: Route) -> str:
        """Return who may call a route."""
        return self.token if route.described.caller == "customer" else "shop"

    async def send(self, route: Route, content: bytes | None = None, **changes: Any) -> httpx.Response:
        """Send bytes to a route; whatever it answers stands in the document."""
        caller = changes.pop("caller", self.caller(route))
        # She saw whatever there is.
        seen = {"if-match": "*"} if route.described.conditional else {}
        headers = {"content-type": "application/json"} | seen | changes.pop("headers", {})
        address = changes.pop("address", self.address(route))
        stands_for, spare = self.hers.spares(route.name)
        if content is not None:
            hers = {stands_for: spare[-1], SOME_LINE: self.hers.line, SOME_ENTRY: self.hers.use}
            for stands, meant in hers.items():
                content = content.replace(stands.encode(), meant.encode())
        response = await self.api.call(
            route.method, address, caller, content=content, headers={k: v for k, v in headers.items() if v is not None}
        )
        _is_documented(route, response)
        if route.name in {"disown", "undo", "correct", "delete"} and response.status_code == 200:
            spare.pop()
        return response

    async def contents(self) -> dict[str, str | None]:
        """Return a digest of all rows of each table that the service may read, None for one that is empty."""
        async with self.database.connection() as connection:
            tables = await connection.fetch(READABLE)
            parts = [
                f"SELECT '{name}' AS name, md5(string_agg(t::text, '|' ORDER BY t::text)) AS digest FROM {name} t"  # noqa: S608  names of our own tables
                for (name,) in tables
            ]
            rows = await connection.fetch(" UNION ALL ".join(parts))
        return {row["name"]: row["digest"] for row in rows}

    async def customer_of(self, pairwise: str) -> Any:
        """Return whom a pairwise id means."""
        async with self.database.connection() as connection:
            return await connection.fetchval("SELECT customer FROM pairwise WHERE id = $1", pairwise)

    async def entries(self) -> list[Entered]:
        """Return the ledger."""
        async with self.database.connection() as connection:
            return await entered(connection, await self.house.keys())


def _is_documented(route: Route, response: httpx.Response) -> None:
    said = route.operation["responses"].get(str(response.status_code))
    assert said is not None, f"{route.name} answered {response.status_code}: {response.text}"
    media = response.headers["content-type"].partition(";")[0]
    assert media in said["content"], media
    if media == "application/problem+json":
        assert f"{response.json()['code']}: " in said["description"]


@pytest.fixture(scope="module")
async def walker(server: str, template: Template, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Walker]:
    """Abbie, found by every kind of identifier, with a token of her own; shared, because a refusal leaves no trace."""
    async with own_database(server, template) as url, opened(url) as database:
        house = House(database, template.root_key_file)
        transport = reaching(house)
        async with httpx.AsyncClient(transport=transport, base_url="http://byleave.test") as client:
            api = Api(client, template.api_keys)
            person = await enrol(api, EMAIL, {})
            await api.post("/v1/customers", "shop", SAMPLES["enrol"][0])
            entry = await allow(api, person)
            found_by = identifier(IdentifierKind.EMAIL, EMAIL)
            token = await access.make_customer_token(database, await house.keys(), OPERATOR, found_by, 60)
            device = (await api.post("/v1/customers", "shop", SAMPLES["enrol"][1]))["customer"]
            await seal(url, template, tmp_path_factory.mktemp("log"))
            (line,) = (await api.call("GET", "/v1/me/use", token.text)).json()["uses"]
            (use,) = (await api.call("GET", f"/v1/me/use/{line['line']}", token.text)).json()["uses"]
            references = await _spare_references(house, person)
            sources, disputes = await _spare_facts(api, person), await _spare_disputes(api, token.text)
            hers = Hers(entry, line["line"], use["entry"], device, references, sources, disputes)
            yield Walker(api, house, person, token.text, hers)


async def _spare_facts(api: Api, person: Person) -> list[str]:
    """Let the shop say facts of hers to be struck out, and return where each comes from."""
    words = [f"spare-{number:02}" for number in range(60)]
    facts = [{"attribute": "home_airport", "provenance": "volunteered", "value": "EDI", "source": w} for w in words]
    await api.post(f"/v1/customers/{person.at_shop}/attributes", "shop", {"facts": facts})
    return [f"shop/{word}" for word in words]


async def _spare_disputes(api: Api, token: str) -> list[str]:
    """Let her dispute what is not there yet, and return by which entries."""
    return [
        (await api.post("/v1/me/disputes", token, {"source": f"shop/never-{number}"}))["entry"] for number in range(20)
    ]


async def _spare_references(house: House, person: Person) -> list[str]:
    """Give her loyalty numbers to disown, and return how each is referred to."""
    keyring = await house.keys()
    cards = [identifier(IdentifierKind.LOYALTY, f"SPARE{number}") for number in range(20)]
    async with house.database.transaction() as connection:
        her = await customers.by_pairwise(connection, keyring, ServiceId("shop"), PairwiseId(person.at_shop))
        assert her is not None
        key = await customers.open_key(connection, keyring, her)
        await customers.put_identifiers(connection, keyring, [(her, key, each) for each in cards])
    return [keyring.reference_of(her, each.kind, keyring.index_of(each)) for each in cards]

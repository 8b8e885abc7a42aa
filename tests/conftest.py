"""What every test stands on: a real PostgreSQL, the real policies, the real application.

The service under test reaches its database in the role of the application, so whatever that role may not do fails here
as it would outside. Who arranges or tampers does so as the superuser.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import SplitResult, urlsplit, urlunsplit

import asyncpg
import httpx
import pytest
from msgspec import Struct, structs

from service.app import House
from service.crypto.keyring import Keyring
from service.database import Connection, Database, opened
from service.migrating import migrate
from service.model.callers import OperatorCaller
from service.model.words import ServiceId
from service.policy.engine import Policies
from service.rootkey import make_root_key, read_root_key
from service.schema import shipped
from service.usecases import access
from service.usecases.keys import make, open_keys
from service.usecases.policies import check, publish
from tests.examples import register
from tests.houses import reaching
from tests.passing import passing_server
from tests.reading import unsaid

register()

PROOF = {"method": "counter", "evidence": "scan-4711"}
"""What a yes needs where nobody saw what was on the screen."""
OPERATOR = OperatorCaller("tests", "a test")
NUMBERS = count()
Owner: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
"""Somebody at a prompt of the database, outside any pool."""
MISSING_ROLES = """
DO $$ DECLARE role text; BEGIN
    FOREACH role IN ARRAY '{byleave_owner,byleave_app,byleave_sequencer,byleave_auditor,byleave_migrator}'::text[] LOOP
        IF to_regrole(role) IS NULL THEN EXECUTE 'CREATE ROLE ' || role; END IF;
    END LOOP;
    IF NOT pg_has_role('byleave_migrator', 'byleave_owner', 'MEMBER') THEN
        GRANT byleave_owner TO byleave_migrator;
    END IF;
END $$
"""
"""What the embedded server has already, and another one may lack."""


class Template(Struct, frozen=True):
    """A database from which each test's own is copied: migrated, with keys, policies and an API key per service."""

    superuser_url: str
    name: str
    root_key_file: Path
    api_keys: dict[ServiceId, str]

    def copied(self, name: str) -> str:
        """Return the statement that makes a database like it."""
        return f"CREATE DATABASE {name} TEMPLATE {self.name} STRATEGY FILE_COPY OWNER byleave_owner"


class Person(Struct, frozen=True):
    """An enrolled customer, as the shop and as the recommender know her."""

    email: str
    at_shop: str
    at_recommender: str


class Inhabited(Struct, frozen=True):
    """The template as most tests begin: Abbie is enrolled, and allows recommendations on the web."""

    template: Template
    abbie: Person


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The server that tests run on, as its superuser: the embedded one, or that of BYLEAVE_TEST_DATABASE_URL."""
    given = os.environ.get("BYLEAVE_TEST_DATABASE_URL")  # noqa: TID251  a setting of the tests, not of the product
    if given:
        yield given
    else:
        with passing_server() as url:
            yield url


def in_role(url: str, role: str = "byleave_app") -> str:
    """Return the URL by which a superuser connects in the role of somebody who may do less."""
    parts = urlsplit(as_superuser(url))
    return _joined(parts._replace(query="&".join(filter(None, (parts.query, f"role={role}")))))


def as_superuser(url: str) -> str:
    """Return the URL by which that superuser connects as itself."""
    parts = urlsplit(url)
    return _joined(parts._replace(query="&".join(p for p in parts.query.split("&") if not p.startswith("role="))))


@pytest.fixture(scope="session")
def policies() -> Policies:
    """The sample company's policies, compiled."""
    return check(shipped("policies"))


@pytest.fixture(scope="session")
def template(server: str, policies: Policies, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Template]:
    """The template database."""
    name = f"byleave_template_{os.getpid()}"
    root_key_file = tmp_path_factory.mktemp("keys") / "root.key"
    made = Template(url_of(server, name), name, root_key_file, {})
    migrator = in_role(made.superuser_url, "byleave_migrator")
    # In threads, because each of these runs an event loop of its own.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, administer(server, MISSING_ROLES)).result()
        thread.submit(asyncio.run, administer(server, f"CREATE DATABASE {name} OWNER byleave_owner")).result()
        thread.submit(migrate, migrator).result()
        thread.submit(asyncio.run, furnish(made, policies)).result()
        yield made
        thread.submit(asyncio.run, administer(server, f"DROP DATABASE {name} WITH (FORCE)")).result()


async def furnish(template: Template, policies: Policies) -> None:
    root = make_root_key(template.root_key_file)
    async with opened(in_role(template.superuser_url)) as database:
        await make(database, root, OPERATOR)
        keyring = await open_keys(database, root)
        await publish(database, keyring, OPERATOR, shipped("policies"))
        for service in policies.catalogue.services:
            made = await access.make_api_key(database, keyring, policies, OPERATOR, service)
            template.api_keys[service] = made.text


@pytest.fixture(scope="session")
def inhabited(server: str, template: Template) -> Iterator[Inhabited]:
    """The template with Abbie: to enrol her costs more than all the rest of what most tests need."""
    like = structs.replace(template, name=f"{template.name}_of_abbie")
    like = structs.replace(like, superuser_url=url_of(server, like.name))
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, administer(server, template.copied(like.name))).result()
        yield Inhabited(like, thread.submit(asyncio.run, _settle(like)).result())
        thread.submit(asyncio.run, administer(server, f"DROP DATABASE {like.name} WITH (FORCE)")).result()


async def _settle(template: Template) -> Person:
    url = in_role(template.superuser_url)
    async with opened(url) as database, client_of(House(database, template.root_key_file)) as client:
        api = Api(client, template.api_keys)
        person = await enrol(api, "abbie@example.com")
        await allow(api, person)
        return person


@pytest.fixture
async def database_url(
    request: pytest.FixtureRequest, server: str, template: Template, inhabited: Inhabited
) -> AsyncIterator[str]:
    """The URL of a database of this test's own, in which Abbie is if the test speaks of her."""
    like = inhabited.template if "abbie" in request.fixturenames else template
    async with own_database(server, like) as url:
        yield url


@pytest.fixture
def superuser_url(database_url: str) -> str:
    """The URL of the superuser of this test's database, who may change every row."""
    return as_superuser(database_url)


@asynccontextmanager
async def own_database(server: str, template: Template) -> AsyncIterator[str]:
    """Copy the template for the length of a block."""
    name = f"byleave_test_{os.getpid()}_{next(NUMBERS)}"
    await administer(server, template.copied(name))
    yield in_role(url_of(server, name))
    await administer(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A database of this test's own, open."""
    async with opened(database_url, connections=10) as database:
        yield database


@pytest.fixture
async def owner(superuser_url: str) -> AsyncIterator[Owner]:
    """Somebody at a prompt of the database who may change every row."""
    connection = await asyncpg.connect(superuser_url)
    yield connection
    await connection.close()


@pytest.fixture
async def keyring(database: Database, template: Template) -> Keyring:
    """The keys of this test's database."""
    return await open_keys(database, read_root_key(template.root_key_file))


@pytest.fixture
async def all_said(database: Database, keyring: Keyring) -> AsyncIterator[None]:
    """Whatever was done in a test: in the end every answer and every choice stands in the body of its entry."""
    yield
    async with database.connection() as connection:
        assert await unsaid(connection, keyring) == []


@pytest.fixture
def house(database: Database, template: Template) -> House:
    """One process of the service."""
    return House(database, template.root_key_file)


class Api:
    """The running API, called as a service or as a customer."""

    def __init__(self, client: httpx.AsyncClient, api_keys: dict[ServiceId, str]) -> None:
        self.client = client
        self.api_keys = api_keys

    async def call(
        self, method: str, path: str, caller: str | None, body: Any = None, **options: Any
    ) -> httpx.Response:
        """Call as a service by its id, as anybody by a token, or as nobody."""
        token = None if caller is None else self.api_keys.get(ServiceId(caller), caller)
        headers = {"authorization": f"Bearer {token}"} if token else {}
        headers |= options.pop("headers", {})
        if body is not None:
            options["json"] = body
        return await self.client.request(method, path, headers=headers, **options)

    async def post(self, path: str, caller: str | None, body: Any = None) -> dict[str, Any]:
        """Post and expect success."""
        response = await self.call("POST", path, caller, body)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer


@pytest.fixture
async def api(house: House, template: Template) -> AsyncIterator[Api]:
    """The API of one process, without a socket between."""
    async with client_of(house) as client:
        yield Api(client, template.api_keys)


def client_of(house: House) -> httpx.AsyncClient:
    """Return a client of one process."""
    return httpx.AsyncClient(transport=reaching(house), base_url="http://byleave.test")


FACTS = {
    "first_name": "Abbie",
    "last_name": "Harbour",
    "postal_address": "1 Quay Street, Whitby",
    "favourite_genres": ["crime", "travel"],
    "birth_year": 1985,
}


async def enrol(api: Api, email: str, facts: dict[str, Any] | None = None) -> Person:
    """Enrol a customer at the shop, with volunteered facts."""
    who = {"identifiers": {"email": email}, "age_band": "adult"}
    shop = (await api.post("/v1/customers", "shop", who))["customer"]
    said = [
        {"attribute": attribute, "value": value, "provenance": "volunteered"}
        for attribute, value in (FACTS if facts is None else facts).items()
    ]
    if said:
        await api.post(f"/v1/customers/{shop}/attributes", "shop", {"facts": said})
    return Person(email, shop, (await api.post("/v1/customers", "recommender", who))["customer"])


async def say_often(owner: Owner, status: str, times: int) -> None:
    """Let every answer that there is be followed by so many others, as they are stored."""
    await owner.execute(
        """
        INSERT INTO consent_event (customer, purpose, channel, status, notice, explicit, method, recorder, actor,
                                   given_at, recorded_at, policy_version, entry)
        SELECT customer, purpose, channel, $1, notice, explicit, method, recorder, actor, given_at,
               recorded_at + make_interval(secs => n), policy_version, 'ent_' || n
          FROM consent_event, generate_series(1, $2::integer) AS n
        """,
        status,
        times,
    )


async def allow(api: Api, person: Person, purpose: str = "personalise.recommendations", channel: str = "web") -> str:
    """Let her consent at the shop, to the notice in force; returns the entry."""
    purposes = (await api.call("GET", "/v1/purposes", "shop")).json()["purposes"]
    notice = next(each["notice"] for each in purposes if each["id"] == purpose)
    answer = {
        "purpose": purpose,
        "answer": "given",
        "channel": channel,
        "notice": notice,
        **PROOF,
    }
    entry: str = (await api.post(f"/v1/customers/{person.at_shop}/consents", "shop", answer))["entry"]
    return entry


@pytest.fixture
def abbie(inhabited: Inhabited, api: Api) -> Person:
    """Abbie, who allows recommendations on the web."""
    return inhabited.abbie


@asynccontextmanager
async def tampering_with(database: Database) -> AsyncIterator[Connection]:
    """Lend a connection to the same database on which every row may be changed."""
    url = as_superuser(database._url)  # noqa: SLF001  told to nobody else
    async with opened(url, connections=1) as to_tamper_with, to_tamper_with.connection() as connection:
        yield connection


async def administer(url: str, statement: str) -> None:
    """Run one statement outside any pool."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def url_of(server: str, name: str) -> str:
    """Return the URL of another database of the same server."""
    return _joined(urlsplit(server)._replace(path=f"/{name}"))


def _joined(parts: SplitResult) -> str:
    # urlunsplit drops the empty host of a socket URL.
    return urlunsplit(parts).replace("postgresql:/", "postgresql:/", 1)


@pytest.fixture(scope="session")
def template_of_18(server: str, template: Template) -> Iterator[str]:
    """The superuser's URL of a migrated database on PostgreSQL 18, whatever server the tests run on."""
    if not os.environ.get("BYLEAVE_TEST_DATABASE_URL"):  # noqa: TID251  a setting of the tests, not of the product
        yield template.superuser_url
        return
    with passing_server() as url, ThreadPoolExecutor(1) as thread:
        thread.submit(migrate, in_role(url, "byleave_migrator")).result()
        yield url


@pytest.fixture
async def empty_database(server: str) -> AsyncIterator[str]:
    """The superuser's URL of a database with nothing in it."""
    name = f"byleave_empty_{os.getpid()}_{next(NUMBERS)}"
    await administer(server, f"CREATE DATABASE {name} OWNER byleave_owner")
    yield url_of(server, name)
    await administer(server, f"DROP DATABASE {name} WITH (FORCE)")

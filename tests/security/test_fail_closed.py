"""Whatever is broken or missing: no data, in no answer and in no log line; and a withdrawal wherever it can be had."""

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NoReturn
from urllib.parse import parse_qs, urlsplit

import asyncpg
import httpx
import pytest
import structlog
from msgspec import structs

from service.app import House
from service.crypto.keyring import Keyring
from service.database import Database
from service.model.identifiers import identifier
from service.model.words import IdentifierKind, PolicyVersion
from service.policy.engine import Policies
from service.policy.question import Question
from service.rootkey import make_root_key
from service.usecases import access
from service.usecases.policies import Library
from service.usecases.releases import FRESH
from tests.conftest import OPERATOR, Api, Person, Template, administer
from tests.security.conftest import (
    ZEPHYRINE,
    Heard,
    ask,
    assert_aborted,
    assert_denied,
    assert_problem,
    door_of,
    ears,
    fresh_process,
    last_entry,
    leaks_in,
    withdraw,
)


@pytest.fixture
async def hers(database: Database, keyring: Keyring) -> str:
    """Zephyrine's own token."""
    who = identifier(IdentifierKind.EMAIL, ZEPHYRINE)
    return (await access.make_customer_token(database, keyring, OPERATOR, who, 5)).text


async def say_no_herself(api: Api, token: str) -> httpx.Response:
    said = {"purpose": "personalise.recommendations", "answer": "withdrawn"}
    return await api.call("POST", "/v1/me/consents", token, said)


async def faults(api: Api) -> tuple[int, list[str]]:
    response = await api.call("GET", "/health/ready", None)
    return response.status_code, response.json()["faults"]


async def test_the_ears_hear_whatever_a_process_says(
    api: Api, zephyrine: Person, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """The control: by each way out, a word of hers is heard."""
    with ears(capfd, caplog) as heard:
        heard.listen(api)
        structlog.get_logger().info("refused", detail="Zephyrine")
        logging.getLogger("asyncpg").warning("a row of Quillfeather")
        print("on the way to 7 Lantern Steps")  # noqa: T201  what a forgotten print would do
        await api.call("GET", "/v1/notices/cookery", "shop")
        await ask(api, zephyrine, "favourite_genres")
    assert leaks_in(heard.everything()) == ["zephyrine", "quillfeather", "lantern"]
    assert heard.answers[0].startswith("404")


# --- keys ---


async def test_without_the_root_key_nothing_leaves_and_a_no_is_accepted(
    zephyrine: Person, hers: str, database_url: str, template: Template, tmp_path: Path, heard: Heard
) -> None:
    away = tmp_path / "root.key"
    async with fresh_process(database_url, template, away) as api:
        heard.listen(api)
        assert_problem(await ask(api, zephyrine), 503, "keys-unavailable")
        assert (await ask(api, zephyrine)).headers["retry-after"] == "1"
        assert await faults(api) == (503, ["keys-unavailable"])
        assert (await withdraw(api, zephyrine)).status_code == 200
        assert (await say_no_herself(api, hers)).status_code == 200
        yes = {
            "purpose": "personalise.recommendations",
            "answer": "given",
            "channel": "web",
            "notice": 2,
            "evidence": "scan-4711",
        }
        assert_problem(await api.call("POST", "/v1/me/consents", hers, yes), 503, "keys-unavailable")

        away.write_bytes(template.root_key_file.read_bytes())
        away.chmod(0o600)
        assert await faults(api) == (200, [])
        assert_denied(await ask(api, zephyrine), "withdrawn")
        assert (await api.call("POST", "/v1/me/consents", hers, yes)).status_code == 200
        assert (await ask(api, zephyrine)).json()["decision"] == "permit"


async def test_another_root_key_opens_nothing(
    zephyrine: Person, database_url: str, template: Template, tmp_path: Path, heard: Heard
) -> None:
    make_root_key(tmp_path / "other.key")
    async with fresh_process(database_url, template, tmp_path / "other.key") as api:
        heard.listen(api)
        assert_problem(await ask(api, zephyrine), 503, "keys-unavailable")
        assert (await withdraw(api, zephyrine)).status_code == 200
    assert "alarm: the keys do not fit" in heard.alarms()


@pytest.mark.parametrize("role", ["epoch", "index", "mac"])
async def test_without_one_of_the_keys_nothing_leaves_and_a_no_is_accepted(
    role: str, zephyrine: Person, owner: asyncpg.Connection, database_url: str, template: Template, heard: Heard
) -> None:
    await owner.execute("DELETE FROM wrapped_key WHERE role = $1", role)
    async with fresh_process(database_url, template) as api:
        heard.listen(api)
        assert_problem(await ask(api, zephyrine), 503, "keys-unavailable")
        assert await faults(api) == (503, ["keys-unavailable"])
        assert (await withdraw(api, zephyrine)).status_code == 200


async def test_wrapped_keys_that_were_exchanged_do_not_open(
    zephyrine: Person, owner: asyncpg.Connection, database_url: str, template: Template, heard: Heard
) -> None:
    await owner.execute(
        "UPDATE wrapped_key k SET wrapped = o.wrapped, proof = o.proof FROM wrapped_key o"
        " WHERE (k.role, o.role) IN (('mac', 'index'), ('index', 'mac'))"
    )
    async with fresh_process(database_url, template) as api:
        heard.listen(api)
        assert_problem(await ask(api, zephyrine), 503, "keys-unavailable")


async def test_a_customer_key_of_an_epoch_that_is_gone_ends_in_an_aborted_release(
    api: Api, zephyrine: Person, owner: asyncpg.Connection, keyring: Keyring, heard: Heard
) -> None:
    heard.listen(api)
    await owner.execute("UPDATE customer_key SET epoch = 99")
    assert_problem(await ask(api, zephyrine), 503, "keys-unavailable")
    await assert_aborted(owner, keyring, "keys-unavailable")


async def test_a_customer_key_that_is_gone_ends_in_an_aborted_release(
    api: Api, zephyrine: Person, owner: asyncpg.Connection, keyring: Keyring, heard: Heard
) -> None:
    heard.listen(api)
    await owner.execute("DELETE FROM customer_key")
    assert_problem(await ask(api, zephyrine), 503, "keys-unavailable")
    await assert_aborted(owner, keyring, "keys-unavailable")


# --- the database ---


class Wire:
    """A wire to the database that can go dead: what is sent into it is lost, and nothing says so."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._ends: list[asyncio.Task[None]] = []
        self.dead = False
        self.dies_of = b""
        """Go dead when these bytes are sent to the server."""

    @asynccontextmanager
    async def laid(self) -> AsyncIterator[str]:
        """Lend the URL of the near end."""
        server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        port, role = server.sockets[0].getsockname()[1], parse_qs(self._parts.query)["role"][0]
        yield f"postgresql://{self._parts.username}:{self._parts.password}@127.0.0.1:{port}{self._parts.path}?role={role}"
        server.close()
        for end in self._ends:
            end.cancel()
        await asyncio.gather(*self._ends, return_exceptions=True)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await self._reach()
        for end in (self._carry(reader, far_writer), self._carry(far_reader, writer)):
            self._ends.append(asyncio.ensure_future(end))

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        query = parse_qs(self._parts.query)
        host = query.get("host", [self._parts.hostname or "localhost"])[0]
        port = int(query.get("port", [str(self._parts.port or 5432)])[0])
        if host.startswith("/"):
            return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        return await asyncio.open_connection(host, port)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                self.dead = self.dead or bool(self.dies_of and self.dies_of in data)
                if not self.dead:
                    writer.write(data)
        except ConnectionError:
            pass
        finally:
            writer.close()


async def assert_refused_in_time(api: Api, person: Person) -> None:
    """Expect 503 within the two seconds that security.md allows, or twice that on a machine that does much else."""
    since = time.monotonic()
    response = await ask(api, person)
    assert time.monotonic() - since < 4.0
    assert_problem(response, 503, "database-unavailable")
    assert response.headers["retry-after"] == "1"


async def assert_unready_in_time(api: Api) -> None:
    """Expect the same of whoever asks only whether it is ready."""
    since = time.monotonic()
    assert await faults(api) == (503, ["database-unavailable"])
    assert time.monotonic() - since < 4.0


async def test_without_the_database_nothing_leaves_and_it_comes_back(
    api: Api, zephyrine: Person, server: str, database_url: str, heard: Heard
) -> None:
    heard.listen(api)
    assert (await ask(api, zephyrine)).status_code == 200
    name = urlsplit(database_url).path.lstrip("/")
    await administer(server, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    await administer(server, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")  # noqa: S608  ours
    await assert_refused_in_time(api, zephyrine)
    assert await faults(api) == (503, ["database-unavailable"])
    assert_problem(await withdraw(api, zephyrine), 503, "database-unavailable")
    await administer(server, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert (await ask(api, zephyrine)).status_code == 200


async def test_a_database_behind_a_closed_socket_is_a_refusal(
    zephyrine: Person, template: Template, heard: Heard
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"postgresql://byleave:secret@127.0.0.1:{unused.getsockname()[1]}/none"
        async with fresh_process(url, template) as api:
            heard.listen(api)
            await assert_refused_in_time(api, zephyrine)
    assert "secret" not in heard.everything()


async def test_a_database_that_goes_silent_is_a_refusal_in_time(
    zephyrine: Person, database_url: str, template: Template, heard: Heard
) -> None:
    wire = Wire(database_url)
    async with wire.laid() as url, fresh_process(url, template) as api:
        heard.listen(api)
        assert (await ask(api, zephyrine)).status_code == 200
        wire.dead = True
        # Once on a connection that was good, once on a new one.
        await assert_refused_in_time(api, zephyrine)
        await assert_refused_in_time(api, zephyrine)
        await assert_unready_in_time(api)
        wire.dead = False
        assert (await ask(api, zephyrine)).status_code == 200


async def test_a_database_that_is_silent_from_the_start_is_a_refusal_in_time(
    zephyrine: Person, database_url: str, template: Template, heard: Heard
) -> None:
    wire = Wire(database_url)
    wire.dead = True
    async with wire.laid() as url, fresh_process(url, template) as api:
        heard.listen(api)
        await assert_unready_in_time(api)
        await assert_refused_in_time(api, zephyrine)


async def test_a_database_that_goes_silent_within_a_transaction_is_a_refusal_in_time(
    zephyrine: Person, owner: asyncpg.Connection, database_url: str, template: Template, heard: Heard
) -> None:
    before = await last_entry(owner)
    wire = Wire(database_url)
    wire.dies_of = b"WITH unchanged AS"
    async with wire.laid() as url, fresh_process(url, template) as api:
        heard.listen(api)
        await assert_refused_in_time(api, zephyrine)
    assert wire.dead
    assert await last_entry(owner) == before


# --- policies ---


async def test_without_published_policies_nothing_leaves(
    api: Api, zephyrine: Person, owner: asyncpg.Connection, heard: Heard
) -> None:
    heard.listen(api)
    await owner.execute("DELETE FROM publication")
    assert_problem(await ask(api, zephyrine), 503, "policies-unavailable")
    assert await faults(api) == (503, ["policies-unavailable"])


class Exploding(Library):
    """Policies whose engine fails at every question."""

    async def at(self, version: PolicyVersion) -> Policies:
        return structs.replace(await super().at(version), evaluate=_explode)


def _explode(_: Question) -> NoReturn:
    raise RuntimeError("the engine met Zephyrine Quillfeather")


async def test_an_engine_that_fails_is_a_no(house: House, api: Api, zephyrine: Person, heard: Heard) -> None:
    heard.listen(api)
    house.library = Exploding(house.database)
    assert_denied(await ask(api, zephyrine), "engine-error")


class Buggy(Library):
    """A mistake of ours that quotes somebody."""

    async def at(self, version: PolicyVersion) -> Policies:
        raise LookupError(f"no policies {version} for Zephyrine of 7 Lantern Steps")


async def test_a_mistake_of_ours_is_told_to_nobody(
    house: House, api: Api, zephyrine: Person, heard: Heard, owner: asyncpg.Connection
) -> None:
    heard.listen(api)
    before = await last_entry(owner)
    house.library = Buggy(house.database)
    response = await ask(api, zephyrine)
    assert_problem(response, 500, "refused")
    assert response.json().keys() == {"type", "title", "status", "code"}
    assert [event["error"] for event in heard.events if event["event"] == "bug"] == ["LookupError"]
    assert await last_entry(owner) == before


# --- after the decision ---


def ticking(*instants: float) -> Callable[[], float]:
    times: Iterator[float] = iter(instants)
    return lambda: next(times)


async def test_a_decision_that_grew_too_old_releases_nothing(
    database: Database, template: Template, zephyrine: Person, owner: asyncpg.Connection, keyring: Keyring, heard: Heard
) -> None:
    slow = House(database, template.root_key_file, ticking(1000.0, 1000.0 + FRESH + 0.001))
    async with door_of(slow, template) as api:
        heard.listen(api)
        assert_problem(await ask(api, zephyrine), 503, "too-late")
    await assert_aborted(owner, keyring, "too-late")


async def test_a_decision_in_its_last_moment_is_released(
    database: Database, template: Template, zephyrine: Person
) -> None:
    async with door_of(House(database, template.root_key_file, ticking(1000.0, 1000.0 + FRESH)), template) as api:
        assert (await ask(api, zephyrine)).json()["released"]["first_name"]["value"] == "Zephyrine"


async def test_a_mistake_after_the_entry_is_followed_by_the_word_that_nothing_left(
    database: Database, template: Template, zephyrine: Person, owner: asyncpg.Connection, keyring: Keyring, heard: Heard
) -> None:
    def breaking() -> Iterator[float]:
        yield 1000.0
        raise OverflowError  # at the second look, which comes when everything is opened already

    times = breaking()
    async with door_of(House(database, template.root_key_file, lambda: next(times)), template) as api:
        heard.listen(api)
        assert_problem(await ask(api, zephyrine), 500, "refused")
    await assert_aborted(owner, keyring, "refused")


async def test_a_date_that_no_clock_shows_is_a_refusal(api: Api, zephyrine: Person, owner: asyncpg.Connection) -> None:
    await owner.execute("UPDATE fact SET as_of = 'infinity'")
    assert_problem(await ask(api, zephyrine), 500, "integrity")

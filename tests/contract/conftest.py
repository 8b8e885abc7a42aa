"""A served process: what crosses a real socket, with every header that a server adds."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec import Struct

from service.crypto.notes import Verifier
from tests.conftest import Api, Person, Template
from tests.sealing import seal
from tests.test_cli import await_status, free_port, serving, shell_with


class Served(Struct, frozen=True):
    """Where it listens, who may ask, the shop by its key and Abbie by her token, and a line of use of hers."""

    url: str
    key: str
    token: str
    line: str
    environment: dict[str, str]


@pytest.fixture
async def ledger(database_url: str, template: Template, abbie: Person, tmp_path: Path) -> Verifier:
    """What proves the signature of a ledger that has what was done so far."""
    return await seal(database_url, template, tmp_path)


@pytest.fixture
async def served(
    database_url: str, template: Template, api: Api, abbie: Person, ledger: Verifier, tmp_path: Path
) -> AsyncIterator[Served]:
    """The API, served."""
    shell, port = shell_with(DATABASE_URL=database_url, KEYS=str(template.root_key_file)), free_port()
    whom = ("--customer", f"email:{abbie.email}", "--reason", "a test", "--minutes", "600")
    token = shell.run("customers", "token", *whom)
    await seal(database_url, template, tmp_path)
    (line,) = (await api.call("GET", "/v1/me/use", token)).json()["uses"]
    with serving(shell, port):
        await_status(port, "/health/ready", 200)
        key = api.api_keys["shop"]  # type: ignore[index]  # a service's id
        yield Served(f"http://127.0.0.1:{port}", key, token, line["line"], shell.environment)

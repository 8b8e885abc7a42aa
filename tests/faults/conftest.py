"""A company on a PostgreSQL that tests may break."""

import shutil
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg
import pytest
from msgspec import Struct, structs

from service.app import House
from service.database import opened
from service.embedded import reset
from service.migrating import migrate
from service.policy.engine import Policies
from tests.conftest import PROOF, Owner, Template, furnish, in_role
from tests.consistency.load import CHANNEL, PURPOSE, Town, town_of
from tests.consistency.processes import Answer, KeptConnection, Process
from tests.faults.cluster import Cluster
from tests.passing import MEMORY, ROOM
from tests.security.conftest import door_of
from tests.test_cli import Shell, shell_with

PEOPLE = 4


class Company(Struct, frozen=True):
    """A server of its own, customers who allow recommendations, and where the logs go."""

    cluster: Cluster
    root_key_file: Path
    town: Town
    folder: Path

    def shell(self, **settings: str) -> Shell:
        """Return a shell with its settings."""
        url = in_role(self.cluster.url)
        return shell_with(**{"DATABASE_URL": url, "KEYS": str(self.root_key_file), **settings})

    def process(self, name: str, *, beside: dict[str, str] | None = None, **settings: str) -> Process:
        """Return a process of it, not yet started; ``beside``: what else stands in its environment."""
        environment = self.shell(**settings).environment | (beside or {})
        return Process(environment, self.folder / f"{name}.log")

    async def owner(self) -> Owner:
        """Connect as somebody who may change every row."""
        return await asyncpg.connect(self.cluster.url)

    async def release(self, port: int) -> Answer:
        """Ask about one of them as the recommender."""
        about = {"id": self.town.customers[0].at_recommender}
        asked = {"customer": about, "purpose": PURPOSE, "channel": CHANNEL, "attributes": ["first_name"]}
        return await _posted(port, "/v1/releases", self.town.key("recommender"), asked)

    async def withdraw(self, port: int) -> Answer:
        """Let her say no at the shop."""
        path = f"/v1/customers/{self.town.customers[0].at_shop}/withdrawals"
        return await _posted(port, path, self.town.key("shop"), {"purpose": PURPOSE})

    async def consent(self, port: int) -> Answer:
        """Let her say yes at the shop."""
        path = f"/v1/customers/{self.town.customers[0].at_shop}/consents"
        yes = {"purpose": PURPOSE, "answer": "given", "channel": CHANNEL, "notice": self.town.notice, **PROOF}
        return await _posted(port, path, self.town.key("shop"), yes)


@pytest.fixture
async def owner(company: Company) -> AsyncIterator[Owner]:
    """Somebody at a prompt of the company's database who may change everything."""
    owner = await asyncpg.connect(company.cluster.url)
    yield owner
    await owner.close()


async def _posted(port: int, path: str, key: str, body: dict[str, Any]) -> Answer:
    with closing(KeptConnection(port)) as connection:
        return await connection.post(path, key, body)


@asynccontextmanager
async def company_in(place: Path, policies: Policies, logs: Path) -> AsyncIterator[Company]:
    """Set a company up on a server of its own, in a folder that every account can enter."""
    cluster, template = Cluster(place / "home"), Template("", "", logs / "root.key", {})
    try:
        cluster.start()
        with ThreadPoolExecutor(1) as thread:
            thread.submit(migrate, in_role(cluster.url, "byleave_migrator")).result()
        template = structs.replace(template, superuser_url=cluster.url)
        await furnish(template, policies)
        async with (
            opened(in_role(cluster.url)) as database,
            door_of(House(database, template.root_key_file), template) as api,
        ):
            town = await town_of(api, template, policies, PEOPLE)
        yield Company(cluster, template.root_key_file, town, logs)
    finally:
        cluster.stop()
        reset(cluster.home)


@pytest.fixture(scope="session")
async def company(policies: Policies, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Company]:
    """A company in memory where there is room: what is killed here is processes, not the machine."""
    room = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM
    with TemporaryDirectory(prefix="byleave-faults-", dir=MEMORY if room else None) as place:
        Path(place).chmod(0o711)
        async with company_in(Path(place), policies, tmp_path_factory.mktemp("logs")) as company:
            yield company

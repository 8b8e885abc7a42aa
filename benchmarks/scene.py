"""What is measured on: a database of its own, the company with its customers, the service, the yardsticks beside it."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import httpx
from msgspec import Struct

from benchmarks import company
from benchmarks.company import Known
from benchmarks.load import Call
from service import embedded
from service.database import opened
from service.migrating import migrate
from service.process import ending_with
from service.rootkey import make_root_key
from service.schema import shipped
from service.settings import Urls, leave_to_children
from service.usecases import access, keys, policies

LITESTAR, FASTAPI = "benchmarks.yardsticks:application", "benchmarks.hand_rolled:application"
BARE = "benchmarks.bare:application"
GRANIAN = "--interface asgi --factory --loop uvloop --runtime-mode st --no-ws --http 1 --log-level warning"
PERMIT = '"decision":"permit"'


class Company(Struct, frozen=True):
    """The API keys of two services, the notice in force, and who is asked for."""

    recommender: str
    shop: str
    notice: int
    known: list[Known]

    def __repr__(self) -> str:
        return "Company()"


class Scene(Struct, frozen=True):
    """A running service, and what it serves."""

    urls: Urls
    home: Path
    company: Company
    service: str
    process: int

    @property
    def superuser_url(self) -> str:
        """How to reach the database as whom no part of the product is; for fillers only."""
        password = (self.home / "postgres.password").read_text(encoding="ascii")
        return f"postgresql://{embedded.SUPERUSER}:{quote(password)}@{self.urls.app.partition('@')[2]}"

    @property
    def worker_rss_mib(self) -> float:
        """The memory of the worker process."""
        children = Path(f"/proc/{self.process}/task/{self.process}/children").read_text().split()
        return max(_resident(int(child)) for child in children) / 1024

    def release(self, known: Sequence[Known], name: str = "release of 10 attributes") -> Call:
        """Return the question for all ten attributes of these customers, in turn."""
        asked = [json.dumps(company.question(each.recommender, list(company.VALUES))) for each in known]
        return Call(name, f"{self.service}/v1/releases", "POST", asked, PERMIT, self.company.recommender)


@contextmanager
def standing(customers: int) -> Iterator[Scene]:
    """Lend a scene with so many customers; all of it is gone afterwards."""
    with TemporaryDirectory() as folder, ExitStack() as leaving:
        home = Path(folder)
        leaving.callback(embedded.reset, home)
        with embedded.running(home) as urls:
            migrate(urls.migrate)
            made = asyncio.run(_furnished(urls.app, home, customers))
            leave_to_children(urls.app, urls.sequencer)
            with served([sys.executable, "-m", "service", "serve"], home) as server:
                yield Scene(urls, home, made, server.url, server.process)


@contextmanager
def yardstick(program: str, home: Path) -> Iterator[str]:
    """Serve a program that we compare with, by the same server as the service; yields its URL."""
    port = _free_port()
    command = [sys.executable, "-m", "granian", *GRANIAN.split(), "--port", str(port), program]
    with served(command, home, port) as server:
        yield server.url


def hello(url: str) -> Call:
    """Return the least that can be asked of a server."""
    return Call("litestar hello world", f"{url}/hello", "GET", [""], "world")


class Server(Struct, frozen=True):
    """Where a server answers, and its process."""

    url: str
    process: int


@contextmanager
def served(command: list[str], home: Path, port: int | None = None) -> Iterator[Server]:
    """Run a server for the length of a block."""
    port = port or _free_port()
    with ExitStack() as leaving:
        process = _started(command, home, port)
        leaving.callback(process.wait)
        leaving.callback(process.terminate)
        _await_answer(process, port)
        yield Server(f"http://127.0.0.1:{port}", process.pid)


@contextmanager
def sealed_beside(home: Path) -> Iterator[None]:
    """Run a worker for the length of a block, as an operator runs it."""
    process = _started([sys.executable, "-m", "service", "worker"], home, _free_port())
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _started(command: list[str], home: Path, port: int) -> subprocess.Popen[bytes]:
    environment = {  # the drain is for who stands behind a load balancer
        **os.environ,  # noqa: TID251  handed on
        "BYLEAVE_PORT": str(port),
        "BYLEAVE_HOME": str(home),
        "BYLEAVE_DRAIN": "0",
    }
    return subprocess.Popen(command, env=environment, preexec_fn=ending_with(os.getpid()))  # noqa: S603, PLW1509


def _await_answer(process: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(400):
        try:
            httpx.get(f"http://127.0.0.1:{port}/health/live")
        except httpx.TransportError:
            if process.poll() is not None:
                break
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"{process.args!r} does not answer")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _resident(process: int) -> int:
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0  # it ended


async def _furnished(url: str, home: Path, count: int) -> Company:
    root = make_root_key(home / "root.key")
    async with opened(url) as database:
        await keys.make(database, root, company.OPERATOR)
        keyring = await keys.open_keys(database, root)
        await policies.publish(database, keyring, company.OPERATOR, shipped("policies"))
        in_force = await policies.Library(database).current()
        known = await company.bring_in(database, keyring, in_force, count)
        recommender, shop = [
            (await access.make_api_key(database, keyring, in_force, company.OPERATOR, service)).text
            for service in (company.SERVICE, company.SHOP)
        ]
    return Company(recommender, shop, in_force.catalogue.notice_in_force(company.PURPOSE), known)

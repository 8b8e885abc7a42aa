"""The demo from start to end: a database, keys, policies, customers, a server, and what they show."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import httpx
from rich.console import Console

from service import embedded
from service.crypto.keyring import Keyring
from service.database import Database, opened, reachable
from service.demo import made_up, people, scenes, year
from service.errors import OperatorError
from service.importing import Delivery, import_file
from service.migrating import migrate
from service.model.callers import OperatorCaller
from service.model.identifiers import identifier
from service.model.words import IdentifierKind, PurposeId
from service.policy.engine import Policies
from service.process import ending_with, refuse_taken_port
from service.rootkey import make_root_key, read_root_key
from service.schema import shipped
from service.settings import Settings, Urls, leave_to_children
from service.usecases import access, keys, policies
from service.usecases.imports import Means

Result = TypeVar("Result")
DEMO = OperatorCaller("demo", "To try out this demo on your behalf.")
STARTING = 30.0
TOKEN_MINUTES = 24 * 60
console = Console(highlight=False)


def demo(settings: Settings, *, once: bool) -> int:
    """Show the product at work; returns a process's exit status."""
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)
    refuse_taken_port("BYLEAVE_PORT", settings.host, settings.port)
    with console.status("Starting PostgreSQL ...") as status, reachable(settings) as urls:
        status.update("Bringing the database to this release's schema ...")
        migrate(urls.migrate)
        status.stop()
        company = asyncio.run(_with_keys(settings, urls.app, lambda db, ring: _furnish(settings, db, ring)))
        with _serving(settings, urls) as server:
            as_said = scenes.play(company, console)
            _print_ways_in(company)
            if once:
                return 0 if as_said else 1
            return _wait(server)


def reset(settings: Settings) -> int:
    """Forget the demo's data, its root key included."""
    if settings.database_url is not None:
        raise OperatorError("the demo's data is in your own database; drop that database yourself")
    embedded.reset(settings.home)
    written = (*settings.home.glob("*.rejects.csv"), *(settings.home / f"{name}.log" for name in ("serve", "worker")))
    for kept in (settings.home / "root.key", settings.ledger_seen_file, _api_key_file(settings), *written):
        kept.unlink(missing_ok=True)
    console.print("The demo's data is gone.")
    return 0


async def _with_keys(settings: Settings, url: str, action: Callable[[Database, Keyring], Awaitable[Result]]) -> Result:
    if not settings.root_key_file.exists():
        make_root_key(settings.root_key_file)
    root = read_root_key(settings.root_key_file)
    async with opened(url) as database:
        await keys.make(database, root, DEMO)
        return await action(database, await keys.open_keys(database, root))


async def _furnish(settings: Settings, database: Database, keyring: Keyring) -> scenes.Company:
    """Publish the catalogue, give every service a key and bring the sample customers in, as far as that is missing."""
    of_somebody = settings.database_url is not None and not _api_key_file(settings).exists()
    if of_somebody and await access.api_keys(database):
        raise OperatorError("this database is in use; the demo wants one of its own")
    await policies.publish(database, keyring, DEMO, settings.policies or shipped("policies"))
    in_force = await policies.Library(database).current()
    api_keys = await _api_keys(settings, database, keyring, in_force)
    await _customers(settings, database, keyring, in_force)
    await year.furnish(database, keyring, in_force, api_keys["shop"])
    abbie = identifier(IdentifierKind.EMAIL, scenes.EMAIL)
    token = await access.make_customer_token(database, keyring, DEMO, abbie, TOKEN_MINUTES)
    notice = in_force.catalogue.notice_in_force(PurposeId(scenes.RECOMMENDATIONS))
    return scenes.Company(_url(settings), api_keys, token.text, notice)


async def _api_keys(settings: Settings, database: Database, keyring: Keyring, in_force: Policies) -> dict[str, str]:
    """Return every service's API key, from the demo's own file or made anew."""
    file = _api_key_file(settings)
    kept: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    working = {each.id for each in await access.api_keys(database) if each.revoked_at is None}
    for service in in_force.catalogue.services:
        if kept.get(service, "__").split("_")[1] not in working:
            kept[service] = (await access.make_api_key(database, keyring, in_force, DEMO, service)).text
    file.touch(mode=0o600)
    file.write_text(json.dumps(kept))
    return kept


async def _customers(settings: Settings, database: Database, keyring: Keyring, in_force: Policies) -> None:
    """Bring the sample company's customers in; those who are there stay as they are."""
    means = Means(database, keyring, in_force, DEMO)
    with TemporaryDirectory() as folder:
        for file, columns in people.write_sample(Path(folder)):
            rejects = settings.home / f"{file.name}.rejects.csv"
            outcome = await import_file(means, Delivery(file, columns, rejects), console)
            console.print(outcome.in_words(), soft_wrap=True)


@contextmanager
def _serving(settings: Settings, urls: Urls) -> Iterator["subprocess.Popen[bytes]"]:
    """Serve, and seal the ledger beside it, in processes of their own that end with this one."""
    leave_to_children(urls.app, drain=0)
    with _child(settings, "serve", "service.demo.serving") as server:
        leave_to_children(urls.app, urls.sequencer)
        with _child(settings, "worker", "service", "worker"):
            with console.status("Starting the service ..."):
                _await_ready(settings, server)
            yield server


@contextmanager
def _child(settings: Settings, name: str, *command: str) -> Iterator["subprocess.Popen[bytes]"]:
    log_file = settings.home / f"{name}.log"
    log_file.touch(mode=0o600)
    with log_file.open("wb") as log:
        child = subprocess.Popen(  # noqa: S603  it is ourselves
            [sys.executable, "-m", *command],
            stderr=log,
            stdout=log,
            start_new_session=True,  # Ctrl-C is ours; we end it
            preexec_fn=ending_with(os.getpid()),  # noqa: PLW1509  one thread; see process.py
        )
    try:
        yield child
    finally:
        child.terminate()
        child.wait()


def _await_ready(settings: Settings, server: "subprocess.Popen[bytes]") -> None:
    patience = time.monotonic() + STARTING
    while time.monotonic() < patience and server.poll() is None:
        try:
            if httpx.get(f"{_url(settings)}/health/ready").status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    last = (settings.home / "serve.log").read_text(encoding="utf-8", errors="replace").strip().split("\n")[-1]
    raise OperatorError(f"the service did not start: {last}")


def _print_ways_in(company: scenes.Company) -> None:
    console.print(f"\n[bold]The service is at {company.url}[/]  (readiness: {company.url}/health/ready)\n")
    for service, api_key in company.api_keys.items():
        console.print(f"  {service:<12} {api_key}", soft_wrap=True)
    console.print("\n[bold]The portal, for each of three made-up customers[/] (press the one button):\n")
    for name, who in made_up.PEOPLE.items():
        console.print(f"  {company.url}{made_up.PREFIX}/sign-in/{name:<8} {who.about}", soft_wrap=True)
    console.print(f"\n  All mail of the demo: {company.url}{made_up.PREFIX}/inbox", soft_wrap=True)
    console.print(
        "\nTry it. What may the recommender see? Then show Abbie the notice, let her say yes, and no again:\n"
    )
    for line in scenes.curl_lines(company):
        console.print(line, soft_wrap=True, markup=False)


def _wait(server: "subprocess.Popen[bytes]") -> int:
    console.print("\nServing until Ctrl-C.")
    try:
        return server.wait()
    except KeyboardInterrupt:
        return 0


def _url(settings: Settings) -> str:
    return f"http://localhost:{settings.port}"


def _api_key_file(settings: Settings) -> Path:
    return settings.home / "demo-keys.json"

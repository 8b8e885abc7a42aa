"""Serving over HTTP: what is checked before the port is bound, the server that runs the application, and its end.

Granian, because it beat the other ASGI servers in both throughput and tail latency when measured.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

import structlog
from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops, RuntimeModes
from granian.log import LogLevels

from service.app import House, assemble
from service.database import Database, opened
from service.entrance import Outside
from service.errors import DatabaseUnavailableError, KeysUnavailableError, OperatorError
from service.front import Front
from service.mail import mail_server
from service.meters import left_in
from service.portal.look import Look, look
from service.process import ending_with, harden, log_as_json, refuse_taken_port
from service.provider import Provider
from service.rootkey import read_root_key
from service.schema import refuse_other_schema
from service.settings import Settings, leave_to_children, read_settings
from service.usecases.keys import open_keys
from service.usecases.policies import Library

ENDING = "ending"
"""The file by which the processes of one ``serve`` know that it is about to end."""
log = structlog.get_logger()


def serve(settings: Settings, url: str, factory: str = "service.serving:application") -> None:
    """Serve until told to stop; raises OperatorError, before the port is bound, for whatever is set up wrongly.

    ``factory``: where the function is that makes the application in a worker process.
    """
    log_as_json()
    harden()
    _look(settings)
    outside(settings)
    asyncio.run(_check(settings, url))
    refuse_taken_port("BYLEAVE_PORT", settings.host, settings.port)
    with TemporaryDirectory(prefix="byleave-serve-") as folder:
        leave_to_children(url, run=folder)
        with _measured(settings):
            _answer(settings, Path(folder), factory)


def _answer(settings: Settings, run: Path, factory: str) -> None:
    server = Granian(
        factory,
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        workers=settings.workers,
        respawn_failed_workers=True,
        http=HTTPModes.http1,
        loop=Loops.uvloop,
        runtime_mode=RuntimeModes.st,
        websockets=False,
        log_access=False,
        log_level=LogLevels.warning,
        workers_kill_timeout=5,
    )
    server.on_startup(_draining(run / ENDING, settings.drain))
    server.serve()


def _draining(word: Path, seconds: int) -> Callable[[], None]:
    """Return what lets the readiness of every process go first when told to end, and its answering some time later."""

    def arrange() -> None:
        end = signal.getsignal(signal.SIGTERM)

        def begin(_: int, __: FrameType | None) -> None:
            word.touch()
            signal.signal(signal.SIGTERM, end)  # who says it twice means now
            signal.signal(signal.SIGALRM, end)
            signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))

        signal.signal(signal.SIGTERM, begin)

    return arrange


@contextmanager
def _measured(settings: Settings) -> Iterator[None]:
    """Answer Prometheus meanwhile, in a process of its own, if there is a port for it."""
    if settings.metrics_port is None:
        yield
        return
    refuse_taken_port("BYLEAVE_METRICS_PORT", settings.metrics_host, settings.metrics_port)
    child = subprocess.Popen(
        [sys.executable, "-m", "service", "metrics"],
        preexec_fn=ending_with(os.getpid()),  # noqa: PLW1509  one thread; see process.py
    )
    try:
        yield
    finally:
        child.terminate()
        child.wait()


def application() -> Front:
    """Make the application in a worker process."""
    harden_worker()
    settings = read_settings()
    database, run = Database(settings.database_url or "", settings.connections), settings.run
    if run is None:  # whoever runs this without `serve` has no use for either
        house = House(database, settings.root_key_file, workers=settings.workers)
        return assemble(house.reaching(outside(settings)), look=_look(settings))
    house = House(database, settings.root_key_file, ending=(run / ENDING).exists, workers=settings.workers)
    return assemble(
        house.reaching(outside(settings)), lambda _: left_in(run, lambda: house.rails.waiting), look=_look(settings)
    )


def harden_worker() -> None:
    """Let a worker process tell little of what it holds, and end with the process that started it."""
    log_as_json()
    harden()
    ending_with(os.getppid())()


def outside(settings: Settings) -> Outside:
    """Return what the operator said of the world around; raises SettingsError for what cannot be used."""
    mail = None if settings.smtp_url is None else mail_server(settings.smtp_url, settings.mail_from or "")
    return Outside(settings.portal_url, mail, _provider(settings), settings.proxies)


def _provider(settings: Settings) -> Provider | None:
    if settings.oidc_issuer is None:
        return None
    return Provider(
        settings.oidc_issuer,
        settings.oidc_client_id or "",
        settings.oidc_secret,
        settings.oidc_title,
        settings.oidc_claim,
        settings.portal_url,
    )


def _look(settings: Settings) -> Look:
    return look(settings.company, settings.accent, settings.logo)


async def _check(settings: Settings, url: str) -> None:
    """Refuse to start with wrong keys, another schema or unusable policies; without keys only a no is taken."""
    try:
        async with opened(url) as database:
            await refuse_other_schema(database)
            await _prove_keys(settings, database)
            await Library(database).current()
    except DatabaseUnavailableError as error:
        raise OperatorError(error.detail) from None


async def _prove_keys(settings: Settings, database: Database) -> None:
    try:
        await open_keys(database, read_root_key(settings.root_key_file))
    except KeysUnavailableError as error:
        log.error("alarm: no keys, so only a no is accepted", detail=error.detail)  # noqa: TRY400  no traceback

"""Processes that serve, each with a port of its own, and the shortest way to call one."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import msgspec
from msgspec import Struct

from service.process import ending_with
from tests.commanding import family
from tests.test_cli import free_port

SERVE = ("service", "serve")
STARTING = 60.0
"""Seconds in which a process must answer; the machine may be busy."""
SILENCE = 8.0
"""Seconds after which a caller gives a process up."""


class Unanswered(Exception):  # noqa: N818  no error: processes are killed on purpose
    """No answer came; what was asked may have been done all the same."""


class Answer(Struct, frozen=True):
    """What came back, read to its last byte."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return msgspec.json.decode(self.body)


class Process:
    """One ``byleave serve`` with the workers that it starts, or whatever else serves its ports; its log is a file."""

    def __init__(
        self, environment: Mapping[str, str], log: Path, command: Sequence[str] = SERVE, ports: Sequence[int] = ()
    ) -> None:
        self.ports = ports or [free_port()]
        self.log = log
        self._command = [sys.executable, "-m", *command]
        self._environment = {**environment, "BYLEAVE_PORT": str(self.port)}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        """The port of one that has only one."""
        return self.ports[0]

    def start(self) -> None:
        """Start it, and do not wait."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdout=log,
                stderr=log,
                cwd=Path(__file__).parents[2],
                preexec_fn=ending_with(os.getpid()),  # noqa: PLW1509  no thread of ours holds a lock
            )

    def await_ready(self, status: int = 200) -> None:
        """Wait until it says on every port whether it is ready.

        Where PostgreSQL did not answer in time it gave up, so it is started once more, as its operator's machine would.
        """
        deadline = time.monotonic() + STARTING
        while not all(_says(port, status) for port in self.ports):
            assert time.monotonic() < deadline, self.said()
            if self._process is None or self._process.poll() is not None:
                self.start()
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill it with all its workers, as ``kill -9`` does."""
        assert self._process
        for each in family(self._process.pid):
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        self._process.wait()

    def wait(self) -> int:
        """Wait until it has ended by itself, and return how."""
        assert self._process
        return self._process.wait(STARTING)

    def said(self) -> str:
        """Return all that it wrote into its log."""
        return self.log.read_text(encoding="utf-8")


@contextmanager
def serving(*processes: Process) -> Iterator[None]:
    """Run processes for the length of a block."""
    with ExitStack() as leaving:
        for each in processes:
            each.start()
            leaving.callback(each.kill)
        for each in processes:
            each.await_ready()
        yield


def _says(port: int, status: int) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=SILENCE).status_code == status
    return False


class KeptConnection:
    """To one port; it adds as little as possible to the instants that are recorded."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._ends: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, key: str, body: Any, **headers: str) -> Answer:
        """Post, and read the whole answer; raises Unanswered."""
        content = msgspec.json.encode(body)
        said = {
            "Host": "byleave.test",
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/json",
            "Content-Length": str(len(content)),
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        head = "".join(f"{name}: {value}\r\n" for name, value in said.items())
        try:
            async with asyncio.timeout(SILENCE):
                return await self._ask(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + content)
        except (OSError, EOFError, TimeoutError) as fault:
            self.close()
            raise Unanswered from fault

    async def _ask(self, request: bytes) -> Answer:
        if self._ends is None:
            self._ends = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._ends
        writer.write(request)
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        return Answer(int(first.split()[1]), headers, await reader.readexactly(int(headers["content-length"])))

    def close(self) -> None:
        """Hang up."""
        if self._ends is not None:
            self._ends[1].close()
            self._ends = None

"""A PostgreSQL that keeps what it acknowledged, at one address whatever is done to it."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

from service import embedded
from service.embedded import Account, running
from service.process import ending_with
from tests.commanding import family
from tests.passing import superuser_url_of
from tests.test_embedded import place

STANDBY = "standby"


class Cluster:
    """An embedded server, with the settings that every operator gets; started again it is where it was."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.url = ""
        self._leaving = ExitStack()
        self._socket: Path | None = None
        self._make_socket_folder = embedded._socket_folder  # noqa: SLF001  it would be another one each time

    def start(self) -> None:
        """Start it, also after it was killed."""
        self._leaving.close()
        with patch.object(embedded, "_socket_folder", self._same_socket_folder):
            self.url = superuser_url_of(self.home, self._leaving.enter_context(running(self.home)))

    def stop(self) -> None:
        """Stop it, as its operator does."""
        self._leaving.close()

    def kill(self) -> None:
        """Kill every process of it, as ``kill -9`` does."""
        self._signal(signal.SIGKILL)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let it hold its breath for the length of a block: it is there, and says nothing."""
        self._signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        pid = (place(self.home) / "postgres/postmaster.pid").read_text(encoding="utf-8").split()[0]
        for each in family(int(pid)):
            with suppress(ProcessLookupError):
                os.kill(each, number)

    def _same_socket_folder(self, account: Account | None) -> Path:
        if self._socket is None:
            self._socket = self._make_socket_folder(account)
        self._socket.mkdir(mode=0o700, exist_ok=True)
        if account:
            os.chown(self._socket, account.uid, account.gid)
        return self._socket


class Standby:
    """A copy of a cluster that follows it, and that its commits wait for."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._folder = cluster.home.parent / "standby"
        self._process: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """Copy the cluster as it is."""
        query = parse_qs(urlsplit(self._cluster.url).query)
        primary = f"host={query['host'][0]} port=5432 application_name={STANDBY}"
        password = (self._cluster.home / "postgres.password").read_text(encoding="ascii")
        self._make_folder()
        words = ["-D", str(self._folder), "-R", "-d", primary, "-U", embedded.SUPERUSER, "-c", "fast"]
        assert self._run("pg_basebackup", *words, PGPASSWORD=password).wait() == 0
        self._folder.chmod(0o700)

    def start(self) -> None:
        """Start it, and do not wait."""
        sockets = f"unix_socket_directories={self._folder}"
        self._process = self._run("postgres", "-D", str(self._folder), "-c", "listen_addresses=", "-c", sockets)

    def kill(self) -> None:
        """Kill it."""
        assert self._process
        for each in family(self._process.pid):
            os.kill(each, signal.SIGKILL)
        self._process.wait()

    def _make_folder(self) -> None:
        self._folder.mkdir(mode=0o700)
        os.chown(self._folder, self._owner.st_uid, self._owner.st_gid)

    @property
    def _owner(self) -> os.stat_result:
        return (place(self._cluster.home) / "postgres").stat()

    def _run(self, program: str, *words: str, **environment: str) -> "subprocess.Popen[bytes]":
        copies = place(self._cluster.home).glob(f"{embedded.BINARIES}-*/**/bin/{program}")
        root = os.geteuid() == 0
        return subprocess.Popen(
            [next(copies, embedded.bundled() / program), *words],
            env=embedded.ENVIRONMENT | environment,
            user=self._owner.st_uid if root else None,
            group=self._owner.st_gid if root else None,
            extra_groups=[] if root else None,
            cwd="/",
            stderr=subprocess.DEVNULL,
            preexec_fn=ending_with(os.getpid()),  # noqa: PLW1509  no thread of ours holds a lock
        )

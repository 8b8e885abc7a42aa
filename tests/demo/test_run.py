"""The demo, on a server of its own, as a stranger meets it first."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import httpx

from tests.commanding import family
from tests.test_cli import await_status, free_port, serving, shell_with
from tests.test_embedded import place


def test_an_acknowledged_answer_survives_the_sudden_death_of_everything(tmp_path: Path) -> None:
    """The server, its worker and the database's processes are killed in the moment of the acknowledgement (P4)."""
    port, home = free_port(), tmp_path / "home"
    shell = shell_with(HOME=str(home), PORT=str(port))
    shell.run("demo", "--once")
    token = shell.run("customers", "token", "--customer", "email:abbie@example.com", "--reason", "a test")
    process = subprocess.Popen([sys.executable, "-m", "service", "serve"], env=shell.environment)
    await_status(port, "/health/ready", 200)
    postmaster = int((place(home) / "postgres/postmaster.pid").read_text().split()[0])
    doomed = [*family(process.pid), *family(postmaster)]
    body = {"purpose": "market.newsletter", "answer": "refused"}
    url, headers = f"http://127.0.0.1:{port}/v1/me/consents", {"authorization": f"Bearer {token}"}
    acknowledged = httpx.post(url, json=body, headers=headers)
    for each in doomed:
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)
    process.wait()
    assert acknowledged.status_code == 200
    with serving(shell, port):
        await_status(port, "/health/ready", 200)
        history = httpx.get(url, headers=headers).json()["history"]
    assert acknowledged.json()["entry"] in {each["entry"] for each in history}
    shell.run("demo", "--reset")


def test_the_demo_shows_what_it_says_and_a_second_run_keeps_its_data(tmp_path: Path) -> None:
    shell = shell_with(HOME=str(tmp_path / "home"), PORT=str(free_port()))
    first = shell.run("demo", "--once")
    assert "NOT AS SAID" not in first
    assert first.count("as said:") == 12
    assert " 0 created" not in first
    second = shell.run("demo", "--once")
    assert " 0 created" in second
    shell.run("demo", "--reset")
    left = {each.name for each in (tmp_path / "home").iterdir()}
    assert not [name for name in left if name.endswith((".key", ".csv")) or name in ("serve.log", "worker.log")]


def test_the_demo_refuses_a_port_at_which_somebody_answers_before_it_does_anything(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        shell = shell_with(HOME=str(tmp_path / "home"), PORT=str(port))
        assert shell.run("demo", "--once", status=1) == f"byleave: BYLEAVE_PORT: 127.0.0.1:{port} is taken"
    assert not (tmp_path / "home").exists()

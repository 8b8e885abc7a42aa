"""What the page about the ledger tells people to do works as it stands there, with tools that are none of ours."""

import os
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import httpx
import pytest

from service.crypto.notes import Verifier
from tests.contract.conftest import Served
from tests.crypto.test_go import MISSING, PACKAGES

TOOLS = ("bash", "curl", "openssl")


def block(served: Served, name: str) -> str:
    """Return one block of the page's code, as somebody would copy it."""
    page = httpx.get(f"{served.url}/ledger").text
    (found,) = re.findall(rf'<pre id="{name}"><code>(.*?)</code></pre>', page, re.DOTALL)
    return unescape(found)


@pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason="needs bash, curl and openssl")
def test_the_lines_with_curl_and_openssl_prove_the_checkpoint(served: Served, tmp_path: Path) -> None:
    address, *rest = block(served, "openssl").split("\n")
    assert address.startswith("LEDGER=https://...")

    def run(*lines: str) -> subprocess.CompletedProcess[str]:
        script = "\n".join(["set -e", f"LEDGER={served.url}/ledger", *lines])
        return subprocess.run(  # noqa: S602  the page's own lines
            script, shell=True, executable="/bin/bash", cwd=tmp_path, capture_output=True, text=True, check=False
        )

    done = run(*rest)
    assert (done.returncode, done.stdout) == (0, "Signature Verified Successfully\n"), done.stderr
    text = (tmp_path / "checkpoint").read_text()
    assert text == httpx.get(f"{served.url}/ledger/checkpoint").text
    assert (tmp_path / "signed").read_text() == text.partition("\n\n")[0] + "\n"
    (tmp_path / "signed").write_text((tmp_path / "signed").read_text().replace("\n", "0\n", 2))
    assert run(rest[0], rest[-1]).returncode != 0


@pytest.mark.skipif(MISSING, reason="needs Debian's golang-go and golang-golang-x-mod-dev: make go")
def test_the_program_with_gos_own_packages_reads_the_checkpoint(
    served: Served, ledger: Verifier, tmp_path: Path
) -> None:
    (tmp_path / "main.go").write_text(block(served, "go"))
    note = httpx.get(f"{served.url}/ledger/checkpoint").text
    outside = {"GO111MODULE": "off", "GOPATH": str(PACKAGES), "GOCACHE": str(tmp_path / "cache"), "CGO_ENABLED": "0"}
    environment = {**os.environ, **outside}  # noqa: TID251  what Go needs to be found
    subprocess.run(["go", "build", "-o", "main", "main.go"], cwd=tmp_path, env=environment, check=True)  # noqa: S607

    def read(text: str) -> subprocess.CompletedProcess[str]:
        command = [str(tmp_path / "main"), ledger.text]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=False)

    assert read(note).stdout == note.partition("\n\n")[0] + "\n"
    assert read(note.replace("\n", "0\n", 2)).returncode != 0


def test_a_socket_changes_nothing_of_what_a_tile_is(served: Served) -> None:
    with httpx.Client(base_url=f"{served.url}/ledger/tile/") as client:
        good = client.get("0/000.p/1")
        assert (good.status_code, len(good.content)) == (200, 32)
        assert client.get("0%2F000.p%2F1").content == good.content
        head = client.head("0/000.p/1")
        assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "32")
        for path in ("0//000.p/1", "0/000.p/1/", "0/000.p/01"):
            assert client.get(path).status_code == 404

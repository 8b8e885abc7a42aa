"""Somebody else's OpenID Connect provider, in a process of its own, as long as the tests run."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.provider import CALLBACK

FOLDER = Path(__file__).parent
PORTAL = "http://localhost:8400"


@pytest.fixture(scope="session")
def issuer() -> Iterator[str]:
    """Where it is; the tests are skipped where there is no Node.js, and where its packages cannot be had."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("Node.js is not installed, so no other provider of OpenID Connect is asked")
    if not (FOLDER / "node_modules/oidc-provider").is_dir():
        done = subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=FOLDER, capture_output=True, check=False)
        if done.returncode:
            pytest.skip("npm ci failed, so no other provider of OpenID Connect is asked")
    server = subprocess.Popen(
        [node, "server.mjs", PORTAL + CALLBACK],
        cwd=FOLDER,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert server.stdout is not None
        said = next((line.strip() for line in server.stdout if line.startswith("http://localhost")), None)
        if said is None:
            pytest.skip("this Node.js does not run the other provider of OpenID Connect; it has to be 20 or later")
        yield said
    finally:
        server.terminate()
        server.wait()
        if server.stdout is not None:
            server.stdout.close()

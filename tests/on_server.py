"""Runs a command against a PostgreSQL server of given binaries: ``python -m tests.on_server BIN COMMAND ...``."""

import os
import subprocess
import sys
from pathlib import Path

from tests.passing import passing_server


def main(binaries: str, *command: str) -> int:
    """Start the server, name it in BYLEAVE_TEST_DATABASE_URL, run the command and return its status."""
    with passing_server(Path(binaries)) as url:
        environment = {**os.environ, "BYLEAVE_TEST_DATABASE_URL": url}  # noqa: TID251  a setting of the tests
        return subprocess.run(command, env=environment, check=False).returncode


sys.exit(main(*sys.argv[1:]))

"""What a command of ours takes, run as an operator runs it: in a process of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct


class Run(Struct, frozen=True):
    """What one run took: seconds, seconds of processor, mebibytes at most; and what it said."""

    seconds: float
    processor: float
    peak: float
    said: str


def measured(
    words: list[str], said: Path, environment: Mapping[str, str] | None = None, stderr: int | None = None
) -> Run:
    """Run ``byleave`` with these words and what it says in a file; raises CalledProcessError where it fails."""
    command = [sys.executable, "-m", "service", *words]
    began = time.perf_counter()
    with said.open("w") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=stderr)  # noqa: S603  ours
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, said.read_text())
    return Run(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, said.read_text().strip())

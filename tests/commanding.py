"""Being ``byleave``, without the half second that Python takes to read it: a fork of a process that has done so.

Only what a command does is tested in this way. Whatever lives on, is killed or stands in a pipe is started as usual.
"""

import multiprocessing
import os
import sys
from multiprocessing.forkserver import ensure_running
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct

from service.cli import main

FORKING = multiprocessing.get_context("forkserver")
FORKING.set_forkserver_preload([__name__, "__main__"])
PATIENCE = 60


class Done(Struct, frozen=True):
    """What came of a command."""

    status: int | None
    stdout: str
    stderr: str


def make_ready() -> None:
    """Start what forks, in the folder of the tests: from another it would find somebody else's package of this name."""
    ensure_running()


def command(words: tuple[str, ...], environment: dict[str, str], stdin: str) -> Done:
    """Run a command in a process of its own."""
    with TemporaryDirectory() as name:
        streams = [Path(name, str(number)) for number in range(3)]
        streams[0].write_text(stdin, encoding="utf-8")
        process = FORKING.Process(target=_be, args=(streams, words, environment))
        process.start()
        process.join(PATIENCE)
        process.kill()
        process.join()
        done = Done(process.exitcode, *(stream.read_text(encoding="utf-8") for stream in streams[1:]))
        process.close()
    return done


def _be(streams: list[Path], words: tuple[str, ...], environment: dict[str, str]) -> None:
    for number, stream in enumerate(streams):
        os.dup2(os.open(stream, os.O_WRONLY | os.O_CREAT if number else os.O_RDONLY), number)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  multiprocessing had closed it
    sys.argv = ["byleave", *words]
    os.environ.clear()  # noqa: TID251  as a shell sets it
    os.environ.update(environment)  # noqa: TID251
    main()


def family(pid: int) -> list[int]:
    """Return a process and all that came of it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in family(int(child)))]

"""The ledger at the command line: writing it out, and verifying what was written, with or without us."""

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import click
import msgspec
from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from service.commands.means import operator, with_database, with_keys
from service.crypto.keyring import Keyring
from service.crypto.notes import Verifier, read_verifier
from service.database import Database
from service.errors import ExportFileError
from service.model.export import LONGEST, End
from service.process import log_as_json
from service.settings import Settings, read_settings
from service.usecases import audits, exports
from service.usecases.verification import Kept, Summary, Verification, in_print

FOUND = 3
"""The status where something is not as it must be; 1 is a refusal, and click's own for wrong usage is 2."""
PATIENCE = 60.0
"""Seconds that one statement of an export may take: it reads thousands of rows at once."""
STEP = 1 << 20
"""Bytes from one movement of the progress bar to the next."""
PERSONAL = """\
This export is personal data: what each entry says about whom, and what everybody answered and chose. Keep it as you
keep the database, and delete it when it was verified. That you made it, and why, is in the ledger now.\
"""


class Told(Struct, frozen=True):
    """What a ledger publishes of itself at ``/.well-known/byleave-ledger``, as far as it matters here."""

    verifiers: list[str]


class Keys(click.ParamType[list[Verifier]]):
    """Public keys of a ledger: one as a text, or a file with one on each line or with what the ledger publishes."""

    name = "key"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> list[Verifier]:
        """Return the keys of a text or of a file."""
        text = str(value)
        found = [read_verifier(each) for each in ([text] if read_verifier(text) else _keys_in(text))]
        keys = [key for key in found if key is not None]
        if not keys or len(keys) < len(found):
            self.fail("expected a key as the ledger publishes it (name+id+key), or a file with keys", param, ctx)
        return keys


def _keys_in(file: str) -> list[str]:
    """Return the texts of the keys in a file, none where it cannot be read."""
    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return []
    with suppress(msgspec.MsgspecError, RecursionError):
        return msgspec.json.decode(text, type=Told).verifiers
    return text.split()


@click.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--key", "keys", type=Keys(), multiple=True, help="The ledger's public key, or a file with it.")
@click.option(
    "--checkpoint",
    "checkpoints",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    help="A checkpoint that you kept from earlier: the ledger must contain all that it signs.",
)
@click.option("--state", is_flag=True, help="Replay every customer's events in the database, and compare.")
def verify(file: Path | None, keys: Sequence[list[Verifier]], checkpoints: Sequence[Path], *, state: bool) -> None:
    """Prove that an export of the ledger (FILE, or "-") is whole, signed and unchanged, and that what stands follows.

    It needs no settings, database or network, and no key but the public one. Ask for that by another way than the
    export: without --key the export's own is believed, which whoever forged the one could forge, too.

    The status is 0 if all is well, 3 if something is not as it must be (each finding is a line), 1 if the file is no
    whole export, 2 for wrong usage. docs/ledger.md tells what each finding means.

    With --state, and no FILE, what stands in the database is compared with the events there.
    """
    if state is (file is not None) or (state and (keys or checkpoints)):
        raise click.UsageError("say FILE or --state; --key and --checkpoint are for FILE")
    found = (
        _verify_state(read_settings())
        if file is None
        else _verify(file, [k for each in keys for k in each], checkpoints)
    )
    sys.exit(FOUND if found else 0)


@click.group()
def export() -> None:
    """What is kept here, as files for others."""


@export.command("ledger")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A new file (default: standard output).")
@click.option("--sealed", is_flag=True, help="Without what entries say about anybody: no personal data.")
@click.option("--reason", default="", help="Why you take everybody's entries out; it is kept in the ledger.")
@click.pass_obj
def export_ledger(settings: Settings, output: Path | None, *, sealed: bool, reason: str) -> None:
    """Write the whole ledger as of now, for `byleave verify`: as JSON Lines, described in docs/ledger.md.

    With --sealed it proves that nothing was changed, removed or put in. Otherwise it has what each entry says, too,
    and proves besides that what stands follows from it; that is personal data, so it asks for a --reason.
    """
    if sealed is bool(reason.strip()):
        raise click.UsageError("say --sealed, or a --reason to write what entries say")
    log_as_json()
    with _new(output) as write:
        if sealed:
            end = with_database(settings, lambda db: exports.export_sealed(db, write), PATIENCE)
        else:
            click.echo(PERSONAL, err=True)
            end = with_keys(settings, lambda db, ring: _opened(db, ring, reason, write), PATIENCE)
    click.echo(f"{end.entries} entries, {end.checkpoints} checkpoints; {end.waiting} entries wait", err=True)


async def _opened(database: Database, keyring: Keyring, reason: str, write: exports.Write) -> End:
    return await exports.export_opened(database, keyring, operator(reason), write)


@contextmanager
def _new(output: Path | None) -> Iterator[exports.Write]:
    """Lend what writes to a new file that only its owner reads; one that did not become whole does not stay."""
    if output is None:
        yield _writing(sys.stdout.fileno(), "standard output")
        return
    for ending in (signal.SIGTERM, signal.SIGHUP):  # as Ctrl-C, so that it is removed then, too
        signal.signal(ending, signal.default_int_handler)
    with _named(str(output)):
        file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        yield _writing(file, str(output))
        with _named(str(output)):
            os.fsync(file)
    except BaseException:
        output.unlink(missing_ok=True)
        raise
    finally:
        os.close(file)


def _writing(file: int, name: str) -> exports.Write:
    """Return what writes here and now, so that a full disk is not taken for a fault of the database."""

    def write(data: bytes) -> None:
        left = memoryview(data)
        with _named(name):
            while left:
                left = left[os.write(file, left) :]

    return write


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Say in one line, with the name of the file, what the operating system has against it."""
    try:
        yield
    except OSError as error:
        raise ExportFileError(f"{name}: {error.strerror}") from None


def _verify(file: Path, keys: Sequence[Verifier], checkpoints: Sequence[Path]) -> int:
    """Verify an export and say what is found; returns how much that is."""
    kept = [Kept(str(each), each.read_bytes().decode(errors="replace")) for each in checkpoints]
    verification = Verification(keys, kept)
    with _source(file) as source, _bar() as bar:
        size = os.fstat(source.fileno()).st_size
        task = bar.add_task(f"Verifying {file.name}", total=size or None)
        for finding in verification.read(_lines(source, file, lambda count: bar.advance(task, count))):
            click.echo(str(finding))
    for line in _in_words(verification.summary, pinned=bool(keys)):
        click.echo(line)
    return verification.summary.findings


@contextmanager
def _source(file: Path) -> Iterator[BinaryIO]:
    if str(file) == "-":
        yield sys.stdin.buffer
        return
    with _named(str(file)):
        source = file.open("rb")
    with source:
        yield source


def _lines(source: BinaryIO, file: Path, advance: Callable[[int], None]) -> Iterator[bytes]:
    """Read line by line; of one that is too long only so much that whoever reads it knows."""
    done = 0
    with _named(str(file)):
        while line := source.readline(LONGEST + 1):
            yield line
            done += len(line)
            if done >= STEP:
                advance(done)
                done = 0
    advance(done)


def _bar() -> Progress:
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    # Findings go to standard output, wherever that leads.
    return Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal,
        redirect_stdout=False, redirect_stderr=False,
    )  # fmt: skip


def _in_words(summary: Summary, *, pinned: bool) -> Iterator[str]:
    head, lines = summary.head, summary.lines
    if not pinned:
        yield "notice: the signatures were checked with the key that the export names itself; say --key to prove whose"
    if head is None:
        yield "the ledger is empty"
    else:
        yield f"{in_print(head.origin)}: {lines.entries} entries under {lines.checkpoints} checkpoints"
        yield f"root {head.root.hex()}"
    for key in summary.public:
        yield f"checked with the key {in_print(key.text)}"
    if summary.opened:
        yield f"what stands was compared: {lines.consents} answers, {lines.restrictions} customers' choices"
    if lines.waiting:
        yield f"{lines.waiting} entries wait to be taken in; nothing proves them yet"
    yield f"{summary.findings or 'no'} finding{'' if summary.findings == 1 else 's'}"


def _verify_state(settings: Settings) -> int:
    async def audit(database: Database, keyring: Keyring) -> tuple[int, int]:
        looked, wrong = 0, 0
        async for each in audits.audit_state(database, keyring):
            looked, wrong = each.customers, wrong + len(each.differences)
            for difference in each.differences:
                click.echo(f"customer {difference.customer}: {difference.what}")
        return looked, wrong

    looked, wrong = with_keys(settings, audit)
    click.echo(f"{looked} customers looked at; {wrong or 'no'} difference{'' if wrong == 1 else 's'}")
    return wrong

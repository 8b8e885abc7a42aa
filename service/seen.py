"""What this host has seen of the ledger, outside the database: a restored backup forgot it, this has not."""

import os
from pathlib import Path

import msgspec
from msgspec import Struct

from service.errors import LedgerRefusedError


class Seen(Struct, frozen=True, forbid_unknown_fields=True):
    """The largest head that was signed, as far as this host knows; ``root``: hexadecimal."""

    origin: str
    size: int
    root: str


def read_seen(file: Path) -> Seen | None:
    """Return what was seen, None where there is no file yet; raises LedgerRefusedError for one that says nothing."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Seen)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise LedgerRefusedError(f"{file} cannot be read: {error}") from None


def write_seen(file: Path, seen: Seen) -> None:
    """Remember, through a power cut too: the new file takes the place of the old one when it is whole."""
    new = file.with_name(f"{file.name}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with new.open("wb") as stream:
            stream.write(msgspec.json.encode(seen))
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(file)
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise LedgerRefusedError(f"{file} cannot be written: {error}") from None

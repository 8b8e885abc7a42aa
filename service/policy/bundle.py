"""The files of ``policies/`` as one value with a version. What they say is not known here."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from service.errors import PolicyError
from service.model.words import PolicyVersion

KNOWN = re.compile(
    r"""
      [a-z][a-z0-9-]*\.cedar
    | schema\.cedarschema
    | (purposes|attributes|services|canaries|company)\.toml
    | notices/[^/]+/[^/]+\.md
    | words/[^/]+\.toml
    """,
    re.VERBOSE,
)
NOT_READ = "README.md"


class Bundle(Struct, frozen=True):
    """Every file that bears on a decision: its path below ``policies/``, and its text."""

    files: Mapping[str, str]

    @property
    def version(self) -> PolicyVersion:
        """The SHA-256 of paths and contents, each after its length. Only formatted Cedar is ever published."""
        digest = hashlib.sha256()
        for path, text in sorted(self.files.items()):
            for part in (path.encode(), text.encode()):
                digest.update(len(part).to_bytes(8, "big") + part)
        return PolicyVersion(f"sha256:{digest.hexdigest()}")

    def cedar_files(self) -> list[tuple[str, str]]:
        """Return the files with policies, path and text."""
        return sorted((path, text) for path, text in self.files.items() if path.endswith(".cedar"))

    def encode(self) -> bytes:
        """Return the form in which a published bundle is stored."""
        return msgspec.json.encode(self, order="sorted")


def decode(stored: bytes) -> Bundle:
    """Read what ``Bundle.encode`` wrote; raises PolicyError for anything else."""
    try:
        return msgspec.json.decode(stored, type=Bundle, strict=True)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise PolicyError([f"the stored policies cannot be read: {error}"]) from error


def read_bundle(folder: Path) -> Bundle:
    """Read a folder of policies; raises PolicyError naming each file that does not belong there."""
    if not folder.is_dir():
        raise PolicyError([f"{folder}: there is no such folder"])
    files: dict[str, str] = {}
    faults: list[str] = []
    for path in _paths(folder):
        name = path.relative_to(folder).as_posix()
        # A file with a misspelt name is a lost forbid, so it is a fault and not passed over.
        if not KNOWN.fullmatch(name):
            faults.append(f"{name}: a file of no known kind")
            continue
        try:
            files[name] = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            faults.append(f"{name}: cannot be read as UTF-8 text: {error}")
    if faults:
        raise PolicyError(faults)
    return Bundle(files)


def _paths(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        # Hidden files belong to editors and file systems.
        hidden = any(part.startswith(".") for part in name.parts)
        if path.is_file() and not hidden and name.as_posix() != NOT_READ:
            yield path

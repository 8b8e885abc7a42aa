"""Where the root key lies: a file that only its owner can read (the first key provider).

One line: ``byleave-root-1 <id> <base64 of 32 bytes>``.
"""

import base64
import os
import stat
from pathlib import Path

from service.crypto.envelope import KEY
from service.crypto.keyring import RootKey
from service.crypto.random import random_bytes, random_word
from service.errors import KeysUnavailableError, WrongKeysError

FORM = "byleave-root-1"
LONGEST_ID = 64


def read_root_key(path: Path) -> RootKey:
    """Read the root key.

    Raises KeysUnavailableError when it cannot be read, WrongKeysError when it must not be used: a symbolic link, a
    file that others can read, or not a key.
    """
    try:
        # Not blocking, because a named pipe would wait for somebody to write.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        how = "put its copy back, or for a new database run: byleave keys init"
        raise KeysUnavailableError(f"{path} is not there; {how}") from None
    except OSError as error:
        if path.is_symlink():
            raise WrongKeysError(f"{path}: the root key must not be a symbolic link") from None
        raise KeysUnavailableError(f"{path}: {error.strerror}") from None
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise WrongKeysError(f"{path}: not a root key")
        if stat.S_IMODE(mode) & 0o077:
            raise WrongKeysError(f"{path}: others may read this root key; run: chmod 600 {path}")
        return _parse(path, os.read(descriptor, 1024).decode("ascii", "replace"))
    finally:
        os.close(descriptor)


def make_root_key(path: Path) -> RootKey:
    """Make a root key; raises FileExistsError rather than write over one."""
    root = RootKey(random_word(5), random_bytes(KEY))
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{FORM} {root.id} {base64.b64encode(root.key).decode()}\n")
        file.flush()
        os.fsync(descriptor)
    return root


def _parse(path: Path, text: str) -> RootKey:
    match text.split():
        case [form, root_id, encoded] if form == FORM and len(root_id) <= LONGEST_ID:
            try:
                key = base64.b64decode(encoded, validate=True)
            except ValueError:
                key = b""
            if len(key) == KEY:
                return RootKey(root_id, key)
    raise WrongKeysError(f"{path}: not a root key")

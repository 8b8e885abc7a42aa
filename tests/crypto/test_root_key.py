"""The file of the root key: read only when nobody else can read it, and never written over."""

import base64
import os
import stat
from pathlib import Path

import pytest

from service.crypto.envelope import KEY
from service.errors import KeysUnavailableError, WrongKeysError
from service.rootkey import make_root_key, read_root_key


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "root.key"


def test_what_was_made_can_be_read_by_its_owner_alone(file: Path) -> None:
    made = make_root_key(file)
    assert read_root_key(file) == made
    assert len(made.key) == KEY
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_no_two_root_keys_are_alike(tmp_path: Path) -> None:
    made = [make_root_key(tmp_path / str(number)) for number in range(50)]
    assert len({root.key for root in made}) == len({root.id for root in made}) == 50


def test_a_root_key_is_never_written_over(file: Path, tmp_path: Path) -> None:
    made = make_root_key(file)
    with pytest.raises(FileExistsError):
        make_root_key(file)
    assert read_root_key(file) == made
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileExistsError):
        make_root_key(tmp_path / "dangling")
    assert not (tmp_path / "nowhere").exists()


def test_a_missing_file_is_keys_unavailable(file: Path) -> None:
    with pytest.raises(KeysUnavailableError):
        read_root_key(file)


def test_a_symbolic_link_is_refused(file: Path, tmp_path: Path) -> None:
    make_root_key(file)
    link = tmp_path / "link"
    link.symlink_to(file)
    with pytest.raises(WrongKeysError, match="symbolic link"):
        read_root_key(link)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o644, 0o666, 0o777])
def test_a_file_that_others_can_touch_is_refused(file: Path, mode: int) -> None:
    make_root_key(file)
    file.chmod(mode)
    with pytest.raises(WrongKeysError, match="chmod 600"):
        read_root_key(file)


GOOD = base64.b64encode(bytes(range(KEY)))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"byleave-root-1",
        b"byleave-root-1 first",
        b"byleave-root-2 first " + GOOD,
        b"byleave-root-1 " + GOOD,
        b"byleave-root-1 first " + GOOD + b" more",
        b"byleave-root-1 first " + GOOD[:-4],
        b"byleave-root-1 first " + base64.b64encode(bytes(KEY + 1)),
        b"byleave-root-1 first " + b"*" + GOOD[1:],
        b"byleave-root-1 first " + b"\xc3\xa9" + GOOD[1:],
        b"byleave-root-1 " + b"x" * 65 + b" " + GOOD,
        b"\xff\xfe\x00\x80",
        bytes(2000),
        bytes(range(192, 256)),
    ],
)
def test_what_is_no_root_key_is_refused_and_not_quoted(file: Path, content: bytes) -> None:
    make_root_key(file)
    file.write_bytes(content)
    with pytest.raises(WrongKeysError, match=r"not a root key$") as refusal:
        read_root_key(file)
    assert str(refusal.value) == f"{file}: not a root key"


def test_a_folder_and_a_pipe_are_refused_at_once(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(WrongKeysError, match="not a root key"):
            read_root_key(path)


def test_reading_leaves_no_file_open(file: Path) -> None:
    make_root_key(file)
    before = len(list(Path("/proc/self/fd").iterdir()))
    read_root_key(file)
    file.write_text("wrong")
    with pytest.raises(WrongKeysError):
        read_root_key(file)
    assert len(list(Path("/proc/self/fd").iterdir())) == before

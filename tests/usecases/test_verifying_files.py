"""An export is verified with a public key alone, in files as they come: whole, cut off, put together, or rubbish."""

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from msgspec import structs

from benchmarks.verifying import SIGNER, export, in_bytes
from service.crypto.entries import Content, mark_of
from service.crypto.merkle import Frontier, leaf_hash
from service.crypto.notes import Verifier, checkpoint_text, signed_note
from service.crypto.signing import public_key
from service.errors import ExportFileError
from service.model.export import AnyLine, End, Entry, Line, Signed
from service.model.words import CustomerId, EntryId
from service.usecases.verification import Sort, Verification
from tests.exporting import findings

ROOT = Path(__file__).parents[2]
KEY = SIGNER.verifier
COUNT = 26


def lines(*, opened: bool = True) -> list[Line]:
    """A ledger of 26 entries, six under each checkpoint."""
    return list(export(COUNT, opened=opened, every=6))


WHOLE = lines()


def written(said: Iterable[Line | bytes]) -> bytes:
    return b"".join(each if isinstance(each, bytes) else in_bytes(each) for each in said)


def place(position: int) -> int:
    """Return where the line of an entry stands."""
    return next(n for n, each in enumerate(WHOLE) if isinstance(each, Entry) and each.position == position)


def without(position: int) -> list[Line]:
    left = [each for n, each in enumerate(WHOLE) if n != place(position)]
    return [structs.replace(each, entries=each.entries - 1) if isinstance(each, End) else each for each in left]


def swapped(one: int, other: int) -> list[Line]:
    left = list(WHOLE)
    left[place(one)], left[place(other)] = left[place(other)], left[place(one)]
    return left


def twice(position: int) -> list[Line]:
    left = list(WHOLE)
    left.insert(place(position), left[place(position)])
    return [structs.replace(each, entries=each.entries + 1) if isinstance(each, End) else each for each in left]


def test_a_whole_file_has_no_findings() -> None:
    assert findings(written(WHOLE), [KEY]) == []
    assert findings(written(lines(opened=False)), [KEY]) == []
    assert findings(written(WHOLE)) == []


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (without(8), ["position: position 8 is missing", "root: checkpoint of size 12: positions 6 to 11 are"]),
        (
            swapped(8, 10),
            [
                "position: positions 8 to 9 are missing",
                "position: position 9 comes again, or too late: after position 10",
                "position: position 8 comes again, or too late: after position 10",
                "root: checkpoint of size 12: positions 6 to 11 are",
            ],
        ),
        (
            twice(8),
            [
                "position: position 8 comes again, or too late: after position 8",
                "root: checkpoint of size 12: positions 6 to 11 are",
                "commitment: an entry is a copy of an earlier one",
            ],
        ),
        (
            [*WHOLE[: place(5) + 1], *WHOLE[place(5) + 2 : -1], structs.replace(WHOLE[-1], checkpoints=4)],
            [],
        ),
    ],
    ids=["without", "swapped", "twice", "a checkpoint less"],
)
def test_lines_that_were_moved_are_named(said: list[Line], expected: list[str]) -> None:
    found = findings(written(said), [KEY])
    assert len(found) == len(expected), found
    assert all(each.startswith(begins) for each, begins in zip(found, expected, strict=True)), found


def refused(exported: bytes) -> str:
    with pytest.raises(ExportFileError) as error:
        findings(exported, [KEY])
    return error.value.detail


LAST = len(WHOLE)
DEEP = b'{"line":"entry","position":0,"commitment":"%s","deep":%s}\n' % (
    b"A" * 43 + b"=",
    b"[" * 100_000 + b"]" * 100_000,
)


@pytest.mark.parametrize(
    ("exported", "reason"),
    [
        (written(WHOLE[:-1]), "the file is cut off: its last line"),
        (written(WHOLE[:9]), "the file is cut off: its last line"),
        (written(WHOLE)[:-10], f"line {LAST}: it is no line of an export"),
        (b"", "the file is cut off: its last line"),
        (written([*WHOLE, *WHOLE]), f"line {LAST + 1}: the export ended before it"),
        (written([*WHOLE[:-1], *WHOLE]), f"line {LAST}: the head comes first, and once"),
        (written(WHOLE[1:]), "line 1: the head comes first, and once"),
        (written([*WHOLE[:-2], WHOLE[-1]]), f"line {LAST - 1}: lines are missing"),
        (written([WHOLE[0], b"\n", *WHOLE[1:]]), "line 2: it is no line of an export"),
        (written([b"\x00\xff\xfe" * 100 + b"\n", *WHOLE]), "line 1: it is no line of an export"),
        (written([b"PK\x03\x04 a zip, perhaps"]), "line 1: it is no line of an export"),
        (written([WHOLE[0], b'{"line":"entry"}\n']), "line 2: it is no line of an export"),
        (written([WHOLE[0], b'{"line":"other"}\n']), "line 2: it is no line of an export"),
        (written([WHOLE[0], b"[]\n"]), "line 2: it is no line of an export"),
        (written([WHOLE[0], DEEP]), "line 2: it is no line of an export"),
        (written([WHOLE[0], b'{"line":"entry","commitment":"AAAA","position":0}\n']), "line 2: it is no line of an"),
        (written([WHOLE[0], b'"' + b"a" * (10 << 20) + b'"\n']), "line 2: it is longer than any line of an export"),
        (written([structs.replace(WHOLE[0], format=2), *WHOLE[1:]]), "line 1: this is format 2, and format 1 can be"),
    ],
)
def test_what_is_no_whole_export_is_refused_with_the_line_and_the_reason(exported: bytes, reason: str) -> None:
    assert refused(exported).startswith(reason), refused(exported)


def test_a_note_that_is_none_is_named() -> None:
    for note in ("", "\n\n", "a\n1\nAAAA\n\n— a b\n", "x" * 1000, "\ud7ff"):
        said = [Signed(note) if each == WHOLE[place(5) + 1] else each for each in WHOLE]
        assert findings(written(said), [KEY]) == ["checkpoint: what stands after position 5 is not a checkpoint"], note


def test_a_checkpoint_that_does_not_grow_is_named() -> None:
    again = place(5) + 2
    said = [*WHOLE[:again], WHOLE[again - 1], *WHOLE[again:-1], structs.replace(WHOLE[-1], checkpoints=6)]
    assert findings(written(said), [KEY]) == ["checkpoint: the checkpoint of size 6 stands after 6 entries"]


def test_whatever_byte_is_changed_after_the_head_is_found_or_refused() -> None:
    head, *rest = map(in_bytes, export(6, opened=True, every=4))
    whole = b"".join(rest)
    read = [msgspec.json.decode(line, type=AnyLine) for line in rest]
    for place in range(len(whole)):
        changed = whole[:place] + bytes([whole[place] ^ (1 << place % 7)]) + whole[place + 1 :]
        try:
            found = findings(head + changed, [KEY])
        except ExportFileError:
            continue
        if not found:  # then it was another way to write the same
            assert [msgspec.json.decode(line, type=AnyLine) for line in changed.splitlines()] == read, changed


def test_who_made_the_file_cannot_write_to_the_terminal() -> None:
    named = checkpoint_text("\x1b[2J", 6, bytes(32)) + "\n"
    for line in (Signed(named), b'{"line":"entry","\x1b[2J":1}\n', b'{"line":"entry","\\u001b[2J":1}\n'):
        said = [line if each == WHOLE[place(5) + 1] else each for each in WHOLE]
        try:
            told = "".join(findings(written(said), [KEY]))
        except ExportFileError as error:
            told = error.detail
        assert told.isprintable(), told


def test_an_instant_without_a_zone_is_named() -> None:
    """Nobody here writes one; a reader must not stumble over it."""
    body = (
        '{"act":{"kind":"consent"},"actor":"a","at":"2026-01-01T00:00:00Z","customer":"%s","id":"ent_x","recorded":'
        '[{"channel":"web","explicit":false,"given_at":"2026-01-01T00:00:00%s","notice":1,"purpose":"p","status":"%s"}]}'
    )
    customer, lines = CustomerId(UUID(int=1)), list[Line]()
    for position, (zone, status) in enumerate((("Z", "withdrawn"), ("", "given"))):
        text = body % (mark_of(bytes(32), customer), zone, status)
        content = Content(bytes(32), text.encode())
        lines.append(Entry(content.commitment, EntryId("ent_x"), customer, content.seed, text, position=position))
    found = findings(written([WHOLE[0], *lines, End(2, 0, 0, 0, 0)]), [KEY])
    assert "body: position 1: what it says (ent_x) cannot be understood" in found


def test_of_very_many_findings_some_are_told_and_the_others_counted() -> None:
    other = Verifier(KEY.name, public_key(bytes(32)).x)
    many = written(export(100, opened=False, every=1))
    found = findings(many, [other])
    assert len(found) == 21
    assert found[-1] == "signature: and 80 more"


def test_a_body_that_says_nonsense_is_named_and_read_no_further() -> None:
    """Committed to as it is: by somebody who has the keys, or by a mistake of ours."""
    for body in (
        "{}",
        "[" * 100_000,
        "null",
        '{"act":{"kind":"erasure"},"actor":"a","at":"2026-01-01T00:00:00Z","customer":null,"id":"ent_x"}',
    ):
        content = Content(bytes(32), body.encode())
        line = Entry(content.commitment, EntryId("ent_x"), None, content.seed, body, position=0)
        tree, _ = Frontier().extended([leaf_hash(content.commitment)])
        note = signed_note(checkpoint_text(KEY.name, 1, tree.root()), KEY.name, SIGNER.seed)
        said = [structs.replace(WHOLE[0], opened=False), line, Signed(note), End(1, 1, 0, 0, 0)]
        (found,) = findings(written(said), [KEY])
        assert found in {
            "body: position 0: what it says (ent_x) cannot be read",
            "body: position 0: what it says (ent_x) cannot be understood",
        }


def program_of_the_page() -> str:
    """Return the program that docs/ledger.md gives to whoever has nothing of ours."""
    text = (ROOT / "docs/ledger.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return str(block)


def test_the_program_of_the_page_finds_the_same_root_and_the_same_faults(tmp_path: Path) -> None:
    def run(said: list[Line]) -> "subprocess.CompletedProcess[str]":
        (tmp_path / "export").write_bytes(written(said))
        command = [sys.executable, "-I", "-W", "ignore", "-c", program_of_the_page(), str(tmp_path / "export")]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    verification = Verification([KEY])
    assert list(verification.read(map(in_bytes, WHOLE))) == []
    head = verification.summary.head
    assert head is not None
    assert run(WHOLE).stdout == f"{COUNT} entries under the root {head.root.hex()}\n"
    first = WHOLE[place(8)]
    assert isinstance(first, Entry)
    changed = [structs.replace(first, commitment=bytes(32)) if each is first else each for each in WHOLE]
    for wrong in (without(8), swapped(8, 10), changed):
        assert "AssertionError" in run(wrong).stderr


def test_the_page_tells_what_every_finding_means() -> None:
    text = (ROOT / "docs/ledger.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([a-z]+)` \| [^|]+ \| [^|]* \|$", text, re.MULTILINE)) >= set(Sort)

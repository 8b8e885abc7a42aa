"""Verifying an export of the ledger, line by line: no database, no network, and no key but public ones.

What can be wrong and still be read is a finding. A file that is no whole export is refused with ExportFileError.
Nothing of the log is kept but the right edge of its tree and 8 bytes for each entry, so its length hardly matters; of
what entries say, what stands is kept (see ``model.replay``). What each kind of finding means is told in docs/ledger.md.
"""

import hashlib
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import pairwise
from typing import TypeAlias
from uuid import UUID

import msgspec
from msgspec import Struct

from service.crypto.entries import commitment, mark_of, opening_of
from service.crypto.merkle import Frontier, leaf_hash
from service.crypto.notes import Checkpoint, Flaw, Verifier, is_name, open_checkpoint, read_checkpoint, read_verifier
from service.errors import ExportFileError
from service.model.export import (
    FORMAT,
    LONGEST,
    AnyLine,
    Consent,
    End,
    Entry,
    Head,
    Limits,
    Said,
    Signed,
    Waiting,
)
from service.model.ledger import Body, Erased, Kind, Resumed, Unmerged
from service.model.replay import Replay
from service.model.words import EntryId

AT_ONCE = 4096
"""Entries that are taken into the tree together."""
NAMED = 20
"""So many findings of a kind are told, and so many positions of one finding; the others are counted."""
LINES: msgspec.json.Decoder[AnyLine] = msgspec.json.Decoder(AnyLine)
BODIES = msgspec.json.Decoder(Body)
KINDS = msgspec.json.Decoder(Kind)


class Sort(StrEnum):
    """What a finding is about. Programs read these words, so they never change."""

    NOTICE = "notice"
    """Nothing is wrong, but whoever verifies should know."""
    POSITION = "position"
    SIGNATURE = "signature"
    ROOT = "root"
    CHECKPOINT = "checkpoint"
    TRUNCATED = "truncated"
    FORKED = "forked"
    NAME = "name"
    COMMITMENT = "commitment"
    CUSTOMER = "customer"
    BODY = "body"
    GAP = "gap"
    STATE = "state"


class Finding(Struct, frozen=True):
    """Something that is not as it must be, where, in plain words."""

    sort: Sort
    what: str

    def __str__(self) -> str:
        return f"{self.sort}: {self.what}"


class Kept(Struct, frozen=True):
    """A checkpoint that somebody kept from earlier, and what to call it."""

    label: str
    note: str


class Summary(Struct, frozen=True):
    """What was read, once all of it was. ``public``: the keys that signatures were checked with."""

    head: Checkpoint | None
    opened: bool
    public: Sequence[Verifier]
    lines: End
    findings: int


Tell: TypeAlias = Callable[[Sort, str], None]


class Verification:
    """One reading of one export.

    ``pinned``: the public keys that are trusted, none: the ones that the export names itself. ``kept``: checkpoints
    that this log must contain.
    """

    def __init__(self, pinned: Sequence[Verifier] = (), kept: Sequence[Kept] = ()) -> None:
        self._found: list[Finding] = []
        self._told: Counter[Sort] = Counter()
        self._counted: Counter[type] = Counter()
        self._pinned, self._kept = pinned, kept
        self._head: Head | None = None
        self._end: End | None = None
        self._chain = _Chain(self._tell, pinned, kept)
        self._gaps = _Gaps(self._tell)
        self._replay = Replay(self._where)

    def read(self, lines: Iterable[bytes]) -> Iterator[Finding]:
        """Read an export, and tell what is found as it is found; raises ExportFileError."""
        for number, line in enumerate(lines, start=1):
            try:
                self._take(_decoded(line))
            except ExportFileError as error:
                raise ExportFileError(f"line {number}: {error.detail}") from None
            if self._found:
                yield from self._found
                self._found.clear()
        if self._end is None:
            raise ExportFileError("the file is cut off: its last line, which counts the others, is not there")
        yield from self._found
        for sort, count in self._told.items():
            if count > NAMED:
                yield Finding(sort, f"and {count - NAMED} more")

    @property
    def summary(self) -> Summary:
        """What it came to, once everything was read."""
        assert self._head is not None and self._end is not None  # noqa: PT018, S101  read() saw to it
        findings = sum(count for sort, count in self._told.items() if sort is not Sort.NOTICE)
        return Summary(self._chain.last, self._head.opened, self._chain.public, self._end, findings)

    def _tell(self, sort: Sort, what: str) -> None:
        self._told[sort] += 1
        if self._told[sort] <= NAMED:
            self._found.append(Finding(sort, in_print(what)))

    def _where(self, number: int) -> str:
        """Name an entry: by its position or, beyond the end of the log, by how many wait before it."""
        waiting = number - self._chain.size
        return f"position {number}" if waiting < 0 else f"waiting entry {waiting}"

    # --- lines ---

    def _take(self, line: AnyLine) -> None:
        if self._end is not None:
            raise ExportFileError("the export ended before it")
        if (self._head is None) is not isinstance(line, Head):
            raise ExportFileError("the head comes first, and once")
        match line:
            case Entry():
                self._entry(line)
            case Signed():
                self._chain.checkpoint(line.note)
            case Waiting():
                self._chain.waiting(line.commitment)
                self._said(self._chain.size + self._counted[Waiting], line)
            case Consent():
                self._tell_all(Sort.STATE, self._replay.consent(line))
            case Limits():
                self._tell_all(Sort.STATE, self._replay.limits(line))
            case Head():
                self._begin(line)
            case End():
                self._finish(line)
        self._counted[type(line)] += 1

    def _begin(self, head: Head) -> None:
        if head.format != FORMAT:
            raise ExportFileError(f"this is format {head.format}, and format {FORMAT} can be verified here")
        self._head = head
        own = [read_verifier(text) for text in head.keys]
        if not self._pinned:
            self._chain.public = [key for key in own if key is not None]

    def _entry(self, line: Entry) -> None:
        self._chain.entry(line.position, line.commitment)
        if line.erased is not None:
            self._gaps.gap(line.position, line.erased)
        if line.missing:
            self._gaps.missing(line.position)
        there = self._said(line.position, line)
        if there and line.erased is not None:
            self._tell(Sort.GAP, f"position {line.position}: said to be erased by {line.erased}, and its body is there")
        if not there and line.erased is None and not line.missing and self._opened:
            self._tell(Sort.BODY, f"position {line.position}: nothing is said of its body")

    @property
    def _opened(self) -> bool:
        return self._head is not None and self._head.opened

    def _said(self, number: int, line: Said) -> bool:
        """Look at what an entry says, as far as it is here; whether there is anything."""
        if line.unreadable:
            self._tell(Sort.BODY, f"{self._where(number)}: its body ({line.id}) is there and cannot be opened")
        if line.seed is None or line.body is None:
            return line.unreadable
        body = self._body(number, line, line.seed, line.body.encode())
        if body is not None:
            self._act(number, line, body)
        return True

    def _body(self, number: int, line: Said, seed: bytes, text: bytes) -> Body | None:
        """Return what an entry says, if that is what was committed to, and about whom the export says."""
        if commitment(opening_of(seed), text) != line.commitment:
            self._tell(Sort.COMMITMENT, f"{self._where(number)}: what it says ({line.id}) is not what was committed to")
            return None
        try:
            body = BODIES.decode(text)
        except (msgspec.MsgspecError, RecursionError):
            self._tell(Sort.BODY, f"{self._where(number)}: what it says ({line.id}) cannot be read")
            return None
        if body.id != line.id:
            self._tell(Sort.BODY, f"{self._where(number)}: it says that it is {body.id}, and not {line.id}")
        if body.customer != (None if line.customer is None else mark_of(seed, line.customer)):
            whom = "nobody" if line.customer is None else f"customer {line.customer}"
            self._tell(Sort.CUSTOMER, f"{self._where(number)}: {line.id} is not about {whom}, as the export says")
            return None
        return body

    def _act(self, number: int, line: Said, body: Body) -> None:
        """Keep what an entry says for what is compared with it later."""
        try:
            kind = KINDS.decode(body.act).kind
            if line.customer is not None:
                self._replay.take(number, line.customer, body)
                if kind == "unmerge":
                    self._replay.part(map(UUID, msgspec.json.decode(body.act, type=Unmerged).ended))
            elif kind == "erasure":
                self._gaps.erasure(body.id, msgspec.json.decode(body.act, type=Erased))
                if isinstance(line, Waiting):
                    self._tell(Sort.NOTICE, f"the erasure {body.id} waits to be taken into the log")
            elif kind == "resume":
                self._chain.resumed(number, msgspec.json.decode(body.act, type=Resumed))
        except (msgspec.MsgspecError, RecursionError, ValueError, TypeError):  # TypeError: an instant without a zone
            self._tell(Sort.BODY, f"{self._where(number)}: what it says ({line.id}) cannot be understood")

    def _finish(self, line: End) -> None:
        counted = [self._counted[each] for each in (Entry, Signed, Waiting, Consent, Limits)]
        if counted != [getattr(line, name) for name in End.__struct_fields__]:
            raise ExportFileError("lines are missing: it counts others than came before it")
        self._end = line
        self._chain.finish()
        self._gaps.finish()
        if self._opened:
            self._tell_all(Sort.STATE, self._replay.rest())

    def _tell_all(self, sort: Sort, found: Iterable[str]) -> None:
        for what in found:
            self._tell(sort, what)


class _Change(Struct, frozen=True):
    """The log went on under another name: its last head under the old one, its first under the new one."""

    old: Checkpoint
    new: Checkpoint


class _Once:
    """Whether anything was committed to twice. Each entry has a seed of its own: one that comes again is a copy."""

    def __init__(self) -> None:
        self._beginnings = [array("Q") for _ in range(256)]

    def add(self, committed: bytes) -> None:
        """Take the next one. Its first 8 bytes tell it from all others, but for one in a million logs."""
        self._beginnings[committed[0]].append(int.from_bytes(committed[:8]))

    def twice(self) -> Iterator[bytes]:
        """Return how those begin that came again."""
        for each in self._beginnings:
            yield from (one.to_bytes(8) for one, other in pairwise(sorted(each)) if one == other)


class _Chain:
    """The log itself: every position, the tree over all of them, and each of its signed heads."""

    def __init__(self, tell: Tell, pinned: Sequence[Verifier], kept: Sequence[Kept]) -> None:
        self._tell = tell
        self.public = pinned
        self.size = 0
        self.last: Checkpoint | None = None
        self._pinned, self._kept = pinned, kept
        self._frontier, self._leaves = Frontier(), list[bytes]()
        self._roots: dict[int, bytes] = {}
        self._sizes = {head.size for each in kept if (head := _unproven(each.note)) is not None}
        self._names: list[str] = []
        self._changes: list[_Change] = []
        self._resumed: list[tuple[int, Resumed]] = []
        self._once = _Once()
        self._broken = False

    def entry(self, position: int, committed: bytes) -> None:
        """Take the next entry."""
        if position > self.size:
            self._tell(Sort.POSITION, f"{_positions(self.size, position)} missing")
        elif position < self.size:
            self._tell(Sort.POSITION, f"position {position} comes again, or too late: after position {self.size - 1}")
        self.size = max(self.size, position + 1)
        self._once.add(committed)
        self._leaves.append(leaf_hash(committed))
        if len(self._leaves) >= AT_ONCE or self.size in self._sizes:
            self._grow()

    def waiting(self, committed: bytes) -> None:
        """Take the next entry that is not in the log yet."""
        self._once.add(committed)

    def checkpoint(self, note: str) -> None:
        """Take the next signed head."""
        self._grow()
        head, after = _unproven(note), 0 if self.last is None else self.last.size
        if head is None:
            self._tell(Sort.CHECKPOINT, f"what stands after position {self.size - 1} is not a checkpoint")
            return
        flaw = self._flaw(note, head.origin)
        if flaw is not None:
            self._tell(Sort.SIGNATURE, f"checkpoint of size {head.size}: {flaw}")
        if head.size != self.size or head.size <= after:
            self._tell(Sort.CHECKPOINT, f"the checkpoint of size {head.size} stands after {self.size} entries")
            return
        if head.root != self._frontier.root() and not self._broken:
            self._broken = True
            between = _positions(after, head.size)
            self._tell(Sort.ROOT, f"checkpoint of size {head.size}: {between} not what was signed (told once)")
        if self.last is not None and self.last.origin != head.origin:
            self._changes.append(_Change(self.last, head))
        if head.origin not in self._names:
            self._names.append(head.origin)
        self.last = head

    def resumed(self, number: int, act: Resumed) -> None:
        """Take an entry that says that the log goes on under another name."""
        self._resumed.append((number, act))

    def finish(self) -> None:
        """Look at what can be told only now."""
        signed = 0 if self.last is None else self.last.size
        if self.size > signed:
            self._tell(Sort.CHECKPOINT, f"{_positions(signed, self.size)} not signed: no checkpoint comes after")
        if self._pinned and self._names and not {each.name for each in self._pinned} & set(self._names):
            told = ", ".join(each.name for each in self._pinned)
            self._tell(Sort.NAME, f"this is the log {', '.join(self._names)}, and the key that was given is of {told}")
        for beginning in self._once.twice():
            self._tell(Sort.COMMITMENT, f"an entry is a copy of an earlier one: both begin with {beginning.hex()}")
        self._judge_changes()
        for each in self._kept:
            self._compare(each)

    def _grow(self) -> None:
        self._frontier, _ = self._frontier.extended(self._leaves)
        self._leaves.clear()
        if self.size in self._sizes:
            self._roots[self.size] = self._frontier.root()

    def _flaw(self, note: str, origin: str) -> str | None:
        """Say what is wrong with a signature; None where one of the keys made it, under whatever name the log has."""
        keys = [Verifier(origin, each.public) for each in self.public] if is_name(origin) else []
        flaws = [opened for key in keys if isinstance(opened := open_checkpoint(note, key), Flaw)]
        if keys and len(flaws) < len(keys):
            return None
        if Flaw.BAD_SIGNATURE in flaws:
            return "its signature does not fit what it says"
        return f"it is not signed with {'the key that was given' if self._pinned else 'a key that the export names'}"

    def _judge_changes(self) -> None:
        ends = [*(each.old.size for each in self._changes[1:]), self.size]
        for change, end in zip(self._changes, ends, strict=False):
            old, new = change.old, change.new
            named = f"from size {old.size} on the log {old.origin} is called {new.origin}"
            acts = [act for number, act in self._resumed if old.size <= number < end]
            if not acts:
                self._tell(Sort.NAME, f"{named}, and no entry says why")
            for act in acts:
                lost = f"{act.size - old.size} entries" if act.origin == old.origin else "entries"
                self._tell(
                    Sort.NOTICE,
                    f"{named}, because a backup was restored: {act.origin} had been signed with {act.size} entries "
                    f"(root {act.root}), so {lost} of it are lost",
                )

    def _compare(self, kept: Kept) -> None:
        """Look whether the log contains what a checkpoint from earlier signed."""
        head = _unproven(kept.note)
        if head is None:
            self._tell(Sort.CHECKPOINT, f"{kept.label} is not a checkpoint")
            return
        if (flaw := self._flaw(kept.note, head.origin)) is not None:
            self._tell(Sort.SIGNATURE, f"{kept.label}: {flaw}")
            return
        if head.size == 0 or self._roots.get(head.size) == head.root:
            return
        ended = next((each for each in self._changes if each.old.origin == head.origin), None)
        if ended is not None and ended.old.size < head.size:
            went = f"{head.origin} ended at size {ended.old.size} and went on as {ended.new.origin}"
            self._tell(Sort.TRUNCATED, f"{kept.label}: {head.size} entries were signed, but {went}")
        elif head.size > self.size:
            self._tell(Sort.TRUNCATED, f"{kept.label}: {head.size} entries were signed, and {self.size} are here")
        else:
            self._tell(Sort.FORKED, f"{kept.label}: the first {head.size} entries are not those that were signed")


class _Gap:
    """The positions that one erasure is said to account for, as they come."""

    def __init__(self) -> None:
        self.count = 0
        self.first: list[int] = []
        self._digest = hashlib.sha256()

    def add(self, position: int) -> None:
        """Take the next one."""
        self.count += 1
        self._digest.update(position.to_bytes(8))
        if len(self.first) < NAMED:
            self.first.append(position)

    @property
    def act(self) -> Erased:
        """What the entry of the erasure must say."""
        return Erased(self.count, self._digest.hexdigest())

    def __str__(self) -> str:
        more = f" and {self.count - NAMED} more" if self.count > NAMED else ""
        return f"position{'' if self.count == 1 else 's'} {', '.join(map(str, self.first))}{more}" if self.count else ""


class _Gaps:
    """Bodies that are not there: lawful where an erasure says how many went, and which."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._gaps: dict[EntryId, _Gap] = {}
        self._acts: dict[EntryId, Erased] = {}

    def gap(self, position: int, erasure: EntryId) -> None:
        """Take a body that is said to have gone by an erasure."""
        self._gaps.setdefault(erasure, _Gap()).add(position)

    def missing(self, position: int) -> None:
        """Take a body that is not there, and nothing says why."""
        self._tell(Sort.GAP, f"position {position}: its body is gone, and no erasure accounts for it")

    def erasure(self, id_: EntryId, act: Erased) -> None:
        """Take the entry of an erasure."""
        self._acts[id_] = act

    def finish(self) -> None:
        """Compare what went with what erasures say."""
        for id_, gap in self._gaps.items():
            if id_ not in self._acts:
                self._tell(Sort.GAP, f"{gap}: said to be erased by {id_}, and the log has no such erasure")
        for id_, act in self._acts.items():
            gap = self._gaps.get(id_, _Gap())
            if gap.count != act.bodies:
                here = f"{gap.count} are gone by it{f': {gap}' if gap.count else ''}"
                self._tell(Sort.GAP, f"the erasure {id_} says that {act.bodies} bodies went, and {here}")
            elif gap.act != act:
                self._tell(Sort.GAP, f"the erasure {id_} is of other positions than those gone by it: {gap}")


def _decoded(line: bytes) -> AnyLine:
    """Read a line; raises ExportFileError for what is none of ours."""
    if len(line) > LONGEST:
        raise ExportFileError("it is longer than any line of an export")
    try:
        return LINES.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ExportFileError(f"it is no line of an export: {in_print(str(error))}") from None


def in_print(text: str) -> str:
    """Return a text that does nothing to a terminal: who made the file may have chosen the words."""
    return "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in text)


def _positions(start: int, end: int) -> str:
    return f"position {start} is" if end == start + 1 else f"positions {start} to {end - 1} are"


def _unproven(note: str) -> Checkpoint | None:
    """Return what a note says, whoever signed it."""
    return read_checkpoint(note.rpartition("\n\n")[0] + "\n")

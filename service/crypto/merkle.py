"""The ledger's Merkle tree (RFC 6962, 2.1; RFC 9162, 2.1): roots, proofs and tiles, and no memory of its own.

Where a proof needs the root of some leaves it says which, as a ``Span``. A store keeps the leaf hashes and, on each
level L above, the root of every 256^L leaves; all that a proof needs is known before anything is read (``needed``).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Literal

from msgspec import Struct

Level = int | Literal["entries"]

HASH = 32
LEAF, NODE = b"\x00", b"\x01"
EMPTY = sha256(b"").digest()
"""The root of nothing."""
MOST = 2**63 - 1
"""No tree is larger: PostgreSQL and Go count no further."""
HEIGHT = 8
"""From one level that a store keeps to the next."""
WIDTH = 2**HEIGHT
"""How many hashes a full tile has."""
LEVELS: tuple[Level, ...] = ("entries", *range(64))
TILE = re.compile(r"tile/(entries|[0-9]{1,2})/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([0-9]{1,3}))?")


class Span(Struct, frozen=True):
    """Leaves from ``start`` up to, but not including, ``end``, whose root the tree has."""

    start: int
    end: int


class Run(Struct, frozen=True):
    """Hashes that stand side by side on one level of a store."""

    level: int
    start: int
    count: int


class Node(Struct, frozen=True):
    """The root of the leaves from ``index * 256**level`` up to ``(index + 1) * 256**level``."""

    level: int
    index: int
    hash: bytes


Stored = Mapping[tuple[int, int], bytes]
"""Hashes by level and index; level 0 are the leaf hashes."""


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of one entry."""
    return sha256(LEAF + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of what stands above two hashes."""
    return sha256(NODE + left + right).digest()


# --- growing -------------------------------------------------------------------------------------------------


class Frontier(Struct, frozen=True):
    """The right edge of a tree: the roots of its perfect subtrees, the largest first. Enough to go on from."""

    size: int = 0
    roots: tuple[bytes, ...] = ()

    def extended(self, leaves: Iterable[bytes]) -> tuple["Frontier", list[Node]]:
        """Return the frontier after these leaf hashes, and what of the levels above them is now complete."""
        size, roots, complete = self.size, list(self.roots), list[Node]()
        for leaf in leaves:
            root, height = leaf, 0
            while size >> height & 1:
                root = node_hash(roots.pop(), root)
                height += 1
                if height % HEIGHT == 0:
                    complete.append(Node(height // HEIGHT, size >> height, root))
            roots.append(root)
            size += 1
        return Frontier(size, tuple(roots)), complete

    def root(self) -> bytes:
        """Return the root of the whole tree."""
        return _joined(self.roots)


def frontier_of(size: int, stored: Stored) -> Frontier:
    """Return the right edge of a stored tree; needs what ``needed([Span(0, size)])`` says."""
    return Frontier(size, tuple(_perfect_root(subtree, stored) for subtree in perfect(Span(0, size))))


# --- proofs --------------------------------------------------------------------------------------------------


def inclusion(index: int, size: int) -> list[Span]:
    """Return the spans whose roots prove that a leaf is in a tree (RFC 6962, 2.1.1); ValueError if it is not."""
    if not 0 <= index < size:
        raise ValueError("there is no such leaf")
    whole, path = Span(0, size), list[Span]()
    while whole.end - whole.start > 1:
        left, right = _halves(whole)
        whole, beside = (left, right) if index < left.end else (right, left)
        path.append(beside)
    return path[::-1]


def consistency(old: int, new: int) -> list[Span]:
    """Return the spans whose roots prove that a tree continues an older one (RFC 6962, 2.1.2).

    Raises ValueError for an empty older tree, which everything continues, and for one that is not older.
    """
    if not 0 < old <= new:
        raise ValueError("there is nothing to prove")
    rest, path = Span(0, new), list[Span]()
    while old != rest.end:
        left, right = _halves(rest)
        rest, beside = (left, right) if old <= left.end else (right, left)
        path.append(beside)
    # The reader has the older root: where that is the root of what is left, it need not be said.
    return path[::-1] if rest.start == 0 else [rest, *path[::-1]]


def _halves(span: Span) -> tuple[Span, Span]:
    """Return the leaves below the two children; the left one has the largest power of two that leaves a rest."""
    middle = span.start + (1 << (span.end - span.start - 1).bit_length() - 1)
    return Span(span.start, middle), Span(middle, span.end)


# --- what a store has ----------------------------------------------------------------------------------------


def perfect(span: Span) -> list[tuple[int, int]]:
    """Return the perfect subtrees of a span, the largest first: (height, how many as large stand left of it).

    Raises ValueError for leaves that have no root of their own in any tree.
    """
    length = span.end - span.start
    if length < 0 or span.start % (1 << max(0, length - 1).bit_length()):
        raise ValueError("no tree has this span")
    heights = [height for height in reversed(range(length.bit_length())) if length >> height & 1]
    # Clear in the end of the span what smaller subtrees add, and one of this size stands last.
    return [(height, (span.end >> height) - 1) for height in heights]


def needed(spans: Iterable[Span]) -> list[Run]:
    """Return which hashes a store must have at hand for the roots of these spans: one read for a whole proof."""
    return [_run(subtree) for span in spans for subtree in perfect(span)]


def root_of(span: Span, stored: Stored) -> bytes:
    """Return the root of a span; needs what ``needed([span])`` says."""
    return _joined([_perfect_root(subtree, stored) for subtree in perfect(span)])


def _run(subtree: tuple[int, int]) -> Run:
    height, index = subtree
    level, above = divmod(height, HEIGHT)
    return Run(level, index << above, 1 << above)


def _perfect_root(subtree: tuple[int, int], stored: Stored) -> bytes:
    run = _run(subtree)
    row = [stored[run.level, index] for index in range(run.start, run.start + run.count)]
    while len(row) > 1:
        row = [node_hash(left, right) for left, right in zip(row[::2], row[1::2], strict=True)]
    return row[0]


def _joined(roots: Sequence[bytes]) -> bytes:
    """Return the root above perfect subtrees that stand side by side, the largest first."""
    if not roots:
        return EMPTY
    *larger, joined = roots
    for root in reversed(larger):
        joined = node_hash(root, joined)
    return joined


# --- checking ------------------------------------------------------------------------------------------------


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether a proof shows that the leaf with this hash stands at this place in the tree; never raises."""
    if not 0 <= index < size <= MOST:
        return False
    spans = inclusion(index, size)
    if len(proof) != len(spans) or not _are_hashes([leaf, *proof]):
        return False
    found = leaf
    for span, beside in zip(spans, proof, strict=True):
        found = node_hash(beside, found) if span.end <= index else node_hash(found, beside)
    return found == root


def verify_consistency(size1: int, size2: int, root1: bytes, root2: bytes, proof: Sequence[bytes]) -> bool:
    """Whether a proof shows that the second tree begins with all of the first; never raises, and nothing of size 0."""
    if not 0 < size1 <= size2 <= MOST:
        return False
    spans = consistency(size1, size2)
    if len(proof) != len(spans) or (spans and not _are_hashes([root1, *proof])):
        return False
    older = newer = root1
    for span, beside in zip(spans, proof, strict=True):
        if span.end == size1:  # where both paths begin, unless they begin at the older root itself
            older = newer = beside
        elif span.end < size1:
            older, newer = node_hash(beside, older), node_hash(beside, newer)
        else:
            newer = node_hash(newer, beside)
    return (older, newer) == (root1, root2)


def _are_hashes(values: Iterable[bytes]) -> bool:
    return all(len(value) == HASH for value in values)


# --- tiles (C2SP tlog-tiles) ---------------------------------------------------------------------------------


class Tile(Struct, frozen=True):
    """So many hashes of one level, or so many entries, from ``index * WIDTH`` on."""

    level: Level
    index: int
    width: int = WIDTH

    @property
    def stored(self) -> Run:
        """Where a store has it; entries are on level 0."""
        return Run(0 if self.level == "entries" else self.level, self.index * WIDTH, self.width)

    @property
    def size(self) -> int:
        """How many entries a tree has that has this tile, at least."""
        run = self.stored
        return run.start + run.count << HEIGHT * run.level


def bundle(entries: Iterable[bytes]) -> bytes:
    """Return the content of a tile of entries: each after its length in two bytes."""
    return b"".join(len(entry).to_bytes(2) + entry for entry in entries)


def tile_path(level: Level, index: int, width: int = WIDTH) -> str:
    """Return where a tile is served, like ``tile/0/x001/x234/067`` or, where it is not full, ``.../067.p/5``."""
    digits = f"{index:,}".split(",")
    *above, last = (part.zfill(3) for part in digits)
    folders = "".join(f"x{part}/" for part in above)
    return f"tile/{level}/{folders}{last}" + (f".p/{width}" if width < WIDTH else "")


def tile_at(path: str) -> Tile | None:
    """Return the tile of a path, or None for what ``tile_path`` would not have written of a tile that there can be."""
    found = TILE.fullmatch(path)
    if found is None:
        return None
    level, digits, suffix = found.groups()
    index, width = int(digits.replace("x", "").replace("/", "")), int(suffix or WIDTH)
    tile = Tile("entries" if level == "entries" else int(level), index, width)
    possible = index <= MOST and width > 0 and tile.level in LEVELS
    return tile if possible and tile_path(tile.level, index, width) == path else None

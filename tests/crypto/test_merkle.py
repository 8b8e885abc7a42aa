"""The Merkle tree: what the standard, another implementation and its vectors say, and that nothing else passes."""

import base64
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pymerkle  # type: ignore[import-untyped]  # it says nothing about its types
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.crypto.merkle import (
    EMPTY,
    HASH,
    MOST,
    WIDTH,
    Frontier,
    Level,
    Node,
    Run,
    Span,
    Tile,
    consistency,
    frontier_of,
    inclusion,
    leaf_hash,
    needed,
    node_hash,
    perfect,
    root_of,
    tile_at,
    tile_path,
    verify_consistency,
    verify_inclusion,
)

ENTRIES = [number.to_bytes(32) for number in range(300)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]
SIZES = range(1, len(LEAVES) + 1)
STORED = {(0, index): leaf for index, leaf in enumerate(LEAVES)} | {
    (node.level, node.index): node.hash for node in Frontier().extended(LEAVES)[1]
}


@cache
def root(start: int, end: int) -> bytes:
    """Return what ``root_of`` says, which is asked the same again and again here."""
    return root_of(Span(start, end), STORED)


def hashes(spans: list[Span]) -> list[bytes]:
    return [root(span.start, span.end) for span in spans]


# --- what RFC 6962 says, word for word -------------------------------------------------------------------------


@cache
def mth(start: int, end: int) -> bytes:
    """Return the Merkle Tree Hash of D[start:end] (2.1)."""
    if end - start <= 1:
        return leaf_hash(ENTRIES[start]) if start < end else EMPTY
    k = half(end - start)
    return node_hash(mth(start, start + k), mth(start + k, end))


def half(n: int) -> int:
    """Return the largest power of two smaller than n."""
    k = 1
    while 2 * k < n:
        k *= 2
    return k


@cache
def path(m: int, start: int, end: int) -> tuple[bytes, ...]:
    """Return PATH(m, D[start:end]) (2.1.1)."""
    if end - start == 1:
        return ()
    k = half(end - start)
    if m < k:
        return (*path(m, start, start + k), mth(start + k, end))
    return (*path(m - k, start + k, end), mth(start, start + k))


@cache
def subproof(m: int, start: int, end: int, known: bool) -> tuple[bytes, ...]:  # noqa: FBT001  the RFC's b
    """Return SUBPROOF(m, D[start:end], b) (2.1.2)."""
    if m == end - start:
        return () if known else (mth(start, end),)
    k = half(end - start)
    if m <= k:
        return (*subproof(m, start, start + k, known), mth(start + k, end))
    return (*subproof(m - k, start + k, end, False), mth(start, start + k))


def test_the_hashes_are_those_of_the_standard() -> None:
    assert EMPTY.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert node_hash(leaf_hash(b""), leaf_hash(b"\x00")).hex() == (
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
    )


def test_every_root_is_what_the_standard_says_however_it_is_come_by() -> None:
    frontier = Frontier()
    assert frontier.root() == root(0, 0) == frontier_of(0, {}).root() == EMPTY
    for size in SIZES:
        frontier, _ = frontier.extended([LEAVES[size - 1]])
        assert frontier.size == size
        assert frontier.root() == root(0, size) == mth(0, size)
        assert frontier_of(size, STORED) == frontier


def test_every_proof_of_inclusion_is_what_the_standard_says_and_is_accepted() -> None:
    for size in SIZES:
        for index in range(size):
            proof = hashes(inclusion(index, size))
            assert tuple(proof) == path(index, 0, size)
            assert verify_inclusion(index, size, LEAVES[index], proof, mth(0, size))


def test_every_proof_of_consistency_is_what_the_standard_says_and_is_accepted() -> None:
    for new in SIZES:
        for old in range(1, new + 1):
            proof = hashes(consistency(old, new))
            assert tuple(proof) == subproof(old, 0, new, known=True)
            assert verify_consistency(old, new, mth(0, old), mth(0, new), proof)


# --- another implementation ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def theirs() -> Any:
    tree = pymerkle.InmemoryTree()
    tree.append_entries(ENTRIES)
    return tree


def test_pymerkle_computes_the_same_leaves_and_roots(theirs: Any) -> None:
    assert [theirs.get_leaf(1 + index) for index in range(len(LEAVES))] == LEAVES
    assert [theirs.get_root(size) for size in SIZES] == [root(0, size) for size in SIZES]


def test_pymerkle_makes_the_same_proofs_of_inclusion_and_accepts_ours(theirs: Any) -> None:
    """It counts from one and says the leaf first."""
    for size in SIZES:
        for index in range(size % 7, size, 7):
            proof, ours = theirs.prove_inclusion(1 + index, size), hashes(inclusion(index, size))
            assert proof.path == [LEAVES[index], *ours]
            proof.path = [LEAVES[index], *ours]
            pymerkle.verify_inclusion(LEAVES[index], root(0, size), proof, 1 + index, size, "sha256")


def in_their_form(old: int, new: int) -> list[bytes]:
    """Return our proof as pymerkle has it: with what we need not say, and down to the first leaf that is new."""
    if old == new:
        return [root(0, new)]
    known = [Span(0, old)] if old.bit_count() == 1 else []
    last, beside, *others = [*known, *consistency(old, new)]
    assert (last.end, beside.start) == (old, old)
    down = [Span(old + span.start, old + span.end) for span in inclusion(0, beside.end - old)]
    return [LEAVES[old], *hashes([*down, last, *others])]


def test_pymerkle_makes_the_same_proofs_of_consistency_and_accepts_ours(theirs: Any) -> None:
    for new in SIZES:
        for old in range(1 + new % 7, new + 1, 7):
            proof, ours = theirs.prove_consistency(old, new), in_their_form(old, new)
            assert proof.path == ours
            proof.path = ours
            pymerkle.verify_consistency(root(0, old), root(0, new), proof, old, new, "sha256")


# --- other people's vectors ----------------------------------------------------------------------------------

VECTORS = Path(__file__).parents[1] / "vectors/merkle/transparency-dev.json"
CASES: list[dict[str, Any]] = json.loads(VECTORS.read_text(encoding="utf-8"))["cases"]


def is_of_a_tree(case: dict[str, Any]) -> bool:
    return "start" not in case or (case["start"] == 0 and case["end"] > 0)


def accepted(case: dict[str, Any]) -> bool:
    """Whether we take a proof; a subtree of the first leaves is a tree."""
    proof = [base64.b64decode(text) for text in case["proof"] or []]
    data = {name: base64.b64decode(case[name]) for name in ("leafHash", "root", "root1", "root2") if name in case}
    if "leafIdx" in case:
        size = case["treeSize"] if "treeSize" in case else case["end"]
        return verify_inclusion(case["leafIdx"], size, data["leafHash"], proof, data["root"])
    older, newer = (case["size1"], case["size2"]) if "size1" in case else (case["end"], case["size"])
    return verify_consistency(older, newer, data["root1"], data["root2"], proof)


def test_there_are_good_and_bad_vectors_of_each_kind() -> None:
    kinds = [(each["file"].partition("/")[0], each["wantErr"]) for each in CASES if is_of_a_tree(each)]
    assert {kind: (kinds.count((kind, False)), kinds.count((kind, True))) for kind, _ in kinds} == {
        "consistency": (6, 92),
        "inclusion": (6, 92),
        "subtreeconsistency": (6, 85),
        "subtreeinclusion": (6, 87),
    }


@pytest.mark.parametrize("case", [pytest.param(each, id=each["file"]) for each in CASES if is_of_a_tree(each)])
def test_exactly_the_good_vectors_are_accepted(case: dict[str, Any]) -> None:
    assert accepted(case) is not case["wantErr"]


# --- what is refused -----------------------------------------------------------------------------------------


def flipped(data: bytes, bit: int) -> bytes:
    """Return bytes with one bit changed."""
    place, within = divmod(bit % (8 * len(data)), 8)
    return data[:place] + bytes([data[place] ^ (1 << within)]) + data[place + 1 :]


def with_flipped(proof: list[bytes], bit: int) -> list[bytes]:
    """Return hashes with one bit of one of them changed."""
    changed = flipped(b"".join(proof), bit)
    return [changed[start : start + HASH] for start in range(0, len(changed), HASH)]


PAIRS = st.integers(1, 300).flatmap(lambda size: st.tuples(st.integers(1, size), st.just(size)))
BITS = st.integers(0)
RUBBISH = st.lists(st.binary(max_size=33) | st.sampled_from(LEAVES), max_size=10)
NUMBERS = st.integers() | st.sampled_from([0, 1, 2, MOST, MOST + 1, 2**64])


@given(PAIRS, BITS)
def test_a_flipped_bit_in_a_proof_of_inclusion_is_refused(pair: tuple[int, int], bit: int) -> None:
    index, size = pair[0] - 1, pair[1]
    leaf, proof, top = LEAVES[index], hashes(inclusion(index, size)), root(0, size)
    assert not verify_inclusion(index, size, flipped(leaf, bit), proof, top)
    assert not verify_inclusion(index, size, leaf, proof, flipped(top, bit))
    if proof:
        assert not verify_inclusion(index, size, leaf, with_flipped(proof, bit), top)


@given(PAIRS, BITS)
def test_a_flipped_bit_in_a_proof_of_consistency_is_refused(pair: tuple[int, int], bit: int) -> None:
    old, new = pair
    proof, older, newer = hashes(consistency(old, new)), root(0, old), root(0, new)
    assert not verify_consistency(old, new, flipped(older, bit), newer, proof)
    assert not verify_consistency(old, new, older, flipped(newer, bit), proof)
    if proof:
        assert not verify_consistency(old, new, older, newer, with_flipped(proof, bit))


def damaged(proof: list[bytes], place: int, extra: bytes) -> Iterator[list[bytes]]:
    """Return proofs with a hash too many, too few, or too long or short by a byte."""
    before, after = proof[:place], proof[place:]
    yield [*before, extra, *after]
    if after:
        yield [*before, *after[1:]]
        yield [*before, after[0] + b"\x00", *after[1:]]
        yield [*before, after[0][:-1], *after[1:]]


@given(PAIRS, st.integers(0, 9), st.sampled_from(LEAVES))
def test_a_hash_too_many_or_too_few_or_of_another_length_is_refused(
    pair: tuple[int, int], place: int, extra: bytes
) -> None:
    old, new = pair
    older, newer, leaf = root(0, old), root(0, new), LEAVES[old - 1]
    for hash_ in (extra, older, newer, leaf):
        for proof in damaged(hashes(inclusion(old - 1, new)), place, hash_):
            assert not verify_inclusion(old - 1, new, leaf, proof, newer)
        for proof in damaged(hashes(consistency(old, new)), place, hash_):
            assert not verify_consistency(old, new, older, newer, proof)


def test_bytes_that_only_together_have_the_right_length_are_refused() -> None:
    """One byte of a hash given to its neighbour would leave what is hashed as it was."""
    left, right = LEAVES[:2]
    assert verify_inclusion(0, 2, left, [right], root(0, 2))
    assert not verify_inclusion(0, 2, left + right[:1], [right[1:]], root(0, 2))
    assert verify_consistency(1, 2, left, root(0, 2), [right])
    assert not verify_consistency(1, 2, left + right[:1], root(0, 2), [right[1:]])


def test_what_is_no_hash_is_refused_though_it_leads_to_the_root() -> None:
    left, right = LEAVES[:2]
    for short, long in ((b"", left + right), (left[1:], left + b"\x00")):
        for one in (short, long):
            assert not verify_inclusion(0, 2, left, [one], node_hash(left, one))
            assert not verify_inclusion(0, 2, one, [right], node_hash(one, right))
            assert not verify_consistency(1, 2, left, node_hash(left, one), [one])
            assert not verify_consistency(1, 2, one, node_hash(one, right), [right])


@given(NUMBERS, NUMBERS, RUBBISH, st.binary(max_size=33), st.binary(max_size=33))
def test_rubbish_is_refused_and_raises_nothing(one: int, other: int, proof: list[bytes], a: bytes, b: bytes) -> None:
    assert verify_inclusion(one, other, a, proof, b) == ((one, other, proof, a, len(a)) == (0, 1, [], b, HASH))
    assert verify_consistency(one, other, a, b, proof) == (0 < one == other <= MOST and (proof, a) == ([], b))


@pytest.mark.parametrize("new", [0, 1, 5])
def test_nothing_is_shown_to_continue_an_empty_tree(new: int) -> None:
    for older in (EMPTY, root(0, new)):
        assert not verify_consistency(0, new, older, root(0, new), [])
    with pytest.raises(ValueError, match="nothing to prove"):
        consistency(0, new)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 1), (-1, -1), (7, 5)])
def test_there_is_no_proof_of_a_leaf_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no such leaf"):
        inclusion(index, size)


def test_there_is_no_proof_that_a_tree_continues_a_larger_one() -> None:
    with pytest.raises(ValueError, match="nothing to prove"):
        consistency(6, 5)


# --- growing -------------------------------------------------------------------------------------------------


@given(st.integers(0, 300), st.integers(0, 300))
def test_a_tree_grows_the_same_in_one_step_and_in_two(one: int, other: int) -> None:
    first, last = sorted((one, other))
    before, nodes = Frontier().extended(LEAVES[:first])
    after, more = before.extended(LEAVES[first:last])
    assert (after, nodes + more) == Frontier().extended(LEAVES[:last])
    assert before == frontier_of(first, STORED)


def test_what_a_store_keeps_of_a_large_tree_is_complete_once_and_in_order() -> None:
    """70,000 leaves are the example of the standard: 273 full tiles of leaves, and one of what stands above them."""
    leaves = [leaf_hash(number.to_bytes(3)) for number in range(70_000)]
    frontier, nodes = Frontier().extended(leaves)
    stored = {(0, index): leaf for index, leaf in enumerate(leaves)}
    for node in nodes:
        below = [stored[node.level - 1, (node.index << 8) + place] for place in range(WIDTH)]
        assert node.hash == Frontier().extended(below)[0].root()
        stored[node.level, node.index] = node.hash
    assert [node.index for node in nodes if node.level == 1] == list(range(273))
    assert [node.index for node in nodes if node.level == 2] == [0]
    assert len(nodes) == 274
    assert nodes.index(Node(2, 0, stored[2, 0])) == 256
    assert frontier_of(70_000, stored) == frontier


# --- what a store has ----------------------------------------------------------------------------------------


def halves_of(span: Span) -> list[tuple[int, int]]:
    """Return the perfect subtrees of a span by halving it, as the standard does."""
    length = span.end - span.start
    if length.bit_count() == 1:
        return [(length.bit_length() - 1, span.start // length)]
    middle = span.start + half(length)
    return [(half(length).bit_length() - 1, span.start // half(length)), *halves_of(Span(middle, span.end))]


def spans_of_proofs() -> set[Span]:
    pairs = [(old, new) for new in range(1, 130) for old in range(1, new + 1)]
    return {span for old, new in pairs for span in (*consistency(old, new), *inclusion(old - 1, new))}


def test_a_span_consists_of_the_perfect_subtrees_that_halving_finds() -> None:
    for span in (*spans_of_proofs(), *(Span(0, size) for size in SIZES)):
        assert perfect(span) == halves_of(span)
    assert perfect(Span(0, 0)) == []


@pytest.mark.parametrize(("start", "end"), [(1, 3), (4, 12), (3, 5), (6, 9), (3, 2), (-1, 1), (1, 0)])
def test_leaves_that_no_tree_has_below_one_hash_have_no_root(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="no tree"):
        perfect(Span(start, end))


def test_the_hashes_that_a_proof_needs_are_named_level_by_level() -> None:
    assert needed(inclusion(256, 700)) == [
        Run(0, 257, 1),
        Run(0, 258, 2),
        Run(0, 260, 4),
        Run(0, 264, 8),
        Run(0, 272, 16),
        Run(0, 288, 32),
        Run(0, 320, 64),
        Run(0, 384, 128),
        Run(1, 0, 1),
        Run(0, 512, 128),
        Run(0, 640, 32),
        Run(0, 672, 16),
        Run(0, 688, 8),
        Run(0, 696, 4),
    ]


SAME = [leaf_hash(b"")]
for _ in range(63):
    SAME.append(node_hash(SAME[-1], SAME[-1]))
"""The roots of trees, up to those too large to build, in which all leaves are alike."""
LARGE = st.integers(1, 63).flatmap(lambda bits: st.integers(1, 2**bits - 1))


def read(runs: list[Run], size: int) -> dict[tuple[int, int], bytes]:
    """Return what a store of such a tree has of these hashes: all of them, for none is still to grow."""
    assert all((run.start + run.count) << 8 * run.level <= size for run in runs)
    return {
        (run.level, index): SAME[8 * run.level] for run in runs for index in range(run.start, run.start + run.count)
    }


@given(LARGE, LARGE)
def test_one_read_that_is_known_beforehand_is_enough_for_any_proof_in_a_tree_of_any_size(one: int, other: int) -> None:
    old, new = sorted((one, other))
    grown, held, whole = consistency(old, new), inclusion(old - 1, new), [Span(0, old), Span(0, new)]
    stored = read(needed([*grown, *held, *whole]), new)
    older, newer = (root_of(span, stored) for span in whole)
    assert verify_consistency(old, new, older, newer, [root_of(span, stored) for span in grown])
    assert verify_inclusion(old - 1, new, SAME[0], [root_of(span, stored) for span in held], newer)


def test_no_tree_is_larger_than_others_can_count() -> None:
    """Of twice as many leaves as there may be the hashes are right, and of the half they are taken."""
    assert verify_inclusion(0, MOST + 1 >> 1, SAME[0], SAME[:62], SAME[62])
    assert not verify_inclusion(0, MOST + 1, SAME[0], SAME[:63], SAME[63])
    assert verify_consistency(1, MOST + 1 >> 1, SAME[0], SAME[62], SAME[:62])
    assert not verify_consistency(1, MOST + 1, SAME[0], SAME[63], SAME[:63])


@given(LARGE, LARGE)
def test_what_a_proof_needs_grows_with_the_levels_and_not_with_the_tree(one: int, other: int) -> None:
    old, new = sorted((one, other))
    for spans in (inclusion(old - 1, new), consistency(old, new)):
        runs = needed(spans)
        indices = [(run.level, index) for run in runs for index in range(run.start, run.start + run.count)]
        assert len(indices) == len(set(indices))
        assert len(indices) <= 2 * (WIDTH - 1) * (new.bit_length() // 8 + 1)


# --- tiles ---------------------------------------------------------------------------------------------------

PATHS = {
    Tile(0, 0): "tile/0/000",
    Tile(0, 999): "tile/0/999",
    Tile(1, 1000): "tile/1/x001/000",
    Tile(0, 1234067): "tile/0/x001/x234/067",
    Tile(0, 273, 112): "tile/0/273.p/112",
    Tile("entries", 0, 1): "tile/entries/000.p/1",
    Tile("entries", 1_000_000, 255): "tile/entries/x001/x000/000.p/255",
    Tile(63, 5): "tile/63/005",
    Tile(0, MOST): "tile/0/x009/x223/x372/x036/x854/x775/807",
}


@pytest.mark.parametrize(("tile", "path"), PATHS.items(), ids=PATHS.values())
def test_a_tile_stands_where_the_standard_says(tile: Tile, path: str) -> None:
    assert tile_path(tile.level, tile.index, tile.width) == path
    assert tile_at(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/1234",
        "tile/00/000",
        "tile/01/000",
        "tile/64/000",
        "tile/100/000",
        "tile/-1/000",
        "tile/+1/000",
        "tile/entry/000",
        "tile/Entries/000",
        "tile/0/x000",
        "tile/0/x000/001",
        "tile/0/x000/x001/001",
        "tile/0/001/001",
        "tile/0/x01/001",
        "tile/0/X001/001",
        "tile/0/x001//001",
        "tile/0/x001/x001",
        "tile/0/x009/x223/x372/x036/x854/x775/808",
        "tile/0/x001/x009/x223/x372/x036/x854/x775/808",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/257",
        "tile/0/000.p/999",
        "tile/0/000.p/",
        "tile/0/000.p",
        "tile/0/000.p/1/",
        "tile/0/000/",
        "tile/0/000\n",
        "tile/0/000 ",
        "/tile/0/000",
        "tile/0/\u0660\u0660\u0660",
        "tile/\u0660/000",
        "tile/0/000.p/\u0665",
        "tile/0/../000",
        "tile/0/%30%30%30",
    ],
)
def test_every_other_path_is_no_tile(path: str) -> None:
    assert tile_at(path) is None


@given(
    st.sampled_from(["entries", *range(64)]),
    st.integers(0, MOST) | st.integers(0, 2000),
    st.integers(1, WIDTH),
)
def test_each_tile_is_found_at_its_path(level: Level, index: int, width: int) -> None:
    assert tile_at(tile_path(level, index, width)) == Tile(level, index, width)


@given(
    st.sampled_from(["entries", "0", "00", "7", "07", "63", "64", ""]),
    st.lists(
        st.sampled_from(["x", ""]).flatmap(lambda x: st.sampled_from([x + "000", x + "001", x + "12"])), max_size=8
    ),
    st.sampled_from(["", ".p/0", ".p/1", ".p/01", ".p/255", ".p/256", ".p", "/"]),
)
def test_each_tile_has_one_path(level: str, folders: list[str], suffix: str) -> None:
    path = f"tile/{level}/{'/'.join(folders)}{suffix}"
    tile = tile_at(path)
    assert tile is None or tile_path(tile.level, tile.index, tile.width) == path

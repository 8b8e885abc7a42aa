"""The two envelopes: what was sealed opens under its own key and labels, and under nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.crypto.envelope import BUCKET, COMMITTING, KEY, LIGHT, NONCE, pad, seal, unpad, unseal, unwrap, wrap
from service.crypto.framing import Part
from service.errors import IntegrityError, WrongKeysError
from service.model.facts import Sealed

ALICE, BOB = bytes(range(KEY)), bytes(range(1, KEY + 1))
LABELS: list[Part] = ["fact", "first_name", 7]
KEYS = st.binary(min_size=KEY, max_size=KEY)
PARTS = st.lists(st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.uuids(), max_size=5)


def flips(data: bytes) -> list[bytes]:
    """Return the data with each of its bits flipped in turn."""
    whole = int.from_bytes(data)
    return [(whole ^ 1 << place).to_bytes(len(data)) for place in range(8 * len(data))]


@given(KEYS, st.binary(max_size=200), PARTS)
def test_what_was_sealed_opens(key: bytes, plaintext: bytes, labels: list[Part]) -> None:
    assert unseal(key, seal(key, plaintext, labels), labels) == plaintext


@given(PARTS, PARTS)
def test_no_other_labels_open_it(labels: list[Part], others: list[Part]) -> None:
    sealed = seal(ALICE, b"Zephyrine", labels)
    if list(map(repr, labels)) != list(map(repr, others)):  # for Python 1, 1.0 and True are one
        with pytest.raises(IntegrityError):
            unseal(ALICE, sealed, others)


def test_no_other_key_opens_it() -> None:
    with pytest.raises(IntegrityError):
        unseal(BOB, seal(ALICE, b"Zephyrine", LABELS), LABELS)


def test_no_bit_of_it_can_be_flipped() -> None:
    for damaged in flips(seal(ALICE, b"Zephyrine", LABELS).data):
        with pytest.raises(IntegrityError):
            unseal(ALICE, Sealed(damaged), LABELS)


def test_nothing_can_be_cut_off_or_added() -> None:
    data = seal(ALICE, b"Zephyrine", LABELS).data
    for damaged in [*(data[:length] for length in range(len(data))), data + b"\x00", b"\x00" + data, data + data]:
        with pytest.raises(IntegrityError):
            unseal(ALICE, Sealed(damaged), LABELS)


def test_what_does_not_open_is_not_quoted() -> None:
    damaged = Sealed(seal(ALICE, b"Zephyrine", LABELS).data[:-1])
    with pytest.raises(IntegrityError) as refusal:
        unseal(ALICE, damaged, LABELS)
    assert refusal.value.detail == "a sealed value does not open"
    assert refusal.value.__suppress_context__


def test_a_nonce_never_comes_twice() -> None:
    nonces = {seal(ALICE, b"", LABELS).data[1 : 1 + NONCE] for _ in range(20_000)}
    assert len(nonces) == 20_000
    # No byte of it stands still, as a counter's or a clock's would.
    assert all(len({nonce[place] for nonce in nonces}) == 256 for place in range(NONCE))


@given(st.binary(max_size=500))
def test_padding_can_be_taken_off(plaintext: bytes) -> None:
    assert unpad(pad(plaintext)) == plaintext


def test_lengths_are_told_in_buckets_only() -> None:
    lengths = {length: len(seal(ALICE, bytes(length), LABELS).data) for length in range(100)}
    assert len({lengths[length] for length in range(BUCKET - 4 + 1)}) == 1
    assert sorted(set(lengths.values())) == [1 + NONCE + BUCKET * buckets + 16 for buckets in range(1, 5)]


def test_padding_that_lies_about_its_length_is_refused() -> None:
    with pytest.raises(ValueError, match="padding"):
        unpad((100).to_bytes(4) + bytes(28))


# --- the one that commits to its key ---


@given(KEYS, KEYS, st.text(max_size=60), PARTS)
def test_a_wrapped_key_opens(root: bytes, key: bytes, root_id: str, context: list[Part]) -> None:
    assert unwrap(root, root_id, wrap(root, root_id, key, context), context) == key


@pytest.mark.parametrize(
    ("root", "root_id", "context"),
    [
        (BOB, "first", ["mac", 1]),
        (ALICE, "other", ["mac", 1]),
        (ALICE, "firs", ["mac", 1]),
        (ALICE, "first", ["index", 1]),
        (ALICE, "first", ["mac", 2]),
        (ALICE, "first", []),
    ],
)
def test_a_wrapped_key_opens_under_nothing_else(root: bytes, root_id: str, context: list[Part]) -> None:
    with pytest.raises(WrongKeysError):
        unwrap(root, root_id, wrap(ALICE, "first", BOB, ["mac", 1]), context)


def test_the_id_of_the_root_key_is_bound_and_not_only_written_on_it() -> None:
    wrapped = wrap(ALICE, "first", BOB, ["mac", 1]).data
    renamed = Sealed(wrapped.replace(b"first", b"other"))
    with pytest.raises(WrongKeysError):
        unwrap(ALICE, "other", renamed, ["mac", 1])


def test_no_bit_of_a_wrapped_key_can_be_flipped() -> None:
    for damaged in flips(wrap(ALICE, "first", BOB, ["mac", 1]).data):
        with pytest.raises(WrongKeysError):
            unwrap(ALICE, "first", Sealed(damaged), ["mac", 1])


def test_nothing_can_be_cut_off_or_added_to_a_wrapped_key() -> None:
    data = wrap(ALICE, "first", BOB, ["mac", 1]).data
    for damaged in [*(data[:length] for length in range(len(data))), data + b"\x00"]:
        with pytest.raises(WrongKeysError):
            unwrap(ALICE, "first", Sealed(damaged), ["mac", 1])


def test_a_wrong_root_key_is_known_before_anything_is_decrypted() -> None:
    """It commits: whatever the ciphertext, another root key is told from a damaged one."""
    wrapped = wrap(ALICE, "first", BOB, ["mac", 1])
    with pytest.raises(WrongKeysError, match="does not open the keys"):
        unwrap(BOB, "first", wrapped, ["mac", 1])
    with pytest.raises(WrongKeysError, match="was changed"):
        unwrap(ALICE, "first", Sealed(wrapped.data[:-1] + bytes([wrapped.data[-1] ^ 1])), ["mac", 1])


def test_wrapping_twice_shows_nothing_in_common() -> None:
    one, other = (wrap(ALICE, "first", BOB, ["mac", 1]).data for _ in range(2))
    head = 2 + len("first")
    assert one[:head] == other[:head]
    assert not {one[place : place + 8] for place in range(head, len(one) - 8)} & {
        other[place : place + 8] for place in range(head, len(other) - 8)
    }


def test_the_envelopes_are_not_taken_for_each_other() -> None:
    light, committing = seal(ALICE, BOB, ["mac", 1]), wrap(ALICE, "first", BOB, ["mac", 1])
    with pytest.raises(WrongKeysError):
        unwrap(ALICE, "first", Sealed(COMMITTING + light.data[1:]), ["mac", 1])
    with pytest.raises(IntegrityError):
        unseal(ALICE, Sealed(LIGHT + committing.data[1:]), ["mac", 1])

"""Snapshots: what was shown comes back exactly, and nothing that was changed comes back at all."""

import base64
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.crypto.keyring import Keyring
from service.crypto.snapshots import make_snapshot, read_snapshot
from service.errors import BadSnapshotError
from service.model.snapshots import Snapshot
from service.model.words import Channel, CustomerId, PurposeId

ANA, BO = CustomerId(UUID(int=0xA11A)), CustomerId(UUID(int=0xB0))
SAID = Snapshot(
    purpose=PurposeId("market.newsletter"),
    channel=Channel.EMAIL,
    notice=2,
    language="de",
    layout="checkout-3",
    digest="ab" * 32,
    at=datetime(2026, 3, 1, 10, 30, 0, 123456, tzinfo=UTC),
    by="service:shop",
)


@pytest.fixture(scope="module")
def keyring() -> Keyring:
    return Keyring({"epoch": {1: bytes(32)}, "index": {1: bytes(32)}, "mac": {1: b"m" * 32}})


@pytest.mark.parametrize("shown_to", [ANA, None])
def test_what_was_shown_comes_back_exactly(keyring: Keyring, shown_to: CustomerId | None) -> None:
    assert read_snapshot(keyring, make_snapshot(keyring, SAID, shown_to), ANA) == SAID


def test_a_snapshot_shown_to_somebody_is_good_for_her_only(keyring: Keyring) -> None:
    with pytest.raises(BadSnapshotError):
        read_snapshot(keyring, make_snapshot(keyring, SAID, ANA), BO)
    anybody = make_snapshot(keyring, SAID, None)
    assert read_snapshot(keyring, anybody, ANA) == read_snapshot(keyring, anybody, BO)


def test_nothing_in_a_snapshot_says_whom_it_was_shown_to(keyring: Keyring) -> None:
    hers, his, anybodys = (
        base64.urlsafe_b64decode(_padded(make_snapshot(keyring, SAID, who))) for who in (ANA, BO, None)
    )
    assert hers[:-32] == his[:-32] == anybodys[:-32]
    assert ANA.bytes not in hers
    assert str(ANA).encode() not in hers


@given(place=st.integers(0, 10_000), bit=st.integers(0, 7), shown_to=st.sampled_from([ANA, None]))
def test_a_snapshot_in_which_anything_was_changed_is_refused(
    keyring: Keyring, place: int, bit: int, shown_to: CustomerId | None
) -> None:
    data = bytearray(base64.urlsafe_b64decode(_padded(make_snapshot(keyring, SAID, shown_to))))
    data[place % len(data)] ^= 1 << bit
    with pytest.raises(BadSnapshotError):
        read_snapshot(keyring, base64.urlsafe_b64encode(data).decode().rstrip("="), ANA)


@given(text=st.text(st.characters(max_codepoint=0x2FF), max_size=200) | st.from_regex(r"\A[A-Za-z0-9_-]{1,300}\Z"))
def test_what_we_did_not_make_is_refused(keyring: Keyring, text: str) -> None:
    with pytest.raises(BadSnapshotError) as refused:
        read_snapshot(keyring, text, ANA)
    assert refused.value.pointer == "/snapshot"


@given(kept=st.integers(0, 400))
def test_a_snapshot_that_was_cut_is_refused(keyring: Keyring, kept: int) -> None:
    whole = make_snapshot(keyring, SAID, ANA)
    with pytest.raises(BadSnapshotError):
        read_snapshot(keyring, whole[: kept % len(whole)], ANA)


def test_a_snapshot_under_another_key_is_refused(keyring: Keyring) -> None:
    other = Keyring({"epoch": {1: bytes(32)}, "index": {1: bytes(32)}, "mac": {1: b"n" * 32}})
    newer = Keyring({"epoch": {1: bytes(32)}, "index": {1: bytes(32)}, "mac": {1: b"m" * 32, 2: b"n" * 32}})
    for made_by in (other, newer):
        with pytest.raises(BadSnapshotError):
            read_snapshot(keyring, make_snapshot(made_by, SAID, ANA), ANA)
    # A page that was open while the key was changed is still good.
    assert read_snapshot(newer, make_snapshot(keyring, SAID, ANA), ANA) == SAID


def _padded(text: str) -> str:
    return text + "=" * (-len(text) % 4)

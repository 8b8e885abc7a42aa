"""The keyring: a version selects exactly one key, and what a key proves it proves for one thing only."""

import re
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from service.crypto.envelope import KEY, seal
from service.crypto.framing import Part
from service.crypto.keyring import (
    NEEDED,
    ROLES,
    Keyring,
    Mac,
    OpenKey,
    RootKey,
    WrappedKey,
    fact_labels,
    make_keys,
    open_key,
    open_keyring,
    open_sealed,
    restriction_parts,
    standing_parts,
)
from service.errors import IntegrityError, KeysUnavailableError, WrongKeysError
from service.model.decision import Permit
from service.model.facts import FLAGS, Restrictions, Sealed, SealedFact, Standing
from service.model.identifiers import Identifier, identifier
from service.model.words import AgeBand, AttributeId, Channel, CustomerId, IdentifierKind, Provenance, PurposeId, Status

ROOT = RootKey("first", bytes(range(KEY)))
ANA, BO = CustomerId(UUID(int=1)), CustomerId(UUID(int=2))


@pytest.fixture
def wrapped() -> list[WrappedKey]:
    return make_keys(ROOT)


@pytest.fixture
def keyring(wrapped: list[WrappedKey]) -> Keyring:
    return open_keyring(ROOT, wrapped)


def two_versions() -> Keyring:
    return Keyring({role: {1: bytes(KEY), 2: bytes([1]) * KEY} for role in ROLES})


def test_every_role_has_a_key_of_its_own(keyring: Keyring) -> None:
    assert len({keyring.key(role, 1) for role in ROLES}) == len(ROLES)


def test_the_highest_version_makes_new_things() -> None:
    keyring = two_versions()
    assert {keyring.active(role) for role in ROLES} == {2}
    assert keyring.mac(["yes"]).version == 2
    assert keyring.new_customer_key(ANA)[0].epoch == 2


def test_what_an_older_version_made_is_still_known() -> None:
    old = Keyring({role: {1: bytes(KEY)} for role in ROLES})
    new = two_versions()
    assert new.authentic(old.mac(["yes"]), ["yes"])
    wrapped, key = old.new_customer_key(ANA)
    assert new.open_customer_key(ANA, wrapped) == key


def test_an_unknown_version_is_keys_unavailable_and_no_other_key_is_tried(keyring: Keyring) -> None:
    with pytest.raises(KeysUnavailableError):
        keyring.key("mac", 2)
    wrapped, _ = keyring.new_customer_key(ANA)
    with pytest.raises(KeysUnavailableError):
        keyring.open_customer_key(ANA, structs.replace(wrapped, epoch=2))


def test_a_key_of_another_version_opens_nothing() -> None:
    keyring = two_versions()
    wrapped, _ = keyring.new_customer_key(ANA)
    with pytest.raises(IntegrityError):
        keyring.open_customer_key(ANA, structs.replace(wrapped, epoch=1))


def test_a_customer_key_opens_for_its_customer_and_id_only(keyring: Keyring) -> None:
    wrapped, key = keyring.new_customer_key(ANA)
    assert keyring.open_customer_key(ANA, wrapped) == key
    with pytest.raises(IntegrityError):
        keyring.open_customer_key(BO, wrapped)
    with pytest.raises(IntegrityError):
        keyring.open_customer_key(ANA, structs.replace(wrapped, id="other"))


def test_no_two_customers_share_a_key(keyring: Keyring) -> None:
    made = [keyring.new_customer_key(ANA)[1] for _ in range(1000)]
    assert len({key.key for key in made}) == len({key.id for key in made}) == 1000


# --- opening ---


def test_a_missing_role_is_keys_unavailable(wrapped: list[WrappedKey]) -> None:
    for role in NEEDED:
        with pytest.raises(KeysUnavailableError, match=role):
            open_keyring(ROOT, [key for key in wrapped if key.role != role])


def test_without_a_receipt_key_the_others_open(wrapped: list[WrappedKey]) -> None:
    keyring = open_keyring(ROOT, [key for key in wrapped if key.role != "receipt"])
    assert keyring.versions("receipt") == []
    with pytest.raises(KeysUnavailableError, match="receipt"):
        keyring.key("receipt", 1)


@pytest.mark.parametrize("root", [RootKey("first", bytes(KEY)), RootKey("other", ROOT.key)])
def test_another_root_key_is_refused(wrapped: list[WrappedKey], root: RootKey) -> None:
    with pytest.raises(WrongKeysError):
        open_keyring(root, wrapped)


def test_a_key_that_is_not_the_one_that_was_made_fails_its_canary(wrapped: list[WrappedKey]) -> None:
    """Somebody with the root key put another key into the row."""
    other = make_keys(ROOT)
    changed = [structs.replace(key, wrapped=new.wrapped) for key, new in zip(wrapped, other, strict=True)]
    for key in changed:
        with pytest.raises(WrongKeysError, match="canary"):
            open_key(ROOT, key)


def test_a_changed_canary_is_refused(wrapped: list[WrappedKey]) -> None:
    for proof in (b"", bytes(32), wrapped[0].proof[:-1]):
        with pytest.raises(WrongKeysError, match="canary"):
            open_keyring(ROOT, [structs.replace(wrapped[0], proof=proof), *wrapped[1:]])


def test_a_key_does_not_open_in_another_role_or_version(wrapped: list[WrappedKey]) -> None:
    epoch, index, mac, _ = wrapped
    changes: list[WrappedKey] = [
        structs.replace(epoch, role="index"),
        structs.replace(index, version=2),
        structs.replace(mac, role="receipt"),
    ]
    for moved in changes:
        with pytest.raises(WrongKeysError):
            open_key(ROOT, moved)


def test_a_key_of_receipts_that_does_not_open_is_left_out_and_one_of_the_others_is_refused(
    wrapped: list[WrappedKey],
) -> None:
    for key in wrapped:
        others = [each for each in wrapped if each is not key]
        damaged = [*others, structs.replace(key, proof=bytes(32))]
        if key.role in NEEDED:
            with pytest.raises(WrongKeysError):
                open_keyring(ROOT, damaged)
        else:
            with pytest.raises(KeysUnavailableError):
                open_keyring(ROOT, damaged).key(key.role, key.version)


def test_a_damaged_wrapped_key_is_refused(wrapped: list[WrappedKey]) -> None:
    data = wrapped[0].wrapped.data
    with pytest.raises(WrongKeysError):
        open_keyring(ROOT, [structs.replace(wrapped[0], wrapped=Sealed(data[:-1] + bytes([data[-1] ^ 1])))])


# --- MACs ---

WORDS: st.SearchStrategy[list[Part]] = st.lists(st.text(max_size=3) | st.integers(0, 3) | st.booleans(), max_size=4)


@given(WORDS, WORDS)
def test_a_mac_proves_its_parts_and_no_others(parts: list[Part], others: list[Part]) -> None:
    keyring = two_versions()
    same = [(type(part), part) for part in parts] == [(type(part), part) for part in others]
    assert keyring.authentic(keyring.mac(parts), others) == same


def test_no_mac_an_unknown_version_and_a_shortened_mac_prove_nothing(keyring: Keyring) -> None:
    mac = keyring.mac(["yes"])
    assert keyring.authentic(mac, ["yes"])
    for other in (None, Mac(2, mac.digest), Mac(0, mac.digest), Mac(1, b""), Mac(1, mac.digest[:31])):
        assert not keyring.authentic(other, ["yes"])


def test_a_mac_of_one_version_proves_nothing_under_another() -> None:
    keyring = two_versions()
    assert not keyring.authentic(Mac(1, keyring.mac(["yes"]).digest), ["yes"])


NOW = datetime(2026, 1, 2, tzinfo=UTC)
YES = Standing(PurposeId("p"), Channel.WEB, Status.GIVEN, 1, explicit=False, decided_at=NOW, expires_at=NOW)
OTHER_YES = Standing(
    PurposeId("q"), Channel.APP, Status.RENEWED, 2, explicit=True, decided_at=NOW.replace(year=2025), expires_at=None
)


def test_every_part_of_a_yes_is_under_its_mac(keyring: Keyring) -> None:
    mac = keyring.mac(standing_parts(ANA, YES))
    assert keyring.authentic(mac, standing_parts(ANA, YES))
    assert not keyring.authentic(mac, standing_parts(BO, YES))
    for name in Standing.__struct_fields__:
        changed = structs.replace(YES, **{name: getattr(OTHER_YES, name)})
        assert not keyring.authentic(mac, standing_parts(ANA, changed)), name


def test_every_part_of_the_restrictions_is_under_their_mac(keyring: Keyring) -> None:
    limits = Restrictions(AgeBand.ADULT)
    mac = keyring.mac(restriction_parts(ANA, limits))
    assert keyring.authentic(mac, restriction_parts(ANA, limits))
    assert not keyring.authentic(mac, restriction_parts(BO, limits))
    others = dict.fromkeys(FLAGS, True) | {
        "age_band": AgeBand.MINOR,
        "objections": (PurposeId("p.q"),),
        "paused_until": NOW,
        "quiet_hours": "22:00-07:00 UTC",
        "linked": (BO,),
        "disputed": ("a#observed",),
        "barred": ("a p.q",),
    }
    assert others.keys() == set(Restrictions.__struct_fields__)
    for name, other in others.items():
        changed = structs.replace(limits, **{name: other})
        assert not keyring.authentic(mac, restriction_parts(ANA, changed)), name


FACT = SealedFact(AttributeId("a"), Provenance.VOLUNTEERED, "shop", NOW, 1, "key", Sealed(b""))
OTHER_FACT = SealedFact(
    AttributeId("b"),
    Provenance.OBSERVED,
    "till",
    NOW.replace(year=2025),
    2,
    "yek",
    Sealed(b""),
    50,
    ("a#observed@till",),
)


def test_every_label_of_a_fact_is_bound_to_its_ciphertext() -> None:
    key = OpenKey("key", bytes(KEY))
    fact = structs.replace(FACT, sealed=seal(key.key, b"Zephyrine", fact_labels(ANA, FACT)))
    assert open_sealed(key, [Permit(ANA, fact, ())]) == [b"Zephyrine"]
    with pytest.raises(IntegrityError):
        open_sealed(key, [Permit(BO, fact, ())])
    # Whose it is the permit says.
    for name in (each for each in SealedFact.__struct_fields__ if each != "owner"):
        with pytest.raises(IntegrityError):
            open_sealed(key, [Permit(ANA, structs.replace(fact, **{name: getattr(OTHER_FACT, name)}), ())])


# --- the blind index ---


def test_a_blind_index_depends_on_kind_value_and_key(keyring: Keyring) -> None:
    other = open_keyring(ROOT, make_keys(ROOT))
    indexes = [
        keyring.blind_index("email", "ana@example.com"),
        keyring.blind_index("loyalty", "ana@example.com"),
        keyring.blind_index("email", "bo@example.com"),
        other.blind_index("email", "ana@example.com"),
        two_versions().blind_index("email", "ana@example.com"),
    ]
    assert len(set(indexes)) == len(indexes)
    assert {len(index) for index in indexes} == {32}
    assert keyring.blind_index("email", "ana@example.com") == indexes[0]


def test_a_blind_index_depends_on_the_rules_of_normalisation(keyring: Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    before = keyring.blind_index("email", "ana@example.com")
    monkeypatch.setattr("service.crypto.keyring.NORMALISATION", 2)
    assert keyring.blind_index("email", "ana@example.com") != before


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        (IdentifierKind.EMAIL, ["ana@example.com", " Ana@Example.COM ", "\uff41na@example.com"]),
        (IdentifierKind.PHONE, ["+44 7946 500001", "+44-7946-500-001", "+44 (0)7946 500001"]),
        (IdentifierKind.LOYALTY, ["hbt 1234", "HBT-1234", "\uff28BT1234"]),
    ],
)
def test_however_an_identifier_is_written_its_index_is_one(
    keyring: Keyring, kind: IdentifierKind, written: list[str]
) -> None:
    assert len({keyring.index_of(identifier(kind, each)) for each in written}) == 1


def test_how_her_receipts_name_her_depends_on_her_and_the_first_key_and_nothing_else(keyring: Keyring) -> None:
    other = open_keyring(ROOT, make_keys(ROOT))
    names = [keyring.holder(ANA), keyring.holder(BO), other.holder(ANA)]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"byh_[a-z2-7]{26}", name) for name in names)
    first = Keyring({role: {1: bytes(KEY)} for role in ROLES})
    assert first.holder(ANA) == two_versions().holder(ANA)
    assert ANA.hex not in first.holder(ANA)


def test_an_index_is_not_a_mac_and_a_mac_is_not_an_index() -> None:
    """Even with one and the same key for both."""
    same = Keyring({role: {1: bytes(KEY)} for role in ROLES})
    index = same.index_of(Identifier(IdentifierKind.EMAIL, "ana@example.com"))
    assert not same.authentic(Mac(1, index), ["index", 1, 1, "email", "ana@example.com"])

"""Signatures: what the standards and another implementation say, and that there is one way to write each of them."""

import json
import string
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import KeySet, OKPKey

from service.crypto.signing import (
    ALGORITHM,
    KIND,
    PublicKey,
    Signed,
    public_key,
    public_keys_in,
    read,
    sign,
    verified,
    written,
)
from service.errors import KeyFileError
from service.model.receipt import Flaw
from tests.crypto.test_wycheproof import VECTORS, data

SEED = bytes(range(32))
KEY = public_key(SEED)
KEYS = {KEY.id: KEY}
PAYLOAD = b'{"@type":["dpv:ConsentReceipt"]}'
GOOD = sign(SEED, PAYLOAD)
HEAD, BODY, TAIL = GOOD.split(".")
ALPHABET = string.ascii_letters + string.digits + "-_"

# RFC 8037, appendix A.
RFC_SEED = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
RFC_PUBLIC = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
RFC_THUMBPRINT = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
RFC_SIGNED = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
RFC_SIGNATURE = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"


def bytes_of(text: str) -> bytes:
    found = read(text)
    assert found is not None
    return found


NESTED = b'{"alg":"EdDSA","crit":' + b"[" * 5000 + b"]" * 5000 + b',"kid":"x","typ":"y"}'


def header(**changes: Any) -> str:
    """Return a header with changes; None leaves a field out."""
    fields = {"alg": ALGORITHM, "kid": KEY.id, "typ": KIND} | changes
    kept = {name: value for name, value in fields.items() if value is not None}
    return written(msgspec.json.encode(kept, order="sorted"))


def signed_with(head: str, payload: str = BODY, seed: bytes = SEED) -> str:
    """Sign any header, as whoever has the key could."""
    return f"{head}.{payload}.{written(raw_signature(seed, f'{head}.{payload}'.encode()))}"


def raw_signature(seed: bytes, message: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).sign(message)


# --- what the standards say ----------------------------------------------------------------------------------


def test_the_example_of_rfc_8037_comes_out() -> None:
    seed = bytes_of(RFC_SEED)
    assert public_key(seed).written == RFC_PUBLIC
    assert public_key(seed).id == RFC_THUMBPRINT
    assert written(raw_signature(seed, RFC_SIGNED.encode())) == RFC_SIGNATURE


def wycheproof() -> list[Any]:
    groups = json.loads((VECTORS / "ed25519_test.json").read_text(encoding="utf-8"))["testGroups"]
    return [pytest.param(g["publicKey"]["pk"], t, id=str(t["tcId"])) for g in groups for t in g["tests"]]


CASES = wycheproof()


def test_there_are_valid_and_invalid_vectors() -> None:
    results = [case.values[1]["result"] for case in CASES]
    assert (results.count("valid"), results.count("invalid")) == (88, 63)


@pytest.mark.parametrize(("public", "test"), CASES)
def test_a_signature_is_good_exactly_when_wycheproof_says_so(public: str, test: dict[str, Any]) -> None:
    """Wycheproof signs any bytes, a JWS only its own text: so the primitive is asked as ``verified`` asks it."""
    message, signature = data(test, "msg", "sig")
    assert primitive(PublicKey(bytes.fromhex(public)), message, signature) is (test["result"] == "valid")


def primitive(key: PublicKey, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key.x).verify(signature, message)
    except InvalidSignature:
        return False
    return True


# --- what another implementation says ------------------------------------------------------------------------


def other_key(key: PublicKey) -> OKPKey:
    return OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": key.written})


# RFC 9864 names the algorithm Ed25519 instead; EdDSA is what RFC 8037 calls it and others know.
of_rfc_8037 = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")


@of_rfc_8037
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200))
def test_joserfc_verifies_what_we_sign_and_names_the_key_alike(seed: bytes, payload: bytes) -> None:
    key = public_key(seed)
    assert other_key(key).thumbprint() == key.id
    found = jws.deserialize_compact(sign(seed, payload), other_key(key), algorithms=[ALGORITHM])
    assert found.payload == payload
    assert found.headers() == {"alg": ALGORITHM, "kid": key.id, "typ": KIND}


@of_rfc_8037
@given(st.binary(max_size=200))
def test_we_verify_what_joserfc_signs_in_our_form(payload: bytes) -> None:
    key = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": KEY.written, "d": written(SEED)})
    fields = {"alg": ALGORITHM, "kid": KEY.id, "typ": KIND}
    theirs = jws.serialize_compact(fields, payload, key, algorithms=[ALGORITHM])
    assert theirs == sign(SEED, payload)
    assert verified(theirs, KEYS) == Signed(KEY.id, payload)


# --- one form, and no other ----------------------------------------------------------------------------------


@given(st.binary(max_size=300))
def test_what_was_signed_comes_back_and_signing_again_gives_the_same_bytes(payload: bytes) -> None:
    assert sign(SEED, payload) == sign(SEED, payload)
    assert verified(sign(SEED, payload), KEYS) == Signed(KEY.id, payload)


@given(st.integers(0, len(GOOD) - 1), st.characters())
def test_any_character_changed_is_refused(place: int, other: str) -> None:
    changed = GOOD[:place] + other + GOOD[place + 1 :]
    assert isinstance(verified(changed, KEYS), Flaw) == (changed != GOOD)


def test_every_single_character_changed_to_every_other_of_its_alphabet_is_refused() -> None:
    for place in range(len(GOOD)):
        for other in {*ALPHABET, "."} - {GOOD[place]}:
            assert isinstance(verified(GOOD[:place] + other + GOOD[place + 1 :], KEYS), Flaw), (place, other)


@given(st.text(max_size=300) | st.lists(st.binary(max_size=80).map(written), max_size=4).map(".".join))
def test_whatever_is_presented_is_judged_and_never_a_fault(presented: str) -> None:
    assert isinstance(verified(presented, KEYS), Flaw)


@pytest.mark.parametrize(
    ("presented", "flaw"),
    [
        ("", Flaw.MALFORMED),
        (f"{HEAD}.{BODY}", Flaw.MALFORMED),
        (f"{GOOD}.", Flaw.MALFORMED),
        (f"{GOOD}.{TAIL}", Flaw.MALFORMED),
        (f"{GOOD}\n", Flaw.MALFORMED),
        (f" {GOOD}", Flaw.MALFORMED),
        (f"{GOOD}==", Flaw.MALFORMED),
        (GOOD.replace("-", "+").replace("_", "/"), Flaw.MALFORMED),
        # 64 bytes leave four bits over in the last character: only zeros are canonical.
        (GOOD[:-1] + ALPHABET[ALPHABET.index(GOOD[-1]) + 1], Flaw.MALFORMED),
        (f"{HEAD}.{BODY}.", Flaw.BAD_SIGNATURE),
        (f"{HEAD}.{BODY}.{written(bytes(64))}", Flaw.BAD_SIGNATURE),
        (f"{HEAD}.{BODY}.{written(bytes_of(TAIL) + b'.')}", Flaw.BAD_SIGNATURE),
        (f"{HEAD}.{written(PAYLOAD + b' ')}.{TAIL}", Flaw.BAD_SIGNATURE),
        (signed_with(header(alg="none")), Flaw.UNSUPPORTED_ALGORITHM),
        (signed_with(header(alg="HS256")), Flaw.UNSUPPORTED_ALGORITHM),
        (signed_with(header(alg="ES256")), Flaw.UNSUPPORTED_ALGORITHM),
        (signed_with(header(alg="eddsa")), Flaw.UNSUPPORTED_ALGORITHM),
        (signed_with(header(alg=None)), Flaw.MALFORMED),
        (signed_with(written(NESTED)), Flaw.MALFORMED),
        (signed_with(header(crit=["exp"])), Flaw.CRITICAL_HEADER),
        (signed_with(header(crit=[])), Flaw.CRITICAL_HEADER),
        (signed_with(header(kid="other")), Flaw.UNKNOWN_KEY),
        (signed_with(header(kid=public_key(bytes(32)).id), seed=bytes(32)), Flaw.UNKNOWN_KEY),
        (signed_with(header(kid=None)), Flaw.MALFORMED),
        (signed_with(header(typ="JWT")), Flaw.NOT_A_RECEIPT),
        (signed_with(header(typ=None)), Flaw.MALFORMED),
        (signed_with(header(jwk={"kty": "OKP", "crv": "Ed25519", "x": KEY.written})), Flaw.MALFORMED),
        (signed_with(header(b64=False)), Flaw.MALFORMED),
        (signed_with(written(bytes_of(HEAD) + b" ")), Flaw.MALFORMED),
        (signed_with(written(b'{"alg":"none",' + bytes_of(HEAD)[1:])), Flaw.MALFORMED),
        (signed_with(written(b"[]")), Flaw.MALFORMED),
        (signed_with(written(b"\xff")), Flaw.MALFORMED),
    ],
)
def test_every_other_form_is_refused_though_it_may_be_signed(presented: str, flaw: Flaw) -> None:
    assert verified(presented, KEYS) is flaw


def test_a_signature_of_another_key_under_the_name_of_ours_is_refused() -> None:
    assert verified(signed_with(HEAD, seed=bytes(32)), KEYS) is Flaw.BAD_SIGNATURE


def test_the_order_of_the_group_added_to_a_signature_is_another_signature_and_refused() -> None:
    """S + L would verify without the check that RFC 8032, 5.1.7, asks for."""
    order = 2**252 + 27742317777372353535851937790883648493
    signature = bytes_of(TAIL)
    other = signature[:32] + (int.from_bytes(signature[32:], "little") + order).to_bytes(32, "little")
    assert verified(f"{HEAD}.{BODY}.{written(other)}", KEYS) is Flaw.BAD_SIGNATURE


@given(st.binary(max_size=100))
def test_base64_has_one_way_to_write_each_bytes(raw: bytes) -> None:
    assert read(written(raw)) == raw


# --- files with keys -----------------------------------------------------------------------------------------


def as_set(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": keys}).encode()


OURS = {"kty": "OKP", "crv": "Ed25519", "x": KEY.written, "kid": "whatever it says"}


@pytest.mark.parametrize(
    "file",
    [
        KEY.pem.encode(),
        b"\xef\xbb\xbf# our key\r\n" + KEY.pem.replace("\n", "\r\n").encode(),
        as_set(OURS),
        as_set({"kty": "RSA", "n": "AQAB", "e": "AQAB"}, OURS, {"kty": "OKP", "crv": "X25519", "x": KEY.written}),
    ],
)
def test_a_key_is_found_and_named_by_its_thumbprint_whatever_the_file_calls_it(file: bytes) -> None:
    assert public_keys_in(file) == KEYS


def test_a_file_may_hold_several_keys() -> None:
    other = public_key(bytes(32))
    assert public_keys_in((KEY.pem + other.pem).encode()) == {KEY.id: KEY, other.id: other}
    written_by_others = msgspec.json.encode(KeySet([other_key(KEY), other_key(other)]).as_dict())
    assert public_keys_in(written_by_others) == {KEY.id: KEY, other.id: other}


BROKEN_PEM = b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        as_set(),
        as_set({**OURS, "x": KEY.written + "A"}),
        as_set({**OURS, "x": "AA"}),
        as_set({"kty": "OKP"}),
        BROKEN_PEM,
        Path(__file__).read_bytes()[:500],
    ],
)
def test_a_file_without_a_key_is_refused(file: bytes) -> None:
    with pytest.raises(KeyFileError):
        public_keys_in(file)

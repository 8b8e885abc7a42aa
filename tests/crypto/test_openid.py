"""ID tokens: the one that is for us, fresh and signed by whom it should be, and none of the others."""

import json
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from service.crypto.keyring import Keyring
from service.crypto.openid import (
    Expected,
    Handshake,
    UnknownKeyError,
    claims_of,
    new_handshake,
    read_handshake,
    write_handshake,
)
from service.errors import ProviderRefusedError
from service.model.signin import Aim
from tests.crypto.test_hidden import AT

NOW = 1_800_000_000
KEY, OTHER = RSAKey.generate_key(2048, {"kid": "one"}), RSAKey.generate_key(2048, {"kid": "one"})
CURVE = ECKey.generate_key("P-256", {"kid": "two"})
KEYS: dict[str, Any] = {"keys": [KEY.as_dict(private=False), CURVE.as_dict(private=False)]}
EXPECTED = Expected("https://id.example", "portal", "the nonce", NOW)
CLAIMS = {
    "iss": "https://id.example",
    "aud": "portal",
    "sub": "248289761001",
    "nonce": "the nonce",
    "iat": NOW - 1,
    "exp": NOW + 300,
    "email": "abbie@example.com",
}
KEYRING = Keyring({"mac": {1: bytes(32)}})


def token(claims: dict[str, Any], key: Any = KEY, **header: str) -> str:
    return jwt.encode({"alg": "RS256", "kid": "one"} | header, claims, key, algorithms=["RS256", "ES256", "HS256"])


def test_a_token_for_us_is_taken() -> None:
    assert claims_of(token(CLAIMS), KEYS, EXPECTED)["email"] == "abbie@example.com"
    signed = token(CLAIMS | {"aud": ["portal", "other"], "azp": "portal"}, CURVE, alg="ES256", kid="two")
    assert claims_of(signed, KEYS, EXPECTED)["sub"] == "248289761001"


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://other.example"},
        {"iss": None},
        {"aud": "other"},
        {"aud": ["portal", "other"]},
        {"aud": ["portal", "other"], "azp": "other"},
        {"azp": "other"},
        {"aud": None},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": NOW - 61},
        {"exp": None},
        {"exp": "soon"},
        {"iat": NOW + 61},
        {"iat": None},
        {"sub": None},
        {"sub": 7},
    ],
)
def test_a_token_that_is_not_for_us_or_not_fresh_is_refused(change: dict[str, Any]) -> None:
    claims = {name: value for name, value in (CLAIMS | change).items() if value is not None}
    with pytest.raises(ProviderRefusedError):
        claims_of(token(claims), KEYS, EXPECTED)


def test_a_token_that_somebody_else_signed_is_refused() -> None:
    public = json.dumps(KEYS["keys"][0]).encode()
    unsigned = token(CLAIMS).rpartition(".")[0] + "."
    head = "eyJhbGciOiJub25lIn0"
    for forged in (
        token(CLAIMS, OTHER),
        token(CLAIMS, OctKey.import_key(public), alg="HS256"),
        unsigned,
        head + unsigned[unsigned.index(".") :],
    ):
        with pytest.raises(ProviderRefusedError):
            claims_of(forged, KEYS, EXPECTED)


def test_a_key_that_is_not_published_yet_is_told_apart() -> None:
    with pytest.raises(UnknownKeyError):
        claims_of(token(CLAIMS, kid="three"), KEYS, EXPECTED)


def test_a_key_of_a_kind_that_nobody_knows_here_does_not_keep_the_others_from_use() -> None:
    strange = [
        {"kty": "OKP", "crv": "Ed999", "kid": "x", "x": "AA"},
        {"kty": "EC", "crv": "P-999", "kid": "y", "x": "AA", "y": "AA"},
        {"kty": "new", "kid": "z"},
        {"kid": "nothing"},
    ]
    among = {"keys": [*strange, *KEYS["keys"]]}
    assert claims_of(token(CLAIMS), among, EXPECTED)["sub"] == "248289761001"
    with pytest.raises(ProviderRefusedError):
        claims_of(token(CLAIMS, kid="x"), among, EXPECTED)


@pytest.mark.parametrize("text", ["", "...", "a.b.c", "e30.e30.e30", "[" * 9000, "eyJ" * 20_000, "\ud800.x.y"])
def test_nonsense_is_refused_as_such(text: str) -> None:
    with pytest.raises(ProviderRefusedError):
        claims_of(text, KEYS, EXPECTED)


@pytest.mark.parametrize("auth_time", [NOW - 361, None, "now", float("inf")])
def test_who_was_not_asked_afresh_has_not_proved_it(auth_time: Any) -> None:
    claims = CLAIMS | ({} if auth_time is None else {"auth_time": auth_time})
    with pytest.raises(ProviderRefusedError):
        claims_of(token(claims), KEYS, Expected("https://id.example", "portal", "the nonce", NOW, NOW - 300))
    fresh = token(CLAIMS | {"auth_time": NOW - 5})
    assert claims_of(fresh, KEYS, Expected("https://id.example", "portal", "the nonce", NOW, NOW - 300))


def test_a_browser_keeps_what_we_wrote_and_cannot_change_it() -> None:
    made = new_handshake(Aim.STEP_UP, AT, bytes(32), "/me")
    cookie = write_handshake(KEYRING, made)
    assert read_handshake(KEYRING, cookie) == made
    changed = cookie[:10] + ("B" if cookie[10] == "A" else "A") + cookie[11:]
    for forged in ("", "x", cookie[1:], cookie[:-1], changed, "é"):
        with pytest.raises(ProviderRefusedError):
            read_handshake(KEYRING, forged)


def test_what_goes_to_the_provider_says_nothing_of_what_stays_here() -> None:
    made = Handshake(b"x" * 32, Aim.SIGN_IN, AT)
    words = {made.state, made.nonce, made.verifier, made.challenge}
    assert len(words) == 4
    assert all(len(each) == 43 for each in words)

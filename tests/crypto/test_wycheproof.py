"""Wycheproof's vectors through the primitives that ``service.crypto`` calls, the invalid ones included."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from service.crypto.envelope import KEY, NONCE

VECTORS = Path(__file__).parents[1] / "vectors/wycheproof"
BITS = 8
LONGEST = 255
"""How many hashes long an output of HKDF may be (RFC 5869, section 2.3)."""


def vectors(file: str, **wanted: int) -> list[Any]:
    """Return the tests of the groups that have these sizes."""
    groups = json.loads((VECTORS / file).read_text(encoding="utf-8"))["testGroups"]
    found = [test for group in groups if wanted.items() <= group.items() for test in group["tests"]]
    return [pytest.param(test, id=str(test["tcId"])) for test in found]


def data(test: dict[str, Any], *names: str) -> list[bytes]:
    return [bytes.fromhex(test[name]) for name in names]


AES_GCM = vectors("aes_gcm_test.json", keySize=KEY * BITS, ivSize=NONCE * BITS, tagSize=128)
HMAC = vectors("hmac_sha256_test.json", tagSize=256)
HKDFS = vectors("hkdf_sha256_test.json")


def test_there_are_valid_and_invalid_vectors_of_each_kind() -> None:
    for kind, valid, invalid in ((AES_GCM, 39, 27), (HMAC, 33, 54), (HKDFS, 83, 3)):
        results = [each.values[0]["result"] for each in kind]
        assert (results.count("valid"), results.count("invalid")) == (valid, invalid)


@pytest.mark.parametrize("test", AES_GCM)
def test_aes_gcm_opens_exactly_what_is_valid(test: dict[str, Any]) -> None:
    key, nonce, label, message, ciphertext, tag = data(test, "key", "iv", "aad", "msg", "ct", "tag")
    if test["result"] == "valid":
        assert AESGCM(key).encrypt(nonce, message, label) == ciphertext + tag
        assert AESGCM(key).decrypt(nonce, ciphertext + tag, label) == message
    else:
        with pytest.raises(InvalidTag):
            AESGCM(key).decrypt(nonce, ciphertext + tag, label)


@pytest.mark.parametrize("test", HMAC)
def test_hmac_agrees_with_exactly_what_is_valid(test: dict[str, Any]) -> None:
    key, message, tag = data(test, "key", "msg", "tag")
    assert hmac.compare_digest(hmac.digest(key, message, hashlib.sha256), tag) == (test["result"] == "valid")


@pytest.mark.parametrize("test", HKDFS)
def test_hkdf_gives_what_the_standard_says_and_never_too_much(test: dict[str, Any]) -> None:
    material, salt, info, output = data(test, "ikm", "salt", "info", "okm")
    if test["result"] == "valid":
        assert plain_hkdf("sha256", material, salt, info, test["size"]) == output
        assert HKDF(SHA256(), test["size"], salt, info).derive(material) == output
    else:
        with pytest.raises(ValueError, match="Cannot derive"):
            HKDF(SHA256(), test["size"], salt, info)


@pytest.mark.parametrize("test", [each for each in HKDFS if each.values[0]["result"] == "valid"])
def test_hkdf_with_sha_512_agrees_with_one_that_the_vectors_prove(test: dict[str, Any]) -> None:
    """There are no vectors for the hash that we use, so the same inputs go through both."""
    material, salt, info = data(test, "ikm", "salt", "info")
    ours = HKDF(SHA512(), test["size"], salt, info).derive(material)
    assert ours == plain_hkdf("sha512", material, salt, info, test["size"])


def plain_hkdf(name: str, material: bytes, salt: bytes, info: bytes, size: int) -> bytes:
    """Return what RFC 5869, sections 2.2 and 2.3, says, word for word."""
    secret = hmac.digest(salt or bytes(hashlib.new(name).digest_size), material, name)
    output = block = b""
    for count in range(1, LONGEST + 1):
        block = hmac.digest(secret, block + info + bytes([count]), name)
        output += block
    return output[:size]

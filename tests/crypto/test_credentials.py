"""API keys and customer tokens: told from anything else at a glance, and kept as digests only."""

import hashlib
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.crypto.credentials import Credential, credential_parts, new_api_key, new_customer_token, read_credential
from service.crypto.framing import framed
from service.model.words import ServiceId


@pytest.mark.parametrize("make", [new_api_key, new_customer_token])
def test_what_was_made_can_be_read(make: Callable[[], Credential]) -> None:
    made = make()
    assert read_credential(made.text) == made
    assert made.matches(hashlib.sha256(made.text.encode()).digest())


def test_no_two_are_alike_and_each_has_256_random_bits() -> None:
    made = [make().text for make in (new_api_key, new_customer_token) for _ in range(500)]
    secrets = {text.split("_")[-2] for text in made}
    assert len(secrets) == len(made)
    assert {len(secret) for secret in secrets} == {52}  # base32 of 32 bytes


def test_the_form_says_what_it_is() -> None:
    assert new_api_key().text.startswith("byl_")
    assert new_customer_token().text.startswith("byt_")
    assert new_customer_token().id == ""


@pytest.mark.parametrize("make", [new_api_key, new_customer_token])
def test_a_slip_of_the_pen_is_noticed_without_a_look_up(make: Callable[[], Credential]) -> None:
    text = make().text
    for place, letter in enumerate(text):
        other = "b" if letter == "a" else "a"
        assert read_credential(text[:place] + other + text[place + 1 :]) is None
        assert read_credential(text[:place] + text[place + 1 :]) is None
    assert read_credential(text + "0") is None
    assert read_credential(text + "\n") is None
    assert read_credential(text.upper()) is None
    assert read_credential(f" {text}") is None


@given(st.text())
def test_anything_else_is_no_credential(text: str) -> None:
    assert read_credential(text) is None


@given(st.sampled_from(["byl", "byt", "byx"]), st.text("abc234_", max_size=90))
def test_a_right_checksum_does_not_make_a_credential(prefix: str, rest: str) -> None:
    text = f"{prefix}_{rest}"
    assert read_credential(f"{text}_{zlib.crc32(text.encode()):08x}") is None


def test_a_digest_matches_whole_or_not_at_all() -> None:
    made = new_api_key()
    for other in (b"", made.digest[:-1], made.digest + b"\x00", bytes(32), made.text.encode(), new_api_key().digest):
        assert not made.matches(other)


def test_its_mac_binds_service_id_and_digest() -> None:
    shop = framed(credential_parts(ServiceId("shop"), "key", bytes(32)))
    others = [
        credential_parts(ServiceId("shopkey"), "", bytes(32)),
        credential_parts(ServiceId("shop"), "yek", bytes(32)),
        credential_parts(ServiceId("shop"), "key", bytes(31) + b"\x01"),
    ]
    assert shop not in map(framed, others)

"""What was made by a released version opens for ever.

``tests/vectors/golden-1.json`` is never changed; a new form gets a file of its own.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from service.crypto.envelope import unseal, unwrap
from service.crypto.framing import Part, framed
from service.crypto.keyring import (
    Keyring,
    Mac,
    OpenKey,
    RootKey,
    WrappedKey,
    fact_labels,
    open_keyring,
    open_sealed,
    restriction_parts,
    standing_parts,
)
from service.model.decision import Permit
from service.model.facts import CustomerKey, Restrictions, Sealed, SealedFact, Standing
from service.model.identifiers import NORMALISATION, Identifier
from service.model.words import AgeBand, AttributeId, Channel, CustomerId, IdentifierKind, Provenance, PurposeId, Status

GOLDEN: dict[str, Any] = msgspec.json.decode((Path(__file__).parents[1] / "vectors" / "golden-1.json").read_bytes())
ANA = CustomerId(UUID("00000000-0000-4000-8000-0000000000a1"))
AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
ROOT = RootKey("golden", bytes(range(32)))


def of(name: str) -> bytes:
    return bytes.fromhex(GOLDEN[name])


@pytest.fixture(scope="module")
def keyring() -> Keyring:
    rows = [
        WrappedKey(role, 1, ROOT.id, Sealed(of(f"wrapped_{role}")), of(f"proof_{role}"))
        for role in ("epoch", "index", "mac")
    ]
    return open_keyring(ROOT, rows)


def fact() -> SealedFact:
    return SealedFact(
        AttributeId("first_name"), Provenance.VOLUNTEERED, "shop", AT, 7, "golden-key", Sealed(of("sealed_fact"))
    )


def test_the_light_envelope_of_today_opens() -> None:
    labels: list[Part] = ["golden", ANA, b"\x00", 7, True, AT, None]
    assert unseal(bytes(range(32)), Sealed(of("light")), labels) == "Abbie Ås".encode()


def test_the_committing_envelope_of_today_opens() -> None:
    assert unwrap(ROOT.key, ROOT.id, Sealed(of("committing")), ["golden", 1]) == bytes(range(100, 132))


def test_the_keys_of_today_open_under_their_root_key(keyring: Keyring) -> None:
    assert [keyring.key(role, 1) for role in ("epoch", "index", "mac")] == [
        bytes([number]) * 32 for number in (1, 2, 3)
    ]


def test_a_fact_of_today_opens_under_its_customers_key(keyring: Keyring) -> None:
    wrapped = CustomerKey("golden-key", 1, Sealed(of("customer_key")))
    key = keyring.open_customer_key(ANA, wrapped)
    assert key == OpenKey("golden-key", bytes([4]) * 32)
    assert open_sealed(key, [Permit(ANA, fact(), ())]) == [b'"Abbie"']


def test_an_identifier_of_today_opens_and_is_found(keyring: Keyring) -> None:
    index = keyring.index_of(Identifier(IdentifierKind.EMAIL, "abbie@example.com"))
    assert index == of("blind_index")
    labels: list[Part] = ["identifier", ANA, IdentifierKind.EMAIL, index, NORMALISATION, "golden-key"]
    assert unseal(bytes([4]) * 32, Sealed(of("sealed_identifier")), labels) == b"abbie@example.com"


def test_the_macs_of_today_are_known(keyring: Keyring) -> None:
    yes = Standing(PurposeId("p.q"), Channel.WEB, Status.GIVEN, 2, explicit=True, decided_at=AT, expires_at=None)
    limits = Restrictions(AgeBand.ADULT, may_process=True, more_than_told=True)
    assert keyring.authentic(Mac(1, of("mac_standing")), standing_parts(ANA, yes))
    assert keyring.authentic(Mac(1, of("mac_restrictions")), restriction_parts(ANA, limits))


def test_the_labels_of_a_fact_are_framed_as_today() -> None:
    assert framed(fact_labels(ANA, fact())) == of("framed_fact_labels")

"""Identifiers: one normal form, and whom they find."""

from uuid import UUID

import pytest

from service.errors import WrongKindError
from service.model.identifiers import Identifier, identifier, masked, recognised
from service.model.words import CustomerId, IdentifierKind

EMAIL, PHONE, CARD = IdentifierKind.EMAIL, IdentifierKind.PHONE, IdentifierKind.LOYALTY
ANA, BO = CustomerId(UUID(int=1)), CustomerId(UUID(int=2))


@pytest.mark.parametrize(
    ("kind", "written", "normal"),
    [
        (EMAIL, " Ana@EXAMPLE.co.uk ", "ana@example.co.uk"),
        (EMAIL, "ana@B\u00fccher.example.org", "ana@b\u00fccher.example.org"),
        (EMAIL, "\uff41na@example.com", "ana@example.com"),
        (PHONE, "+44 7700 900123", "+447700900123"),
        (PHONE, "+44 (0)7700 900-123", "+447700900123"),
        (CARD, " ab-12 34 ", "AB1234"),
    ],
)
def test_however_it_is_written_it_is_the_same_identifier(kind: IdentifierKind, written: str, normal: str) -> None:
    assert identifier(kind, written).value == normal


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        (EMAIL, "ana"),
        (EMAIL, "ana@"),
        (EMAIL, "ana@example.com, bo@example.com"),
        (EMAIL, "a" * 255 + "@example.com"),
        (PHONE, "07700 900123"),
        (PHONE, "+44 9"),
        (PHONE, "call me"),
        (CARD, "12"),
        (CARD, "\u0661\u0662\u0663\u0664x!"),
        (CARD, "1234\x00"),
    ],
)
def test_what_is_no_identifier_is_refused_and_not_quoted(kind: IdentifierKind, written: str) -> None:
    with pytest.raises(WrongKindError) as caught:
        identifier(kind, written)
    assert written not in str(caught.value)


def test_a_phone_number_without_country_code_needs_a_region() -> None:
    assert identifier(PHONE, "07700 900123", region="GB").value == "+447700900123"


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        (EMAIL, "ana@example.com", "a…@example.com"),
        (EMAIL, "a@example.com", "a…@example.com"),
        (EMAIL, "ana@bücher.example", "a…@bücher.example"),
        (PHONE, "+447700900123", "…0123"),
        (CARD, "AB1234", "…234"),
        (CARD, "1234", "…34"),
        (IdentifierKind.DEVICE, "0123456789abcdef", "…cdef"),
    ],
)
def test_masked_it_is_known_by_whoever_knows_it(kind: IdentifierKind, value: str, shown: str) -> None:
    assert masked(Identifier(kind, value)) == shown


@pytest.mark.parametrize(
    ("claimed", "owned", "who"),
    [
        ({(EMAIL, b"a"): {ANA}}, set(), ANA),
        ({(EMAIL, b"a"): set()}, set(), None),
        ({(EMAIL, b"a"): {ANA}, (CARD, b"c"): set()}, set(), ANA),
        ({(EMAIL, b"a"): {ANA}, (CARD, b"c"): {ANA, BO}}, set(), ANA),
        ({(EMAIL, b"a"): {ANA}, (CARD, b"c"): {BO}}, set(), None),
        ({(CARD, b"c"): {ANA}}, {(ANA, EMAIL, b"a")}, ANA),
        ({(CARD, b"c"): {ANA, BO}}, set(), None),
        # Her card with an address she never gave: she, if she gave none, else somebody of her household.
        ({(EMAIL, b"x"): set(), (CARD, b"c"): {ANA}}, set(), ANA),
        ({(EMAIL, b"x"): set(), (CARD, b"c"): {ANA}}, {(ANA, EMAIL, b"a")}, None),
        ({(CARD, b"c"): {ANA}, (EMAIL, b"x"): set()}, {(ANA, EMAIL, b"a")}, None),
        ({(PHONE, b"x"): set(), (CARD, b"c"): {ANA}}, {(ANA, PHONE, b"p")}, None),
        ({(PHONE, b"x"): set(), (EMAIL, b"a"): {ANA}}, {(ANA, PHONE, b"p"), (ANA, EMAIL, b"a")}, ANA),
        ({(EMAIL, b"x"): set(), (PHONE, b"p"): {ANA}, (CARD, b"c"): {ANA}}, {(ANA, EMAIL, b"a")}, None),
        ({(EMAIL, b"a"): {ANA}, (PHONE, b"p"): {ANA}, (CARD, b"c"): {ANA}}, {(ANA, EMAIL, b"a")}, ANA),
    ],
)
def test_somebody_is_recognised_only_when_it_is_surely_she(
    claimed: dict[tuple[IdentifierKind, bytes], set[CustomerId]],
    owned: set[tuple[CustomerId, IdentifierKind, bytes]],
    who: CustomerId | None,
) -> None:
    assert recognised(claimed, owned) == who

"""Identifiers in their one normal form, so that the same person is found by however she writes it.

The rules have a version that goes into the blind index: a change of rules is a new version, never a new result.
Sources: RFC 5321 and UTS 46 for e-mail (``email-validator``), E.164 for phone (``phonenumbers``).
"""

import re
import unicodedata
from collections.abc import Collection, Mapping

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from msgspec import Struct

from service.errors import WrongKindError
from service.model.words import CustomerId, IdentifierKind

NORMALISATION = 1
STRENGTH = {kind: rank for rank, kind in enumerate(IdentifierKind)}
"""How surely an identifier is one person's, the surest first: e-mail, phone, loyalty, device."""
LOYALTY = re.compile(r"^[A-Z0-9]{4,32}$")
DEVICE = re.compile(r"[A-Za-z0-9._:-]{16,128}")
MAX_LENGTH = 254
SHOWN = 4
"""Letters and digits at the end of what is masked, and never more than half of it."""


class Identifier(Struct, frozen=True):
    """A normalised identifier; its repr shows only the kind."""

    kind: IdentifierKind
    value: str

    def __repr__(self) -> str:
        return f"Identifier({self.kind})"


def identifier(kind: IdentifierKind, written: str, *, region: str | None = None) -> Identifier:
    """Return the identifier meant by what was written; raises WrongKindError, which never quotes it.

    ``region`` (ISO 3166, such as ``GB``) reads phone numbers without a country code.
    """
    if len(written) > MAX_LENGTH:
        raise WrongKindError("an identifier has at most 254 characters")
    match kind:
        case IdentifierKind.EMAIL:
            return Identifier(kind, _email(written))
        case IdentifierKind.PHONE:
            return Identifier(kind, _phone(written, region))
        case IdentifierKind.LOYALTY:
            return Identifier(kind, _loyalty(written))
        case IdentifierKind.DEVICE:
            return Identifier(kind, _device(written))


def _email(written: str) -> str:
    try:
        parsed = validate_email(unicodedata.normalize("NFKC", written.strip()), check_deliverability=False)
    except EmailNotValidError:
        raise WrongKindError("not an e-mail address") from None
    # The local part is case-sensitive by the letter of RFC 5321 and nowhere in practice.
    return parsed.normalized.lower()


def _phone(written: str, region: str | None) -> str:
    try:
        number = phonenumbers.parse(written, region)
    except phonenumbers.NumberParseException:
        raise WrongKindError("not a phone number; write it with its country code") from None
    if number.extension:
        raise WrongKindError("a number with an extension is a company's, not hers")
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise WrongKindError("not a phone number; write it with its country code")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _loyalty(written: str) -> str:
    compact = re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", written)).upper()
    if not LOYALTY.match(compact):
        raise WrongKindError("a loyalty number has 4 to 32 letters and digits")
    return compact


def _device(written: str) -> str:
    if not DEVICE.fullmatch(written):
        raise WrongKindError("a device id has 16 to 128 letters, digits, dots, colons, hyphens and underscores")
    return written


def masked(found_by: Identifier) -> str:
    """Return what she knows an identifier by and nobody else does: ``a…@example.com``, ``…4321``."""
    if found_by.kind is IdentifierKind.EMAIL:
        name, _, domain = found_by.value.rpartition("@")
        return f"{name[0]}…@{domain}"
    return f"…{found_by.value[-min(SHOWN, len(found_by.value) // 2) :]}"


def recognised(
    claimed: Mapping[tuple[IdentifierKind, bytes], Collection[CustomerId]],
    owned: Collection[tuple[CustomerId, IdentifierKind, bytes]],
) -> CustomerId | None:
    """Return whom a person's identifiers find, if it is one customer and surely she.

    ``claimed``: each identifier of the person, and the customers who claim it. ``owned``: what those customers have.
    A card or a phone may be a household's: it does not find a customer who has another e-mail address than the one
    that came with it. Two people are never merged silently; a wrong merge cannot be undone, a missing one can.
    """
    strongest_last = sorted(claimed.items(), key=lambda each: STRENGTH[each[0][0]], reverse=True)
    found = {next(iter(who)): kind for (kind, _), who in strongest_last if len(who) == 1}
    if len(found) != 1:
        return None
    customer, by = next(iter(found.items()))
    stronger = {kind for kind, _ in claimed if STRENGTH[kind] < STRENGTH[by]}
    has_others = any(whose == customer and kind in stronger for whose, kind, _ in owned)
    return None if has_others else customer

"""Passkeys (W3C WebAuthn Level 3), as far as they are mathematics: options for a device, and whether it answered well.

The device has to verify its owner (a finger, a face, a PIN) and to keep the key with the name of the account, so that
nobody has to be known before she signs in. Nothing is asked about the device itself.
"""

from msgspec import Struct
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import parse_authentication_credential_json
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from service.errors import PasskeyRefusedError
from service.model.signin import CEREMONY_LASTS

LONGEST = 16 * 1024
"""Characters of an answer; a device needs less than two thousand."""
TIMEOUT = CEREMONY_LASTS.seconds * 1000
REQUIRED = UserVerificationRequirement.REQUIRED


class Party(Struct, frozen=True):
    """Who asks the device: the domain that passkeys are bound to, the origin of the page, and a name to show."""

    id: str
    origin: str
    name: str


class NewPasskey(Struct, frozen=True):
    """What a device made."""

    id: bytes
    public_key: bytes
    uses: int

    def __repr__(self) -> str:
        return "NewPasskey()"


class Owner(Struct, frozen=True):
    """For whom a passkey is made: a handle that says nothing, and a name that the device shows."""

    handle: bytes
    name: str

    def __repr__(self) -> str:
        return "Owner()"


def options_to_make(party: Party, challenge: bytes, owner: Owner, there: list[bytes]) -> str:
    """Return, as JSON, what the page hands to ``navigator.credentials.create``; ``there``: passkeys she has."""
    options = generate_registration_options(
        rp_id=party.id,
        rp_name=party.name,
        user_id=owner.handle,
        user_name=owner.name,
        challenge=challenge,
        timeout=TIMEOUT,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=REQUIRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=each) for each in there],
    )
    return options_to_json(options)


def made(party: Party, challenge: bytes, answer: str) -> NewPasskey:
    """Return the passkey that a device made for this challenge; raises PasskeyRefusedError."""
    _refuse_long(answer)
    try:
        found = verify_registration_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
        )
    except Exception:  # noqa: BLE001  it raises errors of many kinds for what a browser may send
        raise PasskeyRefusedError from None
    return NewPasskey(found.credential_id, found.credential_public_key, found.sign_count)


def options_to_use(party: Party, challenge: bytes) -> str:
    """Return, as JSON, what the page hands to ``navigator.credentials.get``: any passkey of this place will do."""
    options = generate_authentication_options(
        rp_id=party.id, challenge=challenge, timeout=TIMEOUT, user_verification=REQUIRED
    )
    return options_to_json(options)


def presented(answer: str) -> tuple[bytes, bytes | None]:
    """Return which passkey a device says it used, and the handle of its owner; nothing of it is proven yet."""
    _refuse_long(answer)
    try:
        found = parse_authentication_credential_json(answer)
    except Exception:  # noqa: BLE001  as above
        raise PasskeyRefusedError from None
    return found.raw_id, found.response.user_handle


def used(party: Party, challenge: bytes, answer: str, public_key: bytes, uses: int) -> int:
    """Return the counter of the device that answered this challenge; raises PasskeyRefusedError, also for a copy."""
    try:
        return verify_authentication_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=public_key,
            credential_current_sign_count=uses,
            require_user_verification=True,
        ).new_sign_count
    except Exception:  # noqa: BLE001  as above
        raise PasskeyRefusedError from None


def _refuse_long(answer: str) -> None:
    if len(answer) > LONGEST:
        raise PasskeyRefusedError

"""The keys that are open in this process, and everything that is done with them.

``rootkey`` reads the root key, ``storage/keys`` the wrapped ones; here they meet. A key id selects exactly one key:
keys are never tried in a loop.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Literal
from uuid import UUID

import structlog
from msgspec import Struct, structs

from service.crypto.envelope import KEY, seal, unseal, unseal_all, unwrap, wrap
from service.crypto.framing import Framed, Part, framed, spelt
from service.crypto.random import random_bytes, random_word
from service.errors import KeysUnavailableError, WrongKeysError
from service.model.callers import CustomerCaller
from service.model.consent import Answer, Evidence
from service.model.decision import Permit
from service.model.facts import CustomerKey, Restrictions, Sealed, SealedFact, Standing
from service.model.identifiers import NORMALISATION, Identifier
from service.model.links import Link
from service.model.words import (
    AttributeId,
    Channel,
    CustomerId,
    IdentifierKind,
    PairwiseId,
    Provenance,
    PurposeId,
    ServiceId,
    Status,
)

log = structlog.get_logger()

Role = Literal["epoch", "index", "mac", "receipt", "ledger"]
NEEDED: tuple[Role, ...] = ("epoch", "index", "mac")
"""Without these nothing leaves."""
ROLES: tuple[Role, ...] = (*NEEDED, "receipt")
"""Without the receipt key, which is the private seed of an Ed25519 key, everything works and receipts follow later.

The ledger key, another such seed, is not among them: only the sequencer opens it, from a place of its own.
"""
HASHING: tuple[Role, ...] = ("index", "mac")
"""The keys of keyed hashes."""
HOLDER = 16
"""Bytes of the name that a customer has in her receipts."""
FIRST_RESTRICTIONS = (
    "age_band",
    "may_process",
    "may_market",
    "may_profile",
    "may_share",
    "observed_allowed",
    "acquired_allowed",
    "inferred_allowed",
    "demographic_allowed",
)
"""What a restrictions row said in the first release, and so what its MAC always covers, in this order."""


class RootKey(Struct, frozen=True):
    """The key above all others."""

    id: str
    key: bytes

    def __repr__(self) -> str:
        return f"RootKey({self.id!r})"


class WrappedKey(Struct, frozen=True):
    """A service-wide key as the database holds it. ``proof``: a MAC that shows it opened as itself."""

    role: Role
    version: int
    root: str
    wrapped: Sealed
    proof: bytes


class OpenKey(Struct, frozen=True):
    """A customer's key, open."""

    id: str
    key: bytes

    def __repr__(self) -> str:
        return f"OpenKey({self.id!r})"


class Mac(Struct, frozen=True):
    """A MAC and the version of the key that made it."""

    version: int
    digest: bytes


class Keyring:
    """Open keys by role and version; the highest version makes new things."""

    def __init__(self, keys: Mapping[Role, Mapping[int, bytes]]) -> None:
        self._keys = keys
        # To begin with the key takes longer than all the rest of a keyed hash.
        self._begun = {
            (role, version): hmac.new(key, digestmod="sha256")
            for role in HASHING
            for version, key in keys.get(role, {}).items()
        }
        self._again = lru_cache(maxsize=256)(self.authentic)

    def __repr__(self) -> str:
        return "Keyring()"

    def active(self, role: Role) -> int:
        """Return the version that makes new things."""
        return max(self._keys[role])

    def versions(self, role: Role) -> list[int]:
        """Return the versions that are open, oldest first."""
        return sorted(self._keys.get(role, {}))

    def key(self, role: Role, version: int) -> bytes:
        """Return exactly this key, or raise KeysUnavailableError."""
        try:
            return self._keys[role][version]
        except KeyError:
            raise KeysUnavailableError(f"there is no {role} key {version}") from None

    # --- a customer's own key ---

    def new_customer_key(self, customer: CustomerId) -> tuple[CustomerKey, OpenKey]:
        """Make a customer's key; return it wrapped for storing, and open for first use."""
        key_id, epoch, key = random_word(10), self.active("epoch"), random_bytes(KEY)
        wrapped = seal(self.key("epoch", epoch), key, _key_labels(customer, key_id, epoch))
        return CustomerKey(key_id, epoch, wrapped), OpenKey(key_id, key)

    def open_customer_key(self, customer: CustomerId, key: CustomerKey) -> OpenKey:
        """Return a customer's key, open."""
        labels = _key_labels(customer, key.id, key.epoch)
        return OpenKey(key.id, unseal(self.key("epoch", key.epoch), key.wrapped, labels))

    def new_evidence_key(self, customer: CustomerId) -> tuple[CustomerKey, OpenKey]:
        """Make the key that seals what proves her consents, and outlives her profile; return it wrapped and open."""
        key_id, epoch, key = random_word(10), self.active("epoch"), random_bytes(KEY)
        wrapped = seal(self.key("epoch", epoch), key, _evidence_key_labels(customer, key_id, epoch))
        return CustomerKey(key_id, epoch, wrapped), OpenKey(key_id, key)

    def open_evidence_key(self, customer: CustomerId, key: CustomerKey) -> OpenKey:
        """Return a customer's evidence key, open."""
        labels = _evidence_key_labels(customer, key.id, key.epoch)
        return OpenKey(key.id, unseal(self.key("epoch", key.epoch), key.wrapped, labels))

    # --- MACs and the blind index ---

    def mac(self, parts: list[Part]) -> Mac:
        """Authenticate parts with the active MAC key."""
        version = self.active("mac")
        return Mac(version, self._mac(version, parts))

    def _mac(self, version: int, parts: Sequence[Part]) -> bytes:
        return self._hash("mac", version, [version, *parts])

    def _hash(self, role: Role, version: int, parts: Sequence[Part]) -> bytes:
        """Return the HMAC-SHA-256 of parts under exactly this key, or raise KeysUnavailableError."""
        if (role, version) not in self._begun:
            raise KeysUnavailableError(f"there is no {role} key {version}")
        begun = self._begun[role, version].copy()
        begun.update(framed(parts))
        return begun.digest()

    def authentic(self, mac: Mac | None, parts: Sequence[Part]) -> bool:
        """Whether this MAC is ours for these parts. No MAC is not ours."""
        if mac is None or ("mac", mac.version) not in self._begun:
            return False
        return hmac.compare_digest(mac.digest, self._mac(mac.version, parts))

    def block(self, version: int, customer: CustomerId, scope: str, values: Sequence[str]) -> bytes:
        """Return by what a block knows what it keeps out of a customer: in these respects, these values."""
        return self._mac(version, ["block", customer, scope, len(values), *values])

    def authentic_again(self, mac: Mac, parts: tuple[Part, ...]) -> bool:
        """Whether a MAC is ours, remembered: for the few rows that every request rests on."""
        return self._again(mac, parts)

    def blind_index(self, kind: str, value: str) -> bytes:
        """Return the 32 bytes under which an identifier or a source id is found."""
        version = self.active("index")
        return self._hash("index", version, ["index", version, NORMALISATION, kind, value])

    def reference_of(self, customer: CustomerId, kind: IdentifierKind, digest: bytes) -> str:
        """Return the word by which a customer names one of her identifiers without writing it."""
        return f"idn_{spelt(self._hash('mac', self.active('mac'), ['reference', customer, kind, digest])[:16])}"

    def index_of(self, identifier: Identifier) -> bytes:
        """Return the blind index of a normalised identifier."""
        return self.blind_index(identifier.kind, identifier.value)

    def holder(self, customer: CustomerId) -> str:
        """Return how a customer's own receipts name her, always alike.

        Not by her id in the database, so that a receipt and a dump do not meet; and by a keyed hash, for whoever has
        the dump could hash every id in it. Under the first index key, so that a rotation does not rename her.
        """
        version = self.versions("index")[0]
        digest = self._hash("index", version, ["holder", customer])
        return f"byh_{base64.b32encode(digest[:HOLDER]).decode('ascii').rstrip('=').lower()}"

    def handle(self, customer: CustomerId) -> bytes:
        """Return by what a customer's devices know her, always alike: it says nothing to anybody else."""
        version = self.versions("index")[0]
        return self._hash("index", version, ["handle", customer])


def make_keys(root: RootKey, roles: tuple[Role, ...] = ROLES) -> list[WrappedKey]:
    """Make the first key of each role, wrapped under the root key."""
    return [make_key(root, role, 1) for role in roles]


def make_key(root: RootKey, role: Role, version: int) -> WrappedKey:
    """Make one version of a key, wrapped under the root key."""
    return _wrapped(root, role, version, random_bytes(KEY))


def open_keyring(root: RootKey, wrapped: list[WrappedKey]) -> Keyring:
    """Open every key; raises WrongKeysError when one does not open as itself without which nothing can leave."""
    keys: dict[Role, dict[int, bytes]] = {role: {} for role in ROLES}
    for each in wrapped:
        try:
            keys[each.role][each.version] = open_key(root, each)
        except WrongKeysError:
            if each.role in NEEDED:
                raise
            log.error("alarm: a key does not open, so receipts have to wait", role=each.role, version=each.version)  # noqa: TRY400  no traceback
    if missing := [role for role in NEEDED if not keys[role]]:
        raise KeysUnavailableError(f"the database has no {missing[0]} key; run: byleave keys init")
    return Keyring(keys)


def open_key(root: RootKey, wrapped: WrappedKey) -> bytes:
    """Open one key; raises WrongKeysError when it does not open as itself."""
    key = unwrap(root.key, root.id, wrapped.wrapped, [wrapped.role, wrapped.version])
    if not hmac.compare_digest(wrapped.proof, _proof(key, wrapped.role, wrapped.version)):
        raise WrongKeysError(f"the {wrapped.role} key {wrapped.version} failed its canary")
    return key


def _wrapped(root: RootKey, role: Role, version: int, key: bytes) -> WrappedKey:
    return WrappedKey(role, version, root.id, wrap(root.key, root.id, key, [role, version]), _proof(key, role, version))


def _proof(key: bytes, role: Role, version: int) -> bytes:
    return hmac.digest(key, framed(["byleave-canary-1", role, version]), hashlib.sha256)


def _key_labels(customer: CustomerId, key_id: str, epoch: int) -> list[Part]:
    return ["customer-key", customer, key_id, epoch]


def _evidence_key_labels(customer: CustomerId, key_id: str, epoch: int) -> list[Part]:
    return ["evidence-key", customer, key_id, epoch]


# --- facts and identifiers under a customer's key -----------------------------------------------------------


def fact_labels(customer: CustomerId, fact: SealedFact) -> list[Part]:
    """Return what a fact's ciphertext is bound to: moved, swapped or relabelled, it does not open."""
    return [
        "fact",
        customer,
        _kind(fact.attribute, fact.provenance, fact.source),
        fact.as_of,
        _ground(fact.confidence, fact.derived_from),
        fact.revision,
        fact.key,
    ]


@lru_cache(maxsize=4096)  # what the facts of many customers have in common
def _kind(attribute: AttributeId, provenance: Provenance, source: str) -> Framed:
    return Framed(framed([attribute, provenance, source]))


@lru_cache(maxsize=4096)
def _ground(confidence: int, derived_from: tuple[str, ...]) -> Framed:
    return Framed(framed([confidence, len(derived_from), *derived_from]))


def open_sealed(key: OpenKey, permits: Sequence[Permit]) -> list[bytes]:
    """Open the facts that permits are for, all of them one customer's. Only a release may call this."""
    return unseal_all(key.key, [(each.fact.sealed, fact_labels(each.customer, each.fact)) for each in permits])


def open_own(key: OpenKey, caller: CustomerCaller, fact: SealedFact) -> bytes:
    """Open a fact for the customer whom it is about."""
    return unseal(key.key, fact.sealed, fact_labels(caller.customer, fact))


def strike_out(key: OpenKey, customer: CustomerId, fact: SealedFact) -> SealedFact:
    """Seal a sealed fact once more, as one that was struck out: put back among the others, it does not open."""
    return structs.replace(fact, sealed=seal(key.key, fact.sealed.data, _struck_labels(customer, fact)))


def bring_back(key: OpenKey, customer: CustomerId, fact: SealedFact) -> SealedFact:
    """Return a fact that was struck out as it was before: still sealed."""
    return structs.replace(fact, sealed=Sealed(unseal(key.key, fact.sealed, _struck_labels(customer, fact))))


def _struck_labels(customer: CustomerId, fact: SealedFact) -> list[Part]:
    return ["struck", *fact_labels(customer, fact)]


def identifier_labels(customer: CustomerId, kind: IdentifierKind, digest: bytes, key: str) -> list[Part]:
    """Return what a sealed identifier is bound to."""
    return ["identifier", customer, kind, digest, NORMALISATION, key]


def open_own_identifier(
    key: OpenKey, caller: CustomerCaller, kind: IdentifierKind, digest: bytes, sealed: Sealed
) -> str:
    """Open an identifier for the customer whose it is."""
    return unseal(key.key, sealed, identifier_labels(caller.customer, kind, digest, key.id)).decode()


def seal_evidence(key: OpenKey, customer: CustomerId, answer: Answer, where: str) -> Evidence:
    """Seal where the proof of an answer lies, bound to its entry, purpose and channel."""
    return Evidence(key.id, seal(key.key, where.encode(), _evidence_labels(customer, answer, key.id)))


def open_evidence(key: OpenKey | None, customer: CustomerId, answer: Answer) -> str | None:
    """Return where the proof of an answer lies, None where none is kept; raises KeysUnavailableError."""
    if key is None or answer.evidence is None:
        return None
    if key.id != answer.evidence.key:
        raise KeysUnavailableError("the key of this evidence is gone")
    return unseal(key.key, answer.evidence.sealed, _evidence_labels(customer, answer, key.id)).decode()


def _evidence_labels(customer: CustomerId, answer: Answer, key_id: str) -> list[Part]:
    return ["evidence", customer, answer.entry, answer.purpose, answer.channel, key_id]


def seal_passkey_label(key: OpenKey, customer: CustomerId, name: str, label: str) -> Sealed:
    """Seal what a customer calls a passkey, bound to it."""
    return seal(key.key, label.encode(), ["passkey-label", customer, name, key.id])


def open_passkey_label(key: OpenKey, caller: CustomerCaller, name: str, sealed: Sealed) -> str:
    """Open what a customer calls a passkey, for herself."""
    return unseal(key.key, sealed, ["passkey-label", caller.customer, name, key.id]).decode()


# --- what carries a MAC --------------------------------------------------------------------------------------


def standing_parts(customer: CustomerId, standing: Standing) -> list[Part]:
    """Return what the MAC of a standing yes covers."""
    said = _said(standing.purpose, standing.channel, standing.status, standing.notice, standing.explicit)
    return ["standing", customer, said, standing.decided_at, standing.expires_at]


@lru_cache(maxsize=4096)  # what many customers said alike
def _said(*answer: PurposeId | Channel | Status | int | bool) -> Framed:
    return Framed(framed(answer))


def restriction_parts(customer: CustomerId, limits: Restrictions) -> list[Part]:
    """Return what the MAC of a restrictions row covers."""
    return ["restrictions", customer, _limits(limits)]


@lru_cache(maxsize=1024)  # most customers forbid what most others do
def _limits(limits: Restrictions) -> Framed:
    return Framed(framed([*(getattr(limits, name) for name in FIRST_RESTRICTIONS), *_said_later(limits)]))


def _said_later(limits: Restrictions) -> Iterator[Part]:
    """Yield what restrictions learned to say later, where they say it: without it a row means what it always meant."""
    if not limits.more_than_told:
        yield "more_than_told"
    if limits.objections:
        yield "objections"
        yield len(limits.objections)
        yield from limits.objections
    if limits.paused_until is not None:
        yield "paused_until"
        yield limits.paused_until
    if limits.quiet_hours:
        yield "quiet_hours"
        yield limits.quiet_hours
    if limits.linked:
        yield "linked"
        yield len(limits.linked)
        yield from limits.linked
    if limits.disputed:
        yield "disputed"
        yield len(limits.disputed)
        yield from limits.disputed
    if limits.barred:
        yield "barred"
        yield len(limits.barred)
        yield from limits.barred


def pairwise_parts(customer: CustomerId, service: ServiceId, id_: PairwiseId) -> list[Part]:
    """Return what the MAC of a service's own id of a customer covers."""
    return ["pairwise", customer, service, id_]


def claim_parts(
    customer: CustomerId,
    kind: IdentifierKind,
    digest: bytes,
    verified_at: datetime | None = None,
    disowned_at: datetime | None = None,
) -> list[Part]:
    """Return what the MAC of a customer's claim to an identifier covers; what it says later only where it says it."""
    verified: list[Part] = [] if verified_at is None else ["verified", verified_at]
    disowned: list[Part] = [] if disowned_at is None else ["disowned", disowned_at]
    return ["claim", customer, kind, digest, *verified, *disowned]


def link_parts(link: Link) -> list[Part]:
    """Return what the MAC of a merge covers, its end too."""
    return ["link", link.id, link.one, link.other, link.said, link.made_at, link.ended_at]


def linked_standing_parts(customer: CustomerId, link: UUID, origin: CustomerId, yes: Standing) -> list[Part]:
    """Return what the MAC of a yes covers that came to a customer by a link."""
    return ["linked", link, origin, *standing_parts(customer, yes)]

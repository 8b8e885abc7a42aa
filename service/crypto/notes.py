"""What the ledger signs, as text that other people's software reads (C2SP signed-note, tlog-checkpoint, tlog-proof).

Strict: of what we write ourselves there is one form, and every other is refused. Texts come in as ``str``; whoever has
bytes decodes them as UTF-8 without translating ends of lines.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from enum import Enum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from service.crypto.merkle import HASH, MOST, leaf_hash, verify_inclusion
from service.crypto.signing import public_key

ED25519 = b"\x01"
PUBLIC = 32
KEY_ID = 4
MOST_SIGNATURES = 100
"""Witnesses may add theirs; Go reads as many."""
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
"""What a note never contains: control characters other than the end of a line."""
SIGNATURE = re.compile(r"— ([^ ]+) ([^ ]+)")
NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
PROOF = "c2sp.org/tlog-proof@v1"
EXTRA, INDEX = "extra ", "index "


class Flaw(Enum):
    """Why a note or a proof is not accepted. Programs read these words, so they never change.

    Not a text itself, so that the types tell it from what a note says.
    """

    MALFORMED = "malformed"
    UNKNOWN_KEY = "unknown-key"
    """Nothing in it is signed with the key that was asked for."""
    BAD_SIGNATURE = "bad-signature"
    OTHER_LOG = "other-log"
    """Signed, but as the checkpoint of a log of another name."""
    NOT_INCLUDED = "not-included"
    """The hashes do not lead from this entry to the root."""


class Verifier(Struct, frozen=True):
    """A name and the key that proves its signatures; ValueError for a name or a key that there cannot be."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        if not is_name(self.name) or len(self.public) != PUBLIC:
            raise ValueError("no key can be like this")

    @property
    def id(self) -> bytes:
        """The four bytes that say, beside the name, which key signed."""
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:KEY_ID]

    @property
    def text(self) -> str:
        """The key as others want it told: Go's ``note.NewVerifier`` and witnesses read this."""
        return f"{self.name}+{self.id.hex()}+{_base64(ED25519 + self.public)}"


class Checkpoint(Struct, frozen=True):
    """The head of a log: its name, how many entries it has, and the root of their tree."""

    origin: str
    size: int
    root: bytes


class Proof(Struct, frozen=True):
    """That an entry is in the log, for somebody who has the entry; ``extra`` is proven by nothing."""

    index: int
    hashes: Sequence[bytes]
    note: str
    extra: bytes = b""

    def __repr__(self) -> str:  # the extra may be somebody's
        return f"Proof({self.index!r})"


def is_name(name: str) -> bool:
    """Whether a key, and so a log, may be called this (signed-note, "Format")."""
    no_space = name != "" and not any(letter.isspace() for letter in name)
    return no_space and "+" not in name and not CONTROL.search(name) and _is_utf8(name)


def read_verifier(text: str) -> Verifier | None:
    """Return the key of a text, or None for what ``Verifier.text`` would not have said."""
    name, _, rest = text.partition("+")
    key = _bytes(rest.partition("+")[2])
    if not is_name(name) or key is None or len(key) != len(ED25519) + PUBLIC:
        return None
    verifier = Verifier(name, key[len(ED25519) :])
    return verifier if verifier.text == text else None


# --- notes ---------------------------------------------------------------------------------------------------


def signed_note(text: str, origin: str, seed: bytes) -> str:
    """Return a text, which ends in a newline, with our signature below it: the same for the same text and key."""
    verifier = Verifier(origin, public_key(seed).x)
    signature = Ed25519PrivateKey.from_private_bytes(seed).sign(text.encode())
    return f"{text}\n— {origin} {_base64(verifier.id + signature)}\n"


def open_note(note: str, verifier: Verifier) -> str | Flaw:
    """Return the text that this key signed, or what is wrong; others may have signed too, and whether is not asked."""
    text, blank, below = note.rpartition("\n\n")
    signatures = _signatures(below) if blank else None
    if signatures is None or CONTROL.search(note) or not _is_utf8(note):
        return Flaw.MALFORMED
    text += "\n"
    ours = [signature for key, signature in signatures if key == (verifier.name, verifier.id)]
    if not ours:
        return Flaw.UNKNOWN_KEY
    return text if all(_signed(text, verifier, signature) for signature in ours) else Flaw.BAD_SIGNATURE


def _signatures(below: str) -> list[tuple[tuple[str, bytes], bytes]] | None:
    """Return the signatures below a note, each with the name and the id of its key."""
    *lines, end = below.split("\n")
    if end or not 0 < len(lines) <= MOST_SIGNATURES:
        return None
    found = []
    for line in lines:
        parts = SIGNATURE.fullmatch(line)
        data = _bytes(parts[2]) if parts and is_name(parts[1]) else None
        if parts is None or data is None or len(data) <= KEY_ID:
            return None
        found.append(((parts[1], data[:KEY_ID]), data[KEY_ID:]))
    return found


def _signed(text: str, verifier: Verifier, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(verifier.public).verify(signature, text.encode())
    except InvalidSignature:
        return False
    return True


# --- checkpoints ---------------------------------------------------------------------------------------------


def checkpoint_text(origin: str, size: int, root: bytes) -> str:
    """Return what a log signs about itself."""
    return f"{origin}\n{size}\n{_base64(root)}\n"


def read_checkpoint(text: str) -> Checkpoint | None:
    """Return what the text of a checkpoint says, or None; extensions, which the standard permits, are passed over."""
    match text.split("\n"):
        case [origin, digits, root_text, *extensions, ""] if origin and all(extensions):
            size, root = _number(digits), _hash(root_text)
            return None if size is None or root is None else Checkpoint(origin, size, root)
    return None


def open_checkpoint(note: str, verifier: Verifier) -> Checkpoint | Flaw:
    """Return the checkpoint that a log signed under its own name, or what is wrong."""
    text = open_note(note, verifier)
    if isinstance(text, Flaw):
        return text
    checkpoint = read_checkpoint(text)
    if checkpoint is None:
        return Flaw.MALFORMED
    return checkpoint if checkpoint.origin == verifier.name else Flaw.OTHER_LOG


# --- proofs --------------------------------------------------------------------------------------------------


def proof_text(proof: Proof) -> str:
    """Return a proof as a file that verifies offline; by custom its name ends in ``.tlog-proof``."""
    extra = [EXTRA + _base64(proof.extra)] if proof.extra else []
    lines = [PROOF, *extra, f"{INDEX}{proof.index}", *map(_base64, proof.hashes)]
    return "".join(f"{line}\n" for line in lines) + f"\n{proof.note}"


def read_proof(text: str) -> Proof | None:
    """Return the proof of a file, or None for what ``proof_text`` would not have written; nothing is checked yet."""
    head, _, note = text.partition("\n\n")
    match head.split("\n"):
        case [_, extra_line, index_line, *lines] if extra_line.startswith(EXTRA):
            extra = _bytes(extra_line.removeprefix(EXTRA))
        case [_, index_line, *lines]:
            extra = b""
        case _:
            return None
    index, hashes = _number(index_line.removeprefix(INDEX)), [each for line in lines if (each := _hash(line))]
    if extra is None or index is None or not note:
        return None
    proof = Proof(index, tuple(hashes), note, extra)
    return proof if proof_text(proof) == text else None


def check_proof(text: str, commitment: bytes, verifier: Verifier) -> Flaw | None:
    """Return what is wrong with a proof that the log has this entry, or None for nothing."""
    proof = read_proof(text)
    if proof is None:
        return Flaw.MALFORMED
    head = open_checkpoint(proof.note, verifier)
    if isinstance(head, Flaw):
        return head
    included = verify_inclusion(proof.index, head.size, leaf_hash(commitment), proof.hashes, head.root)
    return None if included else Flaw.NOT_INCLUDED


# --- writing -------------------------------------------------------------------------------------------------


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _bytes(text: str) -> bytes | None:
    """Return the bytes of base64, or None for what ``_base64`` would not have written."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if _base64(data) == text else None


def _hash(text: str) -> bytes | None:
    data = _bytes(text)
    return data if data is not None and len(data) == HASH else None


def _number(text: str) -> int | None:
    """Return a number in the one way to write it, or None."""
    number = int(text) if NUMBER.fullmatch(text) else None
    return number if number is not None and number <= MOST else None


def _is_utf8(text: str) -> bool:
    """Whether a text can be written at all: half of a surrogate pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

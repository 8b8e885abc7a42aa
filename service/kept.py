"""What browsers and caches may keep, and for how long; what is served as it is, under a name that changes with it."""

import hashlib

from msgspec import Struct

FOR_EVER = "max-age=31536000, immutable"
FOR_MINUTES = "max-age=300"
"""Shorter than a new key waits before it signs."""


class Kept(Struct, frozen=True):
    """What is served as it is: its bytes, and the name by which a browser knows them again."""

    content: bytes
    media_type: str

    @property
    def digest(self) -> str:
        """Half of the SHA-256, hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()[:32]

    def named(self, name: str) -> str:
        """Return a file's name with the digest in it."""
        stem, kind = name.rsplit(".", 1)
        return f"{stem}.{self.digest}.{kind}"

    def __repr__(self) -> str:  # the content is long
        return f"Kept({self.media_type!r})"

"""The token of a form: whoever sends it has the page, and not only the cookie that a browser adds by itself.

It is made from the session's own secret, so it needs no key of ours and is good for no other session. Each is another
one, so that nothing secret stands twice in what is compressed together.
"""

import hmac

from service.crypto.framing import spelt
from service.crypto.random import random_word

NONCE = 10
DIGEST = 20
LABEL = "byleave form "


def form_token(session: str) -> str:
    """Return a token for the forms of one page of this session."""
    nonce = random_word(NONCE)
    return f"{nonce}.{_digest(session, nonce)}"


def fits(session: str, token: str) -> bool:
    """Whether a token was made for a page of this session."""
    nonce, _, digest = token.partition(".")
    return hmac.compare_digest(digest.encode(), _digest(session, nonce).encode())


def _digest(session: str, nonce: str) -> str:
    return spelt(hmac.digest(session.encode(), f"{LABEL}{nonce}".encode(), "sha256")[:DIGEST])

"""A language that an address asks for goes with every link of its page: whoever has no session has no cookie either."""

import re
from urllib.parse import parse_qsl, urlencode

from litestar.datastructures import MutableScopeHeaders
from litestar.types import Message, Scope

NAME = "language"
OURS = re.compile(r'(<(?:a|form)\b[^>]*?\s(?:href|action)=")(/(?!/|static/|v1/|ledger|\.well-known/)[^"#]*)')
SAID = re.compile(rf"[?&;]{NAME}=")
ABOUT_NOW = {NAME, "done", "entry"}
"""What an address says of one moment, and no other language of the page repeats."""


def carried(html: str, language: str) -> str:
    """Return a page whose links to other pages of ours ask for the same language."""
    return OURS.sub(lambda found: found[1] + _asking(found[2], language, "&amp;"), html)


def carry_on(message: Message, scope: Scope) -> None:
    """Let the page that a form leads to ask for the language that the form's address asked for."""
    asked = dict(parse_qsl(scope["query_string"].decode("latin-1"))).get(NAME)
    if asked is None or message["type"] != "http.response.start":
        return
    headers = MutableScopeHeaders.from_message(message)
    where = headers.get("location", "")
    if where.startswith("/") and not where.startswith("//"):
        page, mark, control = where.partition("#")
        headers["location"] = _asking(page, asked, "&") + mark + control


def in_language(path: str, query: str, language: str) -> str:
    """Return the address of a page in another language."""
    here = lasting(path, query)
    return f"{here}{'&' if '?' in here else '?'}{urlencode({NAME: language})}"


def lasting(path: str, query: str) -> str:
    """Return the address of a page without what it says of one moment."""
    pairs = [each for each in parse_qsl(query) if each[0] not in ABOUT_NOW]
    return f"{path}?{urlencode(pairs)}" if pairs else path


def _asking(address: str, language: str, mark: str) -> str:
    if SAID.search(address):
        return address
    return f"{address}{mark if '?' in address else '?'}{urlencode({NAME: language})}"

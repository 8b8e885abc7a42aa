"""Signing in: by which way, with what aim, and for how long what follows from it holds."""

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from service.model.callers import CustomerCaller

IDLE = timedelta(minutes=60)
"""After so long without a request a session ends."""
LASTS = timedelta(hours=24)
"""After so long a session ends in any case."""
STRONG = timedelta(minutes=5)
"""So long a fresh proof that it is she opens what a session alone does not."""
TOUCHED = timedelta(minutes=1)
"""That she was seen is written no more often than this."""
CODE_LASTS = timedelta(minutes=15)
CEREMONY_LASTS = timedelta(minutes=5)
"""So long a device, or the company's own sign-in, has time to answer."""
TRIES = 5
"""Wrong codes, after which a new one has to be asked for."""
DIGITS = 6


class Way(StrEnum):
    """How somebody proved who she is."""

    EMAIL = "email"
    PASSKEY = "passkey"
    OIDC = "oidc"
    DEMO = "demo"
    """Not at all: she is made up, and this is the demo."""


class Aim(StrEnum):
    """What a code, or the answer of a device, is for."""

    SIGN_IN = "sign-in"
    STEP_UP = "step-up"
    ADDRESS = "address"
    PASSKEY = "passkey"
    """To add one."""


class Session(Struct, frozen=True):
    """Who is on the page, and since when. ``strong``: she proved afresh that it is she.

    ``idle_ends_at``: when it ends if nobody asks for anything after ``now``.
    """

    caller: CustomerCaller
    id: str
    digest: bytes
    way: Way
    made_at: datetime
    ends_at: datetime
    idle_ends_at: datetime
    now: datetime
    strong: bool = False

    @property
    def left(self) -> int:
        """Seconds until it ends if nobody asks for anything."""
        return int((self.idle_ends_at - self.now).total_seconds())

    @property
    def last(self) -> bool:
        """Whether it ends then whatever she does."""
        return self.idle_ends_at == self.ends_at

    def __repr__(self) -> str:  # a digest that leaked would show which cookie is whose
        return f"Session({self.id!r})"


class Ways(Struct, frozen=True):
    """By which ways one can sign in here, and what a page must know of the world around.

    ``elsewhere``: what the company's own sign-in is called, if it has one. ``public_url``: where the portal is.
    ``proxies``: how many stand before it.
    """

    mail: bool
    elsewhere: str | None
    public_url: str
    proxies: int = 0


def digest_of(session: Session | None) -> bytes | None:
    """Return by what something is bound to a session; nothing is bound to none."""
    return None if session is None else session.digest


class Limit(Struct, frozen=True):
    """So many times in so long."""

    times: int
    span: timedelta


QUARTER, DAY = timedelta(minutes=15), timedelta(days=1)
BY_NETWORK = Limit(40, QUARTER)
"""Whatever is tried from one address of the network; a house or an office shares one."""
BY_ADDRESS, BY_ONE_NETWORK = Limit(5, QUARTER), Limit(4, QUARTER)
"""Letters to one address, and how many of them one network may ask for: the last is for somebody elsewhere."""
CODES = Limit(20, DAY)
"""Codes to one address, or in one session. With five tries each, guessing finds one in ten thousand in a day."""
LINKS, LINKS_BY_ONE_NETWORK = Limit(2, QUARTER), Limit(1, QUARTER)
"""Letters to one address beyond its codes, with a link alone, which nobody can guess; and those of one network."""
BY_SESSION = Limit(5, QUARTER)
"""Codes that are asked for in one session; of these strangers can use none up."""
OVERALL = Limit(6000, QUARTER)
"""Letters that are asked for by everybody together."""

SYSTEMS = (
    ("iPhone", "iOS"),
    ("iPad", "iOS"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
"""By which word a browser is known, the more telling first: most of them also name the others."""


def device_of(user_agent: str) -> str:
    """Return browser and system in words that thousands share, ``Firefox/Linux``; empty for what is not known."""
    browser = next((name for mark, name in BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in SYSTEMS if mark in user_agent), "")
    return f"{browser}/{system}" if browser or system else ""

"""What should be allowed, in the fewest words: a model that shares no line with the service, to compare it with."""

from datetime import datetime, timedelta

from msgspec import Struct

YES = ("given", "renewed")
OPEN = ("unknown", "requested", "deferred")
EXPIRES = {
    "personalise.recommendations": 730,
    "market.newsletter": 730,
    "share.airline": 365,
    "research.panel": 365,
}
SPOTS = [
    ("personalise.recommendations", "web"),
    ("personalise.recommendations", "app"),
    ("personalise.recommendations", "email"),
    ("market.newsletter", "email"),
    ("share.airline", "email"),
    ("research.panel", "email"),
    ("research.panel", "phone"),
]
MARKETING = {"market.newsletter", "share.airline"}
PROFILING = {"personalise.recommendations"}
PERSONALISING = {"personalise.recommendations", "market.newsletter"}
OUTSIDE = {"newsletter", "airline"}
REACH = {
    "adult": MARKETING | PROFILING | {"research.panel"},
    "marketing": MARKETING,
    "profiling": PROFILING,
}
"""Which purposes a thing that is forbidden reaches."""


class Question(Struct, frozen=True):
    """One attribute, asked by one service for one purpose on one channel; how it is known."""

    service: str
    purpose: str
    channel: str
    attribute: str
    known: str = "volunteered"


QUESTIONS = [
    Question("recommender", "personalise.recommendations", "web", "first_name"),
    Question("recommender", "personalise.recommendations", "web", "browsed_genres", "observed"),
    Question("recommender", "personalise.recommendations", "web", "guessed_genres", "inferred"),
    Question("recommender", "personalise.recommendations", "web", "birth_year", "demographic"),
    Question("recommender", "personalise.recommendations", "email", "first_name"),
    Question("newsletter", "market.newsletter", "email", "first_name"),
    Question("airline", "share.airline", "email", "first_name"),
    Question("shop", "research.panel", "email", "first_name"),
    Question("fulfilment", "fulfil.orders", "internal", "first_name"),
    Question("finance", "comply.tax", "internal", "first_name"),
    Question("finance", "prevent.fraud", "internal", "last_name"),
]


class Stands(Struct):
    """What stands for one purpose on one channel."""

    status: str
    since: datetime
    ends: datetime | None


class Model(Struct):
    """One customer: her answers, and the choices that are not as they were at the beginning."""

    stands: dict[tuple[str, str], Stands] = {}
    forbidden: set[str] = set()
    opened: set[str] = set()
    objected: bool = False
    paused: bool = False

    def answer(self, spot: tuple[str, str], status: str, given: datetime, recorded: datetime) -> None:
        """Take an answer: a no from when it was recorded, a yes only if it came after all that stands."""
        before = self.stands.get(spot)
        closed = before is not None and before.status not in OPEN
        if status in YES:
            if before is None or not closed or given > before.since:
                self.stands[spot] = Stands(status, given, given + timedelta(days=EXPIRES[spot[0]]))
        elif status not in OPEN or not closed:
            self.stands[spot] = Stands(status, recorded, None)

    def may_renew(self, spot: tuple[str, str]) -> bool:
        """Whether there is, or was until its time had run, a yes."""
        return spot in self.stands and self.stands[spot].status in (*YES, "expired")

    def status(self, spot: tuple[str, str], now: datetime) -> str:
        """Return the status at an instant."""
        found = self.stands.get(spot)
        if found is None:
            return "unknown"
        over = found.status in YES and found.ends is not None and found.ends <= now
        return "expired" if over else found.status

    def permits(self, asked: Question, now: datetime) -> bool:
        """Return whether the attribute may leave."""
        if asked.purpose == "comply.tax" or "processing" in self.forbidden:
            return asked.purpose == "comply.tax"
        if asked.purpose == "prevent.fraud":
            return not self.objected
        return asked.purpose == "fulfil.orders" or not self._refuses(asked, now)

    def _refuses(self, asked: Question, now: datetime) -> bool:
        return (
            self.paused
            or self.status((asked.purpose, asked.channel), now) not in YES
            or any(asked.purpose in reach and word in self.forbidden for word, reach in REACH.items())
            or (asked.service in OUTSIDE and "sharing" in self.forbidden)
            or (asked.purpose in PERSONALISING and not self._tailors(asked.known))
        )

    def _tailors(self, known: str) -> bool:
        match known:
            case "observed":
                return not self.forbidden & {"observed", "more-than-told"}
            case "inferred":
                return "inferred" in self.opened and "more-than-told" not in self.forbidden
            case "demographic":
                return "demographic" in self.opened
        return True

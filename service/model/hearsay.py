"""What another system says that somebody answered, and when it counts here.

A no always counts. A yes counts with proof of the notice and of the date, and only if nothing that stands speaks
against it. Whatever does not count is kept as ``unknown``, which permits nothing and undoes nothing.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from msgspec import Struct, structs

from service.model.catalogue import Catalogue
from service.model.consent import Spot
from service.model.facts import Standing
from service.model.suppression import Suppression, refused
from service.model.words import CustomerId, Method, PurposeId, Status

NOES = (Status.REFUSED, Status.WITHDRAWN)
Mark = tuple[Spot, Status, int, datetime | None]
"""By which an answer is known again: where, what, to which notice, and when, None where nobody knows."""


class Heard(Struct, frozen=True):
    """One answer as another system has it; its repr hides where the proof lies."""

    spot: Spot
    status: Status
    notice: int
    """0: nobody knows which she read."""
    given_at: datetime | None
    """None: nobody knows when."""
    method: Method
    evidence: str = ""
    language: str = ""

    def __repr__(self) -> str:
        return f"Heard({self.spot!r}, {self.status!r})"

    @property
    def no(self) -> bool:
        """Whether it takes away."""
        return self.status in NOES

    @property
    def mark(self) -> Mark:
        """By which it is known again."""
        return self.spot, self.status, self.notice, self.given_at

    @property
    def doubtful(self) -> "Heard":
        """The same, as what nobody can rely on."""
        return structs.replace(self, status=Status.UNKNOWN)

    def proven(self, catalogue: Catalogue) -> "Heard":
        """Return it as it counts: a yes without a date, evidence and a notice that exists is in doubt."""
        if not self.status.valid:
            return self
        read = (
            notice.version == self.notice and self.language in ("", notice.language)
            for notice in catalogue.notices_of(self.spot.purpose)
        )
        return self if self.given_at and self.evidence and any(read) else self.doubtful


class Stood(Struct, frozen=True):
    """What stands for customers, and what was heard of them before from the same system."""

    standing: Mapping[CustomerId, Mapping[Spot, Standing]]
    marks: Mapping[CustomerId, Collection[Mark]]
    last: Mapping[tuple[CustomerId, Spot], Mark]
    """What the same system's files said last."""
    undated: Collection[tuple[CustomerId, Spot]]
    """Where a no stands of which nobody knows when she said it."""

    def news(
        self,
        customer: CustomerId,
        heard: Iterable[Heard],
        *,
        beside: Collection[CustomerId] = (),
        suppressed: Collection[Suppression] = (),
    ) -> tuple[Heard, ...]:
        """Return what was not heard of a customer before, as it counts for her.

        ``beside``: everybody who claims the same identifier: a yes of one is no yes where another said no.
        """
        known = self.marks.get(customer, ())
        found: list[Heard] = []
        for each in heard:
            counted = self._counted(customer, each, beside, suppressed)
            if each.no and each.given_at is None:
                # Only its place among what was said tells a new no without a date from the one before.
                new = self.last.get((customer, each.spot)) != each.mark
            else:
                new = each.mark not in known and counted.mark not in known
            if new:
                found.append(counted)
            elif self._takes_back(customer, each):
                found.append(each.doubtful)
        return tuple(found)

    def _takes_back(self, customer: CustomerId, heard: Heard) -> bool:
        """Whether the system says no longer that she said no, and she says yes: if it says no again, that is a new no.

        It is then kept that it said so, though it said the same at some time before.
        """
        last, stands = self.last.get((customer, heard.spot)), self.standing.get(customer, {}).get(heard.spot)
        if heard.no or last is None or stands is None:
            return False
        _, status, _, given_at = last
        return status in NOES and given_at is None and stands.status.valid

    def _counted(
        self,
        customer: CustomerId,
        heard: Heard,
        beside: Collection[CustomerId],
        suppressed: Collection[Suppression],
    ) -> Heard:
        if not heard.status.valid or heard.given_at is None:
            return heard
        against = refused(suppressed, heard.spot.purpose) is not None or any(
            self._forbids(each, heard.spot, heard.given_at) for each in {customer, *beside}
        )
        return heard.doubtful if against else heard

    def _forbids(self, customer: CustomerId, spot: Spot, given_at: datetime) -> bool:
        """Whether a no stands that this yes cannot turn: one that is not older, or whose age nobody knows."""
        stands = self.standing.get(customer, {}).get(spot)
        if stands is None or not stands.status.no:
            return False
        return (customer, spot) in self.undated or given_at <= stands.decided_at


def refused_purposes(heard: Iterable[Heard]) -> dict[PurposeId, datetime | None]:
    """Return the purposes that somebody said no to, on whatever channel, and when she last did."""
    found: dict[PurposeId, datetime | None] = {}
    for each in heard:
        if each.no:
            dates = [at for at in (found.get(each.spot.purpose), each.given_at) if at]
            found[each.spot.purpose] = max(dates, default=None)
    return found


def said(heard: Heard) -> str:
    """Return an answer as the ledger writes it."""
    return f"{heard.spot}={heard.status}"

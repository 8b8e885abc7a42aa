"""What must stand of everybody once the ledger was read from its beginning, and how what does stand differs from it.

Takes entries one by one, in their order, and keeps of each customer only what stands. Pure: no keys and no database.
"""

from collections.abc import Callable, Iterable, Iterator
from sys import intern
from typing import TypeAlias
from uuid import UUID

from service.model.choices import choice_from, less, restrictions_after
from service.model.consent import Answer, comes_to_stand, standing_after
from service.model.export import Consent, Limits, standing_line
from service.model.facts import Restrictions, Standing, restrictions_at_enrolment
from service.model.ledger import Body
from service.model.words import AgeBand, CustomerId

Place: TypeAlias = tuple[CustomerId, str, str]
"""A customer, a purpose and a channel."""

NOTHING_CHOSEN = restrictions_at_enrolment(AgeBand.UNKNOWN)
CHOSEN = tuple(name for name in Restrictions.__struct_fields__ if name != "linked")
"""What of the restrictions is a choice of hers. Who is linked with whom is none."""


class Replay:
    """What follows from all that was read; ``where``: how to name the entry of this number."""

    def __init__(self, where: Callable[[int], str]) -> None:
        self._where = where
        self._people: set[CustomerId] = set()
        self._own: dict[Place, tuple[Standing, int]] = {}
        self._brought: dict[Place, dict[UUID, tuple[Standing, int]]] = {}
        self._limits: dict[CustomerId, tuple[Restrictions, int]] = {}
        self._parted: set[UUID] = set()

    def take(self, number: int, customer: CustomerId, body: Body) -> None:
        """Take the next entry about somebody; ValueError for a choice that there is not."""
        self._people.add(customer)
        for each in body.recorded:
            answer = each.answer(body.at, body.id)
            place = customer, intern(answer.purpose), answer.channel
            if answer.link is None:
                self._answered(number, place, answer)
            else:
                self._came_by_merge(number, place, answer, answer.link)
        if body.chosen:
            limits, _ = self._limits.get(customer, (NOTHING_CHOSEN, 0))
            for chosen in body.chosen:
                limits = restrictions_after(limits, choice_from(chosen.choice, chosen.value))
            self._limits[customer] = limits, number

    def part(self, links: Iterable[UUID]) -> None:
        """Let merges end, and all that came by them."""
        self._parted.update(links)

    def _answered(self, number: int, place: Place, answer: Answer) -> None:
        before = self._own.get(place)
        after = standing_after(None if before is None else before[0], answer)
        if before is None or after != before[0]:
            self._own[place] = after, number
        if answer.status.no:
            self._brought.pop(place, None)

    def _came_by_merge(self, number: int, place: Place, answer: Answer, link: UUID) -> None:
        yes, beside = standing_after(None, answer), self._brought.setdefault(place, {})
        own, before = self._own.get(place), beside.get(link)
        if comes_to_stand(yes, None if own is None else own[0], None if before is None else before[0]):
            beside[link] = yes, number

    # --- what stands, row by row ---

    def consent(self, row: Consent) -> Iterator[str]:
        """Compare a row of what stands with what follows."""
        place = row.customer, row.purpose, row.channel
        if row.link is None:
            said = self._own.pop(place, None)
        else:
            said = None if row.link in self._parted else self._brought.get(place, {}).pop(row.link, None)
        about = _about(place, row.link)
        if said is None:
            yield f"no entry said so, and {row.status} stands: {about}"
        elif row != standing_line(row.customer, said[0], row.link):
            also = _differing(row, standing_line(row.customer, said[0], row.link))
            yield f"{self._where(said[1])} said {said[0].status}, and {row.status} stands{also}: {about}"

    def limits(self, row: Limits) -> Iterator[str]:
        """Compare the row of what a customer restricts with what follows."""
        self._people.discard(row.customer)
        said, number = self._limits.get(row.customer, (NOTHING_CHOSEN, None))
        last = "she chose nothing" if number is None else f"she chose last by {self._where(number)}"
        try:
            stands = less(row.restrictions, row.said_no)
        except ValueError:
            stands = None
        if stands is None:
            yield f"restrictions cannot be read: customer {row.customer}"
            return
        for name in CHOSEN:
            if getattr(stands, name) != getattr(said, name):
                yield f"{name} does not follow from what she chose; {last}: customer {row.customer}"

    def rest(self) -> Iterator[str]:
        """Say what should stand and was not among the rows."""
        for place, (standing, number) in self._own.items():
            yield f"{self._where(number)} said {standing.status}, and nothing stands: {_about(place, None)}"
        for place, beside in self._brought.items():
            for link, (standing, number) in beside.items():
                if link not in self._parted:
                    yield f"{self._where(number)} said {standing.status}, and nothing stands: {_about(place, link)}"
        for customer in self._people:
            yield f"the row of what she restricts is gone: customer {customer}"


def _about(place: Place, link: UUID | None) -> str:
    customer, purpose, channel = place
    by = "" if link is None else f" by merge {link}"
    return f"customer {customer}, purpose {purpose} on {channel}{by}"


def _differing(row: Consent, said: Consent) -> str:
    """Name what differs beside the status, without a value."""
    names = [n for n in Consent.__struct_fields__ if getattr(row, n) != getattr(said, n)]
    return "" if "status" in names else f" with another {', '.join(names)}"

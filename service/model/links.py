"""Merges: two customers who are one person. A merge is a link, so that what it joined can be parted as it was."""

from collections.abc import Iterable
from datetime import datetime
from itertools import combinations
from uuid import UUID

from msgspec import Struct

from service.model.words import CustomerId


class Link(Struct, frozen=True, kw_only=True):
    """That two customers are one person; ``one`` is the smaller id.

    ``said``: an operator said so; otherwise it follows from what operators said of others.
    """

    id: UUID
    one: CustomerId
    other: CustomerId
    said: bool
    made_at: datetime
    made_by: str = ""
    ended_at: datetime | None = None
    ended_by: str = ""

    @property
    def pair(self) -> frozenset[CustomerId]:
        """The two of them."""
        return frozenset((self.one, self.other))


Person = frozenset[CustomerId]
"""Every customer who is the same person, herself too."""


def persons(customers: Iterable[CustomerId], said: Iterable[frozenset[CustomerId]]) -> set[Person]:
    """Return who is one person with whom, when exactly these pairs are said to be."""
    found: set[Person] = {frozenset((each,)) for each in customers}
    for pair in said:
        joined = {person for person in found if person & pair}
        found = (found - joined) | {frozenset().union(*joined)}
    return found


def pairs(person: Person) -> set[frozenset[CustomerId]]:
    """Return every two of a person's customers."""
    return {frozenset(two) for two in combinations(person, 2)}

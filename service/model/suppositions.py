"""What a decision would rest on if she had chosen otherwise. Pure; nothing of it is ever stored."""

from typing import Literal

from msgspec import Struct, structs

from service.model.catalogue import Catalogue
from service.model.choices import PAUSED_FOR
from service.model.facts import Facts, Side, Standing
from service.model.situation import Asked
from service.model.words import Status

Answer = Literal["yes", "explicit", "no"]
"""``explicit``: a yes in so many words, as data of a special category needs it."""


class Supposed(Struct, frozen=True, kw_only=True):
    """What she supposes: a yes or no to the purpose on the channel, only what she told us, a pause."""

    answer: Answer | None = None
    only_told: bool | None = None
    paused: bool | None = None

    @property
    def nothing(self) -> bool:
        """Whether she supposes nothing."""
        return self == Supposed()


def supposing(supposed: Supposed, asked: Asked, facts: Facts, catalogue: Catalogue) -> Facts:
    """Return the facts as they would be; a yes would be given to the notice in force.

    Of a merged person on every side, as a word of hers holds. What is not proven stays a refusal.
    """
    mine, *others = (_side(supposed, asked, side, facts, catalogue) for side in facts.sides)
    return structs.replace(facts, standing=mine.standing, restrictions=mine.restrictions, others=tuple(others))


def _side(supposed: Supposed, asked: Asked, side: Side, facts: Facts, catalogue: Catalogue) -> Side:
    standing, limits = side.standing, side.restrictions
    if supposed.answer is not None:
        standing = _answered(supposed.answer, asked, standing, facts, catalogue)
    if limits is not None and supposed.only_told is not None:
        limits = structs.replace(limits, more_than_told=not supposed.only_told)
    if limits is not None and supposed.paused is not None:
        limits = structs.replace(limits, paused_until=facts.now + PAUSED_FOR if supposed.paused else None)
    return Side(standing, limits)


def _answered(answer: Answer, asked: Asked, before: Standing | None, facts: Facts, catalogue: Catalogue) -> Standing:
    status = Status.WITHDRAWN if answer == "no" else Status.GIVEN
    notice = catalogue.notice_in_force(asked.purpose)
    said = None if before is None or not before.explicit or not before.status_at(facts.now).valid else before.notice
    # What she agreed to in so many words she would be asked about on its own, and it stays where it is the same.
    stays = said is not None and catalogue.same_special(asked.purpose, said, notice)
    return Standing(asked.purpose, asked.channel, status, notice, answer == "explicit" or stays, facts.now, None)

"""What a decision would rest on if she had chosen otherwise. Pure; nothing of it is ever stored."""

from typing import Literal

from msgspec import Struct, structs

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


def supposing(supposed: Supposed, asked: Asked, facts: Facts, notice: int) -> Facts:
    """Return the facts as they would be; ``notice``: the one in force, to which a yes would be given.

    Of a merged person on every side, as a word of hers holds. What is not proven stays a refusal.
    """
    mine, *others = (_side(supposed, asked, side, facts, notice) for side in facts.sides)
    return structs.replace(facts, standing=mine.standing, restrictions=mine.restrictions, others=tuple(others))


def _side(supposed: Supposed, asked: Asked, side: Side, facts: Facts, notice: int) -> Side:
    standing, limits = side.standing, side.restrictions
    if supposed.answer is not None:
        standing = _answered(supposed.answer, asked, standing, facts, notice)
    if limits is not None and supposed.only_told is not None:
        limits = structs.replace(limits, more_than_told=not supposed.only_told)
    if limits is not None and supposed.paused is not None:
        limits = structs.replace(limits, paused_until=facts.now + PAUSED_FOR if supposed.paused else None)
    return Side(standing, limits)


def _answered(answer: Answer, asked: Asked, before: Standing | None, facts: Facts, notice: int) -> Standing:
    status = Status.WITHDRAWN if answer == "no" else Status.GIVEN
    # What she agreed to in so many words she would be asked about on its own.
    stays = before is not None and before.explicit and before.status_at(facts.now).valid
    explicit = answer == "explicit" or stays
    return Standing(asked.purpose, asked.channel, status, notice, explicit, facts.now, None)

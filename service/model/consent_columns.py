"""Which columns of another system's export say what somebody answered. Pure, as ``columns`` is for the rest."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from service.model.cells import Heading, Reason, text_of, word_of
from service.model.clocks import CLOCKS_DIFFER, instant
from service.model.consent import Spot
from service.model.hearsay import NOES, Heard
from service.model.words import Channel, Method, PurposeId, Status

PLACE = re.compile(r"\{([^{}]+)\}")
"""Where a cell stands in a pattern."""
LONGEST_EVIDENCE = 500
VERSION = re.compile(r"^([1-9][0-9]{0,5})?(?!\n)$")
A_DATE = "the date of her yes, such as 2026-12-31 or 2026-12-31T23:59:00Z, and not in the future"


class AnswerColumn(Struct, frozen=True, forbid_unknown_fields=True):
    """In which column an answer is, and by which words; any other word means that nobody knows."""

    column: Heading
    given: tuple[Heading, ...] = ()
    refused: tuple[Heading, ...] = ()
    withdrawn: tuple[Heading, ...] = ()

    def status(self, word: str) -> Status:
        """Return what a word means. Where it means several things, it is a no."""
        words = ((Status.WITHDRAWN, self.withdrawn), (Status.REFUSED, self.refused), (Status.GIVEN, self.given))
        return next((status for status, these in words if word in these), Status.UNKNOWN)


class InColumn(Struct, frozen=True, forbid_unknown_fields=True):
    """Said by a column, and not once for all."""

    column: Heading


class ConsentColumns(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """For one purpose on one channel: what she answered, when, to which notice, and where the proof lies.

    ``answer``, ``notice`` and ``language`` are a column, or one word for every row. ``evidence`` is a pattern:
    ``signed up on {OPTIN_TIME}``; a row in which one of its columns is empty has no evidence.
    """

    purpose: PurposeId
    channel: Channel
    answer: Literal["given", "refused", "withdrawn", "unknown"] | AnswerColumn
    at: Heading | None = None
    """A column of ISO 8601 dates or date-times, UTC where they do not say; or as Go prints them."""
    notice: Annotated[int, Meta(ge=1, le=999_999)] | InColumn | None = None
    language: Annotated[str, Meta(min_length=2, max_length=10)] | InColumn | None = None
    evidence: Annotated[str, Meta(min_length=1, max_length=300)] | None = None
    method: Method = Method.IMPORT
    """By which road her answer reached the other system."""

    @property
    def spot(self) -> Spot:
        """For which purpose, on which channel."""
        return Spot(self.purpose, self.channel)

    @property
    def may_give(self) -> bool:
        """Whether it can say a yes."""
        return bool(self.answer.given) if isinstance(self.answer, AnswerColumn) else self.answer == "given"

    def headings(self) -> Iterator[str]:
        """Yield every column that it names."""
        named = [column_of(each) for each in (self.answer, self.notice, self.language)]
        yield from filter(None, [*named, self.at, *PLACE.findall(self.evidence or "")])

    def heard(self, cells: Mapping[str, object], now: datetime) -> Heard | Reason | None:
        """Return what a row says, None for nothing, or why its yes cannot be used.

        A no is taken however its date is written: without it, it only counts from now on.
        """
        status = self._status(cells)
        if status is None:
            return None
        no = status in NOES
        try:
            given_at = self._date(cells, now)
        except (ValueError, OverflowError):
            if status.valid:
                return Reason(self.at or "", A_DATE)
            given_at = None
        # A no is a no to whatever was asked.
        notice = 0 if no else self._notice(cells)
        if notice is None:
            return Reason(column_of(self.notice), "the version of a notice, such as 2")
        return Heard(
            spot=self.spot,
            status=status,
            notice=notice,
            given_at=given_at,
            method=self.method,
            evidence=self._evidence(cells),
            language=self._language(cells),
        )

    def _status(self, cells: Mapping[str, object]) -> Status | None:
        if not isinstance(self.answer, AnswerColumn):
            return Status(self.answer)
        cell = cells.get(self.answer.column)
        return None if cell is None else self.answer.status(word_of(cell))

    def _notice(self, cells: Mapping[str, object]) -> int | None:
        """Return the version of the notice that she read, 0 where it does not say, None for what is no version."""
        if not isinstance(self.notice, InColumn):
            return self.notice or 0
        word = word_of(cells.get(self.notice.column))
        return int(word or 0) if VERSION.match(word) else None

    def _date(self, cells: Mapping[str, object], now: datetime) -> datetime | None:
        """Return when she answered; raises ValueError for what is none, or lies in the future."""
        if self.at is None or self.at not in cells:
            return None
        given_at = instant(text_of(cells[self.at]))
        if given_at > now + CLOCKS_DIFFER:
            raise ValueError
        return min(given_at, now)

    def _language(self, cells: Mapping[str, object]) -> str:
        if isinstance(self.language, InColumn):
            return word_of(cells.get(self.language.column))
        return self.language or ""

    def _evidence(self, cells: Mapping[str, object]) -> str:
        pattern = self.evidence or ""
        if not all(word_of(cells.get(column)) for column in PLACE.findall(pattern)):
            return ""
        return PLACE.sub(lambda place: word_of(cells[place[1]]), pattern)[:LONGEST_EVIDENCE]


def column_of(said: object) -> str:
    """Return the column that says something, if one does."""
    return said.column if isinstance(said, AnswerColumn | InColumn) else ""

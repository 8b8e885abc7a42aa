"""Why not. Cedar's default deny has no reasons, so they are found by darkening the brightest situation.

One field after the other is set to what it really is, in the order of ``Situation``; the one at which the
answer turns to no is the reason.
"""

from collections.abc import Iterator, Mapping, Sequence

from msgspec import structs

from service.model.situation import BRIGHTEST, FIELDS, Situation
from service.model.words import Status
from service.policy.cedar import Judge
from service.policy.question import Question

NOT_FOR_THIS_PURPOSE = "not-for-this-purpose"
UNMET: Mapping[str, str] = {
    "granted": "not-granted",
    "channel_allowed": "channel-not-offered",
    "consent": "no-permission",
    "notice_current": "notice-superseded",
    "verified": "unverified",
    "may_process": "restricted",
    "not_paused": "paused",
    "may_market": "no-marketing",
    "may_profile": "no-profiling",
    "may_share": "no-sharing",
    "unopposed": "objected",
    "age_band": "adults-only",
    "explicit": "explicit-consent-needed",
    "observed_allowed": "only-what-i-told-you",
    "acquired_allowed": "only-what-i-told-you",
    "inferred_allowed": "only-what-i-told-you",
    "demographic_allowed": "demographic",
    "unbarred": "not-for-this-she-said",
    "fresh": "out-of-date",
    "awake": "quiet-hours",
    "undisputed": "disputed",
}
"""The reason for each field of a situation, when a permit asks for it and does not find it."""


def unmet(permits: Judge, question: Question) -> str:
    """Return the condition of the nearest permit that is not met, for a question that no permit allows."""
    for field, darker in _darkening(question):
        if not permits.verdict(darker).allowed:
            return NOT_FOR_THIS_PURPOSE if field is None else _code(field, question.situation)
    return NOT_FOR_THIS_PURPOSE  # cannot happen: the last question is the one that was denied


def most_telling(whole: Judge, question: Question, forbids: Sequence[str]) -> str:
    """Return which of the forbids that fired stands first in the order of reasons."""
    for _, darker in _darkening(question):
        verdict = whole.verdict(darker)
        if not verdict.allowed:
            return min(set(verdict.satisfied) & set(forbids) or forbids)
    return min(forbids)


def _code(field: str, situation: Situation) -> str:
    # She did answer, so what she answered is the reason.
    if field == "consent" and situation.consent is not Status.UNKNOWN:
        return str(situation.consent)
    return UNMET[field]


def _darkening(question: Question) -> Iterator[tuple[str | None, Question]]:
    """Yield the question in the brightest situation, and with each field set to what it really is."""
    situation = BRIGHTEST
    yield None, structs.replace(question, situation=situation)
    for field in FIELDS:
        actual = getattr(question.situation, field)
        if actual != getattr(situation, field):
            situation = structs.replace(situation, **{field: actual})
            yield field, structs.replace(question, situation=situation)

"""A whole request at once: which fact of each attribute may leave. A pure function, which therefore may be remembered.

A case is a request with everything about the customer that bears on it, reduced to closed vocabularies: no id, no date
and no value. Many customers make the same case.
"""

from collections.abc import Callable
from itertools import chain

from msgspec import Struct, structs

from service.model.catalogue import Catalogue
from service.model.decision import Obligation, Withheld
from service.model.situation import Asked, Situation, brought_to
from service.model.words import AttributeId, Provenance
from service.policy.engine import ENGINE_ERROR, Answer, in_order
from service.policy.question import Question
from service.policy.reasons import UNMET

NOT_KNOWN = "not-known"

DISPUTED = UNMET["undisputed"]

Kept = tuple[Provenance, bool, bool]
"""Of a fact how it came to be known, whether it is fresh, and whether it is undisputed: what was struck out is not."""


class Case(Struct, frozen=True):
    """A request, before what is alike for all attributes."""

    asked: Asked
    background: Situation
    notices: tuple[int | None, ...]
    """Of each side of the person, the notice that she answered to."""
    attributes: tuple[tuple[AttributeId, bool, tuple[Kept, ...]], ...]
    """What is asked for, whether it is barred from this, and what is known of it, as it is preferred."""


class Ruling(Struct, frozen=True):
    """For each attribute of a case which of its facts may leave, by the policies that say so; or why none may."""

    attributes: tuple[tuple[int, tuple[str, ...]] | Withheld, ...]
    obligations: tuple[Obligation, ...]


def rule(evaluate: Callable[[Question], Answer], catalogue: Catalogue, case: Case) -> Ruling:
    """Rule on a case; raises what the evaluation raises."""
    ruled = [_rule(evaluate, catalogue, case, *each) for each in case.attributes]
    due = chain.from_iterable(each[1] for each in ruled)
    return Ruling(tuple(each[0] for each in ruled), in_order(set(due)))


def _rule(
    evaluate: Callable[[Question], Answer],
    catalogue: Catalogue,
    case: Case,
    attribute: AttributeId,
    barred: bool,  # noqa: FBT001  a value, not a switch
    known: tuple[Kept, ...],
) -> tuple[tuple[int, tuple[str, ...]] | Withheld, tuple[Obligation, ...]]:
    if attribute not in catalogue.attributes:
        return Withheld(attribute, ENGINE_ERROR), ()
    ground = brought_to(case.background, catalogue, case.asked, attribute, case.notices)
    situation = structs.replace(ground, unbarred=not barred)
    if not known:
        return _without_a_fact(evaluate, catalogue, case.asked, attribute, situation), ()
    answers: list[Answer] = []
    for index, (provenance, fresh, undisputed) in enumerate(known):
        alone = structs.replace(situation, fresh=fresh, undisputed=undisputed)
        answer = evaluate(_question(case.asked, attribute, provenance, alone))
        if answer.permit and undisputed:
            return (index, answer.policies), answer.obligations
        # Whatever the policies say: what was struck out is not there to be released.
        answers.append(Answer(permit=False, reason=DISPUTED) if answer.permit else answer)
    return _no(attribute, answers[0]), ()


def _without_a_fact(
    evaluate: Callable[[Question], Answer],
    catalogue: Catalogue,
    asked: Asked,
    attribute: AttributeId,
    situation: Situation,
) -> Withheld:
    """Say that nothing is known only to whom a fresh fact would have been told; a refusal does not tell."""
    fresh = structs.replace(situation, fresh=True, undisputed=True)
    provenances = catalogue.attributes[attribute].provenances
    answers = [evaluate(_question(asked, attribute, each, fresh)) for each in provenances]
    if any(answer.permit for answer in answers):
        return Withheld(attribute, NOT_KNOWN)
    return _no(attribute, answers[0])


def _question(asked: Asked, attribute: AttributeId, provenance: Provenance, situation: Situation) -> Question:
    return Question(
        service=asked.service,
        purpose=asked.purpose,
        attribute=attribute,
        provenance=provenance,
        situation=situation,
    )


def _no(attribute: AttributeId, answer: Answer) -> Withheld:
    return Withheld(attribute, answer.reason or ENGINE_ERROR, answer.policies[0] if answer.policies else None)

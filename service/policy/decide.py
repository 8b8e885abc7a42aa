"""Decisions: which facts of one customer may leave. The only place where a ``Permit`` is made."""

from collections.abc import Iterator, Sequence

from msgspec import structs

from service.model.catalogue import Catalogue
from service.model.decision import Decision, Obligation, Permit, Withheld, nothing_but
from service.model.facts import Facts, restrictions_at_enrolment
from service.model.situation import Asked, Situation, situate
from service.model.words import AgeBand, AttributeId, Basis, Provenance
from service.policy.engine import ENGINE_ERROR, Answer, Policies, in_order
from service.policy.question import Question

NOT_KNOWN = "not-known"


def decide(policies: Policies, asked: Asked, attributes: Sequence[AttributeId], facts: Facts) -> Decision:
    """Decide for each attribute whether one of its facts may leave, and which."""
    catalogue = policies.catalogue
    wanted = tuple(dict.fromkeys(attributes))
    if asked.service not in catalogue.services or asked.purpose not in catalogue.purposes:
        return nothing_but(ENGINE_ERROR, wanted, policies.version)
    known = facts if facts.customer is not None else _nobody(facts)
    permits: list[Permit] = []
    withheld: list[Withheld] = []
    obligations: set[Obligation] = set()
    for attribute in wanted:
        match _rule(policies, asked, attribute, known):
            case Withheld() as no:
                withheld.append(no)
            case permit, due:
                permits.append(permit)
                obligations.update(due)
    if permits:
        obligations.update(_agreed(catalogue, asked, known))
    return Decision(tuple(permits), tuple(withheld), in_order(obligations), policies.version)


def _agreed(catalogue: Catalogue, asked: Asked, facts: Facts) -> Iterator[Obligation]:
    """Yield that data is deleted sooner, where she agreed before the purpose came to keep it for longer."""
    purpose, standing = catalogue.purposes[asked.purpose], facts.standing
    if purpose.basis is Basis.CONSENT and standing is not None:
        days = purpose.kept_days(standing.notice)
        if days < purpose.retention_days:
            yield Obligation("delete-after", days)


def _nobody(facts: Facts) -> Facts:
    """Return the facts of somebody who has said nothing, so that an unknown identifier looks like her."""
    return structs.replace(facts, standing=None, restrictions=restrictions_at_enrolment(AgeBand.UNKNOWN), facts={})


def _rule(
    policies: Policies, asked: Asked, attribute: AttributeId, facts: Facts
) -> tuple[Permit, tuple[Obligation, ...]] | Withheld:
    if attribute not in policies.catalogue.attributes:
        return Withheld(attribute, ENGINE_ERROR)
    # A fact under a wrong heading would leave under a wrong name.
    candidates = [fact for fact in facts.candidates(attribute) if fact.attribute == attribute]
    if facts.customer is None or not candidates:
        return _without_a_fact(policies, asked, attribute, facts)
    answers: list[Answer] = []
    for fact in candidates:
        situation = situate(policies.catalogue, asked, attribute, facts, fact)
        answer = policies.answer(_question(asked, attribute, fact.provenance, situation))
        if answer.permit:
            return Permit(fact.owner or facts.customer, fact, answer.policies), answer.obligations
        answers.append(answer)
    return _no(attribute, answers[0])


def _without_a_fact(policies: Policies, asked: Asked, attribute: AttributeId, facts: Facts) -> Withheld:
    """Say that nothing is known only to whom a fresh fact would have been told; a refusal does not tell."""
    situation = structs.replace(situate(policies.catalogue, asked, attribute, facts), fresh=True)
    provenances = policies.catalogue.attributes[attribute].provenances
    answers = [policies.answer(_question(asked, attribute, p, situation)) for p in provenances]
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

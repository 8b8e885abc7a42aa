"""Decisions: which facts of one customer may leave. The only place where a ``Permit`` is made."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import TypeAlias

from msgspec import structs

from service.model.catalogue import Catalogue
from service.model.decision import Decision, Obligation, Permit, Withheld, nothing_but
from service.model.facts import PREFERENCE, Facts, SealedFact, kind_of, restrictions_at_enrolment
from service.model.situation import Asked, background, barred, notices
from service.model.words import AgeBand, AttributeId, Basis, Provenance
from service.policy.engine import ENGINE_ERROR, Policies, in_order
from service.policy.rulings import Case, Kept, Ruling, rule

REMEMBERED = 4096  # rulings; some 10 MiB


def decide(policies: Policies, asked: Asked, attributes: Sequence[AttributeId], facts: Facts) -> Decision:
    """Decide for each attribute whether one of its facts may leave, and which."""
    catalogue = policies.catalogue
    wanted = tuple(dict.fromkeys(attributes))
    if asked.service not in catalogue.services or asked.purpose not in catalogue.purposes:
        return nothing_but(ENGINE_ERROR, wanted, policies.version)
    known = facts if facts.customer is not None else _nobody(facts)
    disputed = known.disputed
    candidates = {attribute: _candidates(catalogue, known, attribute, disputed) for attribute in wanted}
    ruling = _ruling(policies, _case(catalogue, asked, known, candidates))
    permits: list[Permit] = []
    withheld: list[Withheld] = []
    for its, ruled in zip(candidates.values(), ruling.attributes, strict=True):
        if isinstance(ruled, Withheld) or facts.customer is None:
            assert isinstance(ruled, Withheld)  # noqa: S101  nothing is known of nobody
            withheld.append(ruled)
        else:
            fact = its[ruled[0]]
            assert isinstance(fact, SealedFact)  # noqa: S101  what was struck out is never permitted
            permits.append(Permit(fact.owner or facts.customer, fact, ruled[1]))
    due = _obligations(catalogue, asked, known, ruling) if permits else ()
    return Decision(tuple(permits), tuple(withheld), due, policies.version)


def _ruling(policies: Policies, case: Case) -> Ruling:
    try:
        return _remembered(policies, case)
    except Exception:  # noqa: BLE001  once more question by question: what fails is a no, and the rest stands
        return rule(policies.answer, policies.catalogue, case)


@lru_cache(maxsize=REMEMBERED)
def _remembered(policies: Policies, case: Case) -> Ruling:
    # Failures are not remembered: only what was ruled is.
    return rule(policies.evaluate, policies.catalogue, case)


Candidate: TypeAlias = SealedFact | Provenance
"""A fact, or how one came to be known that she had struck out."""


def _candidates(
    catalogue: Catalogue, facts: Facts, attribute: AttributeId, disputed: Collection[str]
) -> list[Candidate]:
    # A fact under a wrong heading would leave under a wrong name.
    found: list[Candidate] = [fact for fact in facts.candidates(attribute) if fact.attribute == attribute]
    if disputed and attribute in catalogue.attributes:
        provenances = catalogue.attributes[attribute].provenances
        found += [each for each in provenances if kind_of(attribute, each) in disputed]
        found.sort(key=lambda each: PREFERENCE[_provenance(each)])
    return found


def _provenance(candidate: Candidate) -> Provenance:
    return candidate if isinstance(candidate, Provenance) else candidate.provenance


def _case(
    catalogue: Catalogue, asked: Asked, facts: Facts, candidates: Mapping[AttributeId, Sequence[Candidate]]
) -> Case:
    """Reduce what is known to what bears on a ruling."""
    out = barred(catalogue, asked, facts)
    known = [
        (attribute, attribute in out, tuple([_kept(catalogue, each, facts.now) for each in its]))
        for attribute, its in candidates.items()
    ]
    return Case(asked, background(catalogue, asked, facts), notices(asked, facts), tuple(known))


def _kept(catalogue: Catalogue, candidate: Candidate, now: datetime) -> Kept:
    if isinstance(candidate, Provenance):
        return candidate, True, False
    # What the catalogue does not know is withheld, however fresh.
    kind = catalogue.attributes.get(candidate.attribute)
    return candidate.provenance, kind is not None and kind.fresh(candidate.as_of, now), True


def _obligations(catalogue: Catalogue, asked: Asked, facts: Facts, ruling: Ruling) -> tuple[Obligation, ...]:
    sooner = [*_agreed(catalogue, asked, facts)]
    return in_order({*ruling.obligations, *sooner}) if sooner else ruling.obligations


def _agreed(catalogue: Catalogue, asked: Asked, facts: Facts) -> Iterator[Obligation]:
    """Yield that data is deleted sooner, where she agreed before the purpose came to keep it for longer."""
    purpose, answered = catalogue.purposes[asked.purpose], [side.standing for side in facts.sides if side.standing]
    if purpose.basis is Basis.CONSENT and answered:
        days = min(purpose.kept_days(each.notice) for each in answered)
        if days < purpose.retention_days:
            yield Obligation("delete-after", days)


def _nobody(facts: Facts) -> Facts:
    """Return the facts of somebody who has said nothing, so that an unknown identifier looks like her."""
    return structs.replace(facts, standing=None, restrictions=restrictions_at_enrolment(AgeBand.UNKNOWN), facts={})

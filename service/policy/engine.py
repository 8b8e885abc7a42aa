"""The policy engine: a pure function from question to answer, which therefore may remember its answers."""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial

from msgspec import Struct

from service.errors import PolicyError
from service.model.catalogue import Catalogue
from service.model.decision import Obligation
from service.model.words import PolicyVersion
from service.policy.bundle import Bundle
from service.policy.canaries import canaries_in, dead_canaries
from service.policy.catalogue import parse_catalogue
from service.policy.cedar import EngineError, Judges, Policy, judge
from service.policy.lint import OBLIGATIONS, form_faults, lint, policies_of
from service.policy.question import Question
from service.policy.reasons import most_telling, unmet
from service.policy.schema import cedar_entities, cedar_schema

ENGINE_ERROR = "engine-error"
REMEMBERED = 16_384  # answers; some 10 MiB


class Answer(Struct, frozen=True):
    """Yes with the policies that permit and what they oblige to, or no with a reason and what forbids."""

    permit: bool
    policies: tuple[str, ...] = ()
    """The first is the one that is told."""
    reason: str | None = None
    obligations: tuple[Obligation, ...] = ()


class Code(Struct, frozen=True, eq=False):
    """The policies of one version, ready to be asked."""

    catalogue: Catalogue
    policies: Mapping[str, Policy]
    judges: Judges


class Policies(Struct, frozen=True, eq=False):
    """The compiled policies of one version; nothing in it ever changes."""

    catalogue: Catalogue
    version: PolicyVersion
    policies: Mapping[str, Policy]
    evaluate: Callable[[Question], Answer]
    """The evaluation, with a memory; raises what Cedar raises."""

    def answer(self, question: Question) -> Answer:
        """Answer a question; whatever goes wrong is a no."""
        try:
            return self.evaluate(question)
        except Exception:  # noqa: BLE001  fail closed: no failure of the engine may look like anything but a no
            return Answer(permit=False, reason=ENGINE_ERROR)


def check_policies(bundle: Bundle) -> Policies:
    """Compile a bundle that is about to be published, refusing faults of form too; raises PolicyError with all."""
    try:
        policies = compile_policies(bundle)
    except PolicyError as error:
        raise PolicyError(error.faults + form_faults(bundle)) from error
    if faults := form_faults(bundle):
        raise PolicyError(faults)
    return policies


def compile_policies(bundle: Bundle) -> Policies:
    """Check what a bundle means and make it ready; raises PolicyError with all its faults.

    Form is not checked here: a newer release that formats Cedar otherwise must go on with what was published.
    """
    policies, faults = policies_of(bundle)
    try:
        catalogue = parse_catalogue(bundle)
    except PolicyError as error:
        # Without a catalogue nothing more can be checked.
        raise PolicyError(faults + error.faults) from error
    canaries, canary_faults = canaries_in(bundle)
    faults += canary_faults + lint(bundle, policies, catalogue)
    if faults:
        raise PolicyError(faults)
    code = _code(catalogue, policies)
    faults = dead_canaries(canaries, policies, code.judges)
    if faults:
        raise PolicyError(faults)
    # Failures are not remembered: only what was answered is.
    evaluate = lru_cache(maxsize=REMEMBERED)(partial(evaluate_afresh, code))
    return Policies(catalogue, bundle.version, code.policies, evaluate)


def evaluate_afresh(code: Code, question: Question) -> Answer:
    """Evaluate one question without a memory; raises EngineError when that cannot be done."""
    if question.service not in code.catalogue.services or question.attribute not in code.catalogue.attributes:
        # Cedar takes an unknown entity for one without groups; here it is a mistake of ours.
        raise EngineError("the question names what is not in the catalogue")
    verdict = code.judges.whole.verdict(question)
    if verdict.allowed:
        return Answer(permit=True, policies=verdict.satisfied, obligations=_obligations(code, question))
    if not code.judges.permits.verdict(question).allowed:
        return Answer(permit=False, reason=unmet(code.judges.permits, question))
    first = most_telling(code.judges.whole, question, verdict.satisfied)
    others = tuple(id_ for id_ in verdict.satisfied if id_ != first)
    return Answer(permit=False, policies=(first, *others), reason=code.policies[first].annotations["reason"])


def in_order(obligations: Iterable[Obligation]) -> tuple[Obligation, ...]:
    """Sort obligations by what they are and for how long, those without days first."""
    return tuple(sorted(obligations, key=lambda obligation: (obligation.id, obligation.days or 0)))


def _obligations(code: Code, question: Question) -> tuple[Obligation, ...]:
    satisfied = code.judges.obligations.verdict(question).satisfied
    return in_order({_obligation(code.policies[id_]) for id_ in satisfied})


def _obligation(policy: Policy) -> Obligation:
    days = policy.annotations.get("days")
    return Obligation(policy.annotations["obligation"], None if days is None else int(days))


def _code(catalogue: Catalogue, policies: list[Policy]) -> Code:
    ground = cedar_entities(catalogue), cedar_schema(catalogue)
    release = [policy for policy in policies if policy.file != OBLIGATIONS]
    judges = Judges(
        whole=judge(release, *ground),
        permits=judge([policy for policy in release if policy.effect == "permit"], *ground),
        obligations=judge([policy for policy in policies if policy.file == OBLIGATIONS], *ground),
    )
    return Code(catalogue, {policy.id: policy for policy in policies}, judges)

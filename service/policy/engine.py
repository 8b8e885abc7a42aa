"""The policy engine: a pure function from question to answer, which therefore may remember its answers."""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial

from msgspec import Struct

from service.errors import PolicyError
from service.model.catalogue import Catalogue
from service.model.decision import Obligation
from service.model.words import PolicyVersion
from service.policy.bundle import Bundle
from service.policy.canaries import Canary, canaries_in, dead_canaries
from service.policy.catalogue import parse_catalogue
from service.policy.cedar import EngineError, Policy
from service.policy.code import Code, code_of
from service.policy.invariants import broken_invariants
from service.policy.lint import form_faults, lint, policies_of
from service.policy.question import Question
from service.policy.reasons import most_telling, unmet
from service.policy.wording import wording_faults

ENGINE_ERROR = "engine-error"
REMEMBERED = 16_384  # answers; some 10 MiB


class Answer(Struct, frozen=True):
    """Yes with the policies that permit and what they oblige to, or no with a reason and what forbids."""

    permit: bool
    policies: tuple[str, ...] = ()
    """The first is the one that is told."""
    reason: str | None = None
    obligations: tuple[Obligation, ...] = ()


class Policies(Struct, frozen=True, eq=False):
    """The compiled policies of one version; nothing in it ever changes."""

    version: PolicyVersion
    code: Code
    evaluate: Callable[[Question], Answer]
    """The evaluation, with a memory; raises what Cedar raises."""

    @property
    def catalogue(self) -> Catalogue:
        """What they are about."""
        return self.code.catalogue

    @property
    def policies(self) -> Mapping[str, Policy]:
        """Every policy by its id."""
        return self.code.policies

    def answer(self, question: Question) -> Answer:
        """Answer a question; whatever goes wrong is a no."""
        try:
            return self.evaluate(question)
        except Exception:  # noqa: BLE001  fail closed: no failure of the engine may look like anything but a no
            return Answer(permit=False, reason=ENGINE_ERROR)


def check_policies(bundle: Bundle) -> Policies:
    """Compile a bundle that is about to be published, and ask more of it; raises PolicyError with all its faults."""
    try:
        code, canaries = _linted(bundle)
    except PolicyError as error:
        raise PolicyError(error.faults + form_faults(bundle)) from error
    faults = _dead(code, canaries) + form_faults(bundle) + wording_faults(code.catalogue) + broken_invariants(code)
    if faults:
        raise PolicyError(faults)
    return _remembering(bundle, code)


def compile_policies(bundle: Bundle) -> Policies:
    """Check what a bundle means and make it ready; raises PolicyError with all its faults.

    Form, wording and invariants are not checked here: a newer release, which formats Cedar otherwise or asks more,
    must go on with what was published.
    """
    code, canaries = _linted(bundle)
    if faults := _dead(code, canaries):
        raise PolicyError(faults)
    return _remembering(bundle, code)


def _linted(bundle: Bundle) -> tuple[Code, list[Canary]]:
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
    return code_of(catalogue, policies), canaries


def _dead(code: Code, canaries: list[Canary]) -> list[str]:
    return dead_canaries(canaries, list(code.policies.values()), code.judges)


def _remembering(bundle: Bundle, code: Code) -> Policies:
    # Failures are not remembered: only what was answered is.
    evaluate = lru_cache(maxsize=REMEMBERED)(partial(evaluate_afresh, code))
    return Policies(bundle.version, code, evaluate)


def evaluate_afresh(code: Code, question: Question) -> Answer:
    """Evaluate one question without a memory; raises EngineError when that cannot be done."""
    if question.service not in code.catalogue.services or question.attribute not in code.catalogue.attributes:
        # Cedar takes an unknown entity for one without groups; here it is a mistake of ours.
        raise EngineError("the question names what is not in the catalogue")
    verdict = code.judges.whole.verdict(question)
    if verdict.allowed:
        return Answer(permit=True, policies=verdict.satisfied, obligations=in_order(code.obligations(question)))
    if not code.judges.permits.verdict(question).allowed:
        return Answer(permit=False, reason=unmet(code.judges.permits, question))
    first = most_telling(code.judges.whole, question, verdict.satisfied)
    others = tuple(id_ for id_ in verdict.satisfied if id_ != first)
    return Answer(permit=False, policies=(first, *others), reason=code.policies[first].annotations["reason"])


def in_order(obligations: Iterable[Obligation]) -> tuple[Obligation, ...]:
    """Sort obligations by what they are and for how long, those without days first."""
    return tuple(sorted(obligations, key=lambda obligation: (obligation.id, obligation.days or 0)))

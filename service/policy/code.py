"""The policies of one version, ready to be asked."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from service.model.catalogue import Catalogue
from service.model.decision import Obligation
from service.policy.cedar import EngineError, Judges, Policy, judge
from service.policy.lint import OBLIGATIONS
from service.policy.question import Question
from service.policy.schema import cedar_entities, cedar_schema


class Code(Struct, frozen=True, eq=False):
    """The catalogue, the policies by id, and the sets of them that Cedar knows."""

    catalogue: Catalogue
    policies: Mapping[str, Policy]
    judges: Judges

    def allows(self, question: Question) -> bool:
        """Whether the answer is yes; what cannot be evaluated is a no."""
        try:
            return self.judges.whole.verdict(question).allowed
        except EngineError:
            return False

    def obligations(self, question: Question) -> frozenset[Obligation]:
        """Return what a yes obliges to; raises EngineError when that cannot be evaluated."""
        satisfied = self.judges.obligations.verdict(question).satisfied
        return frozenset(_obligation(self.policies[id_]) for id_ in satisfied)


def _obligation(policy: Policy) -> Obligation:
    days = policy.annotations.get("days")
    return Obligation(policy.annotations["obligation"], None if days is None else int(days))


def code_of(catalogue: Catalogue, policies: Sequence[Policy]) -> Code:
    """Make policies ready; raises ValueError when two of them have the same id."""
    ground = cedar_entities(catalogue), cedar_schema(catalogue)
    release = [policy for policy in policies if policy.file != OBLIGATIONS]
    judges = Judges(
        whole=judge(release, *ground),
        permits=judge([policy for policy in release if policy.effect == "permit"], *ground),
        obligations=judge([policy for policy in policies if policy.file == OBLIGATIONS], *ground),
    )
    return Code(catalogue, {policy.id: policy for policy in policies}, judges)

"""Whether taking something away can open anything: exactly, for every situation there is.

Each policy is asked alone, and no more often than it can tell questions apart. It sees a question through the entities
that it names, through ``third_party`` and through the fields that it reads; the closed list of operators
(``lint.ALLOWED``) leaves no other way. If nothing that is taken away satisfies a permit or silences a forbid, then
nothing that is taken away turns the whole answer from no to yes.
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import product
from typing import TypeAlias

from msgspec import structs

from service.model.situation import BRIGHTEST, Situation, darker, dimmer
from service.model.words import AgeBand, Status
from service.policy.canaries import but, written
from service.policy.cedar import Policy, alone, resource_id
from service.policy.code import Code
from service.policy.faults import fault
from service.policy.lint import OBLIGATIONS
from service.policy.question import Question, brightest_questions
from service.policy.schema import groups

MOST = 8
"""Fields that one policy may read, so that all it can say is tried in no time."""


Groups: TypeAlias = frozenset[tuple[str, str]]
OUTSIDE = ("Service", "third_party")
"""Stands for an outside company among the groups that a question is in."""


def widening(code: Code) -> list[str]:
    """Say which policies open something, or lift an obligation, when something is taken away from a situation."""
    placed = list(_placed(code))
    faults: list[str] = []
    for policy in code.policies.values():
        if len(policy.reads) > MOST:
            faults.append(fault(policy.file, policy.id, f"reads more than {MOST} fields of a situation; split it"))
            continue
        found = next(_opened(code, policy, _told_apart(policy, placed)), None)
        if found is not None:
            faults.append(fault("invariants", "removal", f"taking something away opens nothing; but {found}"))
    return faults


def conceivable(code: Code) -> dict[Question, frozenset[str]]:
    """Return every question in the scope of a permit, as no other is ever allowed, with the fields that bear on it.

    Each is in the brightest situation.
    """
    permits = [policy for policy in code.policies.values() if _permits(policy)]
    return {
        question: frozenset(
            field for policy in code.policies.values() if policy.reaches(placed) for field in policy.reads
        )
        for question, placed in _placed(code)
        if any(policy.reaches(placed) for policy in permits)
    }


def _placed(code: Code) -> Iterator[tuple[Question, Groups]]:
    """Yield every question with all the groups that it is in."""
    known = groups(code.catalogue)
    for question in brightest_questions(code.catalogue):
        outside = {OUTSIDE} if code.catalogue.services[question.service].third_party else set()
        service, purpose = known["Service", question.service], known["Action", question.purpose]
        attribute = known["Attribute", resource_id(question.attribute, question.provenance)]
        yield question, service | purpose | attribute | outside


def _told_apart(policy: Policy, placed: Iterable[tuple[Question, Groups]]) -> Iterator[Question]:
    """Yield one question of all those in its scope that a policy cannot tell apart."""
    seen: set[Groups] = set()
    telling = policy.names | {OUTSIDE}
    for question, stands_in in placed:
        view = stands_in & telling
        if view not in seen and policy.reaches(stands_in):
            seen.add(view)
            yield question


def _opened(code: Code, policy: Policy, questions: Iterable[Question]) -> Iterator[str]:
    """Yield each loss by which a permit comes to be satisfied, or a forbid or an obligation falls silent."""
    judge = alone(code.judges.obligations if policy.file == OBLIGATIONS else code.judges.whole, policy)
    permits = _permits(policy)
    space = list(_space(policy))
    for question in questions:
        says = {each: bool(judge.verdict(structs.replace(question, situation=each)).satisfied) for each in space}
        for situation in space:
            for field, less in dimmer(situation):
                if less in says and says[situation] is not permits and says[less] is permits:
                    yield f"{policy.id} {_does(permits)} {question}, {_loss(field, situation, less)}"


def _space(policy: Policy) -> Iterator[Situation]:
    """Yield every situation that a policy can tell apart from the others."""
    for chosen in product(*(_values(policy, field) for field in policy.reads)):
        yield structs.replace(BRIGHTEST, **dict(zip(policy.reads, chosen, strict=True)))


def _values(policy: Policy, field: str) -> list[bool | Status | AgeBand]:
    """Return the values of a field; of the words that a policy does not name, a bright and a dark one."""
    bright = getattr(BRIGHTEST, field)
    every = [bright, *darker(bright)]
    unnamed = [v for v in every if isinstance(v, StrEnum) and (type(v).__name__, v.value) not in policy.names]
    return [v for v in every if v not in unnamed[1:-1]]


def _permits(policy: Policy) -> bool:
    return policy.effect == "permit" and policy.file != OBLIGATIONS


def _does(permits: bool) -> str:  # noqa: FBT001  which kind of policy it is
    return "comes to permit" if permits else "falls silent on"


def _loss(field: str, situation: Situation, less: Situation) -> str:
    before, after = getattr(situation, field), getattr(less, field)
    return f"when {field} goes from {written(before)} to {written(after)} in the situation {but(situation)}"

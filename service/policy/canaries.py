"""Canaries: for every policy one question at which it fires and one at which it stays silent.

They are asked before a version of the policies may act, of the very sets that will act.
"""

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import msgspec
from msgspec import Struct, structs

from service.model.situation import BRIGHTEST, FIELDS, Situation
from service.model.words import AttributeId, Provenance, PurposeId, ServiceId
from service.policy.bundle import Bundle
from service.policy.cedar import EngineError, Judge, Judges, Policy
from service.policy.faults import fault
from service.policy.lint import OBLIGATIONS
from service.policy.question import Question

FILE = "canaries.toml"


class Vector(Struct, frozen=True, forbid_unknown_fields=True):
    """One question, in the brightest situation ``but`` for what is said."""

    service: str
    purpose: str
    attribute: str
    provenance: Provenance
    but: Mapping[str, bool | str] = {}

    def question(self) -> Question:
        """Return the question; raises msgspec.ValidationError for a situation that does not exist."""
        unknown = sorted(set(self.but) - set(FIELDS))
        if unknown:
            raise msgspec.ValidationError(f"a situation has no {', '.join(unknown)}")
        situation = msgspec.convert(structs.asdict(BRIGHTEST) | dict(self.but), Situation, strict=True)
        return Question(
            service=ServiceId(self.service),
            purpose=PurposeId(self.purpose),
            attribute=AttributeId(self.attribute),
            provenance=self.provenance,
            situation=situation,
        )


class Canary(Struct, frozen=True, forbid_unknown_fields=True):
    """When one policy fires, and when it stays silent."""

    policy: str
    fires: Vector
    silent: Vector


class Canaries(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    canary: tuple[Canary, ...]


def canaries_in(bundle: Bundle) -> tuple[list[Canary], list[str]]:
    """Read the canaries, and say what is wrong with their file."""
    text = bundle.files.get(FILE)
    if text is None:
        return [], [f"{FILE}: is missing"]
    try:
        canaries = msgspec.convert(tomllib.loads(text), Canaries, strict=True).canary
        for canary in canaries:
            canary.fires.question()
            canary.silent.question()
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        return [], [f"{FILE}: {error}"]
    return list(canaries), []


def but(situation: Situation) -> str:
    """Return in what a situation differs from the brightest, as a canary writes it."""
    changed = [field for field in FIELDS if getattr(situation, field) != getattr(BRIGHTEST, field)]
    return f"{{ {', '.join(f'{field} = {written(getattr(situation, field))}' for field in changed)} }}"


def written(value: bool | str) -> str:  # noqa: FBT001  a value, not a switch
    """Return the value of a field as a canary writes it."""
    return str(value).lower() if isinstance(value, bool) else f'"{value}"'


def dead_canaries(canaries: Sequence[Canary], policies: Sequence[Policy], judges: Judges) -> list[str]:
    """Say which policies lack a canary, and which do not do what theirs says."""
    known = {policy.id: policy for policy in policies}
    faults = list(_unmatched([canary.policy for canary in canaries], list(known)))
    for canary in canaries:
        policy = known.get(canary.policy)
        if policy is None:
            continue
        if policy.file == OBLIGATIONS:
            faults += _wrong(canary, fires=judges.obligations, silent=judges.obligations)
        else:
            # A forbid can hide that a permit is satisfied, so silence is asked of the permits alone.
            silent = judges.permits if policy.effect == "permit" else judges.whole
            faults += _wrong(canary, fires=judges.whole, silent=silent)
    return faults


def _unmatched(named: Sequence[str], policies: Sequence[str]) -> Iterator[str]:
    yield from (fault(FILE, id_, "this policy has no canary") for id_ in policies if id_ not in named)
    yield from (fault(FILE, id_, "there is no such policy") for id_ in named if id_ not in policies)
    yield from (fault(FILE, id_, "has two canaries") for id_, n in Counter(named).items() if n > 1)


def _wrong(canary: Canary, *, fires: Judge, silent: Judge) -> Iterator[str]:
    try:
        if canary.policy not in fires.verdict(canary.fires.question()).satisfied:
            yield fault(FILE, canary.policy, "does not fire where it must")
        if canary.policy in silent.verdict(canary.silent.question()).satisfied:
            yield fault(FILE, canary.policy, "does not stay silent where it must")
    except EngineError as error:
        yield fault(FILE, canary.policy, str(error))

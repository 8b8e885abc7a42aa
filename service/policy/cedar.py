"""Cedar as values: policies read from text, and sets of them asked a question. No meaning lives here."""

import json
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import TypeAlias

import cedarpy
from msgspec import Struct, structs

from service.model.situation import FIELDS, Situation
from service.policy.question import Question

Json: TypeAlias = "Mapping[str, Json] | list[Json] | str | int | float | bool | None"


class EngineError(Exception):
    """Cedar could not decide: the question does not fit the schema, or a policy failed."""


class Policy(Struct, frozen=True, eq=False):
    """One Cedar policy, as written in one file."""

    file: str
    place: str
    """How Cedar names it before it has its id: ``policy0``, ``policy1``, ..."""
    annotations: Mapping[str, str]
    source: Mapping[str, Json]
    """Cedar's own JSON form."""
    scope: tuple[frozenset[tuple[str, str]], ...]
    """Groups of which a question must be in one, of each of these; only ``==`` and ``in`` keep any out."""
    names: frozenset[tuple[str, str]]
    """Every entity that is named anywhere in it, by type and id."""
    reads: tuple[str, ...]
    """The fields of a situation that it reads, in the order of ``Situation``."""

    @property
    def id(self) -> str:
        """The name it is reported by; empty when it has none."""
        return self.annotations.get("id", "")

    @property
    def effect(self) -> str:
        """``permit`` or ``forbid``."""
        return str(self.source["effect"])

    def reaches(self, groups: frozenset[tuple[str, str]]) -> bool:
        """Whether its scope lets in a question that is in these groups."""
        return not any(groups.isdisjoint(one_of) for one_of in self.scope)


class Verdict(Struct, frozen=True):
    """What a set of policies says: with an allow the satisfied permits, otherwise the satisfied forbids."""

    allowed: bool
    satisfied: tuple[str, ...]


class Judge(Struct, frozen=True, eq=False):
    """A set of policies, ready to be asked about the entities of one catalogue."""

    policies: cedarpy.PolicySet
    entities: cedarpy.Entities
    schema: cedarpy.Schema

    def verdict(self, question: Question) -> Verdict:
        """Evaluate the policies; raises EngineError unless every one of them could be evaluated."""
        result = cedarpy.is_authorized(_request(question), self.policies, self.entities, self.schema)
        # Cedar skips a policy that fails, and a forbid that is skipped means yes.
        if result.diagnostics.errors or result.decision is cedarpy.Decision.NoDecision:
            raise EngineError("; ".join(result.diagnostics.errors))
        return Verdict(
            allowed=result.decision is cedarpy.Decision.Allow,
            satisfied=tuple(sorted(result.diagnostics.reasons)),  # they come in no order
        )


class Judges(Struct, frozen=True, eq=False):
    """The sets that one version of the policies is asked through."""

    whole: Judge
    permits: Judge
    """The permits without the forbids: what the nearest permit lacks is a reason."""
    obligations: Judge


def formatted(text: str) -> str:
    """Return policies as Cedar formats them; raises ValueError when they cannot be parsed."""
    return cedarpy.format_policies(text)


def policies_in(file: str, text: str) -> list[Policy]:
    """Read the policies of one file, in their order; raises ValueError for anything but plain policies."""
    tree = json.loads(cedarpy.policies_to_json_str(text))
    if tree["templates"]:
        raise ValueError("templates are not used here")
    static = tree["staticPolicies"]
    places = sorted(static, key=lambda place: int(place.removeprefix("policy")))
    return [_policy(file, place, static[place]) for place in places]


def misfits(text: str, schema: str) -> list[tuple[str, str]]:
    """Return where policies do not fit a schema: the place of the policy, and what is wrong."""
    errors = cedarpy.validate_policies(text, schema).errors
    return [(e.policy_id, e.error.removeprefix(f"for policy `{e.policy_id}`").lstrip(":, ")) for e in errors]


def judge(policies: Iterable[Policy], entities: str, schema: str) -> Judge:
    """Make a set of policies ready; raises ValueError for a wrong schema or an id used twice."""
    handle = cedarpy.Schema.from_str(schema)
    return Judge(
        policies=_set(policies),
        # Without the schema the entities know no action groups, and forbids on groups never match.
        entities=cedarpy.Entities.from_json_str(entities, handle),
        schema=handle,
    )


def alone(judge: Judge, policy: Policy) -> Judge:
    """Return a judge on the same ground that knows only this policy."""
    return structs.replace(judge, policies=_set([policy]))


def entities_in(node: Json) -> frozenset[tuple[str, str]]:
    """Return every entity that is named in a part of a policy, by type and id."""
    nodes = (each for each in _walk(node) if each.keys() == {"type", "id"})
    return frozenset((str(each["type"]), str(each["id"])) for each in nodes)


def resource_id(attribute: str, provenance: str) -> str:
    """Return how Cedar names an attribute known in one way."""
    return f"{attribute}#{provenance}"


def _set(policies: Iterable[Policy]) -> cedarpy.PolicySet:
    named: dict[str, Json] = {}
    for policy in policies:
        # Under one name a permit would silently take the place of a forbid.
        if policy.id in named:
            raise ValueError(f"two policies have the id {policy.id}")
        named[policy.id] = dict(policy.source)
    tree = {"templates": {}, "staticPolicies": named, "templateLinks": []}
    return cedarpy.PolicySet.from_json_str(json.dumps(tree))


def _policy(file: str, place: str, source: dict[str, Json]) -> Policy:
    annotations = source.get("annotations")
    assert isinstance(annotations, dict | None)  # noqa: S101  the form of Cedar's JSON, not an input
    words = {name: str(value or "") for name, value in (annotations or {}).items()}
    scopes = (source[part] for part in ("principal", "action", "resource"))
    read = set(_fields_in(source))
    return Policy(
        file=file,
        place=place,
        annotations=words,
        source=source,
        scope=tuple(entities_in(s) for s in scopes if isinstance(s, Mapping) and s["op"] in ("==", "in")),
        names=entities_in(source),
        reads=tuple(field for field in FIELDS if field in read),
    )


def _fields_in(node: Json) -> Iterator[str]:
    for inner in _walk(node):
        access = inner.get(".")
        if isinstance(access, Mapping) and access["left"] == {"Var": "context"}:
            yield str(access["attr"])


def _walk(node: Json) -> Iterator[Mapping[str, Json]]:
    """Yield every object of a tree."""
    if isinstance(node, Mapping):
        yield node
    inner = node.values() if isinstance(node, Mapping) else node if isinstance(node, list) else ()
    for each in inner:
        yield from _walk(each)


def _request(question: Question) -> dict[str, Json]:
    resource = resource_id(question.attribute, question.provenance)
    return {
        "principal": _entity("Service", question.service),
        "action": _entity("Action", question.purpose),
        "resource": _entity("Attribute", resource),
        "context": _context(question.situation),
    }


def _context(situation: Situation) -> dict[str, Json]:
    return {field: _value(getattr(situation, field)) for field in FIELDS}


def _value(value: bool | StrEnum) -> Json:  # noqa: FBT001  a value, not a switch
    if isinstance(value, StrEnum):
        return {"__entity": _entity(type(value).__name__, value.value)}
    return value


def _entity(kind: str, id_: str) -> dict[str, Json]:
    return {"type": kind, "id": str(id_)}

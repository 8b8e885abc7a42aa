"""Rules that Cedar's validator does not know, so that a policy stays readable and a mistake in it refuses.

One function per rule; each takes a policy and yields what is wrong with it.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from service.errors import PolicyError
from service.model.catalogue import Catalogue
from service.policy.bundle import Bundle
from service.policy.catalogue import parse_catalogue
from service.policy.cedar import Json, Policy, entities_in, formatted, misfits, policies_in, resource_id
from service.policy.faults import fault
from service.policy.schema import cedar_schema, schema_faults

OBLIGATIONS = "obligations.cedar"
REQUIRED = ("id", "title", "basis", "reason")
OF_OBLIGATIONS = ("obligation", "days")
SLUG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
DAYS = re.compile(r"[1-9][0-9]{0,4}")
ALLOWED = frozenset({"Var", "Value", "Set", ".", "&&", "||", "!", "==", "!=", "in", "contains"})
"""All that a policy may do; closed, so that a new feature of Cedar is refused until it is thought about."""


def policies_of(bundle: Bundle) -> tuple[list[Policy], list[str]]:
    """Read every policy, and say which files are not Cedar."""
    policies: list[Policy] = []
    faults: list[str] = []
    for path, text in bundle.cedar_files():
        try:
            policies += policies_in(path, text)
        except ValueError as error:
            faults.append(f"{path}: {error}")
    return policies, faults


def lint(bundle: Bundle, policies: Sequence[Policy], catalogue: Catalogue) -> list[str]:
    """Return every breach of a rule."""
    faults = list(_duplicates(policies))
    faults += _misfits(bundle, policies, cedar_schema(catalogue))
    for policy in policies:
        name = policy.id or policy.place
        breaches = [*_annotations(policy), *_scope(policy), *_operators(policy), *_ids(policy, catalogue)]
        faults += [fault(policy.file, name, what) for what in breaches]
    return faults


def form_faults(bundle: Bundle) -> list[str]:
    """Return what is wrong with the form of the files, whatever they mean: formatting, and a generated file."""
    faults = list(_unformatted(bundle))
    with suppress(PolicyError):  # without a catalogue there is nothing to generate from, and that is said elsewhere
        faults += schema_faults(bundle, parse_catalogue(bundle))
    return faults


# --- files -----------------------------------------------------------------------------------------------


def _unformatted(bundle: Bundle) -> Iterator[str]:
    for path, text in bundle.cedar_files():
        try:
            if formatted(text) != text:
                yield f"{path}: is not formatted as Cedar formats it"
        except ValueError:
            continue  # said already, by policies_of


def _misfits(bundle: Bundle, policies: Sequence[Policy], schema: str) -> Iterator[str]:
    """What Cedar's own validator says, in its strict mode, under the name that people know a policy by."""
    names = {(policy.file, policy.place): policy.id for policy in policies}
    for path in sorted({policy.file for policy in policies}):
        for place, what in misfits(bundle.files[path], schema):
            yield fault(path, names.get((path, place)) or place, what)


def _duplicates(policies: Sequence[Policy]) -> Iterator[str]:
    counts = Counter(policy.id for policy in policies)
    for policy in policies:
        if policy.id and counts[policy.id] > 1:
            yield fault(policy.file, policy.id, "another policy has the same @id")


# --- annotations -----------------------------------------------------------------------------------------


def _annotations(policy: Policy) -> Iterator[str]:
    obliges = policy.file == OBLIGATIONS
    required = (*REQUIRED, "obligation") if obliges else REQUIRED
    yield from (f"needs @{name}" for name in required if not policy.annotations.get(name, "").strip())
    allowed = {*REQUIRED, *OF_OBLIGATIONS} if obliges else {*REQUIRED}
    yield from (f"@{name} has no meaning here" for name in sorted(policy.annotations.keys() - allowed))
    yield from (f"@{name} is not a code" for name in ("reason", "obligation") if not _is_code(policy, name))
    if policy.id and not policy.id.startswith(f"{_acts_as(policy)}."):
        yield f"@id must begin with {_acts_as(policy)}."
    if not DAYS.fullmatch(policy.annotations.get("days", "1")):
        yield "@days is not a number of days"
    if obliges and policy.effect != "permit":
        yield "an obligation is written as a permit"


def _is_code(policy: Policy, name: str) -> bool:
    return SLUG.fullmatch(policy.annotations.get(name) or "missing") is not None


def _acts_as(policy: Policy) -> str:
    return "obligation" if policy.file == OBLIGATIONS else policy.effect


# --- scope -----------------------------------------------------------------------------------------------


def _scope(policy: Policy) -> Iterator[str]:
    """A permit names groups of the catalogue, so that an unknown service or attribute never matches one."""
    if policy.effect != "permit" or policy.file == OBLIGATIONS:
        return
    if not _names(policy.source["principal"], {"in"}, {"Grant"}):
        yield "a permit says principal in Grant::..."
    if not _names(policy.source["action"], {"==", "in"}, {"Action"}):
        yield "a permit names its action"
    if not _names(policy.source["resource"], {"in"}, {"AttributeSet", "Category"}):
        yield "a permit says resource in AttributeSet::... or Category::..."


def _names(scope: Json, operators: set[str], kinds: set[str]) -> bool:
    if not isinstance(scope, Mapping) or scope.get("op") not in operators:
        return False
    entities = entities_in(scope)
    return bool(entities) and {kind for kind, _ in entities} <= kinds


# --- conditions ------------------------------------------------------------------------------------------


def _operators(policy: Policy) -> Iterator[str]:
    conditions = policy.source["conditions"]
    for condition in conditions if isinstance(conditions, list) else []:
        if isinstance(condition, Mapping):
            yield from _expression(condition["body"])


def _expression(node: Json) -> Iterator[str]:
    """Walk one expression: a mapping from its operator to its operands."""
    if not isinstance(node, Mapping):
        return
    for operator, operands in node.items():
        if operator not in ALLOWED:
            yield f"uses {operator}, which policies here do not"
        elif operator == "Value":
            yield from _literal(operands)
        elif isinstance(operands, list):
            for operand in operands:
                yield from _expression(operand)
        elif isinstance(operands, Mapping):
            for operand in operands.values():
                yield from _expression(operand)


def _literal(value: Json) -> Iterator[str]:
    # The validator accepts a misspelt string; it knows the members of an enumerated type.
    if not isinstance(value, bool | Mapping):
        yield f"has the literal {value!r}; name an entity of the schema"


# --- ids -------------------------------------------------------------------------------------------------


def _ids(policy: Policy, catalogue: Catalogue) -> Iterator[str]:
    """The validator knows the ids of actions and of enumerated types, but not of services and attributes."""
    attributes = {resource_id(a.id, p) for a in catalogue.attributes.values() for p in a.provenances}
    known = {"Service": set(map(str, catalogue.services)), "Attribute": attributes}
    for kind, id_ in sorted(policy.names):
        if kind in known and id_ not in known[kind]:
            yield f'the catalogue has no {kind}::"{id_}"'

"""The Cedar schema and entities that a catalogue makes. Nothing here is about one customer.

Every closed vocabulary is an enumerated entity type: the validator knows its members, where a misspelt string
would pass.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path

from msgspec.structs import fields

from service.errors import PolicyError
from service.model.catalogue import Attribute, Catalogue, Purpose, Service
from service.model.situation import Situation
from service.model.words import AgeBand, Provenance, Status
from service.policy.bundle import Bundle, read_bundle
from service.policy.catalogue import parse_catalogue
from service.policy.cedar import Json, resource_id
from service.policy.references import FAMILIES

FILE = "schema.cedarschema"
HEADER = "// Made from the catalogue by `byleave policies check --write`. Read it, do not edit it.\n"
TRAITS = ("demographic", "special")


def cedar_schema(catalogue: Catalogue) -> str:
    """Return the schema of a catalogue's policies; also the register of purposes (GDPR Art. 30)."""
    parts = [HEADER, *_vocabularies(catalogue), _THINGS, _situation(), *_actions(catalogue)]
    return "\n".join(parts)


def cedar_entities(catalogue: Catalogue) -> str:
    """Return every service, and every attribute by provenance, with their groups, as Cedar's JSON."""
    services = [_service(service) for service in catalogue.services.values()]
    attributes = [
        _attribute(catalogue, attribute, provenance)
        for attribute in catalogue.attributes.values()
        for provenance in attribute.provenances
    ]
    return json.dumps(services + attributes)


def groups(catalogue: Catalogue) -> Mapping[tuple[str, str], frozenset[tuple[str, str]]]:
    """Return for every service, purpose and attribute, by type and id, all that it is ``in``: itself and its groups."""
    actions = {
        ("Action", str(p.id)): [("Action", group) for group in _families(p)] for p in catalogue.purposes.values()
    }
    services = {("Service", str(s.id)): _parents_of_service(s) for s in catalogue.services.values()}
    attributes = {
        ("Attribute", resource_id(attribute.id, provenance)): _parents_of_attribute(catalogue, attribute, provenance)
        for attribute in catalogue.attributes.values()
        for provenance in attribute.provenances
    }
    return {uid: frozenset([uid, *parents]) for uid, parents in (actions | services | attributes).items()}


def schema_faults(bundle: Bundle, catalogue: Catalogue) -> list[str]:
    """Say so when the committed schema is not the one that the catalogue makes."""
    if bundle.files.get(FILE) == cedar_schema(catalogue):
        return []
    return [f"{FILE}: is not the schema of this catalogue; write it with `byleave policies check --write`"]


def write_schema(folder: Path) -> None:
    """Write the schema of the catalogue in a folder; raises PolicyError when the catalogue has faults."""
    text = cedar_schema(parse_catalogue(read_bundle(folder)))
    try:
        (folder / FILE).write_text(text, encoding="utf-8")
    except OSError as error:
        raise PolicyError([f"{FILE}: cannot be written: {error}"]) from error


# --- schema ----------------------------------------------------------------------------------------------

_THINGS = """\
// Who asks, and what for: an attribute is known in one way, such as "browsed_genres#observed".
entity Service in [Grant, Team] = { third_party: Bool };
entity Attribute in [AttributeSet, Category, Provenance, Trait];
"""


def _vocabularies(catalogue: Catalogue) -> Iterator[str]:
    purposes, attributes = catalogue.purposes, catalogue.attributes.values()
    yield "// What a service may use, by purpose, and which team it belongs to."
    yield _enum("Grant", purposes)
    yield _enum("Team", {service.team for service in catalogue.services.values()})
    yield "\n// What a purpose may use, and what kinds of attributes there are."
    yield _enum("AttributeSet", purposes)
    yield _enum("Category", {attribute.category for attribute in attributes})
    yield _enum("Provenance", Provenance)
    yield _enum("Trait", TRAITS)
    yield "\n// The words of a situation."
    yield _enum("Status", Status)
    yield _enum("AgeBand", AgeBand)
    yield ""


def _enum(name: str, members: Iterable[str]) -> str:
    return f"entity {name} enum [{_quoted(sorted(members))}];"


def _situation() -> str:
    lines = [f"  {field.name}: {_type(field.type)}," for field in fields(Situation)]
    head = "// The customer's state, for one purpose, channel and fact.\ntype Situation = {"
    return "\n".join([head, *lines, "};\n"])


def _type(python: type) -> str:
    return python.__name__ if issubclass(python, StrEnum) else "Bool"


def _actions(catalogue: Catalogue) -> Iterator[str]:
    kinds = {kind for purpose in catalogue.purposes.values() for kind in purpose.kinds}
    yield "// Groups of purposes: by legal basis, and by what is done."
    yield f"action {_quoted(sorted(FAMILIES.values()))};"
    if kinds:
        yield f"action {_quoted(sorted(kinds))};"
    yield "\n// The purposes."
    for id_ in sorted(catalogue.purposes):
        yield _action(catalogue.purposes[id_])


def _action(purpose: Purpose) -> str:
    return (
        f'action "{purpose.id}" in [{_quoted(_families(purpose))}]\n'
        "  appliesTo { principal: Service, resource: Attribute, context: Situation };\n"
    )


def _families(purpose: Purpose) -> list[str]:
    return sorted([FAMILIES[purpose.basis], *purpose.kinds])


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(f'"{word}"' for word in words)


# --- entities --------------------------------------------------------------------------------------------


def _service(service: Service) -> Json:
    return _entity("Service", service.id, {"third_party": service.third_party}, _parents_of_service(service))


def _parents_of_service(service: Service) -> list[tuple[str, str]]:
    return [("Team", service.team), *(("Grant", purpose) for purpose in sorted(service.uses))]


def _attribute(catalogue: Catalogue, attribute: Attribute, provenance: Provenance) -> Json:
    parents = _parents_of_attribute(catalogue, attribute, provenance)
    return _entity("Attribute", resource_id(attribute.id, provenance), {}, parents)


def _parents_of_attribute(catalogue: Catalogue, attribute: Attribute, provenance: Provenance) -> list[tuple[str, str]]:
    purposes = sorted(p.id for p in catalogue.purposes.values() if attribute.id in p.attributes)
    return [
        ("Category", attribute.category),
        ("Provenance", provenance.value),
        *(("AttributeSet", purpose) for purpose in purposes),
        *(("Trait", trait) for trait in TRAITS if getattr(attribute, trait)),
    ]


def _entity(kind: str, id_: str, attributes: dict[str, Json], parents: Iterable[tuple[str, str]]) -> Json:
    groups: list[Json] = [{"type": group, "id": member} for group, member in parents]
    return {"uid": {"type": kind, "id": id_}, "attrs": attributes, "parents": groups}

"""Reading the catalogue from its files. Every fault is told, not only the first."""

import tomllib
from collections import Counter
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from service.errors import PolicyError
from service.model.catalogue import Attribute, Catalogue, Company, Notice, Purpose, Service
from service.model.words import AttributeId, PurposeId, ServiceId
from service.policy.bundle import Bundle
from service.policy.faults import fault
from service.policy.notices import notices_in
from service.policy.references import broken_references
from service.policy.translations import translations_in

COMPANY = "company.toml"
Item = TypeVar("Item", Purpose, Attribute, Service)


def parse_catalogue(bundle: Bundle) -> Catalogue:
    """Read purposes, attributes, services, notices and the company; raises PolicyError with all their faults."""
    faults: list[str] = []
    purposes = _items(bundle, "purposes.toml", Purpose, faults)
    attributes = _items(bundle, "attributes.toml", Attribute, faults)
    services = _items(bundle, "services.toml", Service, faults)
    notices = _notices(bundle, faults)
    catalogue = Catalogue(
        purposes={PurposeId(p.id): p for p in purposes},
        attributes={AttributeId(a.id): a for a in attributes},
        services={ServiceId(s.id): s for s in services},
        notices={(n.purpose, n.version, n.language): n for n in notices},
        company=_company(bundle, faults),
        translations=translations_in(bundle, faults),
    )
    # An item that could not be read would be missed by everything that names it: first things first.
    if not faults:
        faults = list(broken_references(catalogue))
    if faults:
        raise PolicyError(faults)
    return catalogue


def _items(bundle: Bundle, file: str, kind: type[Item], faults: list[str]) -> list[Item]:
    """Read the items of one file: ``[[purpose]]`` tables in ``purposes.toml``, and nothing else."""
    tables = _tables(bundle, file, kind.__name__.lower(), faults)
    items: list[Item] = []
    for number, table in enumerate(tables, start=1):
        name = table.get("id", f"number {number}") if isinstance(table, dict) else f"number {number}"
        try:
            items.append(msgspec.convert(_spelt_out(table), kind, strict=True))
        except msgspec.ValidationError as error:
            faults.append(fault(file, str(name), str(error)))
    counts = Counter(item.id for item in items)
    faults += [fault(file, id_, "stands twice") for id_, count in counts.items() if count > 1]
    return items


def _spelt_out(item: object) -> object:
    """Return a purpose with each attribute as a table: a text alone says why it is needed, since the first notice."""
    if not isinstance(item, dict) or not isinstance(item.get("attributes"), dict):
        return item
    needed = {id_: {"why": said} if isinstance(said, str) else said for id_, said in item["attributes"].items()}
    return {**item, "attributes": needed}


def _tables(bundle: Bundle, file: str, name: str, faults: list[str]) -> list[object]:
    try:
        content: Mapping[str, object] = tomllib.loads(bundle.files[file])
    except KeyError:
        faults.append(f"{file}: is missing")
        return []
    except tomllib.TOMLDecodeError as error:
        faults.append(f"{file}: {error}")
        return []
    faults += [fault(file, key, f"only [[{name}]] belongs here") for key in content if key != name]
    tables = content.get(name)
    if not isinstance(tables, list) or not tables:
        faults.append(f"{file}: has no [[{name}]]")
        return []
    return tables


def _company(bundle: Bundle, faults: list[str]) -> Company | None:
    """Read who the company is, where the bundle says it: what was published before it could goes on as it was."""
    if COMPANY not in bundle.files:
        return None
    try:
        return msgspec.convert(tomllib.loads(bundle.files[COMPANY]), Company, strict=True)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        faults.append(f"{COMPANY}: {error}")
        return None


def _notices(bundle: Bundle, faults: list[str]) -> list[Notice]:
    read = list(notices_in(bundle))
    faults += [item for item in read if isinstance(item, str)]
    return [item for item in read if isinstance(item, Notice)]

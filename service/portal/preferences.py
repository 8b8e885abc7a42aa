"""How she likes things done: what about, how often, in which language, and her quiet hours; a part of ``/choices``."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

import msgspec
from litestar import Request, Response, post
from litestar.di import NamedDependency
from msgspec import Struct

from service.actions import Actions
from service.errors import WrongKindError
from service.model.catalogue import Attribute, Catalogue, ValueKind
from service.model.quiet_hours import quiet_hours
from service.portal.forms import read_fields
from service.portal.pages import see
from service.portal.visit import Visit
from service.usecases.preferences import Preferences, Wished

SEEN, START, END, ZONE = "seen", "quiet-start", "quiet-end", "quiet-zone"


class Offered(Struct, frozen=True):
    """One thing that she can say, and what she said; its repr hides that."""

    attribute: Attribute
    said: list[str]

    @property
    def many(self) -> bool:
        """Whether she can say several."""
        return self.attribute.kind is ValueKind.TEXTS

    def __repr__(self) -> str:
        return f"Offered({self.attribute.id!r})"


class Quiet(Struct, frozen=True):
    """Quiet hours as a form has them."""

    start: str = ""
    end: str = ""
    zone: str = ""


def offered(catalogue: Catalogue, preferences: Preferences) -> list[Offered]:
    """Return what she can say in a form: what is chosen from a list."""
    return [
        Offered(each, _said(preferences.values.get(id_)))
        for id_, each in sorted(catalogue.attributes.items())
        if _in_form(each)
    ]


def hours(preferences: Preferences) -> Quiet:
    """Return her quiet hours."""
    times, _, zone = preferences.quiet_hours.partition(" ")
    start, _, end = times.partition("-")
    return Quiet(start, end, zone)


def zones(catalogue: Catalogue, quiet: Quiet) -> list[str]:
    """Return the time zones to choose from: of the company's countries, and her own."""
    countries = () if catalogue.company is None else catalogue.company.jurisdictions
    known = [zone for country in countries for zone in _zones().get(country, ())]
    return list(dict.fromkeys(filter(None, [quiet.zone, *known, "UTC"])))


@post("/choices/preferences")
async def keep(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[None]:
    """Keep what she likes. What a form cannot show stays as it is."""
    fields = await read_fields(request, visit)
    before, catalogue = await actions.read_preferences(visit.her), visit.told
    kept = [(id_, bytes(value)) for id_, value in before.values.items() if not _in_form(catalogue.attributes[id_])]
    said = [
        (id_, _value(attribute, fields[id_]))
        for id_, attribute in catalogue.attributes.items()
        if _in_form(attribute) and fields.get(id_)
    ]
    seen = frozenset(fields.get(SEEN, []))
    done = await actions.keep_preferences(visit.her, Wished([*kept, *said], _hours(fields)), seen, None)
    return see("/choices", "kept", at="peace", entry=done.entry)


def _in_form(attribute: Attribute) -> bool:
    return attribute.preference and bool(attribute.choices) and attribute.kind in (ValueKind.TEXT, ValueKind.TEXTS)


def _said(value: msgspec.Raw | None) -> list[str]:
    if value is None:
        return []
    said = msgspec.json.decode(bytes(value), type=str | list[str])
    return [said] if isinstance(said, str) else said


def _value(attribute: Attribute, said: Sequence[str]) -> bytes:
    many = attribute.kind is ValueKind.TEXTS
    if not many and len(said) > 1:
        raise WrongKindError
    return json.dumps(list(said) if many else said[0]).encode()


def _hours(fields: Mapping[str, Sequence[str]]) -> str:
    """Return quiet hours as they are kept; none unless both ends are there."""
    start, end, zone = ("".join(fields.get(name, ())) for name in (START, END, ZONE))
    if not start and not end:
        return ""
    written = f"{start}-{end} {zone}"
    try:
        quiet_hours(written)
    except ValueError:
        raise WrongKindError(pointer="/quiet_hours") from None
    return written


@cache
def _zones() -> dict[str, list[str]]:
    """Return the time zones of each country, by the database of time zones."""
    found: dict[str, list[str]] = {}
    for line in (resources.files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            country, _, zone, *_ = line.split("\t")
            found.setdefault(country, []).append(zone)
    return found

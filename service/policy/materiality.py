"""Whether a change of the catalogue leaves every yes at what she agreed to.

More attributes, recipients or time is always material (GDPR Art. 4(11), Art. 13(3)): it is said in a new notice, and no
yes to a notice that was published before may come to cover it.
"""

from collections.abc import Iterator

from service.model.catalogue import Catalogue, Purpose, Service
from service.model.words import PurposeId, ServiceId
from service.policy.faults import fault


def immaterial_changes(before: Catalogue, after: Catalogue) -> list[str]:
    """Say what a catalogue asks for that the one published before did not, and no new material notice says."""
    faults: list[str] = []
    for id_ in sorted(before.purposes.keys() & after.purposes.keys()):
        faults += [fault("purposes.toml", id_, what) for what in _of_purpose(before, after, id_)]
        for service in sorted(after.services):
            what = _of_recipient(before, after, id_, after.services[service])
            faults += [] if what is None else [fault("services.toml", service, what)]
    return faults


def _of_purpose(before: Catalogue, after: Catalogue, id_: PurposeId) -> Iterator[str]:
    old, new = before.purposes[id_], after.purposes[id_]
    for attribute, needed in new.attributes.items():
        known = old.attributes.get(attribute)
        what = _since(before, after, id_, None if known is None else known.since, needed.since)
        if what is not None:
            yield f"attributes: {attribute} {what}"
    yield from _of_time(before, after, old, new)


def _of_recipient(before: Catalogue, after: Catalogue, id_: PurposeId, service: Service) -> str | None:
    if id_ not in service.uses:
        return None
    known = before.services.get(ServiceId(service.id))
    use = None if known is None or _is_another(known, service) else known.uses.get(id_)
    what = _since(before, after, id_, None if use is None else use.since, service.uses[id_].since)
    return None if what is None else f"uses {id_}: {what}"


def _is_another(known: Service, service: Service) -> bool:
    """Whether a service that keeps its id hands what it gets to somebody else: to another outside company."""
    return service.third_party and (not known.third_party or known.recipient != service.recipient)


def _since(before: Catalogue, after: Catalogue, id_: PurposeId, old: int | None, new: int) -> str | None:
    published = before.notice_in_force(id_)
    if old is None:
        return f"is new, {_needed(before, after, id_, 'since')}" if new <= published else None
    if new < old:
        return f"is covered since notice {old}, and an older yes cannot come to cover it"
    return None


def _of_time(before: Catalogue, after: Catalogue, old: Purpose, new: Purpose) -> Iterator[str]:
    id_ = PurposeId(new.id)
    published = before.notice_in_force(id_)
    for version in range(1, published + 1):
        days, agreed = new.kept_days(version), old.kept_days(version)
        if days > agreed:
            words = f"a yes to notice {version} lets data be kept for {agreed} days, not {days}"
            yield f"{words}, {_needed(before, after, id_, 'earlier.before')}"
    grown = (new.consent_expires_days or 0) > (old.consent_expires_days or 0)
    if grown and after.newest_material(id_) <= published:
        yield f"a yes holds for longer, {_needed(before, after, id_)}"


def _needed(before: Catalogue, after: Catalogue, id_: PurposeId, word: str | None = None) -> str:
    """Say what is missing: a new notice, that it is material, or that it is named."""
    published, newest = before.notice_in_force(id_), after.notice_in_force(id_)
    if newest <= published:
        return f"so it needs a material notice newer than {published}" + (f", named in `{word}`" if word else "")
    if after.newest_material(id_) <= published:
        return f"so its notice {newest} must be material" + (f", and named in `{word}`" if word else "")
    return f"so `{word}` names notice {after.newest_material(id_)}"

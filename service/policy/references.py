"""Whether the catalogue holds together: what one item says of another must be true. One function per rule."""

from collections.abc import Callable, Iterable, Iterator

from service.model.catalogue import Attribute, Catalogue, Notice, Purpose, Service, ValueKind
from service.model.quiet_hours import time_zone
from service.model.words import Basis, IdentifierKind, Provenance, PurposeId
from service.policy.faults import fault
from service.policy.notices import path_of
from service.policy.translations import file_of, misplaced_words

FAMILIES: dict[Basis, str] = {
    Basis.CONSENT: "consent-based",
    Basis.CONTRACT: "contract-based",
    Basis.LEGAL_OBLIGATION: "law-based",
    Basis.VITAL_INTEREST: "vital-interest-based",
    Basis.PUBLIC_TASK: "public-task-based",
    Basis.LEGITIMATE_INTEREST: "interest-based",
}
"""The group of actions that a legal basis puts a purpose in."""


def broken_references(catalogue: Catalogue) -> Iterator[str]:
    """Yield every fault between items, rule by rule."""
    for purpose in catalogue.purposes.values():
        for what in _of_each(PURPOSE_RULES, catalogue, purpose):
            yield fault("purposes.toml", purpose.id, what)
    for attribute in catalogue.attributes.values():
        for what in _of_each(ATTRIBUTE_RULES, catalogue, attribute):
            yield fault("attributes.toml", attribute.id, what)
    for service in catalogue.services.values():
        for what in _of_each(SERVICE_RULES, catalogue, service):
            yield fault("services.toml", service.id, what)
    for notice in catalogue.notices.values():
        if notice.purpose not in catalogue.purposes:
            yield f"{path_of(notice)}: no purpose {notice.purpose}"
    yield from (f"company.toml: {what}" for what in _of_company(catalogue))
    for language, said in catalogue.translations.items():
        yield from (fault(file_of(language), item, what) for item, what in misplaced_words(catalogue, language, said))


def _of_company(catalogue: Catalogue) -> Iterator[str]:
    if catalogue.company is not None:
        try:
            time_zone(catalogue.company.time_zone)
        except ValueError as error:
            yield f"time_zone: {error}"


def _of_each(rules: Iterable[Callable[..., Iterator[str]]], *arguments: object) -> Iterator[str]:
    for rule in rules:
        yield from rule(*arguments)


# --- purposes --------------------------------------------------------------------------------------------


def _uses_known_attributes(catalogue: Catalogue, purpose: Purpose) -> Iterator[str]:
    yield from (f"no attribute {a}" for a in purpose.attributes if a not in catalogue.attributes)
    if not purpose.attributes:
        yield "uses no attribute"


def _has_channels(_: Catalogue, purpose: Purpose) -> Iterator[str]:
    if not purpose.channels:
        yield "has no channel"
    if _repeats(purpose.channels):
        yield "names a channel twice"


def _is_in_distinct_groups(catalogue: Catalogue, purpose: Purpose) -> Iterator[str]:
    # One name for two things would put a purpose into a group of policies that nobody meant.
    if purpose.id in FAMILIES.values():
        yield "has the name of a legal basis"
    for kind in purpose.kinds:
        if kind in FAMILIES.values() or kind in catalogue.purposes:
            yield f"kind {kind} is the name of a legal basis or of a purpose"
    if _repeats(purpose.kinds):
        yield "names a kind twice"


def _expires_if_consented(_: Catalogue, purpose: Purpose) -> Iterator[str]:
    consented = purpose.basis is Basis.CONSENT
    if consented and purpose.consent_expires_days is None:
        yield "rests on consent, so it needs consent_expires_days"
    if not consented and purpose.consent_expires_days is not None:
        yield "does not rest on consent, so it has no consent_expires_days"


def _has_notices(catalogue: Catalogue, purpose: Purpose) -> Iterator[str]:
    notices = catalogue.notices_of(PurposeId(purpose.id))
    versions = sorted({n.version for n in notices})
    if not versions and purpose.basis is Basis.CONSENT:
        yield "rests on consent, so it needs a notice"
    if versions != list(range(1, len(versions) + 1)):
        yield f"its notices must be numbered from 1 without a gap, not {versions}"
    if any(n.version == 1 and not n.material for n in notices):
        yield "its first notice must be material"
    yield from (f"notice {v} is material in one language only" for v in versions if _torn(notices, v))


def _asks_since_a_material_notice(catalogue: Catalogue, purpose: Purpose) -> Iterator[str]:
    for id_, needed in purpose.attributes.items():
        yield from (f"attributes: {id_}: {what}" for what in _immaterial(catalogue, purpose, "since", needed.since))
    for each in purpose.earlier:
        yield from (f"earlier: {what}" for what in _immaterial(catalogue, purpose, "before", each.before))
        if each.retention_days >= purpose.retention_days:
            yield f"earlier: {each.retention_days} days are not less than retention_days"


def _immaterial(catalogue: Catalogue, purpose: Purpose, word: str, version: int) -> Iterator[str]:
    """Say so when a version is no notice that asked for more than the one before; whatever is asked first is."""
    material = {n.version for n in catalogue.notices_of(PurposeId(purpose.id)) if n.material}
    if version not in material | {1}:
        yield f"{word} = {version} is no material notice of {purpose.id}"


def _torn(notices: Iterable[Notice], version: int) -> bool:
    return len({n.material for n in notices if n.version == version}) > 1


def _special_only_by_consent(catalogue: Catalogue, purpose: Purpose) -> Iterator[str]:
    # GDPR Art. 9(2)(a): of its exceptions, explicit consent is the one that we can show.
    if purpose.basis is Basis.CONSENT:
        return
    for id_, attribute in catalogue.attributes.items():
        if attribute.special and id_ in purpose.attributes:
            yield f"{id_} is a special category, which only a purpose by consent may use"


PURPOSE_RULES = (
    _uses_known_attributes,
    _has_channels,
    _is_in_distinct_groups,
    _expires_if_consented,
    _has_notices,
    _asks_since_a_material_notice,
    _special_only_by_consent,
)


# --- attributes ------------------------------------------------------------------------------------------


def _is_needed(catalogue: Catalogue, attribute: Attribute) -> Iterator[str]:
    # GDPR Art. 5(1)(c): what no purpose needs is not kept.
    if not any(attribute.id in purpose.attributes for purpose in catalogue.purposes.values()):
        yield "no purpose uses it"


def _has_provenances(_: Catalogue, attribute: Attribute) -> Iterator[str]:
    if not attribute.provenances:
        yield "has no provenance"
    if _repeats(attribute.provenances):
        yield "names a provenance twice"


def _is_not_guessed_if_special(_: Catalogue, attribute: Attribute) -> Iterator[str]:
    if not attribute.special:
        return
    if attribute.sensitivity < 3:  # noqa: PLR2004  the top of the scale
        yield "a special category has sensitivity 3"
    if {Provenance.INFERRED, Provenance.ACQUIRED} & set(attribute.provenances):
        yield "a special category is never inferred or acquired"


def _is_used_no_longer_than_kept(_: Catalogue, attribute: Attribute) -> Iterator[str]:
    if attribute.used_days > attribute.retention_days:
        yield "fresh_days is more than retention_days"


def _limits_fit_its_kind(_: Catalogue, attribute: Attribute) -> Iterator[str]:
    low, high = attribute.minimum, attribute.maximum
    if attribute.kind is not ValueKind.INTEGER and (low is not None or high is not None):
        yield "only integers have minimum and maximum"
    if low is not None and high is not None and low > high:
        yield "minimum is above maximum"
    if attribute.choices and attribute.kind not in (ValueKind.TEXT, ValueKind.TEXTS):
        yield "only texts have choices"
    if _repeats(attribute.choices):
        yield "names a choice twice"


def _is_hers_if_preferred(_: Catalogue, attribute: Attribute) -> Iterator[str]:
    if attribute.preference and Provenance.VOLUNTEERED not in attribute.provenances:
        yield "a preference is volunteered"
    if attribute.preference and attribute.special:
        yield "a special category is no preference"


ATTRIBUTE_RULES = (
    _is_needed,
    _has_provenances,
    _is_not_guessed_if_special,
    _is_used_no_longer_than_kept,
    _limits_fit_its_kind,
    _is_hers_if_preferred,
)


# --- services --------------------------------------------------------------------------------------------


def _uses_within_purposes(catalogue: Catalogue, service: Service) -> Iterator[str]:
    for id_, use in service.uses.items():
        purpose = catalogue.purposes.get(PurposeId(id_))
        if purpose is None:
            yield f"uses: no purpose {id_}"
            continue
        yield from (f"uses {id_}: not on {c}" for c in use.channels if c not in purpose.channels)
        yield from (f"uses {id_}: not with {a}" for a in use.attributes if a not in purpose.attributes)
        yield from (f"uses {id_}: {what}" for what in _immaterial(catalogue, purpose, "since", use.since))
        if service.third_party and not purpose.third_party:
            yield f"uses {id_}: which no third party may"


def _contributes_known_facts(catalogue: Catalogue, service: Service) -> Iterator[str]:
    attributes = {str(id_): attribute for id_, attribute in catalogue.attributes.items()}
    for id_, provenances in service.contributes.items():
        if id_ not in attributes:
            yield f"contributes: no attribute {id_}"
            continue
        allowed = attributes[id_].provenances
        yield from (f"contributes {id_}: never {p}" for p in provenances if p not in allowed)


def _records_consents(catalogue: Catalogue, service: Service) -> Iterator[str]:
    for id_ in service.records:
        purpose = catalogue.purposes.get(PurposeId(id_))
        if purpose is None:
            yield f"records: no purpose {id_}"
        elif purpose.basis is not Basis.CONSENT:
            yield f"records: {id_} does not rest on consent"


def _identifies_people(_: Catalogue, service: Service) -> Iterator[str]:
    if IdentifierKind.DEVICE in service.identifies:
        yield "identifies: a device is nobody in particular"
    if _repeats(service.identifies):
        yield "identifies: names a kind twice"


def _is_nobody_else(_: Catalogue, service: Service) -> Iterator[str]:
    # What she says herself has this source.
    if service.id == "customer":
        yield "has the name of the customer herself"


SERVICE_RULES = (
    _is_nobody_else,
    _uses_within_purposes,
    _contributes_known_facts,
    _records_consents,
    _identifies_people,
)


def _repeats(words: tuple[str, ...]) -> bool:
    return len(set(words)) < len(words)

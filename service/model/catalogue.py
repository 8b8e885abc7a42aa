"""The catalogue: which purposes, attributes, services and notices exist, as ``policies/`` says."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, structs

from service.model.translation import ENGLISH, Language, PurposeWords, ServiceWords, Text, Translation, nearest
from service.model.words import AttributeId, Basis, Channel, IdentifierKind, Provenance, PurposeId, ServiceId

LANGUAGE = "https://w3id.org/dpv/pd#Language"
SAID = ("title", "text", "benefit", "consequence", "owner")
"""What a purpose says to people."""
Slug = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
Dotted = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)*$", max_length=64)]
Iri = Annotated[str, Meta(pattern=r"^https://w3id\.org/dpv(/pd|/legal/eu/gdpr)?#[A-Za-z0-9]+$")]
Days = Annotated[int, Meta(ge=1, le=36_500)]
Version = Annotated[int, Meta(ge=1, le=100_000)]
TimeZone = Annotated[str, Meta(pattern=r"^[A-Z][\w+-]*(?:/[A-Z][\w+-]*){0,2}(?!\n)$")]
Country = Annotated[str, Meta(pattern=r"^[A-Z]{2}(?!\n)$", description="As ISO 3166-1 writes it.", examples=["IE"])]


class ValueKind(StrEnum):
    """What values an attribute has."""

    TEXT = "text"
    TEXTS = "texts"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    DATE = "date"


class Needed(Struct, frozen=True, forbid_unknown_fields=True):
    """Why a purpose needs an attribute, and since which notice she is told so: an older yes does not cover it."""

    why: Text
    since: Version = 1


class Earlier(Struct, frozen=True, forbid_unknown_fields=True):
    """For how long a yes to a notice before this one lets data be kept, now that it is kept for longer."""

    before: Annotated[int, Meta(ge=2, le=100_000)]
    retention_days: Days


class Purpose(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One reason for processing, in the customer's words, with what it may use and why each is needed."""

    id: Dotted
    title: Text
    text: Text
    basis: Basis
    dpv: Iri
    kinds: tuple[Dotted, ...]
    """Groups of actions that policies name: ``personalisation``, ``marketing``, ..."""
    channels: tuple[Channel, ...]
    attributes: Mapping[str, Needed]
    benefit: Text
    consequence: Text
    """What stops working without it."""
    retention_days: Days
    owner: Text
    consent_expires_days: Days | None = None
    third_party: bool = False
    earlier: tuple[Earlier, ...] = ()
    """Shorter times than ``retention_days``, for who agreed before it grew."""

    def kept_days(self, notice: int) -> int:
        """For how many days a yes to this notice lets data be kept."""
        return min([self.retention_days, *(each.retention_days for each in self.earlier if notice < each.before)])

    def consent_ends(self, given_at: datetime) -> datetime | None:
        """Return when a yes ends that was given at an instant, None where it does not."""
        return None if self.consent_expires_days is None else given_at + timedelta(days=self.consent_expires_days)


class Attribute(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, dict=True):
    """A named kind of thing known about a customer."""

    id: Slug
    title: Text
    kind: ValueKind
    dpv: Iri
    category: Dotted
    provenances: tuple[Provenance, ...]
    sensitivity: Annotated[int, Meta(ge=0, le=3)]
    retention_days: Days
    """How long a fact is kept."""
    fresh_days: Days | None = None
    """How long a fact is used, where that is shorter than it is kept."""
    max_length: Annotated[int, Meta(ge=1, le=2000)] = 200
    choices: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    special: bool = False
    """A special category of GDPR Art. 9."""
    demographic: bool = False
    preference: bool = False
    """How she likes things done: she sets it herself, and as often as she likes."""

    @property
    def used_days(self) -> int:
        """How many days after its date a fact is out of date."""
        return self.retention_days if self.fresh_days is None else self.fresh_days

    def fresh(self, as_of: datetime, now: datetime) -> bool:
        """Whether a fact of this date is still used at an instant."""
        return (now - as_of).days < self.used_days

    @property
    def value_type(self) -> Any:  # noqa: ANN401  a type expression for msgspec has no type of its own
        """The type that a value must have, for msgspec."""
        text: Any = Annotated[str, Meta(min_length=1, max_length=self.max_length)]
        if self.choices:
            text = Literal[self.choices]
        match self.kind:
            case ValueKind.TEXT:
                return text
            case ValueKind.TEXTS:
                return Annotated[list[text], Meta(max_length=50)]
            case ValueKind.INTEGER:
                return Annotated[int, Meta(ge=self.minimum, le=self.maximum)]
            case ValueKind.BOOLEAN:
                return bool
            case ValueKind.DATE:
                return date

    def canonical(self, value: bytes) -> bytes:
        """Return a JSON value in its one stored form; raises msgspec.ValidationError for a wrong kind."""
        return msgspec.json.encode(self._decoder.decode(value))

    @cached_property
    def _decoder(self) -> msgspec.json.Decoder[Any]:
        """To make it takes a hundred times as long as to use it."""
        return msgspec.json.Decoder(self.value_type, strict=True)


class Use(Struct, frozen=True, forbid_unknown_fields=True):
    """What one service may use for one purpose."""

    channels: tuple[Channel, ...]
    attributes: tuple[str, ...]
    since: Version = 1
    """The notice that first named this service's recipient: an older yes covers none of its use."""


class Service(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An internal system and its rights; none by default."""

    id: Dotted
    title: Text
    team: Dotted
    recipient: Text
    third_party: bool = False
    uses: Mapping[str, Use] = {}
    contributes: Mapping[str, tuple[Provenance, ...]] = {}
    records: tuple[str, ...] = ()
    identifies: tuple[IdentifierKind, ...] = ()
    """Kinds of identifiers of which this service has verified whose they are."""
    per_minute: Annotated[int, Meta(ge=1, le=10_000_000)] | None = None
    """How many releases and checks it may have in a minute; None: as many as it asks for."""

    def may_contribute(self, attribute: str, provenance: Provenance) -> bool:
        """Whether this service may say such a fact, so that no service can call its guesses volunteered."""
        return provenance in self.contributes.get(attribute, ())

    @property
    def may_open(self) -> bool:
        """Whether its word may open what is closed: it is trusted to record a yes."""
        return bool(self.records)


class Authority(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who supervises the company, and hears complaints."""

    name: Text
    contact: Text


class Company(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who asks: the controller, as a customer is told (GDPR Art. 13(1))."""

    name: Text
    address: Text
    contact: Text
    """How the privacy officer is reached."""
    jurisdictions: Annotated[tuple[Country, ...], Meta(min_length=1)]
    """Under whose law it stands; the first is that of its seat."""
    storage: Annotated[tuple[Country, ...], Meta(min_length=1)]
    """Where data is kept."""
    gdpr: bool
    """Whether the General Data Protection Regulation of the European Union gives its customers their rights."""
    authority: Authority
    withdraw: Annotated[Mapping[Language, Text], Meta(min_length=1)]
    """How a consent is withdrawn, in every language of the notices."""
    language: Language = ENGLISH
    """In which language the catalogue is written."""
    time_zone: TimeZone = "UTC"
    """By which clock it tells the time to whoever has not said by which she lives."""

    def withdrawal_in(self, language: str) -> str:
        """Return how to withdraw in a language, or in the first there is."""
        first = next(iter(self.withdraw.values()))
        return self.withdraw.get(language, self.withdraw.get(language.partition("-")[0], first))


class Notice(Struct, frozen=True, kw_only=True):
    """The text a person was shown for a purpose."""

    purpose: PurposeId
    version: int
    language: Language
    material: bool
    """Whether it asks more than the version before, so that an older yes does not cover it."""
    title: str
    text: str
    digest: str


class Catalogue(Struct, frozen=True):
    """All of it, by id."""

    purposes: Mapping[PurposeId, Purpose]
    attributes: Mapping[AttributeId, Attribute]
    services: Mapping[ServiceId, Service]
    notices: Mapping[tuple[PurposeId, int, str], Notice]
    company: Company | None = None
    """None in what was published before the catalogue said who the company is."""
    translations: Mapping[str, Translation] = {}
    """What it says in other languages, and what its words are called in each."""

    def notices_of(self, purpose: PurposeId) -> list[Notice]:
        """Return a purpose's notices, oldest first, in every language."""
        return sorted((n for n in self.notices.values() if n.purpose == purpose), key=lambda n: (n.version, n.language))

    def notice_in_force(self, purpose: PurposeId) -> int:
        """Return the newest notice version of a purpose, 0 when it has none."""
        return max((n.version for n in self.notices_of(purpose)), default=0)

    def newest_material(self, purpose: PurposeId) -> int:
        """Return the newest notice version that asked for more than the one before, 0 when there is none."""
        return max((n.version for n in self.notices_of(purpose) if n.material), default=0)

    def covers(self, purpose: PurposeId, notice: int, service: ServiceId, attribute: AttributeId) -> bool:
        """Whether a yes to this notice version lets this service use this attribute; a newer notice covers no less."""
        needed = self.purposes[purpose].attributes.get(attribute)
        use = self.services[service].uses.get(purpose)
        return needed is not None and use is not None and notice >= max(needed.since, use.since)

    def needed(self, purpose: PurposeId, notice: int) -> list[Attribute]:
        """Return what a purpose uses by a yes to this notice, which covers nothing that was added since."""
        found = self.purposes.get(purpose)
        needs = {} if found is None else found.attributes
        return [self.attributes[AttributeId(id_)] for id_, why in needs.items() if why.since <= notice]

    def special(self, purpose: PurposeId, notice: int) -> list[Attribute]:
        """Return what of a special category a yes to this notice covers, if she says so in so many words."""
        return [each for each in self.needed(purpose, notice) if each.special]

    def same_special(self, purpose: PurposeId, one: int, other: int) -> bool:
        """Whether by a yes to either notice the same is done with what is special: for as long, and by the same."""
        return self._special_uses(purpose, one) == self._special_uses(purpose, other)

    def _special_uses(self, purpose: PurposeId, notice: int) -> tuple[int, set[str], set[tuple[str, str]]]:
        things = {each.id for each in self.special(purpose, notice)}
        users = self.recipients(purpose, notice)
        given = {(user.id, id_) for user in users for id_ in user.uses[purpose].attributes if id_ in things}
        return self.purposes[purpose].kept_days(notice), things, given

    def recipients(self, purpose: PurposeId, notice: int) -> list[Service]:
        """Return the services that a notice says use it."""
        uses = [(each, each.uses.get(purpose)) for each in self.services.values()]
        return [service for service, use in uses if use is not None and use.since <= notice]

    @property
    def spoken(self) -> AttributeId | None:
        """The preference that says in which language she likes to be spoken to, if there is one."""
        return next((id_ for id_, each in self.attributes.items() if each.preference and each.dpv == LANGUAGE), None)

    @property
    def language(self) -> str:
        """The language in which it is written."""
        return ENGLISH if self.company is None else self.company.language

    def told_in(self, language: str) -> "Catalogue":
        """Return it with its texts in a language: text by text hers, hers without the country, else its own."""
        found = nearest(language, self.translations)
        said = Translation() if found is None else self.translations[found]
        if not (said.purposes or said.attributes or said.services):
            return self
        return structs.replace(
            self,
            purposes={id_: _purpose_in(each, said.purposes.get(id_)) for id_, each in self.purposes.items()},
            attributes={
                id_: structs.replace(each, title=said.attributes.get(id_, each.title))
                for id_, each in self.attributes.items()
            },
            services={id_: _service_in(each, said.services.get(id_)) for id_, each in self.services.items()},
        )

    def category_in(self, language: str, category: str) -> str:
        """Return what a category of attributes is called in a language."""
        return self._called(language, lambda said: said.categories, category)

    def choice_in(self, language: str, choice: str) -> str:
        """Return what a value is called of an attribute that offers a choice, in a language."""
        return self._called(language, lambda said: said.choices, choice)

    def _called(self, language: str, of: Callable[[Translation], Mapping[str, str]], word: str) -> str:
        """Return a name in a language, else in that of the catalogue, else the word itself."""
        spoken = (nearest(each, self.translations) for each in (language, self.language))
        names = (of(self.translations[each]).get(word) for each in spoken if each is not None)
        return next((name for name in names if name is not None), word)

    @property
    def languages(self) -> list[str]:
        """The languages in which anything is asked."""
        return sorted({notice.language for notice in self.notices.values()})

    def consents_of(self, service: ServiceId | None) -> list[PurposeId]:
        """Return the purposes by consent that a service uses or records; None: all of them."""
        asked_by_consent = [id_ for id_, purpose in self.purposes.items() if purpose.basis is Basis.CONSENT]
        if service is None:
            return asked_by_consent
        found = self.services.get(service)
        mine: set[str] = set() if found is None else {*found.uses, *found.records}
        return [id_ for id_ in asked_by_consent if id_ in mine]

    def reaches_outside(self, purpose: PurposeId) -> bool:
        """Whether an outside company gets something for a purpose."""
        return any(service.third_party and purpose in service.uses for service in self.services.values())


def _purpose_in(purpose: Purpose, said: PurposeWords | None) -> Purpose:
    if said is None:
        return purpose
    texts = {name: text for name in SAID if (text := getattr(said, name)) is not None}
    needs = {
        id_: structs.replace(needed, why=said.attributes.get(id_, needed.why))
        for id_, needed in purpose.attributes.items()
    }
    return structs.replace(purpose, attributes=needs, **texts)


def _service_in(service: Service, said: ServiceWords | None) -> Service:
    if said is None:
        return service
    return structs.replace(service, title=said.title or service.title, recipient=said.recipient or service.recipient)

"""A receipt as a program reads it: JSON-LD in the words of the W3C Data Privacy Vocabulary.

A ``dpv:ConsentReceipt`` with a ``dpv:ConsentRecord`` for each purpose, as the vocabulary's guide writes what ISO/IEC
TS 27560:2023 asks for (https://w3id.org/dpv/guides/consent-27560). The context is inside, so nothing is fetched.
Canonical (RFC 8785), and a function of what never changes: made again it is the same to the byte.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby

import msgspec
from msgspec import Struct, structs

from service.model.catalogue import Attribute, Catalogue, Company
from service.model.catalogue import Notice as CataloguedNotice
from service.model.catalogue import Purpose as CataloguedPurpose
from service.model.consent import Answer
from service.model.receipt import Act, ChoiceEvent, Holder, alike_but_for_channel
from service.model.receipt_text import words_in
from service.model.words import Acting, Provenance, PurposeId, Status

Iri = str
RECEIPT, RECORD, GDPR = "dpv-27560:receipt", "dpv-27560:record", "-eu-gdpr"
SUBJECT, CONTROLLER, AUTHORITY = "this:customer", "this:controller", "this:authority"
"""Names that are the receipt's own, by a prefix that it defines: two receipts in one graph never speak of the same
somebody. (Blank nodes would do, but rdflib lets those of two documents meet.)"""
STATUS: dict[Status, Iri] = {
    Status.GIVEN: "dpv:ConsentGiven",
    Status.RENEWED: "dpv:RenewedConsentGiven",
    Status.REQUESTED: "dpv:ConsentRequested",
    Status.DEFERRED: "dpv:ConsentRequestDeferred",
    Status.REFUSED: "dpv:ConsentRefused",
    Status.WITHDRAWN: "dpv:ConsentWithdrawn",
    Status.REVOKED: "dpv:ConsentRevoked",
    Status.EXPIRED: "dpv:ConsentExpired",
    Status.INVALIDATED: "dpv:ConsentInvalidated",
    Status.UNKNOWN: "dpv:ConsentUnknown",
}
SPOKE: dict[Acting, Iri] = {
    Acting.HERSELF: SUBJECT,
    Acting.STAFF: SUBJECT,  # who wrote down what she said
    Acting.GUARDIAN: "dpv:GuardianOfDataSubject",
    Acting.DELEGATE: "dpv:Representative",
    Acting.CONTROLLER: CONTROLLER,
    Acting.WORKER: CONTROLLER,
}
SOURCE: dict[Provenance, Iri] = {
    Provenance.VOLUNTEERED: "dpv:DataSubjectDataSource",
    Provenance.OBSERVED: "dpv:DataSubjectDataSource",
    Provenance.ACQUIRED: "dpv:ThirdPartyDataSource",
    Provenance.INFERRED: "dpv:DataControllerDataSource",
}
RIGHTS = [f"eu-gdpr:A{number}" for number in (15, 16, 17, 18, 20, 21, 22, 77)]
"""Access, rectification, erasure, restriction, portability, objection, no decision by machine alone, complaint."""
TERMS = {
    "context": "@context",
    "iri": "@id",
    "types": "@type",
    "address": "dpv:hasAddress",
    "applicable": "dpv:isApplicableFor",
    "at": "dpv:isIndicatedAtTime",
    "audience": "dct:audience",
    "authorities": "dpv:hasAuthority",
    "bases": "dpv:hasLegalBasis",
    "broader": "skos:broader",
    "by": "dpv:isIndicatedBy",
    "algorithm": "spdx:algorithm",
    "checksum": "spdx:checksum",
    "checksum_value": "spdx:checksumValue",
    "conforms_to": "dct:conformsTo",
    "contact": "dpv:hasContact",
    "controllers": "dpv:hasDataController",
    "controls": "dpv:hasConsentControl",
    "created": "dct:created",
    "data": "dpv:hasPersonalData",
    "date": "dct:date",
    "definition": "skos:definition",
    "durations": "dpv:hasDuration",
    "entities": "dpv:hasEntity",
    "exercised_at": "dpv:isExercisedAt",
    "identifier": "dpv:hasIdentifier",
    "implemented_by": "dpv:isImplementedByEntity",
    "jurisdictions": "dpv:hasJurisdiction",
    "label": "skos:prefLabel",
    "language": "dct:language",
    "layout": "dct:format",
    "locations": "dpv:hasLocation",
    "method": "dpv:hasIndicationMethod",
    "name": "dpv:hasName",
    "notation": "skos:notation",
    "notice_statuses": "dpv:hasNoticeStatus",
    "notices": "dpv:hasNotice",
    "processes": "dpv:hasProcess",
    "processing": "dpv:hasProcessing",
    "publishers": "dct:publisher",
    "purposes": "dpv:hasPurpose",
    "recipients": "dpv:hasRecipient",
    "records": "dpv:hasRecordOfActivity",
    "rights": "dpv:hasRight",
    "sources": "dpv:hasDataSource",
    "statuses": "dpv:hasConsentStatus",
    "storage": "dpv:hasStorageCondition",
    "subjects": "dpv:hasDataSubject",
    "title": "dct:title",
    "value": "rdf:value",
    "version": "dcat:version",
}
"""Each field of the structs below, as JSON-LD writes it."""
PREFIXES: dict[str, Iri] = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "dpv": "https://w3id.org/dpv#",
    "dpv-27560": "https://w3id.org/dpv/schema/dpv-27560#",
    "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#",
    "pd": "https://w3id.org/dpv/pd#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "spdx": "http://spdx.org/rdf/terms#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
NAMES_THINGS = (
    "algorithm",
    "audience",
    "authorities",
    "bases",
    "broader",
    "by",
    "conforms_to",
    "controllers",
    "implemented_by",
    "notice_statuses",
    "processing",
    "publishers",
    "recipients",
    "rights",
    "sources",
)
"""Fields that hold IRIs; the others hold texts and nodes."""
TYPED = {"at": "xsd:dateTime", "created": "xsd:dateTime", "date": "xsd:dateTime", "checksum_value": "xsd:hexBinary"}
CONTEXT: dict[str, object] = {
    **PREFIXES,
    **{TERMS[name]: {"@type": "@id"} for name in NAMES_THINGS},
    **{TERMS[name]: {"@type": kind} for name, kind in TYPED.items()},
}


class Node(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=TERMS):
    """Something that the receipt speaks of."""

    types: list[Iri]

    def __repr__(self) -> str:  # what she said is hers
        return f"{type(self).__name__}()"


class Entity(Node, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody: the company, who receives data, who supervises."""

    iri: Iri
    name: str = ""
    address: str = ""
    contact: str = ""
    identifier: str = ""


class Place(Node, frozen=True, kw_only=True, omit_defaults=True):
    """A country, by its code."""

    notation: str


class Duration(Node, frozen=True, kw_only=True, omit_defaults=True):
    """How long something holds."""

    value: str


class Storage(Node, frozen=True, kw_only=True, omit_defaults=True):
    """Where data is kept, or how long."""

    locations: list[Place] = []
    durations: list[Duration] = []


class Data(Node, frozen=True, kw_only=True, omit_defaults=True):
    """A kind of personal data; never a value."""

    identifier: str
    label: str
    broader: list[Iri]


class Purpose(Node, frozen=True, kw_only=True, omit_defaults=True):
    """What data is used for, in the customer's words."""

    iri: Iri
    identifier: str
    label: str
    definition: str = ""
    broader: list[Iri] = []


class Process(Node, frozen=True, kw_only=True, omit_defaults=True):
    """What is done with which data, and who receives it."""

    purposes: list[Purpose]
    bases: list[Iri]
    data: list[Data] = []
    processing: list[Iri] = []
    sources: list[Iri] = []
    recipients: list[Iri] = []
    storage: list[Storage] = []


class Checksum(Node, frozen=True, kw_only=True, omit_defaults=True):
    """The SHA-256 of a text, hexadecimal."""

    algorithm: list[Iri]
    checksum_value: str


class Notice(Node, frozen=True, kw_only=True, omit_defaults=True):
    """What there was to read, and whether we know that she was shown it."""

    iri: Iri
    version: str
    language: str
    title: str
    checksum: list[Checksum]
    layout: str = ""
    date: datetime | None = None
    notice_statuses: list[Iri] = []


class Said(Node, frozen=True, kw_only=True, omit_defaults=True):
    """What was said: by whom, when, how, and who wrote it down."""

    at: datetime
    by: list[Iri]
    method: str
    implemented_by: list[Iri] = []
    applicable: list[str] = []
    """The channels that it is about."""
    durations: list[Duration] = []


class Control(Node, frozen=True, kw_only=True, omit_defaults=True):
    """How to withdraw."""

    exercised_at: list[str]


class ConsentRecord(Node, frozen=True, kw_only=True, omit_defaults=True):
    """An answer for one purpose."""

    iri: Iri
    conforms_to: list[Iri]
    identifier: str
    created: datetime
    language: str
    subjects: list[Entity]
    controllers: list[Iri]
    jurisdictions: list[Place]
    processes: list[Process]
    statuses: list[Said]
    notices: list[Notice]
    controls: list[Control]
    authorities: list[Iri]
    rights: list[Iri] = []


class ChoiceRecord(Said, frozen=True, kw_only=True, omit_defaults=True):
    """A choice beyond single purposes; the words are the product's own."""

    iri: Iri
    identifier: str
    created: datetime
    subjects: list[Entity]
    controllers: list[Iri]
    title: str
    value: str


class Receipt(Node, frozen=True, kw_only=True, omit_defaults=True):
    """The whole document."""

    context: dict[str, object]
    iri: Iri
    conforms_to: list[Iri]
    identifier: str
    created: datetime
    language: str
    publishers: list[Iri]
    audience: list[Iri]
    records: list[ConsentRecord | ChoiceRecord]
    entities: list[Entity]


def written(act: Act, holder: Holder, catalogue: Catalogue, company: Company) -> bytes:
    """Return the receipt of an act in canonical JSON, by the catalogue of its day."""
    return msgspec.json.encode(_receipt(act, holder, catalogue, company), order="sorted")


class ToldStatus(Struct, frozen=True):
    """What a receipt says that she answered, and on which channels."""

    types: list[str] = msgspec.field(name=TERMS["types"])
    channels: list[str] = msgspec.field(name=TERMS["applicable"], default_factory=list)


class ToldRecord(Struct, frozen=True):
    """A record of a receipt, as far as an entry of the ledger must say the same."""

    identifier: str = msgspec.field(name=TERMS["identifier"], default="")
    statuses: list[ToldStatus] = msgspec.field(name=TERMS["statuses"], default_factory=list)


class Told(Struct, frozen=True):
    """Which entry a receipt is of, and what it says of it."""

    entry: str = msgspec.field(name=TERMS["identifier"])
    records: list[ToldRecord] = msgspec.field(name=TERMS["records"], default_factory=list)

    @property
    def answers(self) -> set[tuple[str, str, str]]:
        """Each answer: purpose, channel, and the word of its status."""
        return {
            (record.identifier.partition(":")[2], channel, status.types[0])
            for record in self.records
            for status in record.statuses
            for channel in status.channels
            if status.types
        }


def told(document: bytes) -> Told:
    """Return what a receipt tells; raises msgspec's errors for what is none."""
    return msgspec.json.decode(document, type=Told)


def _receipt(act: Act, holder: Holder, catalogue: Catalogue, company: Company) -> Receipt:
    language = act.language or catalogue.language
    told = catalogue.told_in(language)
    author = Author(act, Entity(iri=SUBJECT, types=["dpv:DataSubject"], identifier=holder.id), told, company)
    records: list[ConsentRecord | ChoiceRecord] = [*author.consent_records(), *author.choice_records()]
    iri = f"urn:byleave:receipt:{act.entry}"
    reader = SUBJECT if holder.service is None else _service(holder.service)
    used = {CONTROLLER, reader, *_mentioned(records)}
    return Receipt(
        context={**CONTEXT, "this": f"{iri}#"},
        iri=iri,
        types=["dpv:ConsentReceipt"],
        conforms_to=author.conforming(RECEIPT),
        identifier=act.entry,
        created=act.recorded_at,
        language=language,
        publishers=[CONTROLLER],
        audience=[reader],
        records=records,
        entities=[each for each in _entities(told, company) if each.iri in used],
    )


class Author(Struct, frozen=True):
    """Writes the records of an act by one catalogue."""

    act: Act
    subject: Entity
    catalogue: Catalogue
    company: Company

    def conforming(self, schema: Iri) -> list[Iri]:
        """Return which schemas something of this kind conforms to."""
        return [schema, schema + GDPR] if self.company.gdpr else [schema]

    def consent_records(self) -> Iterator[ConsentRecord]:
        """Yield a record for each purpose; answers that differ in their channel only are one status."""
        answers = sorted(self.act.answers, key=lambda answer: answer.purpose)
        for purpose, group in groupby(answers, key=lambda answer: answer.purpose):
            yield self._consent_record(purpose, list(group))

    def choice_records(self) -> Iterator[ChoiceRecord]:
        """Yield a record for each choice."""
        for number, choice in enumerate(self.act.choices, start=1):
            yield self._choice_record(choice, number)

    def _consent_record(self, purpose: PurposeId, answers: Sequence[Answer]) -> ConsentRecord:
        language = self.act.language or self.catalogue.language
        return ConsentRecord(
            iri=f"this:record-{purpose}",
            types=["dpv:ConsentRecord"],
            conforms_to=self.conforming(RECORD),
            identifier=f"{self.act.entry}:{purpose}",
            created=self.act.recorded_at,
            language=language,
            subjects=[self.subject],
            controllers=[CONTROLLER],
            jurisdictions=_places(self.company.jurisdictions, "dpv:Jurisdiction"),
            processes=[self._process(purpose, answers)],
            statuses=[self._status(group, language) for group in alike_but_for_channel(answers)],
            notices=list(self._notices(purpose, answers)),
            controls=[Control(types=["dpv:WithdrawConsent"], exercised_at=[self.company.withdrawal_in(language)])],
            authorities=[AUTHORITY],
            rights=RIGHTS if self.company.gdpr else [],
        )

    def _process(self, id_: PurposeId, answers: Sequence[Answer]) -> Process:
        purpose = self.catalogue.purposes.get(id_)
        name = Purpose(iri=_purpose(id_), types=["dpv:Purpose"], identifier=id_, label=id_)
        bases = sorted({_basis(answer) for answer in answers})
        if purpose is None:  # a no to what is asked no more
            return Process(types=["dpv:Process"], purposes=[name], bases=bases)
        # A yes to an older notice covers what that one asked for, and nothing that was added since.
        notice = answers[0].notice if answers[0].status.valid else self.catalogue.notice_in_force(id_)
        attributes = self.catalogue.needed(id_, notice)
        services = [each.id for each in self.catalogue.recipients(id_, notice)]
        return Process(
            types=["dpv:Process"],
            purposes=[structs.replace(name, label=purpose.title, definition=purpose.text, broader=[purpose.dpv])],
            bases=bases,
            data=[_data(attribute) for attribute in sorted(attributes, key=lambda each: each.id)],
            processing=_processing(purpose),
            sources=sorted({SOURCE[provenance] for each in attributes for provenance in each.provenances}),
            recipients=[CONTROLLER, *sorted(map(_service, services))],
            storage=[_location(self.company), _retention(purpose.kept_days(notice))],
        )

    def _status(self, alike: Sequence[Answer], language: str) -> Said:
        answer = alike[0]
        return Said(
            types=[STATUS[answer.status], *([_basis(answer)] if answer.status.valid else [])],
            at=answer.given_at,
            by=[SPOKE[answer.acting]],
            method=answer.method,
            implemented_by=self._recorder(answer.recorder),
            applicable=sorted(each.channel for each in alike),
            durations=[_duration(answer, language)],
        )

    def _recorder(self, recorder: str) -> list[Iri]:
        """Return who wrote an answer down: a service by name, staff and workers as the company, nobody for herself."""
        kind, _, name = recorder.partition(":")
        if kind == "customer":
            return []
        return [_service(name) if kind == "service" and name in self.catalogue.services else CONTROLLER]

    def _notices(self, purpose: PurposeId, answers: Sequence[Answer]) -> Iterator[Notice]:
        """Yield the notices of a purpose's answers: as she was shown them, else in each language that there was."""
        seen: set[tuple[int, str]] = set()
        for answer in answers:
            version = answer.notice or self.catalogue.notice_in_force(purpose)
            for notice in self.catalogue.notices_of(purpose):
                wanted = notice.version == version and _shown_in(answer, notice.language)
                if wanted and (version, notice.language) not in seen:
                    seen.add((version, notice.language))
                    yield _notice(notice, answer)

    def _choice_record(self, choice: ChoiceEvent, number: int) -> ChoiceRecord:
        return ChoiceRecord(
            iri=f"this:record-choice-{number}",
            types=["dpv:Record"],
            identifier=f"{self.act.entry}:choice-{number}",
            created=self.act.recorded_at,
            subjects=[self.subject],
            controllers=[CONTROLLER],
            title=choice.choice,
            value=choice.value,
            at=choice.given_at,
            by=[SPOKE[choice.acting]],
            method=choice.method,
            implemented_by=self._recorder(choice.recorder),
        )


def _basis(answer: Answer) -> Iri:
    if not answer.status.valid:
        return "dpv:Consent"
    return "dpv:ExplicitlyExpressedConsent" if answer.explicit else "dpv:ExpressedConsent"


def _data(attribute: Attribute) -> Data:
    kind = "dpv:SpecialCategoryPersonalData" if attribute.special else "dpv:PersonalData"
    return Data(types=[kind], identifier=attribute.id, label=attribute.title, broader=[attribute.dpv])


def _processing(purpose: CataloguedPurpose) -> list[Iri]:
    profiling = ["dpv:Profiling"] if "profiling" in purpose.kinds else []
    return ["dpv:Collect", "dpv:Store", "dpv:Use", *profiling, *(["dpv:Share"] if purpose.third_party else [])]


def _location(company: Company) -> Storage:
    return Storage(types=["dpv:StorageLocation"], locations=_places(company.storage, "dpv:Location"))


def _retention(days: int) -> Storage:
    duration = Duration(types=["dpv:TemporalDuration"], value=f"P{days}D")
    return Storage(types=["dpv:StorageDuration"], durations=[duration])


def _duration(answer: Answer, language: str) -> Duration:
    if answer.expires_at is not None and answer.status.valid:
        return Duration(types=["dpv:UntilTimeDuration"], value=answer.expires_at.isoformat().replace("+00:00", "Z"))
    return Duration(types=["dpv:UntilEventDuration"], value=words_in(language).until_answer)


def _shown_in(answer: Answer, language: str) -> bool:
    """Whether this may be the language in which she was asked: each may, where nobody said."""
    return answer.shown is None or answer.shown.language == language


def _notice(notice: CataloguedNotice, answer: Answer) -> Notice:
    shown = answer.shown
    digest = notice.digest if shown is None else shown.digest
    return Notice(
        iri=f"this:notice-{notice.purpose}-{notice.version}-{notice.language}",
        types=["dpv:ConsentNotice"],
        version=str(notice.version),
        language=notice.language,
        title=notice.title,
        checksum=[
            Checksum(types=["spdx:Checksum"], algorithm=["spdx:checksumAlgorithm_sha256"], checksum_value=digest)
        ],
        layout="" if shown is None else shown.layout,
        date=None if shown is None else shown.at,
        notice_statuses=_notice_status(answer),
    )


def _notice_status(answer: Answer) -> list[Iri]:
    """Return what we know: that she was shown it, that she answered to it as she or a service says, or nothing."""
    if answer.shown is not None:
        return ["dpv:NoticeCommunicated"]
    return ["dpv:NoticeUsed"] if answer.notice else []


def _places(codes: Sequence[str], kind: Iri) -> list[Place]:
    return [Place(types=[kind], notation=code) for code in codes]


def _service(id_: str) -> Iri:
    return f"this:service-{id_}"


def _purpose(id_: str) -> Iri:
    return f"this:purpose-{id_}"


def _mentioned(records: Iterable[ConsentRecord | ChoiceRecord]) -> Iterator[Iri]:
    """Yield which others the records speak of, so that only they are described."""
    for record in records:
        if isinstance(record, ChoiceRecord):
            yield from record.implemented_by
        else:
            yield AUTHORITY
            yield from (iri for process in record.processes for iri in process.recipients)
            yield from (iri for status in record.statuses for iri in status.implemented_by)


def _entities(catalogue: Catalogue, company: Company) -> Iterator[Entity]:
    yield Entity(
        iri=CONTROLLER,
        types=["dpv:DataController", "dpv:Organisation"],
        name=company.name,
        address=company.address,
        contact=company.contact,
    )
    authority = company.authority
    yield Entity(iri=AUTHORITY, types=["dpv:DataProtectionAuthority"], name=authority.name, contact=authority.contact)
    for service in sorted(catalogue.services.values(), key=lambda each: each.id):
        kinds = ["dpv:Recipient", *(["dpv:ThirdParty"] if service.third_party else [])]
        yield Entity(iri=_service(service.id), types=kinds, name=service.recipient, identifier=service.id)

"""The receipt by the word of others: rdflib reads it, the DPV has its every term, RFC 8785 gives the same bytes."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from rdflib import RDF, Graph, Literal, Namespace, URIRef
from rdflib.term import Node

from service.model import receipt_document, receipt_text
from service.model.catalogue import Catalogue, Company
from service.model.choices import FLAG
from service.model.consent import Answer, Shown
from service.model.facts import Standing
from service.model.receipt import Act, ChoiceEvent, Holder, Standings, Wording
from service.model.receipt_document import CONTEXT, SOURCE, SPOKE, STATUS, TERMS, written
from service.model.receipt_text import WORDS, text, words_in
from service.model.words import (
    Acting,
    AgeBand,
    Channel,
    EntryId,
    Method,
    PolicyVersion,
    Provenance,
    PurposeId,
    ServiceId,
    Status,
)
from service.policy.bundle import Bundle, read_bundle
from service.policy.catalogue import parse_catalogue
from service.schema import shipped

# rdflib's own parser still uses what rdflib deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")

DPV = Namespace("https://w3id.org/dpv#")
DCT = Namespace("http://purl.org/dc/terms/")
SPDX = Namespace("http://spdx.org/rdf/terms#")
SKOS = Namespace("http://www.w3.org/2004/02/skos/core#")
TERMS_OF_DPV = {
    line
    for line in (Path(__file__).parents[1] / "vectors/dpv-2.3-iris.txt").read_text().splitlines()
    if line[:1] != "#"
}
OF_OTHERS = {
    "http://purl.org/dc/terms/": {
        "audience",
        "conformsTo",
        "created",
        "date",
        "format",
        "language",
        "publisher",
        "title",
    },
    "http://spdx.org/rdf/terms#": {"Checksum", "algorithm", "checksum", "checksumAlgorithm_sha256", "checksumValue"},
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#": {"type", "value"},
    "http://www.w3.org/2001/XMLSchema#": {"dateTime", "hexBinary"},
    "http://www.w3.org/2004/02/skos/core#": {"broader", "definition", "notation", "prefLabel"},
    "http://www.w3.org/ns/dcat#": {"version"},
    # schema/dpv-27560.ttl of the same repository.
    "https://w3id.org/dpv/schema/dpv-27560#": {"receipt", "receipt-eu-gdpr", "record", "record-eu-gdpr"},
}
NEWSLETTER, RECOMMENDATIONS = PurposeId("market.newsletter"), PurposeId("personalise.recommendations")
ENTRY = EntryId("ent_01K9Z6V7W8X9Y0Z1A2B3C4D5E6")
AT = datetime(2026, 11, 2, 10, 30, 0, 123456, tzinfo=UTC)
ANSWER = Answer(
    purpose=NEWSLETTER,
    channel=Channel.EMAIL,
    status=Status.GIVEN,
    notice=2,
    explicit=False,
    method=Method.COUNTER,
    actor="till-77",  # a word that is nowhere in the code, from which Hypothesis takes texts
    given_at=AT - timedelta(hours=1),
    recorded_at=AT,
    recorder="service:shop",
    policy_version=PolicyVersion("sha256:0"),
    entry=ENTRY,
    expires_at=AT + timedelta(days=730),
)
SHOWN = Shown("de", "sheet-7", "ab" * 32, AT - timedelta(hours=2))
CHOICE = ChoiceEvent("objection", "market.newsletter", Method.PORTAL, Acting.HERSELF, "customer", AT, AT, ENTRY)
HERS = Holder("byh_abc")


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return parse_catalogue(read_bundle(shipped("policies")))


@pytest.fixture(scope="module")
def company(catalogue: Catalogue) -> Company:
    assert catalogue.company is not None
    return catalogue.company


def act(*events: Answer | ChoiceEvent) -> Act:
    return Act(ENTRY, [e for e in events if isinstance(e, Answer)], [e for e in events if isinstance(e, ChoiceEvent)])


def graph_of(document: bytes) -> Graph:
    return Graph().parse(data=document, format="json-ld")


def one(graph: Graph, subject: Node | None, predicate: URIRef) -> Node:
    (found,) = graph.objects(subject, predicate)
    return found


def of_kind(graph: Graph, kind: URIRef) -> Node:
    (found,) = graph.subjects(RDF.type, kind)
    return found


events = st.builds(
    structs.replace,
    st.just(ANSWER),
    purpose=st.sampled_from([NEWSLETTER, RECOMMENDATIONS, PurposeId("gone.purpose")]),
    channel=st.sampled_from(Channel),
    status=st.sampled_from(Status),
    notice=st.integers(0, 3),
    explicit=st.booleans(),
    method=st.sampled_from(Method),
    acting=st.sampled_from(Acting),
    recorder=st.sampled_from(["customer", "service:shop", "service:gone", "operator:alice", "worker"]),
    shown=st.none() | st.just(SHOWN),
    expires_at=st.none() | st.just(AT),
)
choices = st.builds(
    structs.replace,
    st.just(CHOICE),
    choice=st.text(max_size=20),
    value=st.text(max_size=40),
    method=st.sampled_from(Method),
    acting=st.sampled_from(Acting),
    recorder=st.sampled_from(["customer", "service:shop", "operator:alice"]),
)
acts = st.lists(events | choices, min_size=1, max_size=6).map(lambda said: act(*said))
holders = st.sampled_from([HERS, Holder("byc_abc", ServiceId("shop")), Holder("byc_abc", ServiceId("gone"))])


# --- what others say of it -----------------------------------------------------------------------------------


@given(said=acts, holder=holders)
def test_every_term_exists_and_nothing_is_lost_on_the_way_into_a_graph(
    said: Act, holder: Holder, catalogue: Catalogue, company: Company
) -> None:
    document = written(said, holder, catalogue, company)
    assert keys_in(json.loads(document)["dpv:hasRecordOfActivity"]) <= set(TERMS.values())
    graph = graph_of(document)
    used = {str(term) for triple in graph for term in triple if isinstance(term, URIRef)}
    used |= {str(term.datatype) for _, _, term in graph if isinstance(term, Literal) and term.datatype}
    assert [iri for iri in sorted(used) if not known(iri)] == []


def keys_in(part: Any) -> set[str]:
    if isinstance(part, list):
        return {key for each in part for key in keys_in(each)}
    return {*part, *(key for each in part.values() for key in keys_in(each))} if isinstance(part, dict) else set()


def known(iri: str) -> bool:
    if iri.startswith("urn:byleave:"):
        return True
    space, _, name = iri.rpartition("#") if "#" in iri else iri.rpartition("/")
    space += iri[len(space)]
    return name in OF_OTHERS[space] if space in OF_OTHERS else iri in TERMS_OF_DPV


def test_a_term_that_does_not_exist_is_seen() -> None:
    assert not known("https://w3id.org/dpv#ConsentGivenUp")
    assert not known("https://w3id.org/dpv#UNKNOWN")
    assert not known("http://purl.org/dc/terms/withdrawn")
    assert not known("https://w3id.org/dpv/loc#IE")


def test_every_field_of_the_document_has_a_term_and_every_term_a_field() -> None:
    kinds = [each for each in vars(receipt_document).values() if isinstance(each, type)]
    nodes = [each for each in kinds if issubclass(each, receipt_document.Node)]
    fields = {field for node in nodes for field in node.__struct_fields__}
    assert fields == set(TERMS)
    assert {TERMS[name] for name in receipt_document.NAMES_THINGS} <= CONTEXT.keys()


@given(said=acts, holder=holders)
def test_it_is_canonical_and_the_same_to_the_byte_when_it_is_made_again(
    said: Act, holder: Holder, catalogue: Catalogue, company: Company
) -> None:
    document = written(said, holder, catalogue, company)
    assert document == written(said, holder, catalogue, company)
    assert document == rfc8785.dumps(json.loads(document))


# --- what it says --------------------------------------------------------------------------------------------


def test_the_graph_says_who_answered_what_to_which_notice(catalogue: Catalogue, company: Company) -> None:
    graph = graph_of(written(act(structs.replace(ANSWER, shown=SHOWN)), HERS, catalogue, company))
    found = graph.query(
        """
        PREFIX dpv: <https://w3id.org/dpv#>
        PREFIX dct: <http://purl.org/dc/terms/>
        PREFIX dcat: <http://www.w3.org/ns/dcat#>
        PREFIX spdx: <http://spdx.org/rdf/terms#>
        PREFIX skos: <http://www.w3.org/2004/02/skos/core#>
        SELECT ?entry ?her ?category ?at ?by ?version ?language ?digest
         WHERE {
            ?receipt a dpv:ConsentReceipt ; dpv:hasIdentifier ?entry ; dpv:hasRecordOfActivity ?record .
            ?record a dpv:ConsentRecord ;
                    dpv:hasDataSubject ?subject ;
                    dpv:hasConsentStatus ?status ;
                    dpv:hasProcess / dpv:hasPurpose / skos:broader ?category ;
                    dpv:hasNotice ?notice .
            ?subject dpv:hasIdentifier ?her .
            ?status a dpv:ConsentGiven ; dpv:isIndicatedAtTime ?at ; dpv:isIndicatedBy ?by .
            ?notice dcat:version ?version ; dct:language ?language ; spdx:checksum / spdx:checksumValue ?digest .
            FILTER (?by = ?subject)
         }
        """
    )
    ((entry, her, category, at, _, version, language, digest),) = [tuple(row) for row in found]  # type: ignore[arg-type]  # a SELECT has rows
    assert (str(entry), str(her)) == (ENTRY, "byh_abc")
    assert category == DPV.DirectMarketing
    assert isinstance(at, Literal)
    assert at.toPython() == AT - timedelta(hours=1)
    assert (str(version), str(language)) == ("2", "de")
    assert str(digest).lower() == SHOWN.digest


@pytest.mark.parametrize("status", Status)
def test_each_status_is_that_of_the_dpv(status: Status, catalogue: Catalogue, company: Company) -> None:
    graph = graph_of(written(act(structs.replace(ANSWER, status=status)), HERS, catalogue, company))
    (said,) = graph.objects(None, DPV.hasConsentStatus)
    assert URIRef(STATUS[status].replace("dpv:", str(DPV))) in set(graph.objects(said, RDF.type))
    assert (DPV.ExpressedConsent in set(graph.objects(None, DPV.hasLegalBasis))) is status.valid


MANDATORY = [
    ("dct:conformsTo",),
    ("dpv:hasIdentifier",),
    ("dct:created",),
    ("dct:language",),
    ("dpv:hasDataSubject", "dpv:hasIdentifier"),
    ("dpv:hasDataController",),
    ("dpv:hasJurisdiction", "skos:notation"),
    ("dpv:hasNotice", "spdx:checksum", "spdx:checksumValue"),
    ("dpv:hasNotice", "dcat:version"),
    ("dpv:hasNotice", "dct:language"),
    ("dpv:hasProcess", "dpv:hasPurpose", "skos:broader"),
    ("dpv:hasProcess", "dpv:hasPersonalData", "skos:broader"),
    ("dpv:hasProcess", "dpv:hasLegalBasis"),
    ("dpv:hasProcess", "dpv:hasProcessing"),
    ("dpv:hasProcess", "dpv:hasDataSource"),
    ("dpv:hasProcess", "dpv:hasRecipient"),
    ("dpv:hasProcess", "dpv:hasStorageCondition", "dpv:hasLocation", "skos:notation"),
    ("dpv:hasProcess", "dpv:hasStorageCondition", "dpv:hasDuration", "rdf:value"),
    ("dpv:hasConsentControl", "dpv:isExercisedAt"),
    ("dpv:hasConsentStatus", "@type"),
    ("dpv:hasConsentStatus", "dpv:isIndicatedAtTime"),
    ("dpv:hasConsentStatus", "dpv:isIndicatedBy"),
    ("dpv:hasConsentStatus", "dpv:hasDuration", "rdf:value"),
    ("dpv:hasRight",),
    ("dpv:hasAuthority",),
]
"""What ISO/IEC TS 27560 and, of a company under the GDPR, the DPV's guide to it ask of every consent record."""


@pytest.mark.parametrize("way", MANDATORY, ids=" > ".join)
@pytest.mark.parametrize("status", [Status.GIVEN, Status.WITHDRAWN])
def test_every_mandatory_field_is_there(
    status: Status, way: tuple[str, ...], catalogue: Catalogue, company: Company
) -> None:
    notice = 2 if status.valid else 0
    said = act(structs.replace(ANSWER, status=status, notice=notice, expires_at=None))
    (record,) = json.loads(written(said, HERS, catalogue, company))["dpv:hasRecordOfActivity"]
    assert list(at_the_end_of(record, way))


def at_the_end_of(part: Any, way: tuple[str, ...]) -> Iterator[Any]:
    if isinstance(part, list):
        for each in part:
            yield from at_the_end_of(each, way)
    elif not way:
        yield part
    elif way[0] in part:
        yield from at_the_end_of(part[way[0]], way[1:])


def test_answers_that_differ_in_their_channel_only_are_one_status(catalogue: Catalogue, company: Company) -> None:
    no = structs.replace(ANSWER, purpose=RECOMMENDATIONS, status=Status.WITHDRAWN, notice=0)
    said = act(no, structs.replace(no, channel=Channel.WEB), ANSWER)
    records = json.loads(written(said, HERS, catalogue, company))["dpv:hasRecordOfActivity"]
    channels = [[s["dpv:isApplicableFor"] for s in record["dpv:hasConsentStatus"]] for record in records]
    assert channels == [[["email"]], [["email", "web"]]]


def test_a_notice_that_nobody_said_she_read_is_named_but_not_called_read(
    catalogue: Catalogue, company: Company
) -> None:
    statuses = {}
    for name, said in (
        ("shown", structs.replace(ANSWER, shown=SHOWN)),
        ("named", ANSWER),
        ("none", structs.replace(ANSWER, status=Status.REFUSED, notice=0)),
    ):
        (record,) = json.loads(written(act(said), HERS, catalogue, company))["dpv:hasRecordOfActivity"]
        statuses[name] = {(n["dct:language"], *n.get("dpv:hasNoticeStatus", [])) for n in record["dpv:hasNotice"]}
    assert statuses == {
        "shown": {("de", "dpv:NoticeCommunicated")},
        "named": {("de", "dpv:NoticeUsed"), ("en", "dpv:NoticeUsed")},
        "none": {("de",), ("en",)},
    }


@given(said=acts, holder=holders)
def test_nobody_is_named_but_as_the_reader_knows_her(
    said: Act, holder: Holder, catalogue: Catalogue, company: Company
) -> None:
    document = written(said, holder, catalogue, company).decode()
    assert "till-77" not in document
    assert "alice" not in document
    assert document.count(holder.id) == len(json.loads(document)["dpv:hasRecordOfActivity"])


def test_a_choice_is_told_whatever_its_kind(catalogue: Catalogue, company: Company) -> None:
    document = written(act(structs.replace(CHOICE, choice="pause", value="2027-01-01")), HERS, catalogue, company)
    graph = graph_of(document)
    record = of_kind(graph, DPV.Record)
    assert str(one(graph, record, DCT.title)) == "pause"
    assert str(one(graph, record, RDF.value)) == "2027-01-01"
    assert one(graph, record, DPV.isIndicatedBy) == one(graph, record, DPV.hasDataSubject)


def test_outside_the_gdpr_it_promises_no_right_of_the_gdpr(catalogue: Catalogue, company: Company) -> None:
    elsewhere = structs.replace(company, gdpr=False)
    document = written(act(ANSWER), HERS, catalogue, elsewhere).decode()
    assert "eu-gdpr:A" not in document
    assert json.loads(document)["dct:conformsTo"] == ["dpv-27560:receipt"]


def test_two_receipts_in_one_graph_do_not_speak_of_one_person(catalogue: Catalogue, company: Company) -> None:
    graph = Graph()
    other = Act(EntryId(ENTRY.replace("01K", "01L")), [ANSWER], [])
    for said, holder in ((act(ANSWER), HERS), (other, Holder("byh_xyz"))):
        graph.parse(data=written(said, holder, catalogue, company), format="json-ld")
    subjects = set(graph.subjects(RDF.type, DPV.DataSubject))
    assert len(subjects) == 2


# --- in her language, and as it always was ---------------------------------------------------------------------


def test_who_was_asked_in_german_has_a_receipt_with_german_words_only(catalogue: Catalogue, company: Company) -> None:
    document = json.loads(written(act(structs.replace(ANSWER, shown=SHOWN)), HERS, catalogue, company))
    (record,) = document["dpv:hasRecordOfActivity"]
    told = catalogue.translations["de"]
    (purpose,) = record["dpv:hasProcess"][0]["dpv:hasPurpose"]
    assert purpose["skos:prefLabel"] == told.purposes[NEWSLETTER].title
    assert purpose["skos:definition"] == told.purposes[NEWSLETTER].text
    labels = {
        data["dpv:hasIdentifier"]: data["skos:prefLabel"] for data in record["dpv:hasProcess"][0]["dpv:hasPersonalData"]
    }
    assert labels == {id_: told.attributes[id_] for id_ in labels}
    recipients = {each.get("dpv:hasIdentifier"): each.get("dpv:hasName") for each in document["dpv:hasEntity"]}
    assert recipients["newsletter"] == told.services["newsletter"].recipient
    assert record["dpv:hasConsentControl"][0]["dpv:isExercisedAt"] == [company.withdraw["de"]]


GOLDEN: dict[str, Any] = json.loads((Path(__file__).parents[1] / "vectors/golden-receipt-1.json").read_bytes())
"""Receipts as they were written before the catalogue could be translated, and the catalogue that they speak by."""


@pytest.mark.parametrize(
    ("said", "shown"), [("asked in German", SHOWN), ("asked in nobody knows which language", None)]
)
def test_a_receipt_of_before_the_catalogue_was_translated_is_still_the_same_to_the_byte(
    said: str, shown: Shown | None
) -> None:
    then = parse_catalogue(Bundle(GOLDEN["bundle"]))
    assert then.company is not None
    again = written(act(structs.replace(ANSWER, notice=1, shown=shown), CHOICE), HERS, then, then.company)
    assert again.decode() == GOLDEN["documents"][said]


# --- the text ------------------------------------------------------------------------------------------------


def test_every_word_has_its_terms_in_both_languages() -> None:
    for words in WORDS.values():
        assert set(words.statuses) == set(Status)
        assert set(words.channels) == set(Channel)
        assert set(words.methods) == set(Method)
        assert set(words.acting) == set(Acting)
        assert set(words.flags) == set(FLAG)
        assert set(words.ages) == set(AgeBand)
    assert set(STATUS) == set(Status)
    assert set(SPOKE) == set(Acting)
    assert set(SOURCE) == set(Provenance)


@pytest.mark.parametrize("name", receipt_text.Words.__struct_fields__)
def test_both_languages_fill_in_the_same_things(name: str) -> None:
    english, german = (getattr(words, name) for words in WORDS.values())
    if isinstance(english, str):
        assert places_in(english) == places_in(german)
        assert english != german or name in {"answer", "choice"}


def places_in(words: str) -> set[str]:
    return {part.split("}")[0] for part in words.split("{")[1:]}


def standing(status: Status) -> Standings:
    stands = Standing(NEWSLETTER, Channel.EMAIL, status, 2, explicit=False, decided_at=AT, expires_at=None)
    elsewhere = structs.replace(stands, channel=Channel.SMS)
    return Standings(AT + timedelta(days=1), [(stands, status), (elsewhere, Status.GIVEN)])


def test_the_text_says_what_was_said_what_holds_now_and_how_to_take_it_back(
    catalogue: Catalogue, company: Company
) -> None:
    wording = Wording("en", company, standing(Status.WITHDRAWN), "thumbprint")
    told = text(act(ANSWER), catalogue, wording)
    digest = next(n.digest for n in catalogue.notices_of(NEWSLETTER) if (n.version, n.language) == (2, "en"))
    for line in (
        f"Receipt {ENTRY}",
        "Recorded on 2026-11-02 10:30:00 UTC, by Harbour Books & Travel, 4 Harbour Road, Howth, Dublin, Ireland.",
        "Our newsletter, by e-mail: yes",
        "  said by the customer, at the counter, on 2026-11-02 09:30:00 UTC",
        "  written down by Web shop and app",
        "  ends on 2028-11-01 10:30:00 UTC",
        f"  notice read: Our newsletter, version 2, en, SHA-256 {digest}",
        "What holds now, on 2026-11-03 10:30:00 UTC:",
        "  Our newsletter, by e-mail: no longer",
        f"  {company.withdraw['en']}",
    ):
        assert line in told.splitlines()
    assert "SMS" not in told
    assert "thumbprint" in told
    assert "till-77" not in told


def test_the_text_is_in_german_for_who_was_asked_in_german(catalogue: Catalogue, company: Company) -> None:
    said = act(structs.replace(ANSWER, shown=SHOWN))
    told = text(said, catalogue, Wording(said.language, company, standing(Status.GIVEN), "x"))
    assert "Unser Newsletter, per E-Mail: Ja" in told
    assert f"gelesener Hinweis: Unser Newsletter, Fassung 2, de, SHA-256 {SHOWN.digest}" in told
    assert company.withdraw["de"] in told
    assert words_in("de-AT") is words_in("de")
    assert words_in("fr") is words_in("en")
    assert company.withdrawal_in("de-AT") == company.withdraw["de"]
    assert company.withdrawal_in("fr") == company.withdraw["en"]


@given(said=acts, language=st.sampled_from(["en", "de", "fr", "de-AT"]))
def test_every_act_can_be_told_in_every_language(
    said: Act, language: str, catalogue: Catalogue, company: Company
) -> None:
    told = text(said, catalogue, Wording(language, company, standing(Status.GIVEN), "x"))
    assert ENTRY in told
    assert "alice" not in told


@pytest.mark.parametrize(
    ("choice", "value", "english", "german"),
    [
        ("marketing", "no", "Advertising: not allowed", "Werbung: nicht erlaubt"),
        ("demographic", "yes", "Tailoring by age, area or group: allowed", None),
        ("objection", "prevent.fraud raised", "Stopping stolen cards: objected to", None),
        ("objection", "prevent.fraud lifted", None, "Gestohlene Karten erkennen: Widerspruch zurückgenommen"),
        ("pause", "2027-01-01T00:00:00+00:00", "Pause until 2027-01-01 00:00:00 UTC", None),
        ("pause", "none", "The pause is over", "Die Pause ist vorbei"),
        ("quiet-hours", "22:00-07:00 Europe/Berlin", None, "Ruhezeit: 22:00-07:00 Europe/Berlin"),
        ("quiet-hours", "none", "No quiet hours", None),
        ("age-band", "minor", "Age: not yet adult", "Alter: noch nicht erwachsen"),
    ],
)
def test_a_choice_is_told_in_words(
    choice: str, value: str, english: str | None, german: str | None, catalogue: Catalogue, company: Company
) -> None:
    said = act(structs.replace(CHOICE, choice=choice, value=value))
    for language, line in (("en", english), ("de", german)):
        told = text(said, catalogue, Wording(language, company, Standings(AT, []), "x")).splitlines()
        assert line is None or line in told


def test_a_chosen_value_does_not_look_like_a_line_of_ours(catalogue: Catalogue, company: Company) -> None:
    forged = structs.replace(CHOICE, value="x\nWhat holds now, on 2026-11-03 10:30:00 UTC:\n  everything: yes")
    told = text(act(forged), catalogue, Wording("en", company, Standings(AT, []), "x"))
    assert not any(line.startswith("What holds now") for line in told.splitlines())


# --- for whom ------------------------------------------------------------------------------------------------


def test_a_service_sees_its_purposes_and_the_choices_it_told_us_itself() -> None:
    other = structs.replace(ANSWER, purpose=RECOMMENDATIONS)
    told = structs.replace(CHOICE, recorder="service:shop")
    seen = act(ANSWER, other, CHOICE, told).seen_by(ServiceId("shop"), {NEWSLETTER})
    assert seen == Act(ENTRY, [ANSWER], [told])
    assert act(other, CHOICE).seen_by(ServiceId("shop"), {NEWSLETTER}) is None

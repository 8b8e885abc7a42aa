import hashlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from service.errors import PolicyError
from service.model.catalogue import Catalogue
from service.model.words import AttributeId, Basis, Provenance, PurposeId, ServiceId
from service.policy.bundle import Bundle
from service.policy.catalogue import parse_catalogue
from service.policy.engine import Policies

Change = Callable[..., Bundle]

RECOMMENDATIONS = "notices/personalise.recommendations/1.en.md"
PURPOSES = [
    ('basis = "consent"', 'basis = "whim"', "personalise.recommendations: Invalid enum value 'whim'"),
    ('title = "Our newsletter"', "title = 7", "market.newsletter: Expected `str`, got `int`"),
    ('title = "Our newsletter"', 'titel = "x"', "market.newsletter: Object contains unknown field `titel`"),
    ("retention_days = 3650", 'retention_days = "3650"', "comply.tax: Expected `int`, got `str`"),
    ('id = "comply.tax"', "", "number 4: Object missing required field `id`"),
    ('id = "comply.tax"', 'id = "fulfil.orders"', "fulfil.orders: stands twice"),
    ('id = "comply.tax"', "id = ", "purposes.toml: Invalid value"),
    ("[[purpose]]", "[other]\n[[purpose]]", "purposes.toml: other: only [[purpose]] belongs here"),
    ("first_name =", "frist_name =", "personalise.recommendations: no attribute frist_name"),
    ("consent_expires_days = 730", "", "personalise.recommendations: rests on consent, so it needs consent_exp"),
    ("retention_days = 3650", "retention_days = 9\nconsent_expires_days = 9", "comply.tax: does not rest on"),
    ('channels = ["email"]', "channels = []", "market.newsletter: has no channel"),
    ('channels = ["email"]', 'channels = ["email", "email"]', "market.newsletter: names a channel twice"),
    ('channels = ["email"]', 'channels = ["fax"]', "market.newsletter: Invalid enum value 'fax'"),
    ('["marketing", "personalisation"]', '["law-based"]', "market.newsletter: kind law-based is the name of"),
    ('["marketing", "personalisation"]', '["comply.tax"]', "market.newsletter: kind comply.tax is the name of"),
    ('["marketing", "personalisation"]', '["x", "x"]', "market.newsletter: names a kind twice"),
    ('id = "comply.tax"', 'id = "law-based"', "law-based: has the name of a legal basis"),
    ('id = "comply.tax"', 'id = "Tax"', "Tax: Expected `str` matching regex"),
    ("dpv#DirectMarketing", "dpv/DirectMarketing", "market.newsletter: Expected `str` matching regex"),
    ("since = 2 }\nguess", "since = 3 }\nguess", "attributes: last_destination: since = 3 is no material notice of"),
    ("since = 2 }\nguess", "sinse = 2 }\nguess", "recommendations: Object contains unknown field `sinse`"),
    ("since = 2 }\nguess", "since = 0 }\nguess", "personalise.recommendations: Expected `int` >= 1"),
    ('first_name = "To greet you."\ncontact_email', "first_name = 7\ncontact_email", "Expected `object`, got `int`"),
    (
        'contact_email = "To reach you."',
        'contact_email = { why = "To.", since = 2 }',
        "since = 2 is no material notice",
    ),
    *(
        ('owner = "Head of the web shop"', f'owner = "x"\nearlier = [{{ {words} }}]', f"recommendations: {fault}")
        for words, fault in [
            ("before = 1, retention_days = 9", "Expected `int` >= 2"),
            ("before = 3, retention_days = 9", "earlier: before = 3 is no material notice of"),
            ("before = 2, retention_days = 365", "earlier: 365 days are not less than retention_days"),
        ]
    ),
    ('orders_this_year = "To add up', 'accessibility_needs = "To add up', "comply.tax: accessibility_needs is a"),
]
ATTRIBUTES = [
    ('provenances = ["inferred"]', "provenances = []", "guessed_genres: has no provenance"),
    ('provenances = ["inferred"]', 'provenances = ["inferred", "inferred"]', "guessed_genres: names a proven"),
    ('provenances = ["inferred"]', 'provenances = ["rumoured"]', "guessed_genres: Invalid enum value 'rumoured'"),
    ('kind = "text"', 'kind = "prose"', "first_name: Invalid enum value 'prose'"),
    ('kind = "text"', 'kind = "text"\nminimum = 1', "first_name: only integers have minimum and maximum"),
    ("minimum = 0", "minimum = 10001", "orders_this_year: minimum is above maximum"),
    ("minimum = 0", 'choices = ["a"]', "orders_this_year: only texts have choices"),
    ('"bronze", ', '"gold", ', "value_tier: names a choice twice"),
    ("fresh_days = 90", "fresh_days = 181", "browsed_genres: fresh_days is more than retention_days"),
    ("fresh_days = 90", "fresh_days = 0", "browsed_genres: Expected `int` >= 1"),
    ("sensitivity = 3", "sensitivity = 4", "accessibility_needs: Expected `int` <= 3"),
    ("sensitivity = 3", "sensitivity = 2", "accessibility_needs: a special category has sensitivity 3"),
    ("demographic = true", "special = true\nsensitivty = 3", "birth_year: Object contains unknown field"),
    ('id = "first_name"', 'id = "shoe_size"', "shoe_size: no purpose uses it"),
    ('["inferred"]\nsensitivity = 1', '["inferred"]\nsensitivity = 3\nspecial = true', "is never inferred or acq"),
    (
        '["inferred"]\nsensitivity = 1',
        '["inferred"]\npreference = true\nsensitivity = 1',
        "a preference is volunteered",
    ),
    ("special = true", "special = true\npreference = true", "accessibility_needs: a special category is no preference"),
]
SERVICES = [
    ("per_minute = 600", "per_minute = 0", "airline: Expected `int` >= 1"),
    ('id = "recommender"', 'id = "customer"', "customer: has the name of the customer herself"),
    ('uses."comply.tax"', 'uses."comply.taxes"', "finance: uses: no purpose comply.taxes"),
    ('["web", "app", "email"]', '["phone"]', "recommender: uses personalise.recommendations: not on phone"),
    ('"credit_segment", "birth_year"', '"postcode_area"', "recommender: uses personalise.recommendations: not w"),
    ('guessed_genres = ["inferred"]', 'gessed = ["inferred"]', "recommender: contributes: no attribute gessed"),
    ('guessed_genres = ["inferred"]', 'guessed_genres = ["volunteered"]', "recommender: contributes guessed_gen"),
    ('"market.newsletter", "market', '"market.letters", "market', "shop: records: no purpose market.letters"),
    (
        '"market.newsletter", "market',
        '"fulfil.orders", "market',
        "shop: records: fulfil.orders does not rest on consent",
    ),
    (
        '"favourite_genres", "postcode_area"]',
        '"favourite_genres"]\nsince = 2',
        "uses market.newsletter: since = 2 is no",
    ),
    ('"favourite_genres", "postcode_area"]', '"favourite_genres"]\nsince = 0', "newsletter: Expected `int` >= 1"),
    ('identifies = ["phone"]', 'identifies = ["device"]', "call-centre: identifies: a device is nobody in particular"),
    ('identifies = ["phone"]', 'identifies = ["phone", "phone"]', "call-centre: identifies: names a kind twice"),
    ('team = "finance"', 'team = "finance"\nthird_party = true', "finance: uses comply.tax: which no third party"),
    ('id = "finance"', 'id = "shop"', "shop: stands twice"),
]
NOTICES = [
    ("material = true", "material = 1", "1.en.md: Expected `bool`, got `int`"),
    ("material = true", "material = ", "1.en.md: Invalid value"),
    ("material = true", "", "1.en.md: Object missing required field `material`"),
    ("material = true", "material = false", "personalise.recommendations: its first notice must be material"),
    ("+++\ntitle", "title", "1.en.md: must begin with a title"),
]
COMPANY = [
    ('name = "Harbour Books & Travel"\n', "", "company.toml: Object missing required field `name`"),
    ("gdpr = true", 'gdpr = "yes"', "company.toml: Expected `bool`, got `str` - at `$.gdpr`"),
    ("gdpr = true", "gdpr = true\nslogan = 'x'", "company.toml: Object contains unknown field `slogan`"),
    ('storage = ["IE"]', "storage = []", "company.toml: Expected `array` of length >= 1"),
    ('storage = ["IE"]', 'storage = ["Ireland"]', "company.toml: Expected `str` matching regex"),
    ("de =", "german =", "company.toml: Expected `str` matching regex"),
    ("[authority]", "[authority", "company.toml: "),
]
TABLE = [
    *(("company.toml", *row) for row in COMPANY),
    *(("purposes.toml", *row) for row in PURPOSES),
    *(("attributes.toml", *row) for row in ATTRIBUTES),
    *(("services.toml", *row) for row in SERVICES),
    *((RECOMMENDATIONS, *row) for row in NOTICES),
]


def faults_of(bundle: Bundle) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        parse_catalogue(bundle)
    return caught.value.faults


@pytest.mark.parametrize(("file", "old", "new", "fault"), TABLE)
def test_each_fault_of_the_catalogue_is_told(changed: Change, file: str, old: str, new: str, fault: str) -> None:
    found = faults_of(changed(file, old, new))
    assert any(fault in line for line in found), found


@pytest.mark.parametrize("file", ["purposes.toml", "attributes.toml", "services.toml"])
def test_a_missing_or_empty_file_is_a_fault(bundle: Bundle, file: str) -> None:
    rest = {path: text for path, text in bundle.files.items() if path != file}
    assert f"{file}: is missing" in faults_of(Bundle(rest))
    assert f"{file}: has no [[{file.removesuffix('s.toml')}]]" in faults_of(Bundle({**rest, file: ""}))


def test_all_faults_are_told_at_once(changed: Change) -> None:
    one = changed("purposes.toml", 'basis = "consent"', 'basis = "whim"')
    two = changed("attributes.toml", 'kind = "text"', 'kind = "prose"', within=one)
    three = changed(RECOMMENDATIONS, "material = true", "material = 1", within=two)
    assert [fault.split(":")[0] for fault in faults_of(three)] == [
        "purposes.toml",
        "attributes.toml",
        RECOMMENDATIONS,
    ]


@pytest.mark.parametrize(
    ("moved", "fault"),
    [
        ("notices/personalise.recommendations/3.en.md", "numbered from 1 without a gap, not [1, 3]"),
        ("notices/personalise.recommendation/1.en.md", "no purpose personalise.recommendation"),
        ("notices/personalise.recommendations/02.en.md", "a notice is named <purpose>/<version>.<language>.md"),
        ("notices/personalise.recommendations/2.english.md", "a notice is named"),
    ],
)
def test_a_notice_in_the_wrong_place_is_a_fault(bundle: Bundle, moved: str, fault: str) -> None:
    files = dict(bundle.files)
    del files["notices/personalise.recommendations/2.de.md"]
    files[moved] = files.pop("notices/personalise.recommendations/2.en.md")
    assert any(fault in line for line in faults_of(Bundle(files)))


def test_a_purpose_by_consent_needs_a_notice(bundle: Bundle) -> None:
    files = {p: t for p, t in bundle.files.items() if not p.startswith("notices/market.newsletter/")}
    assert faults_of(Bundle(files)) == ["purposes.toml: market.newsletter: rests on consent, so it needs a notice"]


def test_a_notice_is_material_in_every_language_or_in_none(bundle: Bundle) -> None:
    german = "+++\ntitle = 'Empfehlungen'\nmaterial = false\n+++\nDürfen wir?\n"
    files = {**bundle.files, "notices/personalise.recommendations/2.de.md": german}
    assert any("notice 2 is material in one language only" in line for line in faults_of(Bundle(files)))


def test_a_notice_without_words_is_a_fault(bundle: Bundle) -> None:
    files = {**bundle.files, RECOMMENDATIONS: "+++\ntitle = 'x'\nmaterial = true\n+++\n \n"}
    assert faults_of(Bundle(files)) == [f"{RECOMMENDATIONS}: has no text"]


def test_the_digest_of_a_notice_is_over_the_text_that_was_shown(policies: Policies) -> None:
    for notice in policies.catalogue.notices.values():
        assert notice.digest == hashlib.sha256(notice.text.encode()).hexdigest()
        assert "+++" not in notice.text


# --- the sample company ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def catalogue(policies: Policies) -> Catalogue:
    return policies.catalogue


def test_the_sample_company_has_purposes_on_every_legal_basis_but_a_public_task(catalogue: Catalogue) -> None:
    bases = {id_: purpose.basis for id_, purpose in catalogue.purposes.items()}
    assert bases == {
        "personalise.recommendations": Basis.CONSENT,
        "market.newsletter": Basis.CONSENT,
        "market.phone-offers": Basis.CONSENT,
        "research.panel": Basis.CONSENT,
        "share.airline": Basis.CONSENT,
        "fulfil.orders": Basis.CONTRACT,
        "book.trips": Basis.CONTRACT,
        "serve.requests": Basis.CONTRACT,
        "keep.preferences": Basis.CONTRACT,
        "comply.tax": Basis.LEGAL_OBLIGATION,
        "prevent.fraud": Basis.LEGITIMATE_INTEREST,
        "protect.travellers": Basis.VITAL_INTEREST,
    }
    assert set(Basis) - set(bases.values()) == {Basis.PUBLIC_TASK}


def test_the_sample_company_has_seven_services_and_attributes_of_every_provenance(catalogue: Catalogue) -> None:
    assert set(catalogue.services) == {
        "shop",
        "recommender",
        "newsletter",
        "call-centre",
        "fulfilment",
        "finance",
        "airline",
    }
    assert len(catalogue.attributes) == 33
    assert {p for a in catalogue.attributes.values() for p in a.provenances} == set(Provenance)


def test_no_service_may_say_what_no_service_is_told(catalogue: Catalogue) -> None:
    used = {attribute for s in catalogue.services.values() for use in s.uses.values() for attribute in use.attributes}
    assert used == set(catalogue.attributes)


def test_every_attribute_can_reach_us(catalogue: Catalogue) -> None:
    for id_, attribute in catalogue.attributes.items():
        for provenance in attribute.provenances:
            assert any(s.may_contribute(id_, provenance) for s in catalogue.services.values()), (id_, provenance)


def test_every_term_of_the_data_privacy_vocabulary_exists(catalogue: Catalogue) -> None:
    path = Path(__file__).parents[1] / "vectors" / "dpv-2.3-iris.txt"
    known = {line for line in path.read_text().splitlines() if not line.startswith("#")}
    named = {item.dpv for items in (catalogue.purposes, catalogue.attributes) for item in items.values()}
    assert len(known) > 1000
    assert named <= known


@pytest.mark.parametrize(
    ("attribute", "right", "wrong"),
    [
        ("first_name", b'"Abbie"', b'""'),
        ("first_name", b'"Abbie"', b"7"),
        ("favourite_genres", b'["crime","travel"]', b'["crime","gossip"]'),
        ("favourite_genres", b"[]", b'"crime"'),
        ("birth_year", b"1980", b'"1980"'),
        ("birth_year", b"1980", b"1899"),
        ("orders_this_year", b"0", b"-1"),
        ("orders_this_year", b"3", b"3.5"),
        ("value_tier", b'"gold"', b'"platinum"'),
        ("accessibility_needs", b'["large-print"]', b'["large print"]'),
    ],
)
def test_a_value_must_be_of_its_attribute_s_kind(
    catalogue: Catalogue, attribute: str, right: bytes, wrong: bytes
) -> None:
    kind = catalogue.attributes[AttributeId(attribute)]
    assert kind.canonical(right) == right
    with pytest.raises(msgspec.ValidationError):
        kind.canonical(wrong)


def covered(catalogue: Catalogue, purpose: PurposeId, service: ServiceId, version: int) -> set[str]:
    return {id_ for id_ in catalogue.attributes if catalogue.covers(purpose, version, service, id_)}


def test_a_yes_to_the_first_recommendations_notice_covers_all_but_what_the_second_asked_for_first(
    catalogue: Catalogue,
) -> None:
    purpose, service = PurposeId("personalise.recommendations"), ServiceId("recommender")
    assert (catalogue.notice_in_force(purpose), catalogue.newest_material(purpose)) == (2, 2)
    none, first, second = (covered(catalogue, purpose, service, version) for version in (0, 1, 2))
    assert none == set()
    assert second == set(catalogue.purposes[purpose].attributes)
    assert second - first == {"last_destination", "orders_this_year", "accessibility_needs"}


def test_a_yes_to_the_first_newsletter_notice_covers_all_that_it_is_used_for(catalogue: Catalogue) -> None:
    purpose, service = PurposeId("market.newsletter"), ServiceId("newsletter")
    assert (catalogue.notice_in_force(purpose), catalogue.newest_material(purpose)) == (2, 1)
    assert covered(catalogue, purpose, service, 1) == set(catalogue.purposes[purpose].attributes)


def test_no_notice_covers_a_service_or_an_attribute_that_the_purpose_does_not_have(catalogue: Catalogue) -> None:
    purpose = PurposeId("market.newsletter")
    assert covered(catalogue, purpose, ServiceId("finance"), 9) == set()
    assert "birth_year" not in covered(catalogue, purpose, ServiceId("newsletter"), 9)

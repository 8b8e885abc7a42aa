"""The catalogue in another language: read, found faulty, pointed out where it lacks something, and told."""

from collections.abc import Callable

import pytest
from msgspec import structs

from service.errors import PolicyError
from service.model.catalogue import SAID, Catalogue
from service.model.translation import PurposeWords, Translation
from service.model.words import AttributeId, PurposeId, ServiceId
from service.policy.bundle import Bundle
from service.policy.catalogue import parse_catalogue
from service.policy.code import Code
from service.policy.diff import changes
from service.policy.engine import Policies
from service.policy.materiality import immaterial_changes
from service.policy.translations import missing_words, names_of
from service.policy.wording import wording_faults

Change = Callable[..., Bundle]
TRIPS, GERMAN = PurposeId("book.trips"), "words/de.toml"


@pytest.fixture(scope="session")
def catalogue(policies: Policies) -> Catalogue:
    return policies.catalogue


# --- told ------------------------------------------------------------------------------------------------


def test_everything_that_a_customer_reads_is_told_in_german(catalogue: Catalogue) -> None:
    told = catalogue.told_in("de")
    for id_, purpose in catalogue.purposes.items():
        german = told.purposes[id_]
        assert all(getattr(german, name) != getattr(purpose, name) for name in SAID), id_
        assert all(german.attributes[each].why != needed.why for each, needed in purpose.attributes.items()), id_
    assert all(told.attributes[id_].title != each.title for id_, each in catalogue.attributes.items())
    assert all(told.services[id_].recipient != each.recipient for id_, each in catalogue.services.items())


def test_nothing_but_texts_differs_between_languages(catalogue: Catalogue) -> None:
    told = catalogue.told_in("de")
    texts = dict.fromkeys(SAID, "")
    for id_, purpose in told.purposes.items():
        same = {each: structs.replace(needed, why="") for each, needed in purpose.attributes.items()}
        before = catalogue.purposes[id_]
        needs = {each: structs.replace(needed, why="") for each, needed in before.attributes.items()}
        assert structs.replace(purpose, attributes=same, **texts) == structs.replace(before, attributes=needs, **texts)
    assert (told.notices, told.company) == (catalogue.notices, catalogue.company)


@pytest.mark.parametrize(("language", "title"), [("de", "Ihre Reise buchen"), ("de-AT", "Ihre Reise buchen")])
def test_who_wants_a_country_s_language_is_told_in_the_language(
    language: str, title: str, catalogue: Catalogue
) -> None:
    assert catalogue.told_in(language).purposes[TRIPS].title == title
    assert catalogue.category_in(language, "taste") == "Was Sie mögen"


@pytest.mark.parametrize("language", ["en", "en-GB", "fr", ""])
def test_a_language_without_words_is_told_in_that_of_the_catalogue(language: str, catalogue: Catalogue) -> None:
    assert catalogue.told_in(language).purposes == catalogue.purposes
    assert catalogue.category_in(language, "taste") == "What you like"
    assert catalogue.choice_in(language, "cookery") == "Cookery"


def test_a_text_that_is_missing_is_told_in_the_language_of_the_catalogue(catalogue: Catalogue) -> None:
    some = Translation(purposes={"book.trips": PurposeWords(title="Réserver")}, choices={"cookery": "Cuisine"})
    french = structs.replace(catalogue, translations={**catalogue.translations, "fr": some}).told_in("fr")
    assert french.purposes[TRIPS].title == "Réserver"
    assert french.purposes[TRIPS].text == catalogue.purposes[TRIPS].text
    assert french.attributes == catalogue.attributes
    assert (french.choice_in("fr", "cookery"), french.choice_in("fr", "poetry")) == ("Cuisine", "Poetry")


def test_a_word_that_nobody_named_is_itself(catalogue: Catalogue) -> None:
    unnamed = structs.replace(catalogue, translations={})
    assert unnamed.choice_in("de", "step-free") == "step-free"
    assert unnamed.told_in("de") is unnamed


# --- faults, and what is only pointed out ---------------------------------------------------------------


def faults_of(bundle: Bundle) -> list[str]:
    with pytest.raises(PolicyError) as refused:
        parse_catalogue(bundle)
    return refused.value.faults


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('[purposes."book.trips"]', '[purposes."book.tripz"]', "purposes: no book.tripz"),
        ('booked_trip = "Um zu wissen, was', 'loyalty_points = "Um zu wissen, was', "book.trips: does not use loyalty"),
        ('first_name = "Vorname"', 'forename = "Vorname"', "attributes: no forename"),
        ("[services.shop]", "[services.shoppe]", "services: no shoppe"),
        ('taste = "Was', 'tastes = "Was', "categories: no tastes"),
        ('cookery = "Kochen"', 'cooking = "Kochen"', "choices: no cooking"),
        ('care = "Telefondienst"', 'caring = "Telefondienst"', "teams: no caring"),
        ('title = "Ihre Reise buchen"', 'titel = "Ihre Reise buchen"', "unknown field `titel`"),
        ('title = "Ihre Reise buchen"', 'title = ""', "length >= 1"),
        ("[attributes]", "[attributes", "words/de.toml: "),
    ],
)
def test_a_word_without_a_place_is_a_fault(old: str, new: str, fault: str, changed: Change) -> None:
    found = faults_of(changed(GERMAN, old, new))
    assert any(line.startswith("words/de.toml: ") and fault in line for line in found), found


def test_a_file_of_words_is_named_by_its_language(bundle: Bundle) -> None:
    found = faults_of(Bundle({**bundle.files, "words/german.toml": ""}))
    assert found == ["words/german.toml: words are named <language>.toml"]


def test_what_the_catalogue_says_itself_is_not_said_again(changed: Change) -> None:
    found = faults_of(changed("words/en.toml", "[teams]", '[attributes]\nfirst_name = "Name"\n\n[teams]'))
    assert found == ["words/en.toml: attributes: the catalogue is in this language, so attributes.toml says it"]


def test_every_text_that_is_missing_is_pointed_out_and_none_of_the_sample_company(bundle: Bundle) -> None:
    assert missing_words(parse_catalogue(bundle)) == []
    bare = parse_catalogue(Bundle({path: text for path, text in bundle.files.items() if path != GERMAN}))
    found = missing_words(bare)
    needs = sum(len(purpose.attributes) for purpose in bare.purposes.values())
    names = sum(map(len, names_of(bare).values()))
    texts = len(SAID) * len(bare.purposes) + needs + len(bare.attributes) + 2 * len(bare.services)
    assert len(found) == texts + names
    assert {line.split(":")[0] for line in found} == {GERMAN}
    assert wording_faults(bare) == []


def test_one_text_that_is_missing_is_pointed_out(changed: Change) -> None:
    line = 'owner = "Leitung des Lagers"\n'
    assert missing_words(parse_catalogue(changed(GERMAN, line, ""))) == ["words/de.toml: fulfil.orders: has no owner"]


def test_a_vague_word_in_a_translation_is_a_fault(changed: Change) -> None:
    vague = changed(GERMAN, "Wir packen, schicken", "Wir packen gegebenenfalls, schicken")
    assert wording_faults(parse_catalogue(vague)) == [
        'words/de.toml: fulfil.orders: says "gegebenenfalls"; say what is done'
    ]


# --- words are words ------------------------------------------------------------------------------------


def test_a_change_of_words_opens_nothing_and_asks_nobody_again(
    bundle: Bundle, changed: Change, code_in: Callable[[Bundle], Code]
) -> None:
    other = changed(GERMAN, "eine fremde Firma", "eine andere Firma")
    without = Bundle({path: text for path, text in bundle.files.items() if not path.startswith("words/")})
    for after in (other, without):
        assert after.version != bundle.version
        assert immaterial_changes(parse_catalogue(bundle), parse_catalogue(after)) == []
        assert changes(code_in(bundle), code_in(after)) == []


def test_what_is_written_in_another_language_than_english_says_which(changed: Change) -> None:
    irish = parse_catalogue(changed("company.toml", "gdpr = true", 'gdpr = true\nlanguage = "ga"'))
    assert irish.language == "ga"
    assert irish.told_in("ga") is irish
    assert irish.attributes[AttributeId("first_name")].title == "First name"
    assert irish.told_in("de").services[ServiceId("shop")].title == "Web-Laden und App"


def test_a_clock_that_is_nowhere_is_a_fault(changed: Change) -> None:
    assert faults_of(changed("company.toml", "Europe/Dublin", "Europe/Dubln")) == [
        "company.toml: time_zone: there is no such time zone"
    ]

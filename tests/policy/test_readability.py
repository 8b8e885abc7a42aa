"""How hard a text is to read, and which words it should not use."""

import pytest

from service.policy.engine import Policies
from service.policy.readability import english_syllables, faults_of_words, german_syllables, grade
from service.policy.wording import wording_warnings

EASY = "The cat sat on the mat. It was warm. We like the cat."
HARD = (
    "The organisational responsibilities pertaining to international telecommunications infrastructure necessitate "
    "comprehensive administrative considerations regarding interoperability."
)
EASY_GERMAN = "Wir schicken Ihnen das Buch. Es kommt morgen an. Sie lesen es gern."
HARD_GERMAN = (
    "Datenschutzrechtliche Verarbeitungsvoraussetzungen erfordern umfangreiche organisatorische Sicherungsmaßnahmen "
    "beziehungsweise weitergehende Einwilligungserklärungen betroffener Personengruppen."
)


@pytest.mark.parametrize(
    ("word", "count"),
    [("the", 1), ("use", 1), ("table", 2), ("wanted", 2), ("asked", 1), ("pages", 2), ("people", 2), ("permission", 3)],
)
def test_english_syllables_are_counted(word: str, count: int) -> None:
    assert english_syllables(word) == count


@pytest.mark.parametrize(("word", "count"), [("Sie", 1), ("Häuser", 2), ("Einwilligung", 4), ("Buch", 1), ("Leser", 2)])
def test_german_syllables_are_counted(word: str, count: int) -> None:
    assert german_syllables(word) == count


def test_a_hard_text_has_a_higher_grade_than_an_easy_one() -> None:
    assert (grade(EASY, "en") or 99) + 12 < (grade(HARD, "en") or 0)
    assert (grade(EASY_GERMAN, "de-AT") or 99) + 8 < (grade(HARD_GERMAN, "de") or 0)


def test_what_cannot_be_judged_has_no_grade() -> None:
    assert grade("Un texte.", "fr") is None
    assert grade("**Only a heading**", "en") is None


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Are you sure?", "en"),
        ("Don't miss our offers.", "en"),
        ("You lose out.", "en"),
        ("Unfortunately you see less.", "en"),
        ("We do not use it without asking.", "en"),
        ("Do not opt out.", "en"),
        ("Enter your email.", "en"),
        ("Log in here.", "en"),
        ("Click here.", "en"),
        ("Sind Sie sicher?", "de"),
        ("Leider sehen Sie weniger.", "de"),
        ("Nicht ohne Ihr Ja.", "de"),
        ("Ihr Account", "de"),
        ("Hier klicken.", "de-CH"),
    ],
)
def test_a_word_that_presses_twists_or_is_not_ours_is_found(text: str, language: str) -> None:
    assert list(faults_of_words(text, language))


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("We do not use it for anything else. It was not under your name.", "en"),
        ("By e-mail, after you sign in.", "en"),
        ("Wir nutzen es nicht und nur für uns. Nicht unter Ihrem Namen.", "de"),
        ("Une phrase, sans log in.", "fr"),
    ],
)
def test_plain_words_are_left_alone(text: str, language: str) -> None:
    assert list(faults_of_words(text, language)) == []


def test_the_sample_company_has_nothing_to_be_warned_of(policies: Policies) -> None:
    assert wording_warnings(policies.catalogue) == []

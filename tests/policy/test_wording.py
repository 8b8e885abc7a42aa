"""Whether a person understands what she is asked."""

from collections.abc import Callable

import pytest

from service.policy.bundle import Bundle
from service.policy.catalogue import parse_catalogue
from service.policy.engine import Policies, compile_policies
from service.policy.readability import average_sentence
from service.policy.wording import wording_faults

Change = Callable[..., Bundle]
Faults = Callable[[Bundle], list[str]]

LONG = "We " + "really " * 40 + "do."


def test_the_sample_company_speaks_plainly(policies: Policies) -> None:
    assert wording_faults(policies.catalogue) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("We pick books and trips to", "We may pick books and trips to", 'recommendations: says "may"'),
        ("To say whom", "For reasons such as to say whom", 'recommendations: says "such as"'),
        ("We pack, send", "Such as: we pack, send", 'fulfil.orders: says "such as"'),
        ("What you ordered arrives.", "It might arrive.", 'fulfil.orders: says "might"'),
        ("What you ordered arrives.", LONG * 3, "fulfil.orders: its sentences have"),
    ],
)
def test_a_vague_or_long_purpose_is_a_fault(changed: Change, old: str, new: str, fault: str) -> None:
    found = wording_faults(parse_catalogue(changed("purposes.toml", old, new)))
    assert any(fault in line for line in found), found


def test_a_word_that_holds_a_vague_one_is_not_vague(changed: Change, faults: Faults) -> None:
    assert faults(changed("purposes.toml", "What you ordered arrives.", "The mayor gets a dismayed etching.")) == []


def test_a_notice_of_long_sentences_is_a_fault(changed: Change, faults: Faults) -> None:
    path = "notices/fulfil.orders/1.de.md"
    found = faults(changed(path, "Das gehört", LONG * 9 + " Das gehört"))
    assert [line.rsplit(" have", 1)[0] for line in found] == [f"{path}: its sentences"]


def test_the_notice_in_force_is_there_in_every_language_that_any_notice_has(bundle: Bundle) -> None:
    for path in ("notices/comply.tax/1.de.md", "notices/personalise.recommendations/2.de.md"):
        files = {p: text for p, text in bundle.files.items() if p != path}
        _, purpose, file = path.split("/")
        assert wording_faults(parse_catalogue(Bundle(files))) == [
            f"purposes.toml: {purpose}: its notice {file[0]} is missing in de"
        ]
    older = {p: text for p, text in bundle.files.items() if p != "notices/personalise.recommendations/1.de.md"}
    assert wording_faults(parse_catalogue(Bundle(older))) == []


def test_every_purpose_needs_a_notice(bundle: Bundle, faults: Faults) -> None:
    files = {p: text for p, text in bundle.files.items() if not p.startswith("notices/comply.tax/")}
    assert faults(Bundle(files)) == ["purposes.toml: comply.tax: needs a notice"]


def test_what_was_published_before_words_were_checked_goes_on_working(bundle: Bundle) -> None:
    files = {p: text for p, text in bundle.files.items() if not p.endswith(".de.md")}
    files["purposes.toml"] = files["purposes.toml"].replace("We pack,", "We may pack,")
    assert compile_policies(Bundle(files)).catalogue.purposes


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("One two three. Four!", 2),
        ("One two three.\n\nFour", 2),
        ("**A heading of five words.** One two three.", 3),
        ("An e-mail isn't a letter?", 5),
        ("Über Ihre Gründe fragen wir nicht.", 6),
        ("", 0),
    ],
)
def test_a_sentence_is_as_long_as_it_has_words(text: str, words: float) -> None:
    assert average_sentence(text) == words


def test_who_the_company_is_must_be_said_before_anything_is_published(bundle: Bundle, faults: Faults) -> None:
    before = Bundle({path: text for path, text in bundle.files.items() if path != "company.toml"})
    assert faults(before) == ["company.toml: is missing"]
    assert compile_policies(before).catalogue.company is None


def test_how_to_withdraw_is_said_in_every_language_and_shortly(changed: Change, faults: Faults) -> None:
    assert faults(changed("company.toml", "de =", "fr =")) == ["company.toml: withdraw is missing in de"]
    (fault,) = faults(changed("company.toml", "Turn it off", LONG))
    assert fault.startswith("company.toml: withdraw.en: its sentences have")


def test_the_company_is_part_of_the_version(changed: Change, bundle: Bundle) -> None:
    assert changed("company.toml", "Howth", "Cork").version != bundle.version

"""What a change opens and closes."""

from collections.abc import Callable
from random import Random  # noqa: TID251  situations are drawn alike in every run

import pytest
from msgspec import structs

from service.errors import PolicyError
from service.model.situation import BRIGHTEST, FIELDS, darker
from service.policy.bundle import Bundle
from service.policy.code import Code
from service.policy.diff import CONDITIONS, Effect, changes, in_words
from service.policy.engine import Policies, compile_policies
from service.policy.question import brightest_questions

Change = Callable[..., Bundle]
After = Callable[[str, str, str], Code]

PERMITS, FORBIDS, SERVICES = "permits.cedar", "forbids.cedar", "services.toml"
FIRST = "recommender, for personalise.recommendations"
TABLE = [
    (
        FORBIDS,
        "unless { context.demographic_allowed };",
        "unless { context.demographic_allowed && context.explicit };",
        "phone-offers: now needs that she has agreed to exactly this in so many words: life_stage (acquired)",
    ),
    (
        FORBIDS,
        'AgeBand::"adult" };\n\n// What',
        'AgeBand::"adult" || context.explicit };\n\n// What',
        "no longer needs that she is an adult, only that she is an adult or she has agreed to exactly this in so many",
    ),
    (
        FORBIDS,
        'AgeBand::"adult" };\n\n// What',
        'AgeBand::"adult" || context.age_band == AgeBand::"minor" };\n\n// What',
        "shop, for research.panel: no longer needs that she is an adult, only that her age is known: ",
    ),
    (
        SERVICES,
        '"likely_household", "credit_segment", ',
        '"likely_household", ',
        f"tightens {FIRST}: no longer gets, on app, email, web: credit_segment (acquired)",
    ),
    (
        SERVICES,
        'channels = ["phone", "sms"]',
        'channels = ["phone"]',
        "tightens call-centre, for protect.travellers: no longer on sms: ",
    ),
    (
        SERVICES,
        '"first_name", "contact_phone", "survey_topics", "birth_year"]',
        '"first_name", "contact_phone", "survey_topics", "birth_year", "order_history"]',
        "loosens call-centre, for research.panel: now gets, on phone, if ",
    ),
    (
        "obligations.cedar",
        '@days("1")',
        '@days("2")',
        f"loosens {FIRST}: no longer obliges to delete-after (days: 1): ",
    ),
    ("obligations.cedar", '@days("1")', '@days("2")', f"tightens {FIRST}: now obliges to delete-after (days: 2): "),
    (
        "attributes.toml",
        "fresh_days = 90",
        "fresh_days = 30",
        "tightens every service: browsed_genres is used for 30 days, not 90",
    ),
    (
        "purposes.toml",
        "consent_expires_days = 730",
        "consent_expires_days = 900",
        "loosens every service, for personalise.recommendations: a yes holds for 900 days, not 730",
    ),
    (
        SERVICES,
        "per_minute = 600",
        "per_minute = 60",
        "tightens airline: may ask 60 times a minute, not 600 times a minute",
    ),
    (SERVICES, "per_minute = 600", "", "loosens airline: may ask without limit, not 600 times a minute"),
]


@pytest.fixture(scope="module")
def code_after(changed: Change, code_in: Callable[[Bundle], Code]) -> After:
    """Return the code after one change of one file."""

    def make(file: str, old: str, new: str) -> Code:
        return code_in(changed(file, old, new))

    return make


@pytest.mark.parametrize(("file", "old", "new", "said"), TABLE)
def test_a_change_is_said_in_words(
    policies: Policies, code_after: After, file: str, old: str, new: str, said: str
) -> None:
    found = changes(policies.code, code_after(file, old, new))
    assert any(said in line for line in in_words(found)), list(in_words(found))


def test_undoing_a_change_is_its_opposite(policies: Policies, code_after: After) -> None:
    other = code_after(SERVICES, 'channels = ["phone", "sms"]', 'channels = ["phone"]')
    done, undone = changes(policies.code, other), changes(other, policies.code)
    assert {change.effect for change in done} == {Effect.TIGHTENS}
    assert {change.effect for change in undone} == {Effect.LOOSENS}
    assert {change.attribute for change in done} == {change.attribute for change in undone}


def test_nothing_is_different_from_itself_or_from_other_words_for_the_same(policies: Policies, changed: Change) -> None:
    assert changes(policies.code, policies.code) == []
    other = compile_policies(changed(FORBIDS, "unless { context.may_market };", "when { !context.may_market };"))
    assert other.version != policies.version
    assert changes(policies.code, other.code) == []


def test_what_is_covered_only_since_a_later_notice_is_tightened(
    policies: Policies, bundle: Bundle, changed: Change, code_in: Callable[[Bundle], Code]
) -> None:
    third = {"notices/market.newsletter/3.en.md": bundle.files["notices/market.newsletter/1.en.md"]}
    why = "To put the books you like first."
    since = changed("purposes.toml", f'"{why}"', f'{{ why = "{why}", since = 3 }}')
    other = code_in(Bundle({**since.files, **third}))
    said = "newsletter, for market.newsletter: a yes to notice {} {}: favourite_genres"
    assert list(in_words(changes(policies.code, other))) == [
        "tightens " + said.format(v, "no longer covers") for v in (1, 2)
    ]
    assert list(in_words(changes(other, policies.code))) == [
        "loosens " + said.format(v, "comes to cover") for v in (1, 2)
    ]


def test_data_kept_for_longer_is_loosened_but_for_who_agreed_before(policies: Policies, code_after: After) -> None:
    grown = "retention_days = 400\nearlier = [{ before = 2, retention_days = 365 }]"
    other = code_after("purposes.toml", "retention_days = 365", grown)
    about = "loosens every service, for personalise.recommendations"
    assert list(in_words(changes(policies.code, other))) == [
        f"{about}: a yes to notice 2 lets it be kept for 400 days, not 365"
    ]


def test_policies_that_open_by_loss_cannot_be_compared(policies: Policies, code_after: After) -> None:
    bent = "unless { context.may_market || !context.explicit };"
    other = code_after(FORBIDS, "unless { context.may_market };", bent)
    with pytest.raises(PolicyError, match="removal"):
        changes(policies.code, other)


def test_every_loss_has_words() -> None:
    assert list(dict.fromkeys(field for field, _ in CONDITIONS)) == list(FIELDS)


BENT = [
    ("unless { context.may_market };", "unless { context.may_market || context.explicit && context.may_share };"),
    ("unless { context.may_profile };", "unless { context.may_profile || context.explicit || context.may_share };"),
    ("unless { context.fresh ||", "unless { context.fresh && context.may_share ||"),
    ("unless { context.observed_allowed };", "unless { true };"),
]


@pytest.mark.parametrize(("old", "new"), BENT)
def test_whatever_two_versions_answer_differently_is_among_the_changes(
    policies: Policies, code_after: After, old: str, new: str
) -> None:
    other = code_after(FORBIDS, old, new)
    told = {(change.effect, change.about, change.attribute) for change in changes(policies.code, other)}
    seen = differing(policies.code, other, Random(7))  # noqa: S311  nothing here is secret
    assert seen
    assert seen <= told


def differing(before: Code, after: Code, dice: Random) -> set[tuple[str, str, str]]:
    """Ask both the same in some thousand situations, and return who gets what more or less."""
    found: set[tuple[str, str, str]] = set()
    for question in brightest_questions(before.catalogue):
        use = before.catalogue.services[question.service].uses.get(question.purpose)
        if use is None or question.attribute not in use.attributes:
            continue
        for _ in range(15):
            lost = dice.sample(FIELDS, dice.choice((1, 1, 2, 3)))
            loss = {field: dice.choice(darker(getattr(BRIGHTEST, field))) for field in lost}
            asked = structs.replace(question, situation=structs.replace(BRIGHTEST, **loss))
            was, is_ = before.allows(asked), after.allows(asked)
            if was is not is_:
                about = f"{question.service}, for {question.purpose}"
                attribute = f"{question.attribute} ({question.provenance})"
                found.add(("loosens" if is_ else "tightens", about, attribute))
    return found

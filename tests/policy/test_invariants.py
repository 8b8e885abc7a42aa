"""What no change of the policies may break, and for each a change that breaks it and nothing else."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from service.model.situation import BRIGHTEST, FIELDS, darker
from service.policy.bundle import Bundle
from service.policy.canaries import Vector
from service.policy.cedar import alone
from service.policy.code import Code
from service.policy.engine import Policies
from service.policy.invariants import INVARIANTS, broken_invariants, case
from service.policy.lint import OBLIGATIONS
from service.policy.question import Question, brightest_questions
from service.policy.widening import conceivable, widening
from tests.examples import some

Change = Callable[..., Bundle]
Faults = Callable[[Bundle], list[str]]

PERMITS, FORBIDS = "permits.cedar", "forbids.cedar"
OFF = "when { false };"
BROKEN = [
    ("granted", PERMITS, "when { context.granted && context.channel_allowed }", "when { context.granted }"),
    ("verified", FORBIDS, "unless { context.verified };", OFF),
    ("restricted", FORBIDS, 'context.may_process || action in Action::"law-based"', "context.granted"),
    ("consent", PERMITS, 'when { [Status::"given", Status::"renewed"].contains(context.consent) }', ""),
    ("notice", PERMITS, "when { context.notice_current }", ""),
    ("marketing", FORBIDS, "unless { context.may_market };", "unless { context.may_market || context.explicit };"),
    ("profiling", FORBIDS, "unless { context.may_profile };", OFF),
    ("minors", FORBIDS, 'Action::"profiling", Action::"marketing"', 'Action::"marketing"'),
    ("minors", FORBIDS, 'AgeBand::"adult" };', 'AgeBand::"adult" || context.age_band == AgeBand::"minor" };'),
    (
        "special",
        FORBIDS,
        'context.explicit &&\n  [Status::"given", Status::"renewed"].contains(context.consent)',
        "true",
    ),
    (
        "sharing",
        FORBIDS,
        "unless { context.may_share };",
        'unless { context.may_share || action in Action::"marketing" };',
    ),
    ("only-volunteered-observed", FORBIDS, "unless { context.observed_allowed };", OFF),
    ("only-volunteered-acquired", FORBIDS, 'Provenance::"acquired"', 'Provenance::"volunteered"'),
    ("only-volunteered-inferred", FORBIDS, "unless { context.inferred_allowed };", "unless { context.granted };"),
    ("demographic", FORBIDS, "unless { context.demographic_allowed };", 'unless { resource in Category::"life" };'),
    ("fresh", FORBIDS, "context.fresh ||", 'context.fresh || action in Action::"contract-based" ||'),
    ("law-goes-on", FORBIDS, 'context.fresh || action in Action::"law-based"', "context.fresh"),
    ("contract-goes-on", FORBIDS, '[Action::"marketing"]', '[Action::"marketing", Action::"contract-based"]'),
    ("objected", FORBIDS, "unless { context.unopposed };", OFF),
    ("paused", FORBIDS, "unless { context.not_paused };", OFF),
    ("quiet", FORBIDS, '[Action::"marketing", Action::"research"]', '[Action::"marketing"]'),
    ("service-goes-on", FORBIDS, "{ context.unopposed }", "{ context.unopposed && context.not_paused }"),
    (
        "barred",
        FORBIDS,
        "unless { context.unbarred ||",
        'unless { context.unbarred || action in Action::"marketing" ||',
    ),
    ("disputed", FORBIDS, "unless { context.undisputed };", "unless { context.undisputed || principal.third_party };"),
    ("removal", FORBIDS, "unless { context.may_market };", "unless { context.may_market || !context.explicit };"),
]


def broken(code: Code) -> list[str]:
    return [line.split(": ")[1] for line in broken_invariants(code)]


def test_every_invariant_holds_for_the_sample_company(policies: Policies) -> None:
    assert broken_invariants(policies.code) == []


@pytest.mark.parametrize(("invariant", "file", "old", "new"), BROKEN)
def test_each_invariant_is_broken_by_one_change_and_no_other_is(
    changed: Change, code_in: Callable[[Bundle], Code], invariant: str, file: str, old: str, new: str
) -> None:
    assert broken(code_in(changed(file, old, new))) == [invariant]


def test_there_is_such_a_change_for_each_invariant() -> None:
    assert {invariant for invariant, *_ in BROKEN} == {invariant.id for invariant in INVARIANTS} | {"removal"}


def test_every_invariant_speaks_of_something_in_the_sample_company(spoken_of: dict[str, list[Question]]) -> None:
    # One that speaks of nothing would hold whatever the policies say.
    assert all(spoken_of.values())
    assert spoken_of.keys() == {invariant.id for invariant in INVARIANTS}


def test_a_broken_invariant_is_told_in_words_with_a_case_that_a_canary_can_ask(
    changed: Change, code_in: Callable[[Bundle], Code]
) -> None:
    (fault,) = broken_invariants(code_in(changed(FORBIDS, "unless { context.may_profile };", OFF)))
    assert fault == (
        "invariants: profiling: who objects to being profiled is not profiled; but shop asking for first_name"
        " (volunteered) for personalise.recommendations is permitted in the situation { may_profile = false }"
        " (and 21 more)"
    )


def test_what_would_be_published_is_checked_and_what_was_published_is_not(changed: Change, faults: Faults) -> None:
    loose = changed(FORBIDS, "unless { context.may_profile };", OFF)
    found = faults(loose)
    assert {line.split(": ")[0] for line in found} == {"canaries.toml", "invariants"}


def test_a_kind_that_no_policy_names_is_a_fault(changed: Change, faults: Faults) -> None:
    bent = changed("purposes.toml", 'kinds = ["research"]', 'kinds = ["reserch"]')
    # The forbids about the old kind no longer fit the schema; without them the misspelling would have stayed unseen.
    policies = bent.files[FORBIDS]
    start = policies.index('@id("forbid.young-readers")')
    end = policies.index("// What kinds of facts")
    without = policies[:start] + policies[end : policies.index("// When she wants peace")]
    canaries = bent.files["canaries.toml"]
    for forbid in ("forbid.young-readers", "forbid.pause", "forbid.quiet-hours"):
        canaries = canaries.replace(canary_of(forbid, bent), "")
    found = faults(Bundle({**bent.files, FORBIDS: without, "canaries.toml": canaries}))
    assert "purposes.toml: research.panel: no policy names its kind reserch" in found


def canary_of(policy: str, bundle: Bundle) -> str:
    start = bundle.files["canaries.toml"].index(f'policy = "{policy}"')
    head = bundle.files["canaries.toml"].rindex("[[canary]]", 0, start)
    return bundle.files["canaries.toml"][head:].split("\n\n", 1)[0]


# --- removal ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (
            PERMITS,
            "when { context.granted && context.channel_allowed };",
            "when { !context.explicit || context.granted && context.channel_allowed };",
            "permit.orders comes to permit",
        ),
        (
            FORBIDS,
            "unless { context.may_market };",
            "unless { context.may_market || !context.explicit };",
            "forbid.marketing-objection falls silent on",
        ),
        (
            FORBIDS,
            "unless { context.may_profile };",
            'unless { context.may_profile || context.age_band == AgeBand::"minor" };',
            "forbid.profiling-objection falls silent on",
        ),
        (
            PERMITS,
            '[Status::"given", Status::"renewed"].contains(context.consent)',
            'context.consent != Status::"withdrawn"',
            "permit.recommendations comes to permit",
        ),
        (
            OBLIGATIONS,
            "when { principal.third_party };",
            "when { principal.third_party && context.explicit };",
            "obligation.no-passing-on falls silent on",
        ),
    ],
)
def test_a_policy_that_opens_by_loss_is_named_with_the_loss(
    changed: Change, code_in: Callable[[Bundle], Code], file: str, old: str, new: str, said: str
) -> None:
    (fault,) = widening(code_in(changed(file, old, new)))
    assert fault.startswith(f"invariants: removal: taking something away opens nothing; but {said}")


def test_a_policy_that_reads_too_much_to_be_tried_is_a_fault(
    changed: Change, code_in: Callable[[Bundle], Code]
) -> None:
    much = " && ".join(f"context.{field}" for field in FIELDS if field not in {"consent", "age_band"})
    fault, *_ = widening(code_in(changed(PERMITS, "context.granted && context.channel_allowed", much)))
    assert "permit.recommendations: reads more than 8 fields" in fault


@some(60)
@given(data=st.data())
def test_a_policy_sees_no_more_of_a_situation_than_the_fields_it_is_said_to_read(
    policies: Policies, data: st.DataObject
) -> None:
    code = policies.code
    policy = code.policies[data.draw(st.sampled_from(sorted(code.policies)))]
    judge = alone(code.judges.obligations if policy.file == OBLIGATIONS else code.judges.whole, policy)
    question = data.draw(st.sampled_from(list(brightest_questions(code.catalogue))))
    situation = BRIGHTEST
    for field in FIELDS:
        if field not in policy.reads:
            value = getattr(BRIGHTEST, field)
            drawn = data.draw(st.sampled_from([value, *darker(value)]))
            situation = structs.replace(situation, **{field: drawn})
    other = structs.replace(question, situation=situation)
    assert judge.verdict(other).satisfied == judge.verdict(question).satisfied


def test_a_counterexample_can_be_written_as_a_canary(changed: Change, code_in: Callable[[Bundle], Code]) -> None:
    (fault,) = broken_invariants(code_in(changed(FORBIDS, "unless { context.may_share };", OFF)))
    assert "{ may_share = false }" in fault
    vector = Vector("airline", "share.airline", "home_airport", "volunteered", {"may_share": False})  # type: ignore[arg-type]
    assert not vector.question().situation.may_share


# --- the proof and the engine ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def spoken_of(policies: Policies) -> dict[str, list[Question]]:
    """Return what each invariant speaks of."""
    every = [(question, case(policies.catalogue, question)) for question in conceivable(policies.code)]
    return {each.id: [question for question, what in every if each.about(what)] for each in INVARIANTS}


@some(80)
@given(data=st.data())
def test_what_an_invariant_says_of_the_brightest_situation_holds_in_every_other(
    policies: Policies, spoken_of: dict[str, list[Question]], data: st.DataObject
) -> None:
    invariant = data.draw(st.sampled_from([invariant for invariant in INVARIANTS if not invariant.goes_on]))
    asked = spoken_of[invariant.id]
    situation = BRIGHTEST
    for field in FIELDS:
        value = getattr(BRIGHTEST, field)
        drawn = data.draw(st.sampled_from([value, value, value, *darker(value)]))
        situation = structs.replace(situation, **{field: drawn})
    situation = structs.replace(situation, **data.draw(st.sampled_from(invariant.losses)))
    question = structs.replace(data.draw(st.sampled_from(asked)), situation=situation)
    assert not policies.answer(question).permit


def test_only_what_is_in_the_scope_of_a_permit_is_ever_allowed(policies: Policies) -> None:
    every = set(brightest_questions(policies.catalogue))
    allowed = {question for question in every if policies.code.allows(question)}
    assert allowed <= set(conceivable(policies.code)) < every

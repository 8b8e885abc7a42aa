import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from msgspec import structs

from service.model.decision import Obligation
from service.model.situation import FIELDS
from service.model.words import AgeBand, Provenance, Status
from service.policy.bundle import Bundle
from service.policy.cedar import EngineError, Judges, Policy, judge, policies_in
from service.policy.code import Code
from service.policy.engine import Answer, Policies, evaluate_afresh
from service.policy.lint import OBLIGATIONS, policies_of
from service.policy.question import Question
from service.policy.reasons import UNMET
from service.policy.schema import cedar_entities, cedar_schema

Ask = Callable[..., Question]
FAILED = Answer(permit=False, reason="engine-error")


def code(bundle: Bundle, policies: Policies, *, more: str = "", obligations: str = "") -> Code:
    """Return uncompiled code with more policies in it, which no check has seen."""
    read, _ = policies_of(bundle)
    release = [p for p in read if p.file != OBLIGATIONS] + policies_in("more.cedar", more)
    duties = policies_in("more.cedar", obligations) or [p for p in read if p.file == OBLIGATIONS]
    ground = cedar_entities(policies.catalogue), cedar_schema(policies.catalogue)
    judges = Judges(
        whole=judge(release, *ground),
        permits=judge([p for p in release if p.effect == "permit"], *ground),
        obligations=judge(duties, *ground),
    )
    return Code(policies.catalogue, {p.id: p for p in release + duties}, judges)


def running(policies: Policies, code: Code) -> Policies:
    return structs.replace(policies, evaluate=partial(evaluate_afresh, code))


# --- yes -------------------------------------------------------------------------------------------------


def test_the_brightest_situation_is_permitted_by_one_named_policy(policies: Policies, question: Ask) -> None:
    answer = policies.answer(question())
    assert answer.permit
    assert answer.policies == ("permit.recommendations",)
    assert answer.reason is None


def test_a_renewed_yes_is_as_good_as_a_given_one(policies: Policies, question: Ask) -> None:
    assert policies.answer(question(consent=Status.RENEWED)).permit


def test_recommendations_oblige_to_delete_within_a_day(policies: Policies, question: Ask) -> None:
    assert policies.answer(question()).obligations == (Obligation("delete-after", 1),)


def test_what_is_not_for_recommendations_obliges_to_nothing(policies: Policies, question: Ask) -> None:
    answer = policies.answer(question(service="fulfilment", purpose="fulfil.orders"))
    assert answer.permit
    assert answer.obligations == ()


def test_a_refusal_has_no_obligations(policies: Policies, question: Ask) -> None:
    assert policies.answer(question(consent=Status.WITHDRAWN)).obligations == ()


# --- no, and why -----------------------------------------------------------------------------------------

NO = dict.fromkeys(("verified", "may_process", "may_market", "may_profile", "may_share"), False)
REASONS: list[tuple[dict[str, Any], str, str | None]] = [
    ({"granted": False}, "not-granted", None),
    ({"channel_allowed": False}, "channel-not-offered", None),
    ({"consent": Status.UNKNOWN}, "no-permission", None),
    ({"consent": Status.REQUESTED}, "requested", None),
    ({"consent": Status.DEFERRED}, "deferred", None),
    ({"consent": Status.REFUSED}, "refused", None),
    ({"consent": Status.WITHDRAWN}, "withdrawn", None),
    ({"consent": Status.REVOKED}, "revoked", None),
    ({"consent": Status.EXPIRED}, "expired", None),
    ({"consent": Status.INVALIDATED}, "invalidated", None),
    ({"notice_current": False}, "notice-superseded", None),
    ({"verified": False}, "unverified", "forbid.unverified"),
    ({"may_process": False}, "restricted", "forbid.restricted"),
    ({"may_profile": False}, "no-profiling", "forbid.profiling-objection"),
    ({"age_band": AgeBand.MINOR}, "adults-only", "forbid.minors"),
    ({"age_band": AgeBand.UNKNOWN}, "adults-only", "forbid.minors"),
    ({"attribute": "accessibility_needs", "explicit": False}, "explicit-consent-needed", "forbid.special-category"),
    ({"attribute": "birth_year", "demographic_allowed": False}, "demographic", "forbid.demographic"),
    ({"fresh": False}, "out-of-date", "forbid.out-of-date"),
    ({"attribute": "postcode_area", "provenance": Provenance.OBSERVED}, "not-for-this-purpose", None),
    ({"attribute": "postal_address"}, "not-for-this-purpose", None),
    ({"service": "finance"}, "not-for-this-purpose", None),
    # Several at once: the first in the order of a situation is told, and permits before forbids.
    ({"granted": False, "consent": Status.WITHDRAWN}, "not-granted", None),
    ({"consent": Status.WITHDRAWN, "notice_current": False}, "withdrawn", None),
    ({"consent": Status.WITHDRAWN, **NO}, "withdrawn", None),
    ({**NO, "age_band": AgeBand.MINOR}, "unverified", "forbid.unverified"),
    ({"may_process": False, "age_band": AgeBand.MINOR}, "restricted", "forbid.restricted"),
    ({"may_process": False, "fresh": False}, "restricted", "forbid.restricted"),
]
BY_PROVENANCE = [
    ("browsed_genres", Provenance.OBSERVED, "observed_allowed", "forbid.observed"),
    ("credit_segment", Provenance.ACQUIRED, "acquired_allowed", "forbid.acquired"),
    ("guessed_genres", Provenance.INFERRED, "inferred_allowed", "forbid.inferred"),
]


@pytest.mark.parametrize(("asked", "reason", "policy"), REASONS)
def test_each_situation_has_its_reason(
    policies: Policies, question: Ask, asked: dict[str, Any], reason: str, policy: str | None
) -> None:
    answer = policies.answer(question(**asked))
    assert not answer.permit
    assert answer.reason == reason
    assert answer.policies[:1] == (() if policy is None else (policy,))


@pytest.mark.parametrize(("attribute", "provenance", "field", "policy"), BY_PROVENANCE)
def test_only_what_she_told_us_is_used_where_she_says_so(
    policies: Policies, question: Ask, attribute: str, provenance: Provenance, field: str, policy: str
) -> None:
    answer = policies.answer(question(attribute, provenance, **{field: False}))
    assert (answer.reason, answer.policies) == ("only-what-i-told-you", (policy,))
    assert policies.answer(question(attribute, provenance)).permit


def test_every_forbid_that_fired_is_named_the_telling_one_first(policies: Policies, question: Ask) -> None:
    answer = policies.answer(question(may_process=False, age_band=AgeBand.MINOR, may_profile=False))
    assert answer.policies == ("forbid.restricted", "forbid.minors", "forbid.profiling-objection")


def test_newsletter_facts_stay_here_when_she_wants_nothing_shared(policies: Policies, question: Ask) -> None:
    ask = partial(question, service="newsletter", purpose="market.newsletter")
    assert policies.answer(ask(may_share=False)).reason == "no-sharing"
    assert policies.answer(ask(may_market=False)).reason == "no-marketing"


def test_an_objection_to_marketing_does_not_stop_a_parcel_or_an_invoice(policies: Policies, question: Ask) -> None:
    dark = {"may_market": False, "may_profile": False, "may_share": False, "consent": Status.UNKNOWN}
    assert policies.answer(question(service="fulfilment", purpose="fulfil.orders", **dark)).permit
    assert policies.answer(question(service="finance", purpose="comply.tax", **dark)).permit


def test_a_restriction_leaves_only_what_the_law_demands(policies: Policies, question: Ask) -> None:
    parcel = question(service="fulfilment", purpose="fulfil.orders", may_process=False)
    invoice = question(service="finance", purpose="comply.tax", may_process=False)
    assert policies.answer(parcel).reason == "restricted"
    assert policies.answer(invoice).permit


def test_every_field_of_a_situation_has_a_reason() -> None:
    assert tuple(UNMET) == FIELDS


# --- errors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"service": "recomender"},
        {"attribute": "frist_name"},
        {"purpose": "personalise"},
        {"consent": "yes"},
        {"consent": "given"},
        {"granted": "true"},
        {"granted": None},
        {"age_band": Status.GIVEN},
    ],
)
def test_a_question_that_does_not_fit_is_a_no(
    bundle: Bundle, policies: Policies, question: Ask, wrong: dict[str, Any]
) -> None:
    # Without the memory, in which the word "given" is found under Status.GIVEN.
    fresh = running(policies, code(bundle, policies))
    assert fresh.answer(question(**wrong)) == FAILED
    assert fresh.answer(question()).permit


def test_a_failure_is_not_remembered(policies: Policies, question: Ask) -> None:
    asked: list[Question] = []

    def fail_once(again: Question) -> Answer:
        asked.append(again)
        if len(asked) == 1:
            raise EngineError("once")
        return policies.evaluate(again)

    failing = structs.replace(policies, evaluate=fail_once)
    assert failing.answer(question()) == FAILED
    assert failing.answer(question()).permit


BROKEN = '@id("forbid.broken") @reason("x") forbid (principal, action, resource) when { context.no_such_field };'


def test_a_forbid_that_fails_is_a_no_although_cedar_would_skip_it(
    bundle: Bundle, policies: Policies, question: Ask
) -> None:
    broken = running(policies, code(bundle, policies, more=BROKEN))
    assert broken.answer(question()) == FAILED
    assert running(policies, code(bundle, policies)).answer(question()).permit


def test_an_obligation_that_fails_is_a_no(bundle: Bundle, policies: Policies, question: Ask) -> None:
    duty = BROKEN.replace("forbid (", "permit (")
    broken = running(policies, code(bundle, policies, obligations=duty))
    assert broken.answer(question()) == FAILED


def test_two_policies_under_one_id_are_refused(bundle: Bundle, policies: Policies) -> None:
    twin = BROKEN.replace("forbid.broken", "permit.tax")
    with pytest.raises(ValueError, match=r"two policies have the id permit\.tax"):
        code(bundle, policies, more=twin)


def test_two_policies_under_one_id_would_replace_each_other_in_cedar() -> None:
    forbid, permit = policies_in("x", "forbid (principal, action, resource);permit (principal, action, resource);")
    named: dict[str, Policy] = {}
    for policy in (forbid, permit):
        named["same"] = policy
    assert [policy.effect for policy in named.values()] == ["permit"]


# --- memory ----------------------------------------------------------------------------------------------


def test_what_is_remembered_is_what_a_fresh_evaluation_says(bundle: Bundle, policies: Policies, question: Ask) -> None:
    fresh = code(bundle, policies)
    asked = [
        question(attribute, provenance, **{field: False})
        for attribute, item in policies.catalogue.attributes.items()
        for provenance in item.provenances
        for field in ("granted", "verified", "inferred_allowed", "demographic_allowed", "explicit")
    ]
    for again in asked + asked:
        assert policies.answer(again) == evaluate_afresh(fresh, again)


def test_an_answer_is_evaluated_once(policies: Policies, question: Ask) -> None:
    assert policies.answer(question()) is policies.answer(question())


def test_the_entities_are_one_per_service_and_per_attribute_and_provenance(policies: Policies) -> None:
    entities = json.loads(cedar_entities(policies.catalogue))
    ids = {f"{e['uid']['type']}::{e['uid']['id']}" for e in entities}
    assert len(ids) == len(entities) == 7 + 35
    assert {"Service::shop", "Attribute::postcode_area#observed", "Attribute::postcode_area#acquired"} <= ids

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from service.model.catalogue import Earlier
from service.model.decision import Decision, Obligation, Outcome
from service.model.facts import Facts, SealedFact, Side
from service.model.situation import Asked, everybody
from service.model.words import AgeBand, AttributeId, Channel, Provenance, PurposeId, ServiceId, Status
from service.policy.decide import decide
from service.policy.engine import Answer, Policies
from service.policy.question import Question

Make = Callable[..., SealedFact]
TEN = [
    AttributeId(name)
    for name in (
        "first_name",
        "favourite_genres",
        "browsed_genres",
        "last_destination",
        "guessed_genres",
        "likely_household",
        "credit_segment",
        "birth_year",
        "postcode_area",
        "accessibility_needs",
    )
]
FIRST_NAME = AttributeId("first_name")
AREA = AttributeId("postcode_area")
NEWSLETTER = Asked(ServiceId("newsletter"), PurposeId("market.newsletter"), Channel.EMAIL)


def released(decision: Decision) -> list[str]:
    return [permit.fact.attribute for permit in decision.permits]


def reasons(decision: Decision) -> dict[str, str]:
    return {no.attribute: no.reason for no in decision.withheld}


def answering(facts: Facts, **changes: Any) -> Facts:
    assert facts.standing is not None
    return structs.replace(facts, standing=structs.replace(facts.standing, **changes))


def allowing(facts: Facts, **changes: Any) -> Facts:
    assert facts.restrictions is not None
    return structs.replace(facts, restrictions=structs.replace(facts.restrictions, **changes))


def test_the_recommender_gets_four_of_ten_and_a_reason_for_each_of_the_others(
    policies: Policies, asked: Asked, ana: Facts
) -> None:
    decision = decide(policies, asked, TEN, ana)
    assert decision.outcome is Outcome.PARTIAL
    assert released(decision) == ["first_name", "favourite_genres", "browsed_genres", "last_destination"]
    assert [(no.attribute, no.reason, no.policy) for no in decision.withheld] == [
        ("guessed_genres", "only-what-i-told-you", "forbid.inferred"),
        ("likely_household", "only-what-i-told-you", "forbid.inferred"),
        ("credit_segment", "only-what-i-told-you", "forbid.acquired"),
        ("birth_year", "demographic", "forbid.demographic"),
        ("postcode_area", "not-for-this-purpose", None),
        ("accessibility_needs", "explicit-consent-needed", "forbid.special-category"),
    ]
    assert decision.obligations == (Obligation("delete-after", 1),)
    assert decision.policy_version == policies.version


def test_everything_she_opens_is_released(policies: Policies, asked: Asked, ana: Facts) -> None:
    open_ = allowing(ana, inferred_allowed=True, acquired_allowed=True, demographic_allowed=True)
    decision = decide(policies, asked, TEN, answering(open_, explicit=True))
    assert reasons(decision) == {"postcode_area": "not-for-this-purpose"}


def test_after_she_withdraws_nothing_is_released(policies: Policies, asked: Asked, ana: Facts) -> None:
    decision = decide(policies, asked, TEN, answering(ana, status=Status.WITHDRAWN))
    assert decision.outcome is Outcome.DENY
    assert decision.obligations == ()
    assert set(reasons(decision).values()) == {"withdrawn", "not-for-this-purpose"}


def test_a_yes_whose_time_has_run_is_expired(policies: Policies, asked: Asked, ana: Facts) -> None:
    decision = decide(policies, asked, [FIRST_NAME], answering(ana, expires_at=ana.now))
    assert reasons(decision) == {"first_name": "expired"}
    just_in_time = answering(ana, expires_at=ana.now + timedelta(microseconds=1))
    assert released(decide(policies, asked, [FIRST_NAME], just_in_time)) == ["first_name"]


def test_a_yes_to_an_older_notice_covers_what_that_asked_for_and_nothing_that_is_new(
    policies: Policies, ana: Facts
) -> None:
    shop = Asked(ServiceId("shop"), PurposeId("personalise.recommendations"), Channel.WEB)
    wanted = [*TEN[:4], AttributeId("orders_this_year")]
    decision = decide(policies, shop, wanted, answering(ana, notice=1))
    assert released(decision) == ["first_name", "favourite_genres", "browsed_genres"]
    assert reasons(decision) == dict.fromkeys(["last_destination", "orders_this_year"], "notice-superseded")
    assert decide(policies, shop, wanted, answering(ana, notice=2)).withheld == ()


def test_a_yes_in_so_many_words_to_an_older_notice_does_not_cover_a_special_category_that_is_new(
    policies: Policies, asked: Asked, ana: Facts
) -> None:
    needs = AttributeId("accessibility_needs")
    decision = decide(policies, asked, [needs], answering(ana, notice=1, explicit=True))
    assert reasons(decision) == {needs: "notice-superseded"}


def test_an_editorial_notice_asks_nobody_again(policies: Policies, ana: Facts) -> None:
    wanted = [*TEN[:2], AttributeId("contact_email")]
    said = answering(ana, purpose=NEWSLETTER.purpose, channel=NEWSLETTER.channel, notice=1)
    assert policies.catalogue.notice_in_force(NEWSLETTER.purpose) == 2
    old = decide(policies, NEWSLETTER, wanted, said)
    assert old == decide(policies, NEWSLETTER, wanted, answering(said, notice=2))
    assert released(old) == wanted


@given(everyone=st.data(), older=st.integers(0, 3), newer=st.integers(0, 3))
def test_an_older_notice_never_widens(
    policies: Policies, ana: Facts, everyone: st.DataObject, older: int, newer: int
) -> None:
    asked = everyone.draw(st.sampled_from(everybody(policies.catalogue)))
    older, newer = sorted([older, newer])
    said = answering(ana, purpose=asked.purpose, channel=asked.channel, explicit=True)
    every = list(policies.catalogue.attributes)
    less, more = (decide(policies, asked, every, answering(said, notice=notice)) for notice in (older, newer))
    assert set(released(less)) <= set(released(more))
    assert not less.permits or set(more.obligations) <= set(less.obligations)


def test_who_agreed_before_data_was_kept_for_longer_is_kept_for_as_long_as_she_agreed_to(
    policies: Policies, asked: Asked, ana: Facts
) -> None:
    purpose = policies.catalogue.purposes[asked.purpose]
    longer = structs.replace(purpose, retention_days=900, earlier=(Earlier(before=2, retention_days=365),))
    catalogue = structs.replace(policies.catalogue, purposes={**policies.catalogue.purposes, asked.purpose: longer})
    changed = structs.replace(policies, code=structs.replace(policies.code, catalogue=catalogue))
    made_afresh = Obligation("delete-after", 1)
    for notice, due in [(1, (made_afresh, Obligation("delete-after", 365))), (2, (made_afresh,))]:
        assert decide(changed, asked, [FIRST_NAME], answering(ana, notice=notice)).obligations == due
    refused = decide(changed, asked, [FIRST_NAME], answering(ana, notice=1, status=Status.WITHDRAWN))
    assert refused.obligations == ()
    older, newer = answering(ana, notice=1), answering(ana, notice=2)
    merged = structs.replace(newer, others=(Side(older.standing, older.restrictions),))
    assert Obligation("delete-after", 365) in decide(changed, asked, [FIRST_NAME], merged).obligations


@pytest.mark.parametrize("change", [{"channel": Channel.APP}, {"purpose": PurposeId("market.newsletter")}])
def test_a_yes_to_another_purpose_or_on_another_channel_is_no_answer(
    policies: Policies, asked: Asked, ana: Facts, change: dict[str, Any]
) -> None:
    decision = decide(policies, asked, [FIRST_NAME], answering(ana, **change))
    assert reasons(decision) == {"first_name": "no-permission"}


def test_the_warehouse_gets_name_and_address_consent_or_not(policies: Policies, ana: Facts) -> None:
    asked = Asked(ServiceId("fulfilment"), PurposeId("fulfil.orders"), Channel.POST)
    silent = structs.replace(ana, standing=None)
    wanted = [FIRST_NAME, AttributeId("last_name"), AttributeId("postal_address")]
    decision = decide(policies, asked, wanted, silent)
    assert decision.outcome is Outcome.PERMIT
    assert decision.obligations == ()


def test_without_the_restrictions_row_nothing_leaves_for_any_purpose(policies: Policies, ana: Facts) -> None:
    blind = structs.replace(ana, restrictions=None)
    for service in policies.catalogue.services.values():
        for purpose, use in service.uses.items():
            asked = Asked(ServiceId(service.id), PurposeId(purpose), use.channels[0])
            wanted = [AttributeId(a) for a in policies.catalogue.attributes]
            assert decide(policies, asked, wanted, blind).permits == ()


def test_a_permit_names_the_customer_the_fact_and_the_policies(policies: Policies, asked: Asked, ana: Facts) -> None:
    (permit,) = decide(policies, asked, [FIRST_NAME], ana).permits
    assert permit.customer == ana.customer
    assert permit.fact is ana.facts[FIRST_NAME][0]
    assert permit.policies == ("permit.recommendations",)


def test_an_attribute_asked_twice_is_decided_once(policies: Policies, asked: Asked, ana: Facts) -> None:
    assert released(decide(policies, asked, [FIRST_NAME, FIRST_NAME], ana)) == ["first_name"]


def test_nothing_asked_is_nothing_released(policies: Policies, asked: Asked, ana: Facts) -> None:
    assert decide(policies, asked, [], ana).outcome is Outcome.DENY


# --- several facts of one attribute ----------------------------------------------------------------------


def test_the_newest_fact_of_the_preferred_provenance_is_released(policies: Policies, ana: Facts, fact: Make) -> None:
    facts = (
        fact(AREA, Provenance.ACQUIRED, days_old=1),
        fact(AREA, Provenance.OBSERVED, days_old=9, source="counter"),
        fact(AREA, Provenance.OBSERVED, days_old=3, source="shop"),
    )
    reader = newsletter_reader(ana, facts, demographic_allowed=True, acquired_allowed=True)
    (permit,) = decide(policies, NEWSLETTER, [AREA], reader).permits
    assert (permit.fact.provenance, permit.fact.source) == (Provenance.OBSERVED, "shop")


def test_when_the_preferred_fact_is_denied_the_next_permitted_one_is_released(
    policies: Policies, ana: Facts, fact: Make
) -> None:
    facts = (fact(AREA, Provenance.ACQUIRED), fact(AREA, Provenance.OBSERVED))
    opened = {"demographic_allowed": True, "acquired_allowed": True, "observed_allowed": False}
    (permit,) = decide(policies, NEWSLETTER, [AREA], newsletter_reader(ana, facts, **opened)).permits
    assert permit.fact.provenance is Provenance.ACQUIRED


def test_when_all_are_denied_the_reason_is_the_preferred_one_s(policies: Policies, ana: Facts, fact: Make) -> None:
    facts = (fact(AREA, Provenance.ACQUIRED), fact(AREA, Provenance.OBSERVED))
    decision = decide(policies, NEWSLETTER, [AREA], newsletter_reader(ana, facts))
    (no,) = decision.withheld
    assert (no.reason, no.policy) == ("demographic", "forbid.demographic")


def test_a_fact_under_the_wrong_heading_is_not_released(
    policies: Policies, asked: Asked, ana: Facts, fact: Make
) -> None:
    mixed = structs.replace(ana, facts={FIRST_NAME: (fact("birth_year", Provenance.VOLUNTEERED),)})
    assert reasons(decide(policies, asked, [FIRST_NAME], mixed)) == {"first_name": "not-known"}


def test_a_fact_whose_provenance_the_catalogue_no_longer_allows_is_not_released(
    policies: Policies, asked: Asked, ana: Facts, fact: Make
) -> None:
    odd = structs.replace(ana, facts={FIRST_NAME: (fact("first_name", Provenance.INFERRED),)})
    assert reasons(decide(policies, asked, [FIRST_NAME], odd)) == {"first_name": "not-for-this-purpose"}


def newsletter_reader(ana: Facts, facts: tuple[SealedFact, ...], **opened: Any) -> Facts:
    reader = answering(ana, purpose=NEWSLETTER.purpose, channel=NEWSLETTER.channel)
    return allowing(structs.replace(reader, facts={AREA: facts}), **opened)


# --- out of date -----------------------------------------------------------------------------------------


def test_a_fact_is_fresh_for_the_days_that_the_catalogue_gives_it(
    policies: Policies, asked: Asked, ana: Facts, fact: Make
) -> None:
    browsed = AttributeId("browsed_genres")
    assert policies.catalogue.attributes[browsed].fresh_days == 90
    for days_old, outcome in ((0, Outcome.PERMIT), (89, Outcome.PERMIT), (90, Outcome.DENY), (5000, Outcome.DENY)):
        facts = {browsed: (fact(browsed, Provenance.OBSERVED, days_old=days_old),)}
        decision = decide(policies, asked, [browsed], structs.replace(ana, facts=facts))
        assert decision.outcome is outcome, days_old
        if decision.withheld:
            (no,) = decision.withheld
            assert (no.reason, no.policy) == ("out-of-date", "forbid.out-of-date")


def test_without_days_of_its_own_a_fact_is_fresh_for_as_long_as_it_is_kept(
    policies: Policies, asked: Asked, ana: Facts, fact: Make
) -> None:
    name = policies.catalogue.attributes[FIRST_NAME]
    assert (name.fresh_days, name.retention_days) == (None, 3650)
    old, young = (structs.replace(ana, facts={FIRST_NAME: (aged(fact, days),)}) for days in (3650, 3649))
    assert reasons(decide(policies, asked, [FIRST_NAME], old)) == {"first_name": "out-of-date"}
    assert released(decide(policies, asked, [FIRST_NAME], young)) == ["first_name"]


def test_what_is_out_of_date_may_still_go_where_the_law_demands_it(policies: Policies, ana: Facts, fact: Make) -> None:
    invoice = Asked(ServiceId("finance"), PurposeId("comply.tax"), Channel.INTERNAL)
    parcel = Asked(ServiceId("fulfilment"), PurposeId("fulfil.orders"), Channel.POST)
    old = structs.replace(ana, facts={FIRST_NAME: (aged(fact, 4000),)})
    assert released(decide(policies, invoice, [FIRST_NAME], old)) == ["first_name"]
    assert reasons(decide(policies, parcel, [FIRST_NAME], old)) == {"first_name": "out-of-date"}


def test_a_fresh_fact_leaves_although_a_preferred_one_is_out_of_date(
    policies: Policies, ana: Facts, fact: Make
) -> None:
    facts = (fact(AREA, Provenance.ACQUIRED, days_old=3), fact(AREA, Provenance.OBSERVED, days_old=800))
    reader = newsletter_reader(ana, facts, demographic_allowed=True, acquired_allowed=True)
    (permit,) = decide(policies, NEWSLETTER, [AREA], reader).permits
    assert permit.fact.provenance is Provenance.ACQUIRED


def test_that_a_fact_is_out_of_date_is_told_only_to_whom_it_would_have_been_told_fresh(
    policies: Policies, asked: Asked, ana: Facts, fact: Make
) -> None:
    away = structs.replace(answering(ana, status=Status.WITHDRAWN), facts={FIRST_NAME: (aged(fact, 4000),)})
    assert reasons(decide(policies, asked, [FIRST_NAME], away)) == {"first_name": "withdrawn"}


def aged(fact: Make, days: int) -> SealedFact:
    return fact(FIRST_NAME, Provenance.VOLUNTEERED, days_old=days)


# --- obligations -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("by", "attribute", "obligations"),
    [
        (("recommender", "personalise.recommendations", Channel.WEB), "first_name", {"delete-after"}),
        (("newsletter", "market.newsletter", Channel.EMAIL), "first_name", {"show-notice", "do-not-pass-on"}),
        (("call-centre", "market.phone-offers", Channel.PHONE), "first_name", {"show-notice", "do-not-store"}),
        (("call-centre", "serve.requests", Channel.PHONE), "last_problem", {"do-not-store"}),
        (("airline", "share.airline", Channel.EMAIL), "home_airport", {"show-notice", "do-not-pass-on"}),
        (("airline", "book.trips", Channel.INTERNAL), "birth_date", {"do-not-pass-on"}),
        (("finance", "prevent.fraud", Channel.INTERNAL), "failed_payments", {"do-not-profile"}),
        (("finance", "comply.tax", Channel.INTERNAL), "last_name", set()),
    ],
)
def test_what_leaves_comes_with_its_obligations(
    policies: Policies, ana: Facts, by: tuple[str, str, Channel], attribute: str, obligations: set[str]
) -> None:
    service, purpose, channel = by
    wanted = Asked(ServiceId(service), PurposeId(purpose), channel)
    allowed = answering(ana, purpose=wanted.purpose, channel=channel)
    decision = decide(policies, wanted, [AttributeId(attribute)], allowed)
    assert decision.outcome is Outcome.PERMIT
    assert {obligation.id for obligation in decision.obligations} == obligations


# --- nothing known ---------------------------------------------------------------------------------------


def test_what_is_not_known_is_said_only_to_whom_it_would_have_been_told(
    policies: Policies, asked: Asked, ana: Facts
) -> None:
    empty = structs.replace(ana, facts={})
    told = reasons(decide(policies, asked, TEN, empty))
    assert {a for a, reason in told.items() if reason == "not-known"} == set(TEN[:4])
    full = reasons(decide(policies, asked, TEN, ana))
    assert {a: reason for a, reason in told.items() if reason != "not-known"} == full


def test_a_refusal_is_the_same_with_and_without_a_fact(policies: Policies, asked: Asked, ana: Facts) -> None:
    away = answering(ana, status=Status.WITHDRAWN)
    empty = structs.replace(away, facts={})
    assert decide(policies, asked, TEN, away) == decide(policies, asked, TEN, empty)


def test_an_unknown_identifier_looks_like_a_customer_who_has_said_nothing(
    policies: Policies, asked: Asked, ana: Facts
) -> None:
    nobody = Facts(customer=None, version=0, now=ana.now, standing=None, restrictions=None, facts={})
    decision = decide(policies, asked, TEN, nobody)
    assert decision == decide(policies, asked, TEN, structs.replace(ana, standing=None))
    assert reasons(decision) == dict.fromkeys(TEN, "no-permission") | {AREA: "not-for-this-purpose"}


def test_an_unknown_identifier_looks_like_a_customer_without_facts_where_no_consent_is_needed(
    policies: Policies, ana: Facts
) -> None:
    nobody = Facts(customer=None, version=0, now=ana.now, standing=None, restrictions=None, facts={})
    parcel = Asked(ServiceId("fulfilment"), PurposeId("fulfil.orders"), Channel.POST)
    assert decide(policies, parcel, TEN, nobody) == decide(
        policies, parcel, TEN, structs.replace(ana, standing=None, facts={})
    )
    assert reasons(decide(policies, parcel, [FIRST_NAME], nobody)) == {"first_name": "not-known"}


def test_without_a_customer_there_is_never_a_permit_whatever_else_is_claimed(
    policies: Policies, asked: Asked, ana: Facts
) -> None:
    assert decide(policies, asked, TEN, structs.replace(ana, customer=None)).permits == ()


# --- errors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [{"service": ServiceId("recomender")}, {"purpose": PurposeId("personalise")}])
def test_an_unknown_service_or_purpose_is_refused_as_an_error_of_the_engine(
    policies: Policies, asked: Asked, ana: Facts, change: dict[str, Any]
) -> None:
    decision = decide(policies, structs.replace(asked, **change), TEN, ana)
    assert decision.permits == ()
    assert set(reasons(decision).values()) == {"engine-error"}


def test_an_unknown_attribute_is_refused_alone(policies: Policies, asked: Asked, ana: Facts) -> None:
    decision = decide(policies, asked, [AttributeId("shoe_size"), FIRST_NAME], ana)
    assert reasons(decision) == {"shoe_size": "engine-error"}
    assert released(decision) == ["first_name"]


def test_an_engine_that_fails_withholds_everything(policies: Policies, asked: Asked, ana: Facts) -> None:
    def fail(question: Question) -> Answer:
        raise MemoryError(question.attribute)

    decision = decide(structs.replace(policies, evaluate=fail), asked, TEN, ana)
    assert decision.outcome is Outcome.DENY
    assert set(reasons(decision).values()) == {"engine-error"}


def test_a_minor_gets_a_parcel_and_no_recommendations(policies: Policies, asked: Asked, ana: Facts) -> None:
    minor = allowing(ana, age_band=AgeBand.MINOR)
    assert reasons(decide(policies, asked, [FIRST_NAME], minor)) == {"first_name": "adults-only"}
    parcel = Asked(ServiceId("fulfilment"), PurposeId("fulfil.orders"), Channel.POST)
    assert released(decide(policies, parcel, [FIRST_NAME], minor)) == ["first_name"]

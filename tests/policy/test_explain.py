from datetime import timedelta

import pytest
from msgspec import structs

from service.errors import ServiceError, UnknownAttributeError, UnknownPurposeError, UnknownServiceError
from service.model.facts import Facts
from service.model.situation import Asked
from service.model.words import AttributeId, PurposeId, ServiceId
from service.policy.engine import Policies
from service.policy.explain import IN_WORDS, explain
from service.policy.reasons import UNMET

CONSENTED = "Recommendations use what she agreed to, after a yes to the notice in force"
GROUP = "What her group is like does not personalise unless she says so"


def test_a_yes_says_which_fact_by_which_policy_why_and_with_what_obligation(
    policies: Policies, asked: Asked, ana: Facts
) -> None:
    assert explain(policies, asked, AttributeId("favourite_genres"), ana) == [
        "Recommender (recommender) asks for favourite_genres, for personalise.recommendations, on web.",
        "Yes: what is volunteered, from shop.",
        f"  permit.recommendations: {CONSENTED} (GDPR Art. 6(1)(a)).",
        "  It is needed: To start from the genres that you like.",
        "  It comes with an obligation: delete-after (days: 1).",
    ]


def test_a_no_by_a_forbid_says_which_and_on_what_basis(policies: Policies, asked: Asked, ana: Facts) -> None:
    assert explain(policies, asked, AttributeId("birth_year"), ana)[1:] == [
        "No (demographic): forbid.demographic forbids it.",
        f"  forbid.demographic: {GROUP} (Her choice: not by my group).",
    ]


@pytest.mark.parametrize(
    ("attribute", "line"),
    [
        ("orders_this_year", "No (not-granted): the service has no right to it for this purpose on this channel."),
        ("postcode_area", "No (not-for-this-purpose): the purpose does not use it, or the service does not serve"),
    ],
)
def test_a_no_without_a_forbid_says_what_is_missing(
    policies: Policies, asked: Asked, ana: Facts, attribute: str, line: str
) -> None:
    (no,) = explain(policies, asked, AttributeId(attribute), ana)[1:]
    assert no.startswith(line)


def test_it_shows_no_value_and_no_customer(policies: Policies, asked: Asked, ana: Facts) -> None:
    for attribute in policies.catalogue.attributes:
        lines = "\n".join(explain(policies, asked, attribute, ana))
        assert "sealed" not in lines
        assert str(ana.customer) not in lines


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"service": ServiceId("recomender")}, UnknownServiceError),
        ({"purpose": PurposeId("personalise")}, UnknownPurposeError),
    ],
)
def test_what_is_not_in_the_catalogue_is_said(
    policies: Policies, asked: Asked, ana: Facts, change: dict[str, str], error: type[ServiceError]
) -> None:
    with pytest.raises(error):
        explain(policies, structs.replace(asked, **change), AttributeId("first_name"), ana)
    with pytest.raises(UnknownAttributeError):
        explain(policies, asked, AttributeId("shoe_size"), ana)


def test_what_a_permit_asks_for_can_be_said_in_words() -> None:
    assert set(UNMET.values()) <= IN_WORDS.keys()


def test_a_fact_that_is_out_of_date_is_said_to_be(policies: Policies, asked: Asked, ana: Facts) -> None:
    later = structs.replace(ana, now=ana.now + timedelta(days=100))
    words = policies.policies["forbid.out-of-date"].annotations
    assert explain(policies, asked, AttributeId("browsed_genres"), later)[1:] == [
        "No (out-of-date): forbid.out-of-date forbids it.",
        f"  forbid.out-of-date: {words['title']} ({words['basis']}).",
    ]


def test_every_question_a_service_has_a_right_to_can_be_explained(policies: Policies, ana: Facts) -> None:
    for service in policies.catalogue.services.values():
        for purpose, use in service.uses.items():
            for attribute in use.attributes:
                asked = Asked(ServiceId(service.id), PurposeId(purpose), use.channels[0])
                said = explain(policies, asked, AttributeId(attribute), ana)[1]
                assert said.startswith(("Yes: ", "No (")), said
                assert "her answer is" not in said

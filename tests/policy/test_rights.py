"""Each service against each right: what is not written in ``services.toml`` is not allowed."""

from collections.abc import Callable

import pytest

from service.model.facts import Facts
from service.model.situation import Asked, background, brought_to, notices
from service.model.words import AttributeId, Channel, Provenance, PurposeId, ServiceId
from service.policy.engine import Policies
from service.policy.question import Question

Ask = Callable[..., Question]

USES = {
    "shop": {
        "personalise.recommendations": {"web", "app"},
        "fulfil.orders": {"internal", "email"},
        "book.trips": {"internal"},
        "prevent.fraud": {"internal"},
        "research.panel": {"email"},
    },
    "recommender": {"personalise.recommendations": {"web", "app", "email"}},
    "newsletter": {"market.newsletter": {"email"}},
    "fulfilment": {"fulfil.orders": {"internal", "post"}},
    "finance": {"comply.tax": {"internal"}, "prevent.fraud": {"internal"}},
    "call-centre": {
        "market.phone-offers": {"phone"},
        "research.panel": {"phone"},
        "serve.requests": {"phone", "email"},
        "book.trips": {"phone"},
        "protect.travellers": {"phone", "sms"},
    },
    "airline": {"book.trips": {"internal"}, "share.airline": {"email"}},
}
PURPOSES = [
    "personalise.recommendations",
    "market.newsletter",
    "market.phone-offers",
    "research.panel",
    "share.airline",
    "fulfil.orders",
    "book.trips",
    "serve.requests",
    "comply.tax",
    "prevent.fraud",
    "protect.travellers",
]
CONSENTED = set(PURPOSES[:5])
RECORDS = {"shop": CONSENTED, "call-centre": {"personalise.recommendations", "market.newsletter"}}
TABLE = [(service, purpose) for service in USES for purpose in PURPOSES]


@pytest.mark.parametrize(("service", "purpose"), TABLE)
def test_a_service_gets_a_last_name_only_for_the_purposes_it_serves_and_that_use_it(
    policies: Policies, question: Ask, service: str, purpose: str
) -> None:
    answer = policies.answer(question("last_name", service=service, purpose=purpose))
    used = "last_name" in policies.catalogue.purposes[PurposeId(purpose)].attributes
    served = used and purpose in USES[service]
    assert answer.permit is served
    assert answer.reason == (None if served else "not-for-this-purpose")


@pytest.mark.parametrize(("service", "purpose"), TABLE)
def test_a_service_may_ask_only_on_the_channels_it_has(policies: Policies, service: str, purpose: str) -> None:
    uses = policies.catalogue.services[ServiceId(service)].uses
    channels = set(uses[purpose].channels) if purpose in uses else set()
    assert channels == USES[service].get(purpose, set())


@pytest.mark.parametrize(("service", "purpose"), TABLE)
def test_only_the_shop_and_the_call_centre_record_a_yes(policies: Policies, service: str, purpose: str) -> None:
    records = policies.catalogue.services[ServiceId(service)].records
    assert (purpose in records) is (purpose in RECORDS.get(service, set()))


def test_every_use_of_every_service_is_permitted_in_the_brightest_situation_and_no_other(
    policies: Policies, question: Ask
) -> None:
    for service in policies.catalogue.services.values():
        for purpose in policies.catalogue.purposes.values():
            use = service.uses.get(purpose.id)
            for attribute in policies.catalogue.attributes.values():
                granted = use is not None and attribute.id in use.attributes
                for provenance in attribute.provenances:
                    ask = question(attribute.id, provenance, service=service.id, purpose=purpose.id, granted=granted)
                    assert policies.answer(ask).permit is granted


def test_without_the_grant_in_the_situation_no_service_gets_anything(policies: Policies, question: Ask) -> None:
    for service, purposes in USES.items():
        for purpose in purposes:
            assert not policies.answer(question(service=service, purpose=purpose, granted=False)).permit


def test_the_recommender_can_neither_record_its_own_yes_nor_contribute_a_volunteered_fact(
    policies: Policies,
) -> None:
    recommender = policies.catalogue.services[ServiceId("recommender")]
    assert recommender.records == ()
    assert {p for provenances in recommender.contributes.values() for p in provenances} == {"inferred"}
    for attribute in policies.catalogue.attributes:
        assert not recommender.may_contribute(attribute, Provenance.VOLUNTEERED)


@pytest.mark.parametrize(
    ("service", "channel", "attribute", "granted"),
    [
        ("shop", Channel.WEB, "first_name", True),
        ("shop", Channel.EMAIL, "first_name", False),
        ("recommender", Channel.EMAIL, "first_name", True),
        ("recommender", Channel.WEB, "orders_this_year", False),
        ("finance", Channel.WEB, "first_name", False),
    ],
)
def test_a_grant_is_for_service_purpose_channel_and_attribute_together(
    policies: Policies, ana: Facts, service: str, channel: Channel, attribute: str, *, granted: bool
) -> None:
    asked = Asked(ServiceId(service), PurposeId("personalise.recommendations"), channel)
    ground = background(policies.catalogue, asked, ana)
    situation = brought_to(ground, policies.catalogue, asked, AttributeId(attribute), notices(asked, ana))
    assert situation.granted is granted

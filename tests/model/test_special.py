"""By which notices the same is done with special data, so that what she said in so many words to one holds for both."""

import pytest
from msgspec import structs

from service.model.catalogue import Catalogue, Earlier, Needed, Purpose, Service, Use
from service.model.words import AttributeId, PurposeId, ServiceId
from service.policy.engine import Policies

PICKS, NEEDS = PurposeId("personalise.recommendations"), "accessibility_needs"
CENTRE = ServiceId("call-centre")


@pytest.fixture(scope="module")
def catalogue(policies: Policies) -> Catalogue:
    return policies.catalogue


def with_purpose(catalogue: Catalogue, **changes: object) -> Catalogue:
    purpose: Purpose = structs.replace(catalogue.purposes[PICKS], **changes)
    return structs.replace(catalogue, purposes={**catalogue.purposes, PICKS: purpose})


def with_recipient(catalogue: Catalogue, attribute: str) -> Catalogue:
    use = Use(channels=(), attributes=(attribute,), since=3)
    service: Service = structs.replace(catalogue.services[CENTRE], uses={PICKS: use})
    return structs.replace(catalogue, services={**catalogue.services, CENTRE: service})


def test_it_is_the_same_where_a_notice_only_words_it_anew_or_asks_for_something_else(catalogue: Catalogue) -> None:
    assert catalogue.same_special(PICKS, 2, 3)
    assert with_recipient(catalogue, "first_name").same_special(PICKS, 2, 3)


def test_it_is_not_where_the_older_one_covers_nothing_special(catalogue: Catalogue) -> None:
    assert not catalogue.same_special(PICKS, 1, 2)


def test_it_is_not_where_more_is_special_or_somebody_else_gets_it_or_it_is_kept_longer(catalogue: Catalogue) -> None:
    also = AttributeId("home_airport")
    needs = {**catalogue.purposes[PICKS].attributes, also: Needed("To start there.", since=3)}
    more = with_purpose(catalogue, attributes=needs)
    special = structs.replace(more.attributes[also], special=True)
    more = structs.replace(more, attributes={**more.attributes, also: special})
    longer = with_purpose(catalogue, earlier=(Earlier(before=3, retention_days=30),))
    for after in (more, with_recipient(catalogue, NEEDS), longer):
        assert not after.same_special(PICKS, 2, 3)
        assert after.same_special(PICKS, 3, 4)

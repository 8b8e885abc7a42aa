"""A snapshot proves one screen: the caller's own, for this purpose, channel and notice, a short while ago."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec import structs

from service.errors import BadSnapshotError, ServiceError, SnapshotExpiredError
from service.model.callers import Caller, CustomerCaller, ServiceCaller
from service.model.consent import Reach
from service.model.snapshots import LIFE, Given, Snapshot, refuse_another_screen
from service.model.words import Channel, CustomerId, PurposeId, ServiceId

AT = datetime(2026, 3, 1, 10, 30, tzinfo=UTC)
SHOP = ServiceCaller(ServiceId("shop"), "key", proven=True)
HERSELF = CustomerCaller(CustomerId(UUID(int=1)), proven=True)
SHOWN = Snapshot(
    purpose=PurposeId("market.newsletter"),
    channel=Channel.EMAIL,
    notice=2,
    language="de",
    layout="checkout-3",
    digest="ab" * 32,
    at=AT,
    by="service:shop",
)
GIVEN = Given(SHOWN.purpose, SHOWN.channel, SHOWN.notice, AT + timedelta(minutes=1))


@pytest.mark.parametrize(
    ("given", "now"),
    [
        ({}, AT),
        ({}, AT + LIFE - timedelta(microseconds=1)),
        ({"notice": None}, AT),
        ({"at": AT - timedelta(minutes=5)}, AT),
    ],
)
def test_an_answer_to_this_very_screen_is_proven(given: dict[str, Any], now: datetime) -> None:
    refuse_another_screen(SHOWN, SHOP, structs.replace(GIVEN, **given), now)
    refuse_another_screen(structs.replace(SHOWN, by="customer"), HERSELF, structs.replace(GIVEN, **given), now)


OTHER: list[tuple[dict[str, Any], Caller, datetime, type[ServiceError], str]] = [
    ({}, SHOP, AT + LIFE, SnapshotExpiredError, "/snapshot"),
    ({}, ServiceCaller(ServiceId("call-centre"), "key", proven=True), AT, BadSnapshotError, "/snapshot"),
    ({}, HERSELF, AT, BadSnapshotError, "/snapshot"),
    ({"purpose": PurposeId("research.panel")}, SHOP, AT, BadSnapshotError, "/purpose"),
    ({"purpose": Reach.MARKETING}, SHOP, AT, BadSnapshotError, "/purpose"),
    ({"channel": Channel.WEB}, SHOP, AT, BadSnapshotError, "/channel"),
    ({"channel": None}, SHOP, AT, BadSnapshotError, "/channel"),
    ({"notice": 1}, SHOP, AT, BadSnapshotError, "/notice"),
    ({"notice": 3}, SHOP, AT, BadSnapshotError, "/notice"),
    ({"at": AT - timedelta(minutes=5, microseconds=1)}, SHOP, AT, BadSnapshotError, "/given_at"),
]


@pytest.mark.parametrize(("given", "caller", "now", "kind", "pointer"), OTHER)
def test_an_answer_to_another_screen_is_not(
    given: dict[str, Any], caller: Caller, now: datetime, kind: type[ServiceError], pointer: str
) -> None:
    with pytest.raises(kind) as refused:
        refuse_another_screen(SHOWN, caller, structs.replace(GIVEN, **given), now)
    assert refused.value.pointer == pointer


def test_a_screen_of_hers_proves_nothing_for_a_service() -> None:
    with pytest.raises(BadSnapshotError, match="somebody else"):
        refuse_another_screen(structs.replace(SHOWN, by="customer"), SHOP, GIVEN, AT)

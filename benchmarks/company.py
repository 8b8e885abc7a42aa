"""Customers to ask for: everything known and everything allowed, so that a release releases all it is asked for."""

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct, structs

from service.crypto.keyring import Keyring
from service.crypto.random import random_bytes
from service.database import Connection, Database
from service.model.callers import OperatorCaller
from service.model.consent import Answer, standing_after
from service.model.facts import FLAGS, Restrictions
from service.model.identifiers import identifier
from service.model.words import (
    AgeBand,
    AttributeId,
    Channel,
    CustomerId,
    EntryId,
    IdentifierKind,
    Method,
    PairwiseId,
    Provenance,
    PurposeId,
    ServiceId,
    Status,
)
from service.policy.engine import Policies
from service.storage import consents, customers, evidence, facts

OPERATOR = OperatorCaller("benchmark", "a benchmark")
SERVICE, SHOP = ServiceId("recommender"), ServiceId("shop")
PURPOSE = PurposeId("personalise.recommendations")
VALUES: dict[str, tuple[Provenance, bytes]] = {
    "first_name": (Provenance.VOLUNTEERED, b'"Abbie"'),
    "favourite_genres": (Provenance.VOLUNTEERED, b'["crime","travel"]'),
    "browsed_genres": (Provenance.OBSERVED, b'["history"]'),
    "last_destination": (Provenance.OBSERVED, b'"Lisbon"'),
    "guessed_genres": (Provenance.INFERRED, b'["nature"]'),
    "likely_household": (Provenance.INFERRED, b'"family"'),
    "credit_segment": (Provenance.ACQUIRED, b'"b"'),
    "birth_year": (Provenance.VOLUNTEERED, b"1985"),
    "accessibility_needs": (Provenance.VOLUNTEERED, b'["large-print"]'),
    "value_tier": (Provenance.INFERRED, b'"gold"'),
}

OPEN_TO_ALL = structs.replace(Restrictions(AgeBand.ADULT), **dict.fromkeys(FLAGS, True))
TOGETHER = 100
"""Customers brought in by one transaction."""


class Known(Struct, frozen=True):
    """A customer, and how the service that asks and the one that records know her."""

    customer: CustomerId
    recommender: PairwiseId
    shop: PairwiseId


def email_of(number: int) -> str:
    """Return the address of a numbered customer."""
    return f"customer{number}@example.com"


def question(customer: str, attributes: list[str]) -> dict[str, Any]:
    """Return what the recommender asks about a customer by its id of her."""
    return {
        "customer": {"id": customer},
        "purpose": PURPOSE,
        "channel": "web",
        "attributes": attributes,
    }


def question_about_many(customers: list[PairwiseId], attributes: list[str]) -> dict[str, Any]:
    """Return what the recommender asks about many customers at once."""
    return {
        "customers": [{"id": customer} for customer in customers],
        "purpose": PURPOSE,
        "channel": "web",
        "attributes": attributes,
    }


async def bring_in(database: Database, keyring: Keyring, policies: Policies, count: int) -> list[Known]:
    """Bring in customers for whom everything is allowed."""
    known: list[Known] = []
    for start in range(0, count, TOGETHER):
        async with database.transaction() as connection:
            numbers = range(start, min(start + TOGETHER, count))
            known += [await _bring_in(connection, keyring, policies, number) for number in numbers]
    return known


async def _bring_in(connection: Connection, keyring: Keyring, policies: Policies, number: int) -> Known:
    customer = CustomerId(UUID(bytes=random_bytes(16), version=4))
    key = await customers.create(connection, keyring, customer)
    await customers.put_restrictions(connection, keyring, customer, OPEN_TO_ALL)
    await customers.put_identifier(
        connection, keyring, customer, key, identifier(IdentifierKind.EMAIL, email_of(number))
    )
    now = await customers.clock(connection)
    stored = [
        facts.NewFact(AttributeId(attribute), provenance, "benchmark", now, value)
        for attribute, (provenance, value) in VALUES.items()
    ]
    await facts.put_all(connection, [(customer, key, each, 1) for each in stored])
    await consents.put(connection, keyring, [(customer, standing_after(None, _yes(policies, now)))])
    await evidence.keys_for(connection, keyring, [customer])
    asks = await customers.pairwise_id(connection, keyring, customer, SERVICE)
    return Known(customer, asks, await customers.pairwise_id(connection, keyring, customer, SHOP))


def _yes(policies: Policies, now: datetime) -> Answer:
    return Answer(
        purpose=PURPOSE,
        channel=Channel.WEB,
        status=Status.GIVEN,
        notice=policies.catalogue.notice_in_force(PURPOSE),
        explicit=True,
        method=Method.API,
        actor="",
        given_at=now,
        recorded_at=now,
        recorder="benchmark",
        policy_version=policies.version,
        entry=EntryId("none"),
    )

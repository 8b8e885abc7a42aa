"""Customers to ask for: everything known and everything allowed, so that a release releases all it is asked for."""

from typing import Any
from uuid import UUID

from msgspec import structs

from service.crypto.keyring import Keyring
from service.crypto.random import random_bytes
from service.database import Database
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
    Provenance,
    PurposeId,
    ServiceId,
    Status,
)
from service.policy.engine import Policies
from service.storage import consents, customers, evidence, facts

OPERATOR = OperatorCaller("benchmark", "a benchmark")
SERVICE = ServiceId("recommender")
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


async def bring_in(database: Database, keyring: Keyring, policies: Policies, count: int) -> list[str]:
    """Bring in customers for whom everything is allowed; returns the recommender's ids of them."""
    known: list[str] = []
    open_to_all = structs.replace(Restrictions(AgeBand.ADULT), **dict.fromkeys(FLAGS, True))
    notice = policies.catalogue.notice_in_force(PURPOSE)
    for number in range(count):
        customer = CustomerId(UUID(bytes=random_bytes(16), version=4))
        async with database.transaction() as connection:
            key = await customers.create(connection, keyring, customer)
            await customers.put_restrictions(connection, keyring, customer, open_to_all)
            who = identifier(IdentifierKind.EMAIL, email_of(number))
            await customers.put_identifier(connection, keyring, customer, key, who)
            now = await customers.clock(connection)
            for attribute, (provenance, value) in VALUES.items():
                fact = facts.NewFact(AttributeId(attribute), provenance, "benchmark", now, value)
                await facts.put(connection, customer, key, fact, 1)
            answer = Answer(
                purpose=PURPOSE,
                channel=Channel.WEB,
                status=Status.GIVEN,
                notice=notice,
                explicit=True,
                method=Method.API,
                actor="",
                given_at=now,
                recorded_at=now,
                recorder="benchmark",
                policy_version=policies.version,
                entry=EntryId("none"),
            )
            yes = standing_after(None, answer)
            await consents.put_yes(connection, keyring, customer, yes)
            await evidence.keys_for(connection, keyring, [customer])
            known.append(await customers.pairwise_id(connection, keyring, customer, SERVICE))
    return known

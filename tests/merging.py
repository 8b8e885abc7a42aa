"""Two customers who may be one person, and everything that is decided and stored about them."""

from itertools import count
from typing import Any
from uuid import UUID

from msgspec import Struct, structs

from service.crypto.keyring import Keyring
from service.database import Database
from service.model.callers import CustomerCaller, ServiceCaller
from service.model.facts import Facts
from service.model.identifiers import Identifier, identifier
from service.model.situation import everybody
from service.model.words import (
    AgeBand,
    AttributeId,
    Channel,
    CustomerId,
    IdentifierKind,
    Method,
    PairwiseId,
    Provenance,
    PurposeId,
    ServiceId,
    Status,
)
from service.policy.decide import decide
from service.policy.engine import Policies
from service.storage import facts
from service.usecases import consents, customers, merges, records
from tests.conftest import OPERATOR
from tests.security.test_monotone import VALUES

NUMBERS = count()
SHOP = ServiceId("shop")
SPOTS = [
    (PurposeId("personalise.recommendations"), Channel.WEB),
    (PurposeId("market.newsletter"), Channel.EMAIL),
    (PurposeId("research.panel"), Channel.PHONE),
]
BEARING = (
    "restrictions",
    "consent",
    "linked_consent",
    "fact",
    "identifier",
    "customer_key",
    "pairwise",
    "consent_event",
    "choice_event",
)
"""Every table with rows of one customer that bear on a decision."""

ATTRIBUTES = sorted({AttributeId(attribute) for attribute, _ in VALUES})
"""Those of which something is known here; of any other nothing can be released."""

Allowed = frozenset[tuple[str, str, str, str]]
"""Service, purpose, channel, attribute."""


class World(Struct, frozen=True):
    """The service, as it is called from inside."""

    database: Database
    keyring: Keyring
    policies: Policies
    shop: ServiceCaller

    def __repr__(self) -> str:
        return "World()"

    async def newcomer(self) -> "Side":
        """Enrol somebody new at the shop."""
        her = identifier(IdentifierKind.EMAIL, f"side{next(NUMBERS)}@example.com")
        who = customers.Newcomer([her], AgeBand.ADULT)
        enrolled = await customers.enrol(self.database, self.keyring, self.policies, self.shop, who)
        async with self.database.connection() as connection:
            id_: UUID = await connection.fetchval("SELECT customer FROM pairwise WHERE id = $1", enrolled.customer)
        return Side(self, CustomerId(id_), enrolled.customer, her)

    async def merge(self, one: "Side", other: "Side") -> UUID:
        """Say that two are one person."""
        made = await merges.merge(self.database, self.keyring, OPERATOR, (one.found_by, other.found_by))
        return made.link

    async def unmerge(self, link: UUID) -> None:
        """Part them again."""
        await merges.unmerge(self.database, self.keyring, OPERATOR, link)


class Side(Struct, frozen=True):
    """One customer."""

    world: World
    id: CustomerId
    at_shop: PairwiseId
    found_by: Identifier

    def __repr__(self) -> str:
        return f"Side({self.id})"

    async def say(self, status: Status, spot: tuple[PurposeId, Channel] = SPOTS[0], **more: Any) -> None:
        """Answer at the shop, to the notice in force."""
        world, (purpose, channel) = self.world, spot
        words: dict[str, Any] = {
            "purpose": purpose,
            "channel": channel,
            "status": status,
            "method": Method.COUNTER,
            "customer": self.at_shop,
            "evidence": "till-4",
            "notice": world.policies.catalogue.notice_in_force(purpose),
        }
        record = consents.record_yes if status.valid else consents.record_no
        await record(world.database, world.keyring, world.policies, world.shop, consents.Said(**(words | more)))

    async def tell(self, attribute: str, value: bytes) -> None:
        """Tell the shop something."""
        world = self.world
        claim = customers.Claim(AttributeId(attribute), Provenance.VOLUNTEERED, value, None)
        await customers.contribute(world.database, world.keyring, world.policies, world.shop, self.at_shop, [claim])

    async def be_a_minor(self) -> None:
        """Let the shop hear that she is a minor."""
        world = self.world
        who = customers.Newcomer([self.found_by], AgeBand.MINOR)
        await customers.enrol(world.database, world.keyring, world.policies, world.shop, who)

    async def facts(self) -> dict[tuple[str, str, str], Facts]:
        """Read what each decision about her rests on, as a release would."""
        world = self.world
        async with world.database.connection() as connection:
            return {
                structs.astuple(asked): (await facts.read(connection, world.keyring, self.id, asked, ATTRIBUTES)).facts
                for asked in everybody(world.policies.catalogue)
            }

    async def allowed(self) -> Allowed:
        """Return everything that any service may have of her now."""
        return allowed(self.world.policies, await self.facts())

    async def stands(self) -> dict[tuple[PurposeId, Channel], Status]:
        """Return what she is shown."""
        world, me = self.world, CustomerCaller(self.id, proven=True)
        record = await records.read(world.database, None, world.policies, me, None)
        return {(each.purpose, each.channel): status for each, status in record.standing}

    async def rows(self, *without: str) -> dict[str, list[str]]:
        """Return every row about her that bears on a decision, as it is stored."""
        async with self.world.database.connection() as connection:
            return {
                table: [
                    row[0]
                    for row in await connection.fetch(
                        f"SELECT t::text FROM {table} t WHERE customer = $1 ORDER BY 1",  # noqa: S608  ours
                        self.id,
                    )
                ]
                for table in BEARING
                if table not in without
            }

    async def version(self) -> int:
        """Return her version."""
        async with self.world.database.connection() as connection:
            found: int = await connection.fetchval("SELECT version FROM customer WHERE id = $1", self.id)
            return found


def allowed(policies: Policies, read: dict[tuple[str, str, str], Facts]) -> Allowed:
    """Return what is permitted on these facts."""
    return frozenset(
        (asked.service, asked.purpose, asked.channel, permit.fact.attribute)
        for asked in everybody(policies.catalogue)
        for permit in decide(policies, asked, ATTRIBUTES, read[structs.astuple(asked)]).permits
    )


def with_facts_of(
    read: dict[tuple[str, str, str], Facts], other: dict[tuple[str, str, str], Facts]
) -> dict[tuple[str, str, str], Facts]:
    """Return what decisions rest on, as if the facts were those of somebody else."""
    return {asked: structs.replace(each, facts=other[asked].facts) for asked, each in read.items()}

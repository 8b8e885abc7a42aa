"""Abbie and what is known about her: contributed, struck out, brought back and looked at through the API."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct

from service.crypto.keyring import Keyring
from service.database import Database
from service.model.identifiers import identifier
from service.model.words import IdentifierKind
from service.usecases.access import make_customer_token
from tests.conftest import OPERATOR, Api, Person

Json = dict[str, Any]
YESTERDAY = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)  # noqa: TID251  as fresh as a fact must be
AS_OF = YESTERDAY.isoformat()
SEEN = "browsed_genres"
GUESS = "guessed_genres"
OF_SERVICES = [
    ("recommender", "personalise.recommendations", "web"),
    ("shop", "personalise.recommendations", "web"),
    ("newsletter", "market.newsletter", "email"),
    ("finance", "comply.tax", "internal"),
]


class Node(Struct, frozen=True):
    """A fact as a service says it, and the names of what it was built on."""

    attribute: str
    provenance: str
    word: str
    value: Any
    parents: tuple[str, ...] = ()
    service: str = "shop"

    @property
    def source(self) -> str:
        """Where it comes from, as it is listed."""
        return f"{self.service}/{self.word}" if self.word else self.service

    @property
    def name(self) -> str:
        """Its name among hers."""
        return f"{self.attribute}#{self.provenance}@{self.source}"

    def as_said(self) -> Json:
        """Return it as it is contributed."""
        said: Json = {
            "attribute": self.attribute,
            "provenance": self.provenance,
            "value": self.value,
            "as_of": AS_OF,
            "derived_from": [parent_of(each) for each in self.parents],
        }
        return said | ({"source": self.word} if self.word else {})


def seen(word: str, *genres: str) -> Node:
    """Return what the shop saw her look at."""
    return Node(SEEN, "observed", word, list(genres) or ["crime"])


def guess(word: str, *parents: Node, attribute: str = GUESS, value: Any = None) -> Node:
    """Return what the recommender guessed from something."""
    names = tuple(each.name for each in parents)
    return Node(attribute, "inferred", word, value or ["nature"], names, "recommender")


def parent_of(name: str) -> Json:
    """Return a name in the way in which a contribution names a fact."""
    kind, _, source = name.partition("@")
    attribute, _, provenance = kind.partition("#")
    return {"attribute": attribute, "provenance": provenance, "source": source}


class Her(Struct, frozen=True):
    """A customer as this test sees her: through her own eyes, and through those of the services."""

    api: Api
    person: Person
    token: str

    def __repr__(self) -> str:
        return "Her()"

    async def say(self, *nodes: Node) -> list[int]:
        """Let the services say facts, in this order; returns the places of those not kept."""
        left_out: list[int] = []
        for index, node in enumerate(nodes):
            answer = await self.contribute([node], node.service)
            left_out += [index] if answer.get("not_kept") else []
        return left_out

    async def contribute(self, nodes: Sequence[Node], service: str) -> Json:
        """Let one service say facts in one contribution."""
        at = self.person.at_shop if service == "shop" else self.person.at_recommender
        return await self.api.post(
            f"/v1/customers/{at}/attributes", service, {"facts": [each.as_said() for each in nodes]}
        )

    async def known(self) -> dict[str, Json]:
        """Return what she is shown, by name."""
        answer = await self.api.call("GET", "/v1/me/facts?limit=100", self.token)
        assert answer.status_code == 200, answer.text
        return {f"{each['attribute']}#{each['provenance']}@{each['source']}": each for each in answer.json()["facts"]}

    async def released(self, attributes: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return what every service is handed, by service."""
        found: dict[str, dict[str, Any]] = {}
        for service, purpose, channel in OF_SERVICES:
            answer = await self.release(service, purpose, channel, *attributes)
            found[service] = answer["released"]
        return found

    async def release(self, service: str, purpose: str, channel: str, *attributes: str) -> Json:
        """Return what a service is answered."""
        known_as = {"shop": self.person.at_shop, "recommender": self.person.at_recommender}.get(service)
        body = {
            "customer": {"id": known_as} if known_as else {"email": self.person.email},
            "purpose": purpose,
            "channel": channel,
            "attributes": list(attributes),
        }
        return await self.api.post("/v1/releases", service, body)

    async def reasons(self, *attributes: str) -> dict[str, str]:
        """Return why the recommender does not get something on the web."""
        answer = await self.release(*OF_SERVICES[0], *attributes)
        return {each["attribute"]: each["reason"] for each in answer["withheld"]}

    async def dispute(self, **which: Any) -> Json:
        """Let her say that it was not her."""
        return await self.api.post("/v1/me/disputes", self.token, which)

    async def dispute_item(self, node: Node) -> Json:
        """Let her say of one fact that it was not her."""
        return await self.dispute(**parent_of(node.name))

    async def undo(self, entry: str) -> Json:
        """Let her take something back."""
        return await self.api.post("/v1/me/disputes/undo", self.token, {"entry": entry})

    async def choose(self, choice: str, value: str, **more: str) -> Json:
        """Let her choose something beyond single purposes."""
        return await self.api.post("/v1/me/choices", self.token, {"choice": choice, "value": value, **more})


async def her(api: Api, person: Person, database: Database, keyring: Keyring) -> Her:
    """Return a customer with a token of her own."""
    found_by = identifier(IdentifierKind.EMAIL, person.email)
    token = (await make_customer_token(database, keyring, OPERATOR, found_by, 60)).text
    return Her(api, person, token)

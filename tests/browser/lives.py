"""What customers did before they came to the portal, by name: another life is one function and one line."""

from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct

from tests.conftest import Api, Person, allow

ASKED = {"purpose": "personalise.recommendations", "channel": "web"}
CELLS = [
    ("personalise.recommendations", "web"),
    ("personalise.recommendations", "app"),
    ("personalise.recommendations", "email"),
    ("market.newsletter", "email"),
    ("market.phone-offers", "phone"),
    ("research.panel", "email"),
    ("research.panel", "phone"),
    ("share.airline", "email"),
]
"""Every purpose by consent, on each of its channels."""
SEEN: dict[str, list[tuple[str, str, Any]]] = {
    "shop": [
        ("browsed_genres", "observed", ["history", "nature"]),
        ("last_destination", "observed", "Lisbon"),
        ("orders_this_year", "observed", 7),
        ("accessibility_needs", "volunteered", ["large-print"]),
        ("contact_email", "volunteered", "abbie@example.com"),
    ],
    "recommender": [("guessed_genres", "inferred", ["poetry"])],
    "finance": [("credit_segment", "acquired", "b"), ("postcode_area", "acquired", "HB")],
}


async def nothing(api: Api, person: Person) -> None:
    """Have never been asked anything."""


async def rich(api: Api, person: Person) -> None:
    """Have been known for a while: asked, answered, used and refused."""
    for service, facts in SEEN.items():
        await _tell(api, person, service, facts)
    await allow(api, person)
    await allow(api, person, "market.newsletter", "email")
    for purpose, channel in (("research.panel", "phone"), ("market.phone-offers", "phone")):
        await _refuse(api, person, purpose, channel)
    for _ in range(3):
        await _ask(api, person, "first_name", "favourite_genres", "birth_year")
    await _ask(api, person, "birth_year")
    await _ask(api, person, "first_name", channel="app")


async def decided(api: Api, person: Person) -> None:
    """Have allowed whatever was asked."""
    for purpose, channel in CELLS:
        await allow(api, person, purpose, channel)


async def refusing(api: Api, person: Person) -> None:
    """Have refused whatever was asked, and stopped everything that can be stopped."""
    for purpose, channel in CELLS:
        await _refuse(api, person, purpose, channel)
    for kind in ("marketing", "profiling", "sharing", "processing", "observed", "more-than-told"):
        await _choose(api, person, kind, "no")
    await _choose(api, person, "objection", "raised", purpose="prevent.fraud")


async def objecting(api: Api, person: Person) -> None:
    """Have allowed offers by phone, and then objected to marketing."""
    await allow(api, person, "market.phone-offers", "phone")
    await _choose(api, person, "marketing", "no")


async def paused(api: Api, person: Person) -> None:
    """Have allowed something, and then asked for peace."""
    await allow(api, person)
    await _choose(api, person, "pause", "2126-03-04T10:00:00Z")


async def quiet(api: Api, person: Person) -> None:
    """Have quiet hours."""
    await _choose(api, person, "quiet-hours", "22:00-07:00 Europe/Berlin")


class Life(Struct, frozen=True):
    """What was done, and what was told to the shop first; without that, what is told of everybody."""

    lead: Callable[[Api, Person], Awaitable[None]]
    facts: dict[str, Any] | None = None


LIVES = {
    "new": Life(nothing, {}),
    "rich": Life(rich),
    "decided": Life(decided),
    "refusing": Life(refusing),
    "objecting": Life(objecting),
    "paused": Life(paused),
    "quiet": Life(quiet, {"first_name": "Quill"}),
}


async def _tell(api: Api, person: Person, service: str, facts: list[tuple[str, str, Any]]) -> None:
    enrolled = await api.post("/v1/customers", service, {"identifiers": {"email": person.email}})
    said = [{"attribute": name, "provenance": how, "value": value} for name, how, value in facts]
    await api.post(f"/v1/customers/{enrolled['customer']}/attributes", service, {"facts": said})


async def _refuse(api: Api, person: Person, purpose: str, channel: str) -> None:
    said = {"purpose": purpose, "channel": channel, "answer": "refused", "method": "counter"}
    await api.post(f"/v1/customers/{person.at_shop}/consents", "shop", said)


async def _choose(api: Api, person: Person, kind: str, value: str, **more: str) -> None:
    said = {"choice": kind, "value": value, "method": "counter", **more}
    await api.post(f"/v1/customers/{person.at_shop}/choices", "shop", said)


async def _ask(api: Api, person: Person, *attributes: str, channel: str = "web") -> None:
    asked = {"customer": {"id": person.at_recommender}, **ASKED, "channel": channel, "attributes": list(attributes)}
    await api.post("/v1/releases", "recommender", asked)

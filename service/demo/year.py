"""What the portal shows of the demo's people: a year in which one's data was used, and one who refuses everything."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from msgspec import Struct

from service.crypto.keyring import Keyring
from service.crypto.random import random_word
from service.database import Database
from service.demo.made_up import PEOPLE
from service.model.callers import CustomerCaller, ServiceCaller
from service.model.choices import Allowed, Kind
from service.model.consent import Reach
from service.model.identifiers import identifier
from service.model.ledger import Entry, Released, entry
from service.model.words import AgeBand, CustomerId, IdentifierKind, Method, ServiceId, Status
from service.policy.engine import Policies
from service.storage import customers, ledger
from service.usecases import choices, consents
from service.usecases.customers import Newcomer, enrol

WEEKS = 52
TASTE = ["favourite_genres", "browsed_genres", "last_destination", "first_name"]
ADDRESS = ["first_name", "last_name", "postal_address", "contact_email"]
GUESSES = {"guessed_genres": "only-what-i-told-you", "birth_year": "demographic"}


class Habit(Struct, frozen=True):
    """That a service asks for something every so many days."""

    service: str
    purpose: str
    channel: str
    every: int
    released: list[str]
    withheld: dict[str, str] = {}


HABITS = (
    Habit("recommender", "personalise.recommendations", "web", 2, TASTE, GUESSES),
    Habit("shop", "personalise.recommendations", "app", 5, TASTE[:2]),
    Habit("newsletter", "market.newsletter", "email", 7, [], dict.fromkeys(("first_name", "contact_email"), "refused")),
    Habit("shop", "fulfil.orders", "internal", 23, ADDRESS),
    Habit("fulfilment", "fulfil.orders", "post", 23, ADDRESS),
    Habit("finance", "comply.tax", "internal", 91, ["first_name", "last_name", "orders_this_year"]),
)


async def furnish(database: Database, keyring: Keyring, policies: Policies, shop_key: str) -> None:
    """Bring in who is missing, with what they did and what was done with their data; once."""
    shop = ServiceCaller(ServiceId("shop"), shop_key.split("_")[1], proven=True)
    abbie, noah, nia = (identifier(IdentifierKind.EMAIL, each.email) for each in PEOPLE.values())
    async with database.connection() as connection:
        settled = await customers.by_identifier(connection, keyring, nia.kind, keyring.index_of(nia))
        hers = await customers.by_identifier(connection, keyring, abbie.kind, keyring.index_of(abbie))
        now = await customers.clock(connection)
    if settled is not None or hers is None:
        return
    await _use(database, keyring, hers, now, policies.version)
    for each in (noah, nia):
        newcomer = Newcomer([each], AgeBand.ADULT, [IdentifierKind.EMAIL])
        await enrol(database, keyring, policies, shop, newcomer)
    async with database.connection() as connection:
        his = await customers.by_identifier(connection, keyring, noah.kind, keyring.index_of(noah))
    if his is not None:
        await _refuse(database, keyring, policies, CustomerCaller(his, proven=True))


async def _refuse(database: Database, keyring: Keyring, policies: Policies, caller: CustomerCaller) -> None:
    said = consents.Said(purpose=Reach.EVERYTHING, status=Status.REFUSED, method=Method.PORTAL)
    await consents.record_no(database, keyring, policies, caller, said)
    for kind in (Kind.MARKETING, Kind.PROFILING, Kind.SHARING):
        no = choices.Said(choice=Allowed(kind, allowed=False), method=Method.PORTAL)
        await choices.choose(database, keyring, policies, caller, no)


async def _use(database: Database, keyring: Keyring, her: CustomerId, now: datetime, version: str) -> None:
    """Enter a year of uses, as releases enter them, each at its own time."""
    async with database.transaction() as connection:
        lines = sorted(_uses(her, now, version), key=lambda each: each.at)
        await ledger.append_all(connection, keyring, lines)


def _uses(her: CustomerId, now: datetime, version: str) -> Iterator[Entry]:
    for habit in HABITS:
        act = Released(
            decision=f"dec_{random_word(10)}",
            purpose=habit.purpose,
            channel=habit.channel,
            outcome="deny" if not habit.released else "partial" if habit.withheld else "permit",
            released=habit.released,
            withheld=habit.withheld,
            policy_version=version,
            version=1,
        )
        caller = ServiceCaller(ServiceId(habit.service), "demo", proven=True)
        for day in range(habit.every, WEEKS * 7, habit.every):
            at = now - timedelta(days=day, hours=day * 7 % 12, minutes=day * 13 % 60)
            yield entry(ledger.new_entry_id(at), her, caller, at, act)

"""What the portal shows of the demo's people: a year in which one's data was used, and one who refuses everything."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from service.crypto.keyring import Keyring
from service.crypto.random import random_word
from service.database import Database
from service.demo.made_up import PEOPLE
from service.model.callers import CustomerCaller, ServiceCaller
from service.model.choices import Allowed, Kind
from service.model.consent import Reach
from service.model.identifiers import Identifier, identifier
from service.model.ledger import Entry, Released, entry
from service.model.situation import Asked
from service.model.suppositions import Supposed
from service.model.words import (
    AgeBand,
    AttributeId,
    Channel,
    CustomerId,
    IdentifierKind,
    Method,
    Provenance,
    PurposeId,
    ServiceId,
    Status,
)
from service.policy.engine import Policies
from service.storage import customers, ledger
from service.usecases import choices, consents, simulations
from service.usecases.customers import Claim, Newcomer, contribute, enrol

YEAR = 364
"""Days."""
TASTE = ["favourite_genres", "browsed_genres", "last_destination", "first_name"]
ADDRESS = ["first_name", "last_name", "postal_address", "contact_email"]
LETTER = ["first_name", "contact_email"]
CALL = ["first_name", "contact_phone"]


class Said(Struct, frozen=True):
    """What one of them answered, so many days ago."""

    purpose: str
    channel: str
    status: Status
    days: int


class Habit(Struct, frozen=True):
    """That a service asked for something every so many days, from so many days ago until so many."""

    service: str
    purpose: str
    channel: str
    every: int
    attributes: list[str]
    since: int = YEAR
    until: int = 0


ABBIE_SAID = (
    Said("personalise.recommendations", "web", Status.GIVEN, YEAR + 1),
    Said("personalise.recommendations", "app", Status.GIVEN, YEAR + 1),
    Said("market.phone-offers", "phone", Status.REFUSED, 203),
    Said("research.panel", "email", Status.GIVEN, 121),
    Said("market.newsletter", "email", Status.GIVEN, 46),
)
BEFORE_SHE_ANSWERED = (
    Habit("newsletter", "market.newsletter", "email", 7, LETTER, until=46),
    Habit("call-centre", "market.phone-offers", "phone", 50, CALL, until=203),
)
ABBIES_YEAR = (
    Habit("recommender", "personalise.recommendations", "web", 2, [*TASTE, "birth_year"]),
    Habit("shop", "personalise.recommendations", "app", 5, TASTE[:2]),
    Habit("newsletter", "market.newsletter", "email", 7, LETTER, since=46),
    Habit("call-centre", "market.phone-offers", "phone", 50, CALL, since=203),
    Habit("shop", "fulfil.orders", "internal", 23, ADDRESS),
    Habit("fulfilment", "fulfil.orders", "post", 23, ADDRESS),
    Habit("finance", "comply.tax", "internal", 91, ["first_name", "last_name", "orders_this_year"]),
)
NOAH_SAID_NO = 240
"""Days ago."""
NOAHS_YEAR = (
    Habit("recommender", "personalise.recommendations", "web", 3, TASTE, since=NOAH_SAID_NO),
    Habit("newsletter", "market.newsletter", "email", 7, LETTER, since=NOAH_SAID_NO),
    Habit("call-centre", "market.phone-offers", "phone", 80, CALL, since=NOAH_SAID_NO),
    Habit("airline", "share.airline", "email", 60, LETTER, since=NOAH_SAID_NO),
    Habit("fulfilment", "fulfil.orders", "post", 70, ADDRESS, since=NOAH_SAID_NO),
)
NOAH = {
    "first_name": (Provenance.VOLUNTEERED, "Noah"),
    "last_name": (Provenance.VOLUNTEERED, "Quayle"),
    "contact_email": (Provenance.VOLUNTEERED, PEOPLE["noah"].email),
    "postal_address": (Provenance.VOLUNTEERED, "9 Rope Walk\nPort Ellory\nQV2 3DH"),
    "browsed_genres": (Provenance.OBSERVED, ["thriller", "science"]),
    "orders_this_year": (Provenance.OBSERVED, 3),
}


class Company(Struct, frozen=True):
    """The sample company, with its shop."""

    database: Database
    keyring: Keyring
    policies: Policies
    shop: ServiceCaller

    def __repr__(self) -> str:
        return "Company()"


async def furnish(database: Database, keyring: Keyring, policies: Policies, shop_key: str) -> None:
    """Bring in who is missing, with what they did and what was done with their data; once."""
    shop = ServiceCaller(ServiceId("shop"), shop_key.split("_")[1], proven=True)
    company = Company(database, keyring, policies, shop)
    abbie, noah, nia = (identifier(IdentifierKind.EMAIL, each.email) for each in PEOPLE.values())
    hers = await _found(company, abbie)
    if hers is None or await _found(company, nia) is not None:
        return
    async with database.connection() as connection:
        now = await customers.clock(connection)
    await _abbie(company, CustomerCaller(hers, proven=True), now)
    await _noah(company, noah, now)
    await enrol(database, keyring, policies, shop, _newcomer(nia))


async def _found(company: Company, who: Identifier) -> CustomerId | None:
    async with company.database.connection() as connection:
        return await customers.by_identifier(connection, company.keyring, who.kind, company.keyring.index_of(who))


def _newcomer(who: Identifier) -> Newcomer:
    return Newcomer([who], AgeBand.ADULT, [who.kind])


async def _abbie(company: Company, her: CustomerCaller, now: datetime) -> None:
    """Let her answer at several times, and be asked about before and after."""
    lines = [line for each in BEFORE_SHE_ANSWERED for line in await _lines(company, her, each, now)]
    for each in ABBIE_SAID:
        await _answer(company, her, each, now)
    lines += [line for each in ABBIES_YEAR for line in await _lines(company, her, each, now)]
    await _enter(company, lines)


async def _answer(company: Company, her: CustomerCaller, said: Said, now: datetime) -> None:
    purpose = PurposeId(said.purpose)
    answer = consents.Said(
        purpose=purpose,
        channel=Channel(said.channel),
        status=said.status,
        notice=company.policies.catalogue.notice_in_force(purpose),
        method=Method.PORTAL,
        given_at=now - timedelta(days=said.days),
        evidence="made up for the demo",
    )
    record = consents.record_yes if said.status.valid else consents.record_no
    await record(company.database, company.keyring, company.policies, her, answer)


async def _noah(company: Company, who: Identifier, now: datetime) -> None:
    """Let the shop know him, and let him refuse whatever can be refused."""
    parts = company.database, company.keyring, company.policies
    enrolled = await enrol(*parts, company.shop, _newcomer(who))
    claims = [
        Claim(AttributeId(name), provenance, msgspec.json.encode(value), None)
        for name, (provenance, value) in NOAH.items()
    ]
    await contribute(*parts, company.shop, enrolled.customer, claims)
    found = await _found(company, who)
    if found is None:
        return
    him, then = CustomerCaller(found, proven=True), now - timedelta(days=NOAH_SAID_NO)
    said = consents.Said(purpose=Reach.EVERYTHING, status=Status.REFUSED, method=Method.PORTAL, given_at=then)
    await consents.record_no(*parts, him, said)
    for kind in (Kind.MARKETING, Kind.PROFILING, Kind.SHARING):
        no = choices.Said(choice=Allowed(kind, allowed=False), method=Method.PORTAL, given_at=then)
        await choices.choose(*parts, him, no)
    await _enter(company, [line for each in NOAHS_YEAR for line in await _lines(company, him, each, now)])


async def _enter(company: Company, lines: Iterable[Entry]) -> None:
    """Enter uses, as releases enter them, each at its own time."""
    async with company.database.transaction() as connection:
        await ledger.append_all(connection, company.keyring, sorted(lines, key=lambda each: each.at))


async def _lines(company: Company, who: CustomerCaller, habit: Habit, now: datetime) -> list[Entry]:
    """Return what a habit comes to under what holds for somebody at this point of the story."""
    asked = Asked(ServiceId(habit.service), PurposeId(habit.purpose), Channel(habit.channel))
    parts = company.database, company.keyring, company.policies
    found = await simulations.simulate(*parts, who, asked, Supposed())
    seen = [each for each in found.now if each.attribute in habit.attributes]
    act = _act(habit, seen, company.policies.version)
    caller = ServiceCaller(asked.service, "demo", proven=True)
    return [entry(ledger.new_entry_id(at), who.customer, caller, at, act) for at in _times(habit, now)]


def _act(habit: Habit, seen: Sequence[simulations.Seen], version: str) -> Released:
    released = [each.attribute for each in seen if each.withheld is None]
    withheld = {str(each.attribute): each.withheld.reason for each in seen if each.withheld is not None}
    return Released(
        decision=f"dec_{random_word(10)}",
        purpose=habit.purpose,
        channel=habit.channel,
        outcome="deny" if not released else "partial" if withheld else "permit",
        released=[*released],
        withheld=withheld,
        policy_version=version,
        version=1,
    )


def _times(habit: Habit, now: datetime) -> Iterator[datetime]:
    for day in range(habit.every, YEAR, habit.every):
        if habit.until <= day < habit.since:
            yield now - timedelta(days=day, hours=day * 7 % 12, minutes=day * 13 % 60)

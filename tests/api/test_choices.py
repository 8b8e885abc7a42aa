"""Choices beyond purposes: what takes away holds at once, from anybody who knows her; what opens is hers alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from msgspec import Struct

from service.app import House
from service.crypto.cursors import LAST
from service.crypto.keyring import Keyring
from service.database import Database
from service.model.choices import replay
from service.model.facts import Restrictions
from service.model.identifiers import identifier
from service.model.words import CustomerId, IdentifierKind
from service.storage import choices, customers
from service.usecases.access import make_customer_token
from tests.conftest import OPERATOR, Api, Person, Template, allow, enrol, tampering_with
from tests.houses import reaching
from tests.reading import entered

pytestmark = pytest.mark.usefixtures("all_said")

PURPOSE = "personalise.recommendations"
QUIET = "22:00-07:00 Europe/Berlin"
LATER = "2126-01-01T00:00:00+00:00"
NO = [
    {"choice": "processing", "value": "no"},
    {"choice": "marketing", "value": "no"},
    {"choice": "profiling", "value": "no"},
    {"choice": "sharing", "value": "no"},
    {"choice": "observed", "value": "no"},
    {"choice": "acquired", "value": "no"},
    {"choice": "inferred", "value": "no"},
    {"choice": "demographic", "value": "no"},
    {"choice": "more-than-told", "value": "no"},
    {"choice": "objection", "value": "raised", "purpose": "prevent.fraud"},
    {"choice": "pause", "value": LATER},
    {"choice": "quiet-hours", "value": QUIET},
    {"choice": "age-band", "value": "minor"},
]
OPENING = [
    *({**no, "value": "yes"} for no in NO if no["value"] == "no"),
    {"choice": "objection", "value": "lifted", "purpose": "prevent.fraud"},
    {"choice": "pause", "value": "none"},
    {"choice": "quiet-hours", "value": "none"},
]
each_no = pytest.mark.parametrize("no", NO, ids=lambda no: str(no["choice"]))
each_opening = pytest.mark.parametrize("opening", OPENING, ids=lambda opening: str(opening["choice"]))


class Hers(Struct, frozen=True):
    """A customer who speaks for herself, and what is stored about her."""

    api: Api
    person: Person
    token: str
    id: CustomerId
    database: Database
    keyring: Keyring

    async def choose(self, said: dict[str, Any], api: Api | None = None) -> httpx.Response:
        return await (api or self.api).call("POST", "/v1/me/choices", self.token, said)

    async def let_say(self, service: str, said: dict[str, Any], api: Api | None = None) -> httpx.Response:
        at = self.person.at_shop if service == "shop" else self.person.at_recommender
        return await (api or self.api).call("POST", f"/v1/customers/{at}/choices", service, said)

    async def row(self) -> Restrictions:
        async with self.database.connection() as connection:
            return (await customers.restrictions_of(connection, self.keyring, [self.id]))[self.id]

    async def replayed(self) -> Restrictions:
        async with self.database.connection() as connection:
            events = [each for _, each in await choices.history(connection, self.id, LAST, 1000)]
        return replay(each.choice for each in reversed(events))

    async def said_no(self) -> list[str]:
        async with self.database.connection() as connection:
            words: list[str] = await connection.fetchval(
                "SELECT said_no FROM restrictions WHERE customer = $1", self.id
            )
        return words


@pytest.fixture
async def hers(api: Api, abbie: Person, database: Database, keyring: Keyring) -> Hers:
    """Abbie, who allows recommendations, the newsletter and offers by phone."""
    await allow(api, abbie, "market.newsletter", "email")
    await allow(api, abbie, "market.phone-offers", "phone")
    await allow(api, abbie, "research.panel", "phone")
    token = await make_customer_token(database, keyring, OPERATOR, identifier(IdentifierKind.EMAIL, abbie.email), 60)
    async with database.connection() as connection:
        id_ = await connection.fetchval("SELECT customer FROM pairwise WHERE id = $1", abbie.at_shop)
    return Hers(api, abbie, token.text, id_, database, keyring)


ASKED: dict[str, tuple[str, str, str]] = {
    "recommendations": ("recommender", PURPOSE, "web"),
    "newsletter": ("newsletter", "market.newsletter", "email"),
    "phone offers": ("call-centre", "market.phone-offers", "phone"),
    "panel": ("call-centre", "research.panel", "phone"),
    "parcel": ("fulfilment", "fulfil.orders", "post"),
    "invoice": ("finance", "comply.tax", "internal"),
    "screening": ("finance", "prevent.fraud", "internal"),
    "request": ("call-centre", "serve.requests", "email"),
    "danger": ("call-centre", "protect.travellers", "phone"),
}
GOES_ON = {"parcel", "invoice", "request", "danger"}


async def reasons(api: Api, person: Person) -> dict[str, str]:
    """Return why each request for her name is refused; what is allowed is left out."""
    found: dict[str, str] = {}
    for name, (service, purpose, channel) in ASKED.items():
        attribute = "last_name" if name == "screening" else "first_name"
        body = {"customer": {"email": person.email}, "purpose": purpose, "channel": channel, "attributes": [attribute]}
        answer = await api.post("/v1/releases", service, body)
        assert len(answer["withheld"]) <= 1
        # Asked for by e-mail address, a refusal tells nothing; what it is about is in the entry.
        if answer["withheld"]:
            found[name] = answer["withheld"][0]["reason"]
    return found


async def why(hers: Hers, name: str) -> str | None:
    """Return the reason of a refusal as the ledger has it."""
    await reasons(hers.api, hers.person)
    service, purpose, _ = ASKED[name]
    async with hers.database.connection() as connection:
        asked = await entered(connection, hers.keyring, "release")
    mine = [each.act for each in asked if (each.actor, each.act["purpose"]) == (f"service:{service}", purpose)]
    return next(iter(mine[-1]["withheld"].values()), None)


EFFECT: dict[str, tuple[set[str], str, str]] = {
    "processing": (set(ASKED) - {"invoice"}, "parcel", "restricted"),
    "marketing": ({"newsletter", "phone offers"}, "newsletter", "no-marketing"),
    "profiling": ({"recommendations"}, "recommendations", "no-profiling"),
    "sharing": ({"newsletter"}, "newsletter", "no-sharing"),
    "objection": ({"screening"}, "screening", "objected"),
    "pause": ({"recommendations", "newsletter", "phone offers", "panel"}, "panel", "paused"),
    "age-band": ({"recommendations", "newsletter", "phone offers", "panel"}, "newsletter", "adults-only"),
}


@pytest.mark.parametrize("no", [no for no in NO if no["choice"] in EFFECT], ids=lambda no: str(no["choice"]))
@pytest.mark.parametrize("by", ["herself", "shop", "recommender"])
async def test_a_no_holds_at_once_for_what_it_is_about_and_for_nothing_else(
    hers: Hers, no: dict[str, Any], by: str
) -> None:
    assert await reasons(hers.api, hers.person) == {}
    response = await (hers.choose(no) if by == "herself" else hers.let_say(by, no))
    assert response.status_code == 200, response.text
    answer = response.json()
    assert (answer["choice"], answer["value"]) == (no["choice"], no["value"])
    stopped, name, reason = EFFECT[str(no["choice"])]
    assert set(await reasons(hers.api, hers.person)) == stopped
    assert await why(hers, name) == reason
    if by == "herself" and no["choice"] != "age-band":
        opening = next(each for each in OPENING if each["choice"] == no["choice"])
        assert (await hers.choose(opening)).status_code == 200
        assert await reasons(hers.api, hers.person) == {}
    assert await hers.row() == await hers.replayed()


async def test_an_objection_stops_no_invoice_and_no_other_purpose(hers: Hers) -> None:
    assert (
        await hers.choose({"choice": "objection", "value": "raised", "purpose": "prevent.fraud"})
    ).status_code == 200
    assert set(await reasons(hers.api, hers.person)) == {"screening"}


async def test_quiet_hours_hold_off_who_reaches_out_and_end_by_themselves(hers: Hers) -> None:
    async with hers.database.connection() as connection:
        now = await customers.clock(connection)
    for first, last, quiet in ((-60, 60, True), (60, 120, False)):
        start, end = (f"{now + timedelta(minutes=minutes):%H:%M}" for minutes in (first, last))
        assert (await hers.choose({"choice": "quiet-hours", "value": f"{start}-{end} UTC"})).status_code == 200
        stopped = {"newsletter", "phone offers", "panel"} if quiet else set()
        assert set(await reasons(hers.api, hers.person)) == stopped
    assert not quiet


async def test_a_pause_ends_by_itself(hers: Hers) -> None:
    async with hers.database.connection() as connection:
        until = await customers.clock(connection) + timedelta(seconds=4)
    assert (await hers.choose({"choice": "pause", "value": until.isoformat()})).status_code == 200
    assert await reasons(hers.api, hers.person) == dict.fromkeys(EFFECT["pause"][0], "no-permission")
    async with hers.database.connection() as connection:
        while await customers.clock(connection) < until:  # noqa: ASYNC110  time passes by itself
            await asyncio.sleep(0.1)
    assert await reasons(hers.api, hers.person) == {}
    held = (await hers.api.call("GET", "/v1/me/choices", hers.token)).json()["holds"]
    assert {"choice": "pause", "value": "none"} in held


@each_opening
async def test_no_service_opens_what_is_hers_to_open(hers: Hers, opening: dict[str, Any]) -> None:
    before = await hers.row()
    for service in ("shop", "recommender"):
        response = await hers.let_say(service, opening)
        assert (response.status_code, response.json()["code"]) == (403, "not-granted")
    assert await hers.row() == before
    assert await hers.replayed() == before


@pytest.mark.parametrize(
    ("hers_first", "then"),
    [
        ({"choice": "pause", "value": LATER}, {"choice": "pause", "value": "2125-01-01T00:00:00Z"}),
        ({"choice": "quiet-hours", "value": QUIET}, {"choice": "quiet-hours", "value": "23:00-06:00 Europe/Berlin"}),
    ],
)
async def test_no_service_shortens_her_pause_or_moves_her_quiet_hours(
    hers: Hers, hers_first: dict[str, Any], then: dict[str, Any]
) -> None:
    assert (await hers.choose(hers_first)).status_code == 200
    before = await hers.row()
    assert (await hers.let_say("shop", then)).status_code == 403
    assert await hers.row() == before == await hers.replayed()
    assert (await hers.let_say("shop", hers_first)).status_code == 200
    assert (await hers.choose(then)).status_code == 200
    assert await hers.row() != before


@each_no
async def test_saying_the_same_again_changes_nothing_and_leaves_an_entry(hers: Hers, no: dict[str, Any]) -> None:
    first = (await hers.choose(no)).json()
    held = await hers.row()
    again = (await hers.choose(no)).json()
    assert again["entry"] != first["entry"]
    assert await hers.row() == held == await hers.replayed()


async def test_what_holds_and_how_it_came_to_hold_is_shown_to_her(hers: Hers) -> None:
    await hers.let_say("shop", {"choice": "marketing", "value": "no", "method": "phone", "actor": "staff-7"})
    await hers.choose({"choice": "objection", "value": "raised", "purpose": "prevent.fraud"})
    shown = (await hers.api.call("GET", "/v1/me/choices", hers.token)).json()
    held = {(each["choice"], each.get("purpose")): each["value"] for each in shown["holds"]}
    assert held["marketing", None] == "no"
    assert held["profiling", None] == "yes"
    assert held["objection", "prevent.fraud"] == "raised"
    assert held["age-band", None] == "adult"
    assert [(e["choice"], e["value"], e["method"], e["recorded_by"]) for e in shown["history"]] == [
        ("objection", "raised", "portal", "customer"),
        ("marketing", "no", "phone", "service:shop"),
        ("age-band", "adult", "api", "service:shop"),
    ]
    assert "staff-7" not in str(shown)


async def test_a_choice_of_one_customer_never_touches_another(hers: Hers) -> None:
    bo = await enrol(hers.api, "bo@example.com", {"first_name": "Bo"})
    await allow(hers.api, bo)
    for no in NO:
        assert (await hers.choose(no)).status_code == 200
    async with hers.database.connection() as connection:
        who = await connection.fetch("SELECT DISTINCT customer FROM choice_event WHERE choice <> 'age-band'")
        kept = await connection.fetch("SELECT choice, value FROM choice_event WHERE customer <> $1", hers.id)
    assert [row["customer"] for row in who] == [hers.id]
    assert [(row["choice"], row["value"]) for row in kept] == [("age-band", "adult")]
    question = {"customer": {"id": bo.at_recommender}, "purpose": PURPOSE, "channel": "web"}
    answer = await hers.api.post("/v1/releases", "recommender", {**question, "attributes": ["first_name"]})
    assert answer["decision"] == "permit"


# --- without keys ---


@asynccontextmanager
async def keyless(database: Database, template: Template, nowhere: Path) -> AsyncIterator[Api]:
    """Call a process that cannot reach the root key."""
    transport = reaching(House(database, nowhere))
    async with httpx.AsyncClient(transport=transport, base_url="http://byleave.test") as client:
        yield Api(client, template.api_keys)


@each_no
@pytest.mark.parametrize("by", ["herself", "shop"])
async def test_what_takes_away_needs_no_key_and_holds_as_soon_as_anything_can_be_decided(
    hers: Hers, template: Template, tmp_path: Path, no: dict[str, Any], by: str
) -> None:
    row, told = await hers.row(), dict(no)
    if by == "herself":  # who has allowed what she takes back
        for kind in ("acquired", "inferred", "demographic"):
            await hers.choose({"choice": kind, "value": "yes"})
        row = await hers.row()
    async with keyless(hers.database, template, tmp_path / "gone") as api:
        for _ in range(2):
            response = await (hers.choose(told, api) if by == "herself" else hers.let_say(by, told, api))
            assert response.status_code == 200, response.text
    changes = row != await hers.row()
    assert changes or no["choice"] in {"acquired", "inferred", "demographic"}
    assert len(await hers.said_no()) == changes
    held = await hers.row()
    assert held == await hers.replayed()
    # The next change with keys folds it in.
    assert (await hers.choose({"choice": "acquired", "value": "yes" if not held.acquired_allowed else "no"})).json()
    assert await hers.said_no() == []
    assert await hers.row() == await hers.replayed()


@each_opening
async def test_opening_something_needs_a_key(
    hers: Hers, template: Template, tmp_path: Path, opening: dict[str, Any]
) -> None:
    before = await hers.row()
    async with keyless(hers.database, template, tmp_path / "gone") as api:
        response = await hers.choose(opening, api)
        assert (response.status_code, response.json()["code"]) == (503, "keys-unavailable")
        await hers.choose({"choice": "pause", "value": LATER}, api)
        earlier = await hers.choose({"choice": "pause", "value": "2125-01-01T00:00:00Z"}, api)
        assert (earlier.status_code, earlier.json()["code"]) == (503, "keys-unavailable")
    assert (await hers.choose({"choice": "pause", "value": "none"})).status_code == 200
    assert await hers.row() == before == await hers.replayed()


async def test_a_no_said_without_a_key_stops_a_release_when_the_key_is_back(
    hers: Hers, template: Template, tmp_path: Path
) -> None:
    async with keyless(hers.database, template, tmp_path / "gone") as api:
        await hers.choose({"choice": "marketing", "value": "no"}, api)
        await hers.let_say("shop", {"choice": "objection", "value": "raised", "purpose": "prevent.fraud"}, api)
    assert sorted(await hers.said_no()) == ["may_market", "objection:prevent.fraud"]
    assert set(await reasons(hers.api, hers.person)) == {"newsletter", "phone offers", "screening"}


async def test_emptying_what_was_said_without_a_key_is_found_by_replay(
    hers: Hers, template: Template, tmp_path: Path
) -> None:
    async with keyless(hers.database, template, tmp_path / "gone") as api:
        await hers.choose({"choice": "marketing", "value": "no"}, api)
    assert await hers.row() == await hers.replayed()
    async with hers.database.connection() as connection:
        await connection.execute("UPDATE restrictions SET said_no = '{}'")
    assert await hers.row() != await hers.replayed()


@pytest.mark.parametrize("word", ["may_fly", "", "age_band:old"])
async def test_a_word_in_said_no_that_nobody_knows_is_a_refusal(hers: Hers, word: str) -> None:
    async with hers.database.connection() as connection:
        await connection.execute("UPDATE restrictions SET said_no = ARRAY[$1]", word)
    assert set(await reasons(hers.api, hers.person)) == set(ASKED)


@pytest.mark.parametrize(
    "tampering",
    [
        "DELETE FROM restrictions",
        "UPDATE restrictions SET mac = ''",
        "UPDATE restrictions SET may_market = NOT may_market",
    ],
)
async def test_a_no_is_taken_although_the_row_is_not_ours_and_an_opening_is_not(hers: Hers, tampering: str) -> None:
    async with tampering_with(hers.database) as connection:
        await connection.execute(tampering)
    assert (await hers.choose({"choice": "profiling", "value": "no"})).status_code == 200
    refused = await hers.choose({"choice": "profiling", "value": "yes"})
    assert (refused.status_code, refused.json()["code"]) == (500, "integrity")
    assert set(await reasons(hers.api, hers.person)) == set(ASKED)


async def test_a_replayed_choice_has_one_effect(hers: Hers) -> None:
    key = {"idempotency-key": '"a"'}
    said = {"choice": "marketing", "value": "no"}
    one, two = [(await hers.api.call("POST", "/v1/me/choices", hers.token, said, headers=key)).json() for _ in range(2)]
    assert one == two
    async with hers.database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM choice_event WHERE choice = 'marketing'") == 1


@pytest.mark.parametrize(("band", "events"), [("unknown", []), ("adult", ["adult"]), ("minor", ["minor"])])
async def test_who_is_enrolled_with_a_known_age_band_has_one_event_that_says_so(
    api: Api, database: Database, keyring: Keyring, band: str, events: list[str]
) -> None:
    who = {"identifiers": {"email": "ann@example.com"}, "age_band": band}
    await api.post("/v1/customers", "shop", who)
    entry = (await api.post("/v1/customers", "shop", who))["entry"]
    async with database.connection() as connection:
        rows: list[asyncpg.Record] = await connection.fetch("SELECT * FROM choice_event")
        (id_,) = [row["id"] for row in await connection.fetch("SELECT id FROM customer")]
        held = await customers.restrictions_of(connection, keyring, [id_])
        chosen = [each for _, each in await choices.history(connection, id_, LAST, 10)]
    assert [row["value"] for row in rows] == events
    assert held[id_] == replay(each.choice for each in chosen)
    assert all(row["entry"] != entry and row["acting"] == "controller" for row in rows)


async def test_the_instants_of_her_choices_only_grow(hers: Hers) -> None:
    for no in NO:
        await hers.choose(no)
    async with hers.database.connection() as connection:
        at = [each.recorded_at for each in [each for _, each in await choices.history(connection, hers.id, LAST, 100)]]
    assert at == sorted(at, reverse=True)
    assert len(set(at)) == len(at)
    assert all(each <= datetime(9000, 1, 1, tzinfo=UTC) for each in at)

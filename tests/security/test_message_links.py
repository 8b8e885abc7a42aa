"""A link in a message can only say no (P13): it needs no secret of ours, and nobody at the database can turn it."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.app import House
from service.crypto.message_tokens import digest_of
from service.database import Database
from service.errors import NotGrantedError, UnauthenticatedError, UnknownMessageLinkError
from service.model.callers import MessageCaller
from service.model.choices import FLAG, Allowed, Bar, Objection, Pause, Quiet
from service.model.consent import Spot
from service.model.identifiers import Identifier, identifier
from service.model.message_links import MONTHS, No, ends_at
from service.model.words import AttributeId, Channel, CustomerId, IdentifierKind, Method, PurposeId, ServiceId, Status
from service.usecases import choices, consents, merges, message_links
from service.usecases.message_links import make_for
from tests.api.conftest import WALK
from tests.conftest import OPERATOR, Api, Owner, Person, Template, allow, enrol

NEWSLETTER, PICKS = "market.newsletter/email", "personalise.recommendations/web"
SPOT = Spot(PurposeId("market.newsletter"), Channel.EMAIL)
ABOUT = {"purpose": SPOT.purpose, "channel": SPOT.channel}
NOBODY = "byc_" + "a" * 26
LETTERS = str.maketrans("0123456789", "bcdefghijk")
UNREADABLE = "UPDATE publication SET bundle = 'unreadable'"
STANDS = "SELECT purpose, channel, status FROM consent WHERE customer = (SELECT customer FROM pairwise WHERE id = $1)"
Link = Callable[..., Awaitable[str]]


async def at_newsletter(api: Api, person: Person) -> str:
    """Return how the newsletter's sender knows her."""
    who = {"identifiers": {"email": person.email}}
    customer: str = (await api.post("/v1/customers", "newsletter", who))["customer"]
    return customer


async def links_of(api: Api, customers: list[str], **more: Any) -> list[dict[str, Any]]:
    """Let the newsletter's sender ask for links."""
    made: list[dict[str, Any]] = (await api.post("/v1/links", "newsletter", {"customers": customers, **ABOUT, **more}))[
        "links"
    ]
    return made


def identifier_of(email: str) -> Identifier:
    return identifier(IdentifierKind.EMAIL, email)


def token_in(url: str) -> str:
    return url.rpartition("/n/")[2]


@pytest.fixture
async def link(api: Api) -> Link:
    """Makes the link of a person who gets the newsletter; returns its token."""

    async def make(person: Person) -> str:
        await allow(api, person, SPOT.purpose, SPOT.channel)
        (one,) = await links_of(api, [await at_newsletter(api, person)])
        return token_in(one["link"]["url"])

    return make


async def stands(owner: Owner, person: Person) -> dict[str, str]:
    return {f"{row['purpose']}/{row['channel']}": row["status"] for row in await owner.fetch(STANDS, person.at_shop)}


@pytest.fixture
def keyless(database: Database, tmp_path: Path) -> House:
    """A process whose root key is away."""
    return House(database, tmp_path / "away.key")


async def test_a_link_comes_with_the_headers_of_one_click_and_is_the_same_all_month(api: Api, abbie: Person) -> None:
    hers = await at_newsletter(api, abbie)
    one, nobody = await links_of(api, [hers, NOBODY])
    assert one["customer"] == hers
    link = one["link"]
    assert link["url"].startswith("http://localhost:8400/n/")
    assert link["list_unsubscribe"] == f"<{link['url']}>"
    assert link["list_unsubscribe_post"] == "List-Unsubscribe=One-Click"
    assert (nobody["customer"], nobody["problem"]["code"]) == (NOBODY, "unknown-customer")
    assert await links_of(api, [hers]) == [one]


@pytest.mark.parametrize(
    ("caller", "change", "status"),
    [
        ("newsletter", {"purpose": "no.such"}, 404),
        ("newsletter", {"channel": "sms"}, 404),
        ("newsletter", {"purpose": "fulfil.orders", "channel": "email"}, 409),
        ("newsletter", {"customers": [NOBODY] * 2}, 422),
        ("newsletter", {"customers": [f"byc_{number:a>26}".translate(LETTERS) for number in range(501)]}, 422),
        ("newsletter", {"customers": ["abbie@example.com"]}, 422),
        ("recommender", {}, 403),
    ],
)
async def test_a_service_gets_links_only_for_what_it_may_use(
    caller: str, change: dict[str, Any], status: int, api: Api, owner: Owner
) -> None:
    body = {"customers": [NOBODY], **ABOUT, **change}
    assert (await api.call("POST", "/v1/links", caller, body)).status_code == status
    assert await owner.fetchval("SELECT count(*) FROM message_link") == 0


async def test_the_database_holds_nothing_by_which_a_link_could_be_made(
    abbie: Person, link: Link, owner: Owner
) -> None:
    token = await link(abbie)
    (row,) = await owner.fetch("SELECT * FROM message_link")
    assert row["digest"] == digest_of(token)
    assert token not in str(dict(row))


async def test_one_press_ends_what_the_message_was_about_and_nothing_else(
    abbie: Person, link: Link, owner: Owner, house: House
) -> None:
    token = await link(abbie)
    await house.say_no_by_message(token, No.STOP)
    assert await stands(owner, abbie) == {NEWSLETTER: "withdrawn", PICKS: "given"}
    event = await owner.fetchrow("SELECT method, recorder FROM consent_event WHERE status = 'withdrawn'")
    assert event is not None
    assert tuple(event) == ("message", "message-link")


async def test_pressed_again_nothing_is_written_and_after_a_new_yes_it_stops_that_too(
    api: Api, abbie: Person, link: Link, owner: Owner, house: House
) -> None:
    token = await link(abbie)
    for no in (No.STOP, No.MARKETING, No.PAUSE):
        await house.say_no_by_message(token, no)
        entered = await owner.fetchval("SELECT count(*) FROM queue")
        for _ in range(3):
            await house.say_no_by_message(token, no)
        assert await owner.fetchval("SELECT count(*) FROM queue") == entered
    await allow(api, abbie, SPOT.purpose, SPOT.channel)
    assert (await stands(owner, abbie))[NEWSLETTER] == "given"
    await house.say_no_by_message(token, No.STOP)
    assert (await stands(owner, abbie))[NEWSLETTER] == "withdrawn"


@pytest.mark.parametrize("no", list(No))
async def test_every_no_of_a_link_is_taken_without_keys_and_without_policies(
    no: No, api: Api, abbie: Person, link: Link, owner: Owner, keyless: House
) -> None:
    token = await link(abbie)
    bundle = await owner.fetchval("SELECT bundle FROM publication")
    await owner.execute(UNREADABLE)
    await keyless.say_no_by_message(token, no)
    assert await keyless.message_link(token) == SPOT
    await owner.execute("UPDATE publication SET bundle = $1", bundle)
    answer = await api.post(
        "/v1/releases",
        "newsletter",
        {"customer": {"id": await at_newsletter(api, abbie)}, **ABOUT, "attributes": ["first_name"]},
    )
    assert (answer["decision"], answer["released"]) == ("deny", {})
    assert answer["withheld"][0]["reason"] == ("paused" if no is No.PAUSE else "withdrawn")


async def test_a_link_stops_what_was_never_answered_also_without_policies(
    api: Api, abbie: Person, owner: Owner, keyless: House
) -> None:
    (one,) = await links_of(api, [await at_newsletter(api, abbie)])
    await owner.execute(UNREADABLE)
    await keyless.say_no_by_message(token_in(one["link"]["url"]), No.STOP)
    assert (await stands(owner, abbie))[NEWSLETTER] == "withdrawn"


async def test_a_merged_person_is_left_alone_on_every_side(
    api: Api, abbie: Person, link: Link, owner: Owner, house: House
) -> None:
    bo = await enrol(api, "bo@example.com", {})
    await allow(api, bo, SPOT.purpose, SPOT.channel)
    token = await link(abbie)
    found_by = identifier_of(abbie.email), identifier_of(bo.email)
    await merges.merge(house.database, await house.keys(), OPERATOR, found_by)
    await house.say_no_by_message(token, No.STOP)
    assert [(await stands(owner, each))[NEWSLETTER] for each in (abbie, bo)] == ["withdrawn", "withdrawn"]
    assert (await stands(owner, abbie))[PICKS] == "given"


async def test_a_pause_by_a_link_never_shortens_one_that_is_there(
    abbie: Person, link: Link, owner: Owner, house: House
) -> None:
    token = await link(abbie)
    await house.say_no_by_message(token, No.PAUSE)
    caller = (await message_links.held(house.database, await house.keys(), token)).caller
    sooner = choices.Said(choice=Pause(datetime(2100, 1, 1, tzinfo=UTC)), method=Method.MESSAGE)
    await choices.choose(house.database, await house.keys(), None, caller, sooner)
    await house.say_no_by_message(token, No.PAUSE)
    assert (await owner.fetchval("SELECT paused_until FROM restrictions")).year == 2100
    less = choices.Said(choice=Pause(datetime(2090, 1, 1, tzinfo=UTC)), method=Method.MESSAGE)
    with pytest.raises(NotGrantedError):
        await choices.choose(house.database, await house.keys(), None, caller, less)


OPENING = [
    *(Allowed(kind, allowed=True) for kind in FLAG),
    Objection(PurposeId("prevent.fraud"), stands=False),
    Bar(AttributeId("first_name"), "marketing", stands=False),
    Pause(None),
    Quiet(""),
]


@pytest.mark.parametrize("choice", OPENING, ids=lambda choice: f"{choice.kind} {choice.value}")
async def test_whoever_has_a_link_opens_nothing(choice: Any, abbie: Person, link: Link, house: House) -> None:
    token, keyring = await link(abbie), await house.keys()
    caller = (await message_links.held(house.database, keyring, token)).caller
    said = choices.Said(choice=choice, method=Method.MESSAGE)
    with pytest.raises(NotGrantedError):
        await choices.choose(house.database, keyring, None, caller, said)


async def test_a_row_that_somebody_at_the_database_turned_to_another_customer_does_nothing(
    api: Api, abbie: Person, link: Link, owner: Owner, house: House
) -> None:
    bo = await enrol(api, "bo@example.com", {})
    token = await link(abbie)
    await link(bo)
    bos = await owner.fetchval("SELECT customer FROM pairwise WHERE id = $1", bo.at_shop)
    for change in ("customer = $2", "purpose = 'personalise.recommendations'", "ends_at = ends_at + interval '1 day'"):
        before = await owner.fetchrow("SELECT * FROM message_link WHERE digest = $1", digest_of(token))
        assert before is not None
        await owner.execute(
            f"UPDATE message_link SET {change} WHERE digest = $1 AND $2::uuid IS NOT NULL",  # noqa: S608  ours
            digest_of(token),
            bos,
        )
        with pytest.raises(UnknownMessageLinkError):
            await house.say_no_by_message(token, No.STOP)
        await owner.execute(
            "UPDATE message_link SET customer = $2, purpose = $3, ends_at = $4 WHERE digest = $1",
            digest_of(token),
            before["customer"],
            before["purpose"],
            before["ends_at"],
        )
    assert (await stands(owner, bo))[NEWSLETTER] == "given"


async def test_a_forged_caller_is_refused_while_keys_are_there(abbie: Person, owner: Owner, house: House) -> None:
    hers = CustomerId(await owner.fetchval("SELECT customer FROM pairwise WHERE id = $1", abbie.at_shop))
    forged = MessageCaller(hers, SPOT.purpose, SPOT.channel, proven=False)
    said = consents.Said(purpose=SPOT.purpose, channel=SPOT.channel, status=Status.WITHDRAWN, method=Method.MESSAGE)
    with pytest.raises(UnauthenticatedError):
        await consents.record_no(house.database, await house.keys(), None, forged, said)


async def test_a_link_ends_and_is_forgotten(abbie: Person, link: Link, owner: Owner, house: House) -> None:
    token = await link(abbie)
    await message_links.forget_ended(house.database)
    assert await house.message_link(token) == SPOT
    await owner.execute("UPDATE message_link SET ends_at = clock_timestamp()")
    with pytest.raises(UnknownMessageLinkError):
        await house.say_no_by_message(token, No.STOP)
    assert (await stands(owner, abbie))[NEWSLETTER] == "given"
    await message_links.forget_ended(house.database)
    assert await owner.fetchval("SELECT count(*) FROM message_link") == 0


@pytest.mark.parametrize("token", ["", "a" * 51, "A" * 52, "a" * 52, "0" * 52, "a" * 52 + "\n", "é" * 52, "a" * 5000])
async def test_what_is_no_link_is_refused(token: str, house: House, keyless: House) -> None:
    for each in (house, keyless):
        with pytest.raises(UnknownMessageLinkError):
            await each.say_no_by_message(token, No.STOP)


async def test_a_link_is_no_credential_on_any_route_of_the_api(api: Api, abbie: Person, link: Link) -> None:
    token = await link(abbie)
    for route in WALK:
        if route.described.caller == "anyone":
            continue
        address = route.path.format(
            customer=abbie.at_shop, entry="ent_x", line="x", path="0/000", purpose="p", version="1"
        )
        for presented in (token, f"byt_{token}", f"byt_{token}_00000000"):
            answer = await api.call(route.method, address, presented, {} if route.method != "GET" else None)
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), route.name


async def test_an_operator_makes_links_for_whom_identifiers_find_and_she_sees_that(
    house: House, abbie: Person, template: Template, owner: Owner
) -> None:
    keyring, policies = await house.keys(), await house.library.current()
    wanted = [identifier_of(abbie.email), identifier_of("nobody@example.com"), identifier_of(abbie.email)]
    message = ServiceId("newsletter"), SPOT
    one, none, again = await make_for(house.database, keyring, policies, OPERATOR, message, wanted)
    assert none is None
    assert one is not None
    assert one == again
    assert await house.message_link(one.token.text) == SPOT
    entered = await owner.fetch("SELECT actor FROM queue WHERE kind = 'look-up'")
    assert [row["actor"] for row in entered] == ["operator:tests"]


@given(st.datetimes(datetime(1971, 1, 1), datetime(2999, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001  given a zone
def test_a_link_is_good_for_a_year_and_for_thirteen_months_at_most(now: datetime) -> None:
    assert now + timedelta(days=28 * MONTHS) < ends_at(now) <= now + timedelta(days=31 * (MONTHS + 1))
    assert ends_at(now).day == 1
    assert ends_at(now) == ends_at(now.replace(day=1))

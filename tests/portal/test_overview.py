"""The first page: four numbers that are true, what wants a look, and what she changed last."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from service.crypto.keyring import Keyring
from service.database import Database
from service.model.facts import Standing
from service.model.words import Channel, PairwiseId, PurposeId, ServiceId, Status
from service.storage import consents, customers
from tests.conftest import Api, Person
from tests.portal.conftest import Browser

RECOMMENDATIONS = "personalise.recommendations"


async def test_it_says_how_much_is_known_and_allowed(her: Browser, api: Api) -> None:
    token = her.token
    known = (await api.call("GET", "/v1/me/facts", token)).json()["facts"]
    page = await her.get("/")
    assert f"{len(known)} things about you." in page.text
    told = sum(each["provenance"] == "volunteered" for each in known)
    assert f"You told us {told}." in page.text
    assert "What you allow 1 of 5 purposes" in page.text
    await her.press(await her.get("/choices"), f"b-{RECOMMENDATIONS}-web")
    assert "What you allow 0 of 5 purposes" in (await her.get("/")).text


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ((1, 400), "“Books and trips picked for you” asks for more. Your yes does not cover that."),
        ((2, 20), "Your yes to “Books and trips picked for you” ends on "),
        ((2, 400), "Nothing needs your attention today."),
    ],
)
async def test_a_yes_wants_a_look_when_it_does_not_cover_a_newer_notice_or_ends_soon(
    her: Browser, database: Database, keyring: Keyring, abbie: Person, told: tuple[int, int], said: str
) -> None:
    await stand(database, keyring, abbie, [(Channel.WEB, *told)])
    assert said in (await her.get("/")).text


async def test_a_purpose_wants_a_look_once_on_however_many_channels(
    her: Browser, database: Database, keyring: Keyring, abbie: Person
) -> None:
    await stand(database, keyring, abbie, [(each, 1, 400) for each in (Channel.WEB, Channel.APP, Channel.EMAIL)])
    assert (await her.get("/")).text.count("“Books and trips picked for you” asks for more.") == 1
    await stand(database, keyring, abbie, [(Channel.WEB, 2, 20), (Channel.APP, 2, 10), (Channel.EMAIL, 2, 400)])
    page = await her.get("/")
    assert page.text.count("Your yes to “Books and trips picked for you” ends on") == 1
    async with database.connection() as connection:
        first = (await customers.clock(connection) + timedelta(days=10)).astimezone(ZoneInfo("Europe/Dublin"))
    assert f"ends on {first.day} {first:%B %Y}." in page.text


async def stand(database: Database, keyring: Keyring, abbie: Person, said: list[tuple[Channel, int, int]]) -> None:
    """Let a yes stand on each of these channels, to a notice, for so many days."""
    async with database.transaction() as connection:
        customer = await customers.by_pairwise(connection, keyring, ServiceId("shop"), PairwiseId(abbie.at_shop))
        assert customer is not None
        now = await customers.clock(connection)
        for channel, notice, days in said:
            ends = now + timedelta(days=days)
            spot = PurposeId(RECOMMENDATIONS), channel
            yes = Standing(*spot, Status.GIVEN, notice, explicit=False, decided_at=now, expires_at=ends)
            await consents.put(connection, keyring, [(customer, yes)])


async def test_without_quiet_hours_it_does_not_say_that_there_are_no_limits(her: Browser) -> None:
    await her.press(await her.get("/choices"), "b-marketing")
    text = (await her.get("/")).text
    assert "No limits" not in text
    assert "No quiet hours" in text


async def test_it_says_what_she_changed_last_and_not_that_she_was_asked(her: Browser) -> None:
    page = await her.press(await her.get("/choices"), f"b-{RECOMMENDATIONS}-web")
    page = await her.press(page, "b-prevent.fraud")
    await her.press(page, "b-pause")
    text = (await her.get("/")).text.partition("What you changed last")[2]
    for said in (
        "You paused everything until",
        "You objected to “Stopping stolen cards”.",
        "Books and trips picked for you · On our website: turned off",
        "Books and trips picked for you · On our website: turned on",
    ):
        assert said in text
        text = text.partition(said)[2]

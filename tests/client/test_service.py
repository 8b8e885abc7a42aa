"""The client and the real application understand each other."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest

from service.app import House
from service.client import Byleave, Consent, Customer, Fact, NotWrittenError, Parent, Reach
from service.model.words import ServiceId
from tests.client.conftest import HER_ID, RECOMMENDATIONS, URL, WEB
from tests.conftest import Api, Person, Template, allow
from tests.houses import reaching

AsService = Callable[[str], Byleave]
ATTRIBUTES = ["first_name", "favourite_genres", "birth_year"]


async def test_a_customer_is_enrolled_told_about_asked_and_forgotten_again(as_service: AsService) -> None:
    """The whole way of a service, in the order in which it goes."""
    shop, recommender = as_service("shop"), as_service("recommender")
    bo = await shop.enrol(Customer(email="bo@example.com", phone="+442079460018"), "adult")
    name = Fact(attribute="first_name", value="Bo", provenance="volunteered", source="counter-4")
    assert (await shop.contribute(bo.customer, [name])).version > bo.version
    yes = Consent(
        purpose=RECOMMENDATIONS,
        answer="given",
        channel=WEB,
        notice=2,
        method="counter",
        actor="till-4",
        evidence="scan-1",
    )
    recorded = await shop.record_consent(bo.customer, yes)
    assert [(each.channel, each.status) for each in recorded.standing] == [("web", "given")]

    who = Customer(id=(await recommender.enrol(Customer(email="bo@example.com"))).customer)
    answer = await recommender.release(who, RECOMMENDATIONS, WEB, ATTRIBUTES)
    assert answer
    assert (answer.decision, answer.permitted) == ("partial", ("first_name",))
    assert answer.get("first_name") == "Bo"
    assert (answer.released["first_name"].source, answer.released["first_name"].confidence) == ("shop/counter-4", 100)
    assert [(each.id, each.days) for each in answer.obligations] == [("delete-after", 1)]
    assert {each.attribute: each.reason for each in answer.withheld}["birth_year"]

    await recommender.withdraw(who.id or "", RECOMMENDATIONS)
    after = await recommender.release(who, RECOMMENDATIONS, WEB, ATTRIBUTES)
    assert (after.decision, after.released, bool(after)) == ("deny", {}, False)


async def test_many_are_asked_about_at_once_and_answered_in_their_order(as_service: AsService, abbie: Person) -> None:
    who = [Customer(email="nobody@example.com"), Customer(id=abbie.at_recommender)]
    nobody, her = await as_service("recommender").release_many(who, RECOMMENDATIONS, WEB, ["first_name"])
    assert (nobody.decision, her.decision, her.get("first_name")) == ("deny", "permit", "Abbie")


async def test_a_check_says_what_would_be_permitted_and_hands_nothing_over(
    as_service: AsService, abbie: Person
) -> None:
    checked = await as_service("recommender").check(
        Customer(id=abbie.at_recommender), RECOMMENDATIONS, WEB, ["first_name"]
    )
    assert (checked.decision, checked.permitted, checked.released) == ("permit", ("first_name",), {})


async def test_what_was_inferred_names_what_it_rests_on(as_service: AsService, abbie: Person) -> None:
    recommender, who = as_service("recommender"), Customer(id=abbie.at_recommender)
    known = (await recommender.release(who, RECOMMENDATIONS, WEB, ["favourite_genres"])).released["favourite_genres"]
    guess = Fact(
        attribute="guessed_genres",
        value=["romance"],
        provenance="inferred",
        as_of=datetime(2026, 11, 1, tzinfo=UTC),
        confidence=60,
        derived_from=[Parent("favourite_genres", "volunteered", known.source)],
    )
    assert (await recommender.contribute(abbie.at_recommender, [guess])).entry
    lost = Fact(
        attribute="guessed_genres",
        value=[],
        provenance="inferred",
        derived_from=[Parent("favourite_genres", "volunteered", "nowhere")],
    )
    with pytest.raises(NotWrittenError, match=r"^unknown-fact"):
        await recommender.contribute(abbie.at_recommender, [lost])


async def test_a_service_cannot_consent_for_itself_and_is_told_so(as_service: AsService, abbie: Person) -> None:
    yes = Consent(purpose=RECOMMENDATIONS, answer="given", channel=WEB, notice=2, method="counter", evidence="scan-1")
    with pytest.raises(NotWrittenError) as refused:
        await as_service("recommender").record_consent(abbie.at_recommender, yes)
    assert refused.value.code == "not-granted"


async def test_what_a_service_may_not_ask_is_no_data(as_service: AsService) -> None:
    answer = await as_service("newsletter").release(
        Customer(email="abbie@example.com"), RECOMMENDATIONS, WEB, ["first_name"]
    )
    assert (answer.decision, answer.failure) == ("unavailable", "not-granted")


async def test_what_her_browser_sent_is_passed_on_and_what_it_overrules_is_told(
    as_service: AsService, api: Api, abbie: Person
) -> None:
    await allow(api, abbie, "market.newsletter", "email")
    newsletter = as_service("newsletter")
    before = await newsletter.release(Customer(email=abbie.email), "market.newsletter", "email", ["first_name"])
    assert (before.decision, before.conflict) == ("permit", None)
    who = Customer(id=before.customer)
    answer = await newsletter.release(who, "market.newsletter", "email", ["first_name"], gpc=True)
    assert [each.reason for each in answer.withheld] == ["no-sharing"]
    assert answer.conflict is not None
    assert (await newsletter.check(who, "market.newsletter", "email", ["first_name"], gpc=True)).decision == "deny"


@pytest.mark.parametrize(("reach", "left"), [("marketing", "permit"), ("everything", "deny")])
async def test_one_call_withdraws_from_as_much_as_she_says_and_gives_a_receipt(
    as_service: AsService, abbie: Person, reach: Reach, left: str
) -> None:
    recommender = as_service("recommender")
    recorded = await recommender.withdraw_all(abbie.at_recommender, reach)
    answer = await recommender.release(Customer(id=abbie.at_recommender), RECOMMENDATIONS, WEB, ["first_name"])
    assert answer.decision == left
    withdrawn = await recommender.withdraw(abbie.at_recommender, RECOMMENDATIONS)
    assert withdrawn.receipt is not None
    assert withdrawn.receipt.count(".") == 2
    assert withdrawn.version > recorded.version


async def test_only_who_may_verify_an_identifier_says_that_it_did(as_service: AsService) -> None:
    bo = Customer(email="bo@example.com")
    assert (await as_service("shop").enrol(bo, "adult", ["email"])).customer
    with pytest.raises(NotWrittenError, match=r"^not-granted"):
        await as_service("recommender").enrol(bo, verified=["email"])


async def test_many_tasks_share_one_client(as_service: AsService, abbie: Person) -> None:
    recommender, who = as_service("recommender"), Customer(id=abbie.at_recommender)
    answers = await asyncio.gather(*(recommender.release(who, RECOMMENDATIONS, WEB, ["first_name"]) for _ in range(30)))
    assert {answer.get("first_name") for answer in answers} == {"Abbie"}
    assert len({answer.entry for answer in answers}) == 30


@pytest.mark.usefixtures("hurried")
async def test_a_withdrawal_whose_acknowledgement_got_lost_is_made_good(
    house: House, template: Template, abbie: Person
) -> None:
    """The first answer never arrives, although it was written; the next one does."""
    application = reaching(house)
    sent: list[str] = []

    class LosesTheFirst(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            response = await application.handle_async_request(request)
            sent.append(request.headers["idempotency-key"])
            if len(sent) == 1:
                raise httpx.ReadError("the line went dead")
            return response

    key = template.api_keys[ServiceId("recommender")]
    async with Byleave(URL, key, timeout=10, transport=LosesTheFirst()) as byleave:
        recorded = await byleave.withdraw(abbie.at_recommender, RECOMMENDATIONS)
    assert {each.status for each in recorded.standing} == {"withdrawn"}
    assert (len(sent), len(set(sent))) == (2, 1)


async def test_links_for_messages_come_by_the_ids_of_those_whom_the_service_knows(
    as_service: AsService, abbie: Person
) -> None:
    newsletter = as_service("newsletter")
    hers = (await newsletter.enrol(Customer(email=abbie.email))).customer
    found = await newsletter.message_links([hers, HER_ID], "market.newsletter", "email")
    assert found.keys() == {hers}
    assert found[hers].list_unsubscribe == f"<{found[hers].url}>"
    assert repr(found[hers]) == "MessageLink()"
    assert await newsletter.message_links([hers], "market.newsletter", "email") == found

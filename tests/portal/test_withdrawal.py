"""Once a withdrawal is answered, nobody is given anything: the first release after it is refused, every time."""

from itertools import cycle, islice

import pytest

from tests.conftest import Api, Person
from tests.portal.conftest import Browser

SOME, MANY = 12, 1_000
ASKED = [
    ("recommender", "personalise.recommendations", "web"),
    ("recommender", "personalise.recommendations", "app"),
    ("newsletter", "market.newsletter", "email"),
    ("shop", "research.panel", "email"),
    ("call-centre", "market.phone-offers", "phone"),
    ("airline", "share.airline", "email"),
]


@pytest.mark.parametrize("times", [SOME, pytest.param(MANY, marks=pytest.mark.soak)])
async def test_after_the_press_that_withdraws_there_is_no_permit(
    times: int, her: Browser, api: Api, abbie: Person
) -> None:
    await her.press(await her.get("/choices"), "b-personalise.recommendations-web")
    page = await her.get("/choices")
    for service, purpose, channel in islice(cycle(ASKED), times):
        question = {"customer": {"email": abbie.email}, "purpose": purpose, "channel": channel}
        question |= {"attributes": ["first_name"]}
        page = await her.press(page, f"b-{purpose}-{channel}")
        assert (await api.post("/v1/releases", service, question))["released"]
        page = await her.press(page, f"b-{purpose}-{channel}")
        assert "Turned off. Nobody uses it from now on." in page.text
        assert (await api.post("/v1/releases", service, question))["released"] == {}

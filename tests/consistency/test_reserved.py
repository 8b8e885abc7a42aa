"""A no has connections of its own: whatever else is asked of a process, it is let in and recorded."""

from contextlib import AsyncExitStack

import httpx
import pytest

from service.app import House
from tests.conftest import Api, Person
from tests.consistency.test_release_and_withdrawal import PURPOSE, question

CONNECTIONS = 10
"""As many as the house of a test has for everything else."""


async def withdraw(api: Api, person: Person, key: str | None) -> httpx.Response:
    no = {"purpose": PURPOSE, "answer": "withdrawn"}
    headers = {} if key is None else {"idempotency-key": f'"{key}"'}
    return await api.call("POST", f"/v1/customers/{person.at_shop}/consents", "shop", no, headers=headers)


@pytest.mark.parametrize("key", [None, "order-17"])
async def test_a_no_is_recorded_while_every_other_connection_is_in_use(
    api: Api, abbie: Person, house: House, key: str | None
) -> None:
    assert (await api.post("/v1/releases", "recommender", question(abbie)))["decision"] == "permit"
    async with AsyncExitStack() as taken:
        for _ in range(CONNECTIONS):
            await taken.enter_async_context(house.database.connection())
        withdrawn = await withdraw(api, abbie, key)
        assert (withdrawn.status_code, bool(withdrawn.json()["receipt"])) == (200, True)
        # Decided on her no, and entered, over connections of its own too.
        assert (await api.post("/v1/releases", "recommender", question(abbie)))["decision"] == "deny"


async def test_what_takes_away_is_recorded_then_too(api: Api, abbie: Person, house: House) -> None:
    async with AsyncExitStack() as taken:
        for _ in range(CONNECTIONS):
            await taken.enter_async_context(house.database.connection())
        body = {"choice": "profiling", "value": "no", "method": "phone", "actor": "till-4"}
        assert (await api.call("POST", f"/v1/customers/{abbie.at_shop}/choices", "shop", body)).status_code == 200
        assert (await api.post("/v1/releases", "recommender", question(abbie)))["decision"] == "deny"

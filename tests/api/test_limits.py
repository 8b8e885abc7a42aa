"""Volume: how much a service may ask for in a minute, and how it is told what is left."""

import re
import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.crypto.keyring import Keyring
from service.database import Database
from service.schema import shipped
from service.usecases.policies import publish
from tests.conftest import OPERATOR, Api, Person

TRIPS: dict[str, Any] = {"purpose": "book.trips", "channel": "internal", "attributes": ["first_name"]}
RATES = {"ratelimit", "ratelimit-policy", "retry-after"}


@pytest.fixture
async def three_a_minute(database: Database, keyring: Keyring, tmp_path: Path) -> None:
    """Policies by which the airline may ask three times a minute."""
    await publish(database, keyring, OPERATOR, changed(tmp_path, 3))


def changed(folder: Path, per_minute: int) -> Path:
    policies = shutil.copytree(shipped("policies"), folder / f"policies-{per_minute}")
    services = (policies / "services.toml").read_text()
    (policies / "services.toml").write_text(services.replace("per_minute = 600", f"per_minute = {per_minute}"))
    return policies


async def ask(api: Api, person: Person, path: str = "/v1/releases", service: str = "airline") -> httpx.Response:
    return await api.call("POST", path, service, TRIPS | {"customer": {"email": person.email}})


async def entries(database: Database) -> int:
    async with database.connection() as connection:
        count: int = await connection.fetchval("SELECT count(*) FROM queue")
        return count


async def test_beyond_its_volume_a_service_is_refused_told_when_to_come_again_and_nothing_is_entered(
    three_a_minute: None, api: Api, abbie: Person, database: Database
) -> None:
    assert (await api.call("GET", "/v1/purposes", "airline")).status_code == 200  # the policies are at hand
    paths = ("/v1/releases", "/v1/decisions", "/v1/releases")
    answers = [await ask(api, abbie, path) for path in paths]
    assert [each.status_code for each in answers] == [200, 200, 200]
    assert {each.headers["ratelimit-policy"] for each in answers} == {'"releases";q=3;w=60'}
    left = [re.fullmatch(r'"releases";r=(\d);t=(\d\d)', each.headers["ratelimit"]) for each in answers]
    assert [each and each[1] for each in left] == ["2", "1", "0"]
    before = await entries(database)
    refused = await ask(api, abbie)
    assert (refused.status_code, refused.json()["code"]) == (429, "too-many-requests")
    assert 15 <= int(refused.headers["retry-after"]) <= 20
    assert refused.headers["ratelimit"].startswith('"releases";r=0;t=')
    assert await entries(database) == before


async def test_one_that_may_ask_as_it_likes_is_told_nothing_and_no_other_pays_for_a_greedy_one(
    three_a_minute: None, api: Api, abbie: Person
) -> None:
    assert {(await ask(api, abbie)).status_code for _ in range(5)} == {200, 429}
    answer = await ask(api, abbie, service="shop")
    assert answer.status_code == 200
    assert not RATES & answer.headers.keys()


async def test_a_greedy_service_still_says_a_customers_no(three_a_minute: None, api: Api, abbie: Person) -> None:
    known = (await api.post("/v1/customers", "airline", {"identifiers": {"email": abbie.email}}))["customer"]
    assert {(await ask(api, abbie)).status_code for _ in range(5)} == {200, 429}
    said = {"purpose": "personalise.recommendations", "answer": "withdrawn"}
    assert (await api.call("POST", f"/v1/customers/{known}/consents", "airline", said)).status_code == 200


async def test_more_is_allowed_as_soon_as_policies_say_so(
    three_a_minute: None, api: Api, abbie: Person, database: Database, keyring: Keyring, tmp_path: Path
) -> None:
    assert {(await ask(api, abbie)).status_code for _ in range(5)} == {200, 429}
    await publish(database, keyring, OPERATOR, changed(tmp_path, 6000))
    await ask(api, abbie, service="shop")  # whoever asks first after it finds them
    assert (await ask(api, abbie)).headers["ratelimit-policy"] == '"releases";q=6000;w=60'

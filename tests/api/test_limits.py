"""Volume: how much a service may ask for in a minute, and how it is told what is left."""

import asyncio
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
    answers = [await ask(api, abbie, path) for path in ("/v1/releases", "/v1/decisions", "/v1/releases")]
    assert [each.status_code for each in answers] == [200, 200, 200]
    before = await entries(database)
    refused = await ask(api, abbie)
    assert (refused.status_code, refused.json()["code"]) == (429, "too-many-requests")
    assert 15 <= int(refused.headers["retry-after"]) <= 20
    assert refused.headers["ratelimit-policy"] == '"releases";q=3;w=60'
    assert re.fullmatch(r'"releases";r=0;t=(5\d|60)', refused.headers["ratelimit"])
    assert await entries(database) == before


async def test_of_a_batch_each_customer_counts(three_a_minute: None, api: Api, abbie: Person) -> None:
    many = {"customers": [{"email": f"nobody{number}@example.com"} for number in range(5)]}
    answers = (await api.post("/v1/releases/batch", "airline", TRIPS | many))["answers"]
    assert [each["problem"]["code"] for each in answers if "problem" in each] == ["too-many-requests"] * 2


async def test_no_other_pays_for_a_greedy_service(three_a_minute: None, api: Api, abbie: Person) -> None:
    assert {(await ask(api, abbie)).status_code for _ in range(5)} == {200, 429}
    assert (await ask(api, abbie, service="shop")).status_code == 200


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
    await asyncio.sleep(0.05)  # the bucket is as empty as it was, and fills faster
    assert (await ask(api, abbie)).status_code == 200

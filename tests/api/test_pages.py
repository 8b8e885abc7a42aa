"""Lists in pages: together the pages are the whole list, whatever came meanwhile, and a cursor is good for one list."""

from pathlib import Path
from typing import Any

import pytest

from service.app import House
from service.model.identifiers import identifier
from service.model.words import IdentifierKind
from service.usecases import access
from tests.conftest import OPERATOR, Api, Person, Template
from tests.sealing import seal

LISTS = {
    "/v1/me/facts": "facts",
    "/v1/me/consents/history": "history",
    "/v1/me/choices": "history",
    "/v1/me/use": "uses",
    "/v1/me/receipts": "receipts",
}
each_list = pytest.mark.parametrize("path", LISTS)


@pytest.fixture
async def hers(api: Api, abbie: Person, house: House, database_url: str, template: Template, tmp_path: Path) -> str:
    """Her token; she has several of everything that is listed."""
    at = f"/v1/customers/{abbie.at_shop}"
    for number in range(4):
        fact = {
            "attribute": "browsed_genres",
            "value": ["crime"],
            "provenance": "observed",
            "source": f"visit-{number}",
        }
        await api.post(f"{at}/attributes", "shop", {"facts": [fact]})
        await api.post(f"{at}/consents", "shop", {"purpose": "market.newsletter", "answer": "refused"})
        await api.post(f"{at}/choices", "shop", {"choice": "sharing", "value": "no"})
        # What is asked alike within an hour is one line.
        path, channel = ("/v1/decisions", "/v1/releases")[number % 2], ("web", "app")[number // 2]
        asked = {"purpose": "personalise.recommendations", "channel": channel, "attributes": ["first_name"]}
        await api.post(path, "recommender", {"customer": {"id": abbie.at_recommender}, **asked})
    found_by = identifier(IdentifierKind.EMAIL, abbie.email)
    token = (await access.make_customer_token(house.database, await house.keys(), OPERATOR, found_by, 60)).text
    await seal(database_url, template, tmp_path)
    return token


async def page(api: Api, path: str, token: str, **query: Any) -> dict[str, Any]:
    answer = await api.client.get(path, params=query, headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@each_list
async def test_the_pages_are_the_list_each_line_once_and_in_order(api: Api, hers: str, path: str) -> None:
    whole = (await page(api, path, hers, limit=100))[LISTS[path]]
    assert len(whole) >= 4
    lines, cursor = [], None
    while True:
        found = await page(api, path, hers, limit=3, **({} if cursor is None else {"cursor": cursor}))
        assert 1 <= len(found[LISTS[path]]) <= 3
        lines += found[LISTS[path]]
        cursor = found.get("next")
        if cursor is None:
            break
    assert lines == whole


@each_list
async def test_a_cursor_of_another_list_or_a_changed_one_is_refused(api: Api, hers: str, path: str) -> None:
    cursor = (await page(api, path, hers, limit=1))["next"]
    changed = ("A" if cursor[0] != "A" else "B") + cursor[1:]
    others = [(other, cursor) for other in LISTS if other != path]
    for where, presented in [*others, (path, changed), (path, cursor[:-4]), (path, ""), (path, "é")]:
        answer = await api.client.get(where, params={"cursor": presented}, headers={"authorization": f"Bearer {hers}"})
        assert (answer.status_code, answer.json()["code"]) == (400, "bad-cursor"), (where, presented)

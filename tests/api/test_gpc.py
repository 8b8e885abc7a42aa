"""Global Privacy Control: as her browser's header with us, or as a signal that a service passes on."""

from typing import Any

import pytest

from service.app import House
from service.database import Database
from service.model.identifiers import identifier
from service.model.words import IdentifierKind
from service.usecases.access import make_customer_token
from tests.api.conftest import MUTATING, SAMPLES
from tests.conftest import OPERATOR, Api, Person, allow

pytestmark = pytest.mark.usefixtures("all_said")

NEWSLETTER = {"purpose": "market.newsletter", "channel": "email", "attributes": ["first_name"]}
RECOMMENDATIONS = {"purpose": "personalise.recommendations", "channel": "web", "attributes": ["first_name"]}
GPC = {"signals": {"gpc": True}}
HERS = [route for route in MUTATING if route.path.startswith("/v1/me/")]
WRITTEN = "SELECT count(*) FROM choice_event WHERE choice = 'sharing'"


@pytest.fixture
async def reader(api: Api, abbie: Person) -> dict[str, Any]:
    """Abbie, who gets the newsletter, as its sender knows her."""
    await allow(api, abbie, "market.newsletter", "email")
    answer = await api.post("/v1/releases", "newsletter", {"customer": {"email": abbie.email}, **NEWSLETTER})
    assert answer["decision"] == "permit"
    return {"id": answer["customer"]}


@pytest.fixture
async def token(abbie: Person, house: House) -> str:
    found_by = identifier(IdentifierKind.EMAIL, abbie.email)
    return (await make_customer_token(house.database, await house.keys(), OPERATOR, found_by, 5)).text


async def count(database: Database, query: str = WRITTEN) -> int:
    async with database.connection() as connection:
        found: int = await connection.fetchval(query)
        return found


@pytest.mark.parametrize("path", ["/v1/releases", "/v1/decisions"])
async def test_a_signal_stops_sharing_now_and_is_recorded_once_as_hers(
    api: Api, reader: dict[str, Any], database: Database, path: str
) -> None:
    before = await api.post(path, "newsletter", {"customer": reader, **NEWSLETTER, "signals": {"gpc": False}})
    answer = await api.post(path, "newsletter", {"customer": reader, **NEWSLETTER, **GPC})
    assert [each["reason"] for each in answer["withheld"]] == ["no-sharing"]
    assert answer["version"] == before["version"] + 1
    assert answer["conflict"]["given"] < "9"
    async with database.connection() as connection:
        row = await connection.fetchrow("SELECT * FROM choice_event WHERE choice = 'sharing'")
    assert row is not None
    assert (row["value"], row["method"], row["acting"], row["recorder"]) == (
        "no",
        "browser-signal",
        "herself",
        "service:newsletter",
    )
    entries = await count(database, "SELECT count(*) FROM queue")
    again = await api.post(path, "newsletter", {"customer": reader, **NEWSLETTER, **GPC})
    assert again["version"] == answer["version"]
    assert await count(database) == 1
    assert await count(database, "SELECT count(*) FROM queue") == entries + 1
    # It goes on without the signal.
    later = await api.post(path, "newsletter", {"customer": reader, **NEWSLETTER})
    assert [each["reason"] for each in later["withheld"]] == ["no-sharing"]
    assert later["conflict"] == answer["conflict"]


async def test_the_signal_changes_nothing_about_what_stays_in_the_house(api: Api, abbie: Person) -> None:
    who = {"customer": {"id": abbie.at_recommender}}
    answer = await api.post("/v1/releases", "recommender", {**who, **RECOMMENDATIONS, **GPC})
    assert answer["decision"] == "permit"
    assert "conflict" not in answer


async def test_of_an_unknown_person_nothing_is_written_and_the_answer_is_that_of_a_known_one(
    api: Api, reader: dict[str, Any], abbie: Person, database: Database
) -> None:
    answers = []
    for email in ("nobody@example.com", abbie.email):
        answer = await api.post("/v1/decisions", "newsletter", {"customer": {"email": email}, **NEWSLETTER, **GPC})
        answers.append({key: value for key, value in answer.items() if key not in {"id", "entry"}})
        assert await count(database) == (email == abbie.email)
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("service", "change", "status"),
    [
        ("newsletter", {"purpose": "no.such"}, 404),
        ("newsletter", {"attributes": ["no_such"]}, 404),
        ("newsletter", {"channel": "phone"}, 403),
        ("finance", {}, 403),
        ("newsletter", {"signals": {"gpc": "1"}}, 422),
        ("newsletter", {"signals": {"gpc": True, "dnt": True}}, 422),
    ],
)
async def test_a_request_that_is_refused_records_no_signal(
    api: Api, abbie: Person, database: Database, service: str, change: dict[str, Any], status: int
) -> None:
    body = {"customer": {"email": abbie.email}, **NEWSLETTER, **GPC, **change}
    answer = await api.call("POST", "/v1/releases", service, body)
    assert answer.status_code == status
    assert await count(database) == 0


# --- her own browser ---


@pytest.mark.parametrize("route", HERS, ids=lambda route: route.name)
async def test_her_browsers_signal_counts_with_every_write_of_hers(
    api: Api, reader: dict[str, Any], token: str, database: Database, route: Any
) -> None:
    headers = {"sec-gpc": "1"} | ({"if-match": "*"} if route.described.conditional else {})
    body = SAMPLES[route.name][0]
    if route.name == "disown":
        hers = (await api.call("GET", "/v1/me/identifiers", token)).json()["identifiers"]
        body = {"reference": hers[0]["reference"]}
    if route.name in {"correct", "delete"}:
        body = body | {"attribute": "first_name", "source": "shop"}
    if route.name == "ask":
        looked = await api.post("/v1/decisions", "newsletter", {"customer": reader, **NEWSLETTER})
        body = {"entry": looked["entry"]}
    if route.name in {"undo", "explain"}:
        disputed = await api.post("/v1/me/disputes", token, {"attribute": "last_name"})
        body = body | {"entry": disputed["entry"]}
    one = await api.call(route.method, route.path, token, body, headers=headers)
    assert one.status_code == 200, one.text
    assert await count(database) == 1
    async with database.connection() as connection:
        row = await connection.fetchrow("SELECT * FROM choice_event WHERE choice = 'sharing'")
        version = await connection.fetchval("SELECT version FROM customer")
    assert row is not None
    assert (row["method"], row["recorder"], row["value"]) == ("browser-signal", "customer", "no")
    assert one.json()["version"] == version
    two = await api.call(route.method, route.path, token, body, headers=headers)
    once = {"disown": 404, "correct": 404, "delete": 404, "undo": 409}
    assert two.status_code == once.get(route.name, 200)
    assert await count(database) == 1


@pytest.mark.parametrize("value", ["0", "true", "1.0", "?1", "", "2", "1,1"])
async def test_only_1_is_the_signal(api: Api, token: str, database: Database, value: str) -> None:
    body = SAMPLES["answer_as_customer"][1]
    answer = await api.call("POST", "/v1/me/consents", token, body, headers={"sec-gpc": value})
    assert answer.status_code == 200
    assert await count(database) == 0


async def test_looking_and_being_refused_record_no_signal(api: Api, token: str, database: Database) -> None:
    headers = {"sec-gpc": "1"}
    for path in ("facts", "use", "consents", "choices", "preferences"):
        assert (await api.call("GET", f"/v1/me/{path}", token, headers=headers)).status_code == 200
    refused = [
        ("POST", "consents", {"purpose": "no.such", "answer": "withdrawn"}, 404),
        ("POST", "choices", {"choice": "marketing", "value": "maybe"}, 422),
        ("PUT", "preferences", SAMPLES["keep_preferences"][0], 428),
    ]
    for method, path, body, status in refused:
        answer = await api.call(method, f"/v1/me/{path}", token, body, headers=headers)
        assert answer.status_code == status, answer.text
    assert await count(database) == 0


async def test_a_yes_that_the_signal_overrules_is_shown_and_the_no_wins(
    api: Api, reader: dict[str, Any], token: str
) -> None:
    said = {"choice": "sharing", "value": "no"}
    told = (await api.call("POST", "/v1/me/choices", token, said)).json()
    assert [(each["purpose"], each["channel"]) for each in told["conflicts"]] == [("market.newsletter", "email")]
    shown = (await api.call("GET", "/v1/me/choices", token)).json()
    assert shown["conflicts"] == told["conflicts"]
    assert shown["conflicts"][0]["given"] < shown["no_sharing_since"]
    answer = await api.post("/v1/releases", "newsletter", {"customer": reader, **NEWSLETTER})
    assert answer["decision"] == "deny"
    assert answer["consent"]["status"] == "given"
    assert (await api.call("POST", "/v1/me/choices", token, {**said, "value": "yes"})).json().get("conflicts") is None
    shown = (await api.call("GET", "/v1/me/choices", token)).json()
    assert (shown["conflicts"], "no_sharing_since" in shown) == ([], False)


async def test_every_browser_can_read_that_the_signal_is_honoured(api: Api) -> None:
    answer = await api.call("GET", "/.well-known/gpc.json", None)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"gpc": True, "lastUpdate": "2026-11-26"}

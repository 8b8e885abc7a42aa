"""What each call leaves behind: a write one entry for the customer touched, a read or a refusal nothing."""

import json
from itertools import chain
from typing import Any

from tests.api.conftest import (
    DEVICE,
    EMAIL,
    LOYALTY,
    MUTATING,
    NOBODY,
    PHONE,
    SAMPLES,
    SOME_ENTRY,
    WALK,
    Route,
    Walker,
    every_route,
    every_write,
)

KINDS = {
    "release": "release",
    "decision": "check",
    "release_to_many": "release",
    "enrol": "enrol",
    "contribute": "contribute",
    "record": "consent",
    "answer_as_customer": "consent",
    "disown": "disown",
    "withdraw": "consent",
    "serve": "served",
    "serve_as_customer": "served",
    "withdraw_as_customer": "consent",
    "record_choice": "choice",
    "choose": "choice",
    "keep_preferences": "preferences",
    "ask": "question",
    "dispute": "strike",
    "correct": "strike",
    "delete": "strike",
    "undo": "restore",
    "explain": "strike-answer",
}
TOUCHED: dict[str, set[str]] = {
    "release": set(),
    "decision": set(),
    "release_to_many": set(),
    "enrol": {"customer"},
    "contribute": {"customer", "fact"},
    "record": {"customer", "consent_event"},
    "answer_as_customer": {"customer", "consent_event", "consent"},
    "disown": {"customer", "identifier"},
    "withdraw": {"customer", "consent_event", "consent"},
    "serve": set(),
    "serve_as_customer": {"customer", "consent_event"},
    "withdraw_as_customer": {"customer", "consent_event", "consent"},
    "record_choice": {"customer", "choice_event", "restrictions"},
    "choose": {"customer", "choice_event", "restrictions"},
    "keep_preferences": {"customer", "choice_event", "restrictions", "fact"},
    "ask": {"customer", "question"},
    "dispute": {"customer", "strike", "block"},
    "correct": {"customer", "strike", "block", "fact", "struck_fact", "choice_event"},
    "delete": {"customer", "strike", "block", "fact", "struck_fact", "choice_event"},
    "undo": {"customer", "strike", "block"},
    "explain": {"customer", "strike"},
}
"""Besides the ledger, and when the customer is known already."""
PERSONAL = [
    EMAIL,
    PHONE,
    LOYALTY,
    DEVICE,
    NOBODY,
    "Abbie",
    "Abigail",
    "Harbour",
    "crime",
    "travel",
    "1 Quay",
    "till-4",
    "Berlin",
    "at night",
]


def changed(before: dict[str, str | None], after: dict[str, str | None]) -> set[str]:
    return {name for name in after if after[name] != before[name]}


def test_every_route_that_writes_is_here() -> None:
    assert {route.name for route in MUTATING} == set(KINDS) == set(TOUCHED)
    assert {route.method for route in WALK} == {"GET", "POST", "PUT"}


@every_write
async def test_a_write_leaves_exactly_one_entry_and_no_value_in_it(walker: Walker, route: Route) -> None:
    abbie, device = [await walker.customer_of(each) for each in (walker.person.at_shop, walker.hers.device)]
    who = "customer" if route.described.caller == "customer" else "service:shop"
    for body in SAMPLES[route.name]:
        before, tables = await walker.entries(), await walker.contents()
        response = await walker.send(route, json.dumps(body).encode())
        assert response.status_code == 200, response.text
        (left,) = (await walker.entries())[len(before) :]
        [asked] = body.get("customers", [body.get("customer")])
        nobody = asked == {"id": NOBODY} or route.name == "serve"
        wide = "-wide" if "all" in body else ""
        assert (left.kind, left.actor) == (KINDS[route.name] + wide, who)
        named: Any = asked or body.get("identifiers") or {}
        assert left.customer == (None if nobody else device if "device" in named else abbie)
        [said] = response.json().get("answers", [{"answer": response.json()}])
        assert left.id == said["answer"]["entry"]
        assert changed(tables, await walker.contents()) == TOUCHED[route.name] | {"queue"}
        assert left.sealed is not nobody
        words, chosen = [*PERSONAL, walker.person.at_shop], str([each.value for each in left.chosen])
        assert not any(word in str(left.act) for word in words)
        # Quiet hours are a choice, and what she chose is sealed with the act: what holds follows from that.
        assert not any(word in left.text for word in words if word not in chosen)


async def test_enrolling_somebody_new_leaves_one_entry_too(walker: Walker) -> None:
    before, tables = await walker.entries(), await walker.contents()
    done = await walker.api.post("/v1/customers", "finance", {"identifiers": {"email": "new@example.com"}})
    (left,) = (await walker.entries())[len(before) :]
    assert (left.kind, left.actor) == ("enrol", "service:finance")
    assert left.customer == await walker.customer_of(done["customer"])
    new = {"customer", "customer_key", "evidence_key", "restrictions", "identifier", "pairwise"}
    assert changed(tables, await walker.contents()) == new | {"queue"}


async def test_a_first_release_to_a_service_makes_its_id_and_one_entry(walker: Walker) -> None:
    asked = {
        "customer": {"email": EMAIL},
        "purpose": "comply.tax",
        "channel": "internal",
        "attributes": ["last_name"],
    }
    said = {"facts": [{"attribute": "last_name", "provenance": "volunteered", "value": "Harbour"}]}
    await walker.api.post(f"/v1/customers/{walker.person.at_shop}/attributes", "shop", said)
    before, tables = await walker.entries(), await walker.contents()
    answer = await walker.api.post("/v1/releases", "finance", asked)
    assert answer["decision"] == "permit"
    assert len(await walker.entries()) == len(before) + 1
    assert changed(tables, await walker.contents()) == {"pairwise", "queue"}


async def test_an_answer_for_every_channel_is_one_entry(walker: Walker) -> None:
    before = await walker.entries()
    body = {"purpose": "personalise.recommendations", "answer": "refused"}
    await walker.api.post("/v1/me/consents", walker.token, body)
    (left,) = (await walker.entries())[len(before) :]
    assert left.act["channels"] == ["web", "app", "email"]


@every_route
async def test_a_read_changes_nothing(walker: Walker, route: Route) -> None:
    before = await walker.contents()
    method = route.method if route.method == "GET" else "OPTIONS"
    address = walker.address(route)
    for each in (address, address.partition("?")[0] + "?purpose=x&channel=web&answer=withdrawn"):
        response = await walker.api.call(method, each, walker.caller(route))
        assert response.status_code in {200, 204, 422}, response.text
    assert await walker.contents() == before


REFUSED: dict[str, list[tuple[dict[str, Any], int]]] = {
    "release": [({"purpose": "comply.tax"}, 403), ({"purpose": "no.such"}, 404), ({"attributes": ["no_such"]}, 404)],
    "decision": [({"purpose": "comply.tax"}, 403), ({"purpose": "no.such"}, 404), ({"attributes": ["no_such"]}, 404)],
    "release_to_many": [
        ({"purpose": "comply.tax"}, 403),
        ({"purpose": "no.such"}, 404),
        ({"attributes": ["no_such"]}, 404),
    ],
    "enrol": [
        ({"identifiers": {"email": "x"}}, 422),
        ({"age_band": "old"}, 422),
        ({"identifiers": {"device": DEVICE, "email": EMAIL}}, 422),
        ({"verified": ["device"]}, 403),
        ({"identifiers": {"email": EMAIL}, "verified": ["phone"]}, 422),
    ],
    "disown": [({"reference": "idn_" + "b" * 26}, 404), ({"reference": "abbie@example.com"}, 422)],
    "contribute": [
        ({"facts": [*SAMPLES["contribute"][0]["facts"], {"attribute": a, "provenance": p, "value": v}]}, status)
        for a, p, v, status in [
            ("first_name", "inferred", "A", 403),
            ("no_such", "volunteered", "A", 404),
            ("birth_year", "volunteered", "1985", 422),
        ]
    ],
    "record": [({"notice": 1}, 409), ({"notice": 3}, 404), ({"purpose": "comply.tax"}, 409), ({"channel": "sms"}, 404)],
    "answer_as_customer": [({"notice": 1}, 409), ({"notice": 3}, 404), ({"purpose": "fulfil.orders"}, 409)],
    "withdraw": [({"purpose": "no.such"}, 404), ({"channel": "sms"}, 404), ({"all": "marketing"}, 422)],
    "withdraw_as_customer": [({"purpose": "fulfil.orders"}, 409), ({"all": "some"}, 422)],
    "serve": [
        ({"version": 1}, 409),
        ({"version": 3}, 404),
        ({"language": "fr"}, 404),
        ({"purpose": "fulfil.orders"}, 409),
        ({"channel": "sms"}, 404),
        ({"customer": NOBODY}, 404),
        ({"layout": "Checkout 3"}, 422),
    ],
    "serve_as_customer": [({"version": 1}, 409), ({"version": 3}, 404), ({"customer": NOBODY}, 422)],
    "record_choice": [
        ({"value": "lifted"}, 403),
        ({"choice": "sharing", "value": "yes", "purpose": None}, 403),
        ({"purpose": "no.such"}, 404),
        ({"purpose": "comply.tax"}, 409),
        ({"given_at": "2999-01-01T00:00:00Z"}, 422),
    ],
    "dispute": [
        ({"attribute": "no_such"}, 404),
        ({"category": "no-such"}, 404),
        ({"until": "2025-01-01T00:00:00Z"}, 422),
        ({"source": "an order"}, 422),
    ],
    "undo": [({"entry": "ent_" + "1" * 26}, 404), ({"entry": "ent_1"}, 422)],
    "explain": [({"entry": "ent_" + "1" * 26}, 404), ({"answer": "nobody"}, 422)],
    "correct": [
        ({"attribute": "no_such"}, 404),
        ({"source": "shop/no-such"}, 404),
        ({"attribute": "browsed_genres", "provenance": "observed"}, 409),
        ({"value": 7}, 422),
    ],
    "delete": [({"source": "shop/no-such"}, 404), ({"provenance": "heard"}, 422)],
    "choose": [
        ({"value": "maybe"}, 422),
        ({"choice": "dispute", "value": "raised"}, 422),
        ({"choice": "do-not-use", "value": "raised", "purpose": "marketing"}, 422),
        ({"choice": "do-not-use", "value": "raised", "purpose": "comply.tax", "attribute": "last_name"}, 409),
        ({"choice": "pause", "value": "2020-01-01T00:00:00Z"}, 422),
        ({"choice": "objection", "value": "raised"}, 422),
        ({"choice": "age-band", "value": "adult"}, 422),
    ],
    "ask": [
        ({"line": "B" * 56}, 404),
        ({"line": None}, 422),
        ({"entry": SOME_ENTRY}, 422),
        ({"text": "x" * 2001}, 422),
    ],
    "keep_preferences": [
        ({"preferences": [{"attribute": "no_such", "value": "monthly"}]}, 404),
        ({"preferences": [{"attribute": "first_name", "value": "Abigail"}]}, 404),
        ({"preferences": [{"attribute": "contact_frequency", "value": "hourly"}]}, 422),
        ({"quiet_hours": "22:00-07:00 Europe/Nowhere"}, 422),
    ],
}


@every_write
async def test_a_refusal_changes_nothing(walker: Walker, route: Route) -> None:
    before = await walker.contents()
    for change, status in REFUSED[route.name]:
        response = await walker.send(route, json.dumps(SAMPLES[route.name][0] | change).encode())
        assert response.status_code == status, response.text
    if "{customer}" in route.path:
        for pairwise in (NOBODY, walker.person.at_recommender):
            content = json.dumps(SAMPLES[route.name][0]).encode()
            response = await walker.send(route, content, address=walker.address(route, customer=pairwise))
            assert (response.status_code, response.json()["code"]) == (404, "unknown-customer")
    assert await walker.contents() == before


async def test_a_right_that_a_service_lacks_changes_nothing(walker: Walker) -> None:
    before = await walker.contents()
    at = f"/v1/customers/{walker.person.at_recommender}"
    for path, body in (("attributes", SAMPLES["contribute"][0]), ("consents", SAMPLES["record"][0])):
        response = await walker.api.call("POST", f"{at}/{path}", "recommender", body)
        assert (response.status_code, response.json()["code"]) == (403, "not-granted")
    assert await walker.contents() == before


def test_no_sample_is_left_out_of_the_search() -> None:
    facts = chain.from_iterable(body["facts"] for body in SAMPLES["contribute"])
    assert {fact["value"] for fact in facts} <= set(PERSONAL)

"""Bad input, at every route: a problem document with its code and place, never the value, and nothing written."""

import json
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from service.model.words import ServiceId
from tests.api.conftest import (
    FACT,
    SAMPLES,
    WALK,
    WITH_BODY,
    Path,
    Place,
    Route,
    Walker,
    every_body,
    every_closed_route,
    every_route,
    places,
    put,
)

MARK = "Zz!Offending?7731"
NUMBER = 7731077
LIMIT = 64 * 1024
LIMITS = {"verify_receipt": 4 * LIMIT}
"""Of routes that take more; one act about many purposes has a long receipt."""
FREE = {"/receipt", "/text"}
"""Places where every text is taken: that a receipt is none is the answer, not a refusal."""
OF_EACH_KIND: dict[str, list[Any]] = {
    "string": [MARK, "", "1", "true", "null"],
    "integer": [NUMBER, 0, 1],
    "number": [7731.5, 1.0, -0.0, 1e300],
    "boolean": [True, False],
    "null": [None],
    "array": [[], [MARK]],
    "object": [{}, {"zz": MARK}],
}
WILD_TIMES = [
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "1969-12-31T23:59:59Z",
    "9000-01-01T00:00:00Z",
    "9001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-14:00",
    "10000-01-01T00:00:00Z",
    "2026-01-01T00:00:00+24:00",
    "2026-01-01T00:00:00",
    "2026-01-01",
    "2026-02-30T00:00:00Z",
    "2016-12-31T23:59:60Z",
]
UNREADABLE = [
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"01",
    b"1.",
    b"0x1",
    b"1" * 5_000,
    b"undefined",
    rb'"\x"',
    b'"\n"',
    b'"\x00"',
    rb'"\u0000"',
    rb'"a\\\u0000"',
    rb'{"\u0000": 1}',
    rb'"\ud800"',
    rb'"\ud800abcdefgh"',
    rb'"\udc00\ud800"',
    b'"\xff"',
    b'"\xc0\x80"',
    b'"\xed\xa0\x80"',
    "é".encode("latin-1"),
]
ODD_IDS = [
    "%00",
    "%ff",
    "%ed%a0%80",
    "..",
    "%2e%2e",
    "%2f",
    "a%2fb",
    "a%5cb",
    "%0a",
    "%20",
    "*",
    "'",
    "byc_",
    "byc_" + "A" * 26,
    "byc_" + "a" * 27,
    "byc_" + "%D9%A1" * 26,
    "a" * 20_000,
    MARK.replace("?", "%3f"),
]


class Bad(Struct, frozen=True):
    """One bad body, and how it is refused."""

    content: bytes
    status: int
    code: str
    pointer: str | None = None


def is_refused(response: httpx.Response, bad: Bad) -> None:
    shown = f"{bad.content[:300]!r}: {response.status_code} {response.text[:300]}"
    assert response.status_code == bad.status, shown
    assert response.headers["content-type"] == "application/problem+json", shown
    assert response.headers["cache-control"] == "no-store", shown
    problem = response.json()
    assert problem.keys() <= {"type", "title", "status", "code", "detail", "pointer"}, shown
    assert (problem["code"], problem["status"]) == (bad.code, bad.status), shown
    assert problem["type"] == f"urn:byleave:problem:{bad.code}", shown
    assert problem.get("pointer") == bad.pointer, shown
    does_not_quote(response)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"attributes": []}, "expected array of length >= 1"),
        ({"customer": {"id": "x"}}, "expected str matching ^byc_[a-z2-7]{26}$"),
        ({"purpose": 1}, "expected str"),
    ],
)
async def test_what_was_expected_is_said_with_its_bounds(body: dict[str, Any], told: str, walker: Walker) -> None:
    asked = {"customer": {"id": walker.person.at_shop}, "purpose": "comply.tax", "channel": "internal"}
    response = await walker.api.call("POST", "/v1/releases", "shop", {**asked, "attributes": ["last_name"], **body})
    assert (response.status_code, response.json()["detail"]) == (422, told)


def does_not_quote(response: httpx.Response) -> None:
    said = (response.text + str(response.headers.multi_items())).lower()
    assert not any(word in said for word in (MARK.lower(), str(NUMBER), "7731.5", "x" * 20, "offending")), said


@asynccontextmanager
async def nothing_written(walker: Walker) -> AsyncIterator[None]:
    before = await walker.contents()
    yield
    assert await walker.contents() == before


async def refuses_each(walker: Walker, route: Route, every: Iterator[Bad]) -> None:
    async with nothing_written(walker):
        for bad in every:
            is_refused(await walker.send(route, bad.content), bad)


def raw(body: Any, path: Path, written: bytes) -> bytes:
    """Return a body with something at one place that no JSON library would write."""
    return json.dumps(put(body, path, "@@@")).encode().replace(b'"@@@"', written)


def every_place(route: Route) -> Iterator[tuple[Any, Place]]:
    """Yield each place of each sample of a route."""
    for body in SAMPLES[route.name]:
        for place in places(body, route.schema):
            yield body, place


def test_every_route_that_takes_a_body_has_samples() -> None:
    assert {route.name for route in WITH_BODY} == set(SAMPLES)
    assert len(WALK) > len(WITH_BODY) > 0


@every_body
async def test_the_samples_are_good(walker: Walker, route: Route) -> None:
    for body in SAMPLES[route.name]:
        for label in ("application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"'):
            response = await walker.send(route, json.dumps(body).encode(), headers={"content-type": label})
            assert response.status_code == 200, response.text


# --- who is at the door ---


def with_crc(text: str) -> str:
    """Return a credential of the right form, as its CRC says."""
    return f"{text}_{zlib.crc32(text.encode()):08x}"


def not_credentials(right: str, other: str) -> list[str | None]:
    """Return Authorization headers that prove nothing."""
    start, secret, crc = right.rsplit("_", 2)
    return [
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Basic {right}",
        right,
        f"Bearer {right} ",
        f"Bearer  {right}",
        f"Bearer {right},",
        f"Bearer {right}\x00",
        f"Bearer {right.upper()}",
        f"Bearer {right[:-1]}",
        f"Bearer {start}_{secret}_{int(crc, 16) ^ 1:08x}",
        f"Bearer {with_crc(f'{start}_' + 'a' * 52)}",
        f"Bearer {with_crc(f'byl_aaaaaaaaaaaaaaaa_{secret}')}",
        f"Bearer {with_crc(f'byt_{secret[::-1]}')}",
        f"Bearer {other}",
        "Bearer " + "a" * 10_000,
    ]


@every_closed_route
async def test_without_a_credential_of_the_right_kind_nobody_comes_in(walker: Walker, route: Route) -> None:
    right, other = walker.api.api_keys[ServiceId("shop")], walker.token
    if route.described.caller == "customer":
        right, other = other, right
    body = json.dumps(SAMPLES[route.name][0]).encode() if route.method == "POST" else None
    async with nothing_written(walker):
        for header in not_credentials(right, other):
            headers = {} if header is None else {"authorization": header}
            response = await walker.send(route, body, caller=None, headers=headers)
            is_refused(response, Bad((header or "").encode(), 401, "unauthenticated"))
            assert response.headers["www-authenticate"] == 'Bearer realm="byleave"'
            assert right[10:40] not in response.text


@every_closed_route
async def test_who_asks_is_looked_at_before_what_is_asked(walker: Walker, route: Route) -> None:
    for content in (b"", b"{", b"x" * (LIMIT + 1)):
        address = walker.address(route, customer="%00") + f"?access_token={walker.token}"
        for label in ("text/plain", "application/json"):
            headers = {"content-type": label}
            response = await walker.send(route, content, caller=None, address=address, headers=headers)
            assert response.status_code == 401


# --- what is sent ---


@every_body
async def test_a_body_that_is_not_labelled_as_json_is_refused(walker: Walker, route: Route) -> None:
    content = json.dumps(SAMPLES[route.name][0]).encode()
    labels = [
        None,
        "",
        "text/plain",
        "text/json",
        "application/jsonp",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/problem+json",
        "application/json; charset=utf-16",
        "application/json, text/plain",
        "text/plain; application/json",
    ]
    async with nothing_written(walker):
        for label in labels:
            response = await walker.send(route, content, headers={"content-type": label})
            is_refused(response, Bad(str(label).encode(), 415, "unsupported-media-type"))


def malformed(body: Any) -> Iterator[bytes]:
    """Yield what is not one JSON text in UTF-8."""
    good = json.dumps(body)
    yield from (b"", b" ", b"{", b'"', b"nul", b"{'purpose': 1}", b"/**/{}", b"\x00", b"\xff", b"{}{}", b"{,}")
    yield from (good[:cut].encode() for cut in range(1, len(good), 5))
    yield good.encode() + b"x"
    yield good.encode() * 2
    yield good[:-1].encode() + b",}"
    yield b"\xef\xbb\xbf" + good.encode()
    yield from (good.encode(encoding) for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32"))
    for opened, closed in ((b"[", b"]"), (b'{"a":', b"}")):
        yield opened * 10_000
        yield opened * 10_000 + b"1" + closed * 10_000


@every_body
async def test_what_is_not_one_json_text_is_refused(walker: Walker, route: Route) -> None:
    every = (content for body in SAMPLES[route.name] for content in malformed(body))
    await refuses_each(walker, route, (Bad(content, 400, "malformed-body") for content in every))


@every_body
async def test_what_json_does_not_know_is_refused_wherever_it_stands(walker: Walker, route: Route) -> None:
    written = [*UNREADABLE, b"[" * 10_000 + b"]" * 10_000]
    every = (raw(body, place.path, each) for body, place in every_place(route) for each in written)
    await refuses_each(walker, route, (Bad(content, 400, "malformed-body") for content in every))


@every_body
async def test_a_key_that_stands_twice_is_refused_in_every_object(walker: Walker, route: Route) -> None:
    def twice() -> Iterator[bytes]:
        for body, place in every_place(route):
            if isinstance(place.value, dict):
                key, value = next(iter(place.value.items()))
                content = json.dumps(put(body, place.path, {"@@@": value, **place.value}))
                for spelling in (key, f"\\u{ord(key[0]):04x}{key[1:]}"):
                    yield content.replace("@@@", spelling).encode()

    await refuses_each(walker, route, (Bad(content, 400, "duplicate-key") for content in twice()))


@every_body
async def test_a_field_that_is_not_known_is_refused_in_every_object(walker: Walker, route: Route) -> None:
    def unknown() -> Iterator[Bad]:
        for body, place in every_place(route):
            if isinstance(place.value, dict):
                for name in ("surprise", next(iter(place.value)) + "_"):
                    content = json.dumps(put(body, place.path, {name: MARK, **place.value})).encode()
                    yield Bad(content, 422, "unknown-field", f"{place.pointer}/{name}")
                for name in (MARK, "", "Purpose", "x" * 1000):
                    content = json.dumps(put(body, place.path, {name: MARK, **place.value})).encode()
                    yield Bad(content, 422, "unknown-field", place.pointer)

    await refuses_each(walker, route, unknown())


@every_body
async def test_each_required_field_is_missed_where_it_belongs(walker: Walker, route: Route) -> None:
    def missing() -> Iterator[Bad]:
        for body, place in every_place(route):
            for name in next((each["required"] for each in place.options if "required" in each), []):
                rest = {key: value for key, value in place.value.items() if key != name}
                content = json.dumps(put(body, place.path, rest)).encode()
                yield Bad(content, 422, "missing-field", f"{place.pointer}/{name}")

    await refuses_each(walker, route, missing())


def kinds(place: Place) -> set[str]:
    """Return which kinds of JSON may stand at a place; a bare enumeration is one of strings."""
    return {"string" if "enum" in each else each.get("type", "anything") for each in place.options}


def wrong_values(place: Place) -> Iterator[Any]:
    """Yield values that the schema of a place forbids."""
    allowed = kinds(place)
    if "anything" in allowed:
        return
    for kind, values in OF_EACH_KIND.items():
        if kind not in allowed:
            yield from values
    if "string" in allowed and place.pointer in FREE:
        yield ""
    elif "string" in allowed:
        # No other text of ours is free: each has a pattern, a vocabulary, a date or a normal form.
        yield from (MARK, "", "x" * 10_000, " ", "é" * 300)
    for option in place.options:
        if option.get("format") == "date-time":
            yield from WILD_TIMES
        if option.get("type") == "integer":
            yield from (option["minimum"] - 1, option["maximum"] + 1, -(10**30), 10**30, 10**400)
        if option.get("type") == "array":
            yield from [[]] if option.get("minItems") else []
            yield from [place.value[:1] * (option["maxItems"] + 1)] if place.value else []


@every_body
async def test_a_value_of_the_wrong_kind_is_refused_at_its_place(walker: Walker, route: Route) -> None:
    every = ((put(body, p.path, wrong), p) for body, p in every_place(route) for wrong in wrong_values(p))
    await refuses_each(
        walker, route, (Bad(json.dumps(b).encode(), 422, "wrong-kind", place.pointer) for b, place in every)
    )


WRONG_VALUES: dict[tuple[str, str], list[str]] = {
    ("first_name", "volunteered"): ["1", "true", "null", "[]", "{}", '""', f'["{MARK}"]', f'"{"x" * 81}"', "1e400"],
    ("favourite_genres", "volunteered"): ["1", "null", "{}", '"crime"', "[1]", f'["{MARK}"]', '[["crime"]]', "[null]"],
    ("orders_this_year", "observed"): ["-1", "10001", "1.0", "1e2", "1e400", '"1"', "true", "null", "7731077", "[]"],
    ("accessibility_needs", "volunteered"): ["[true]", '{"large-print": true}', f'"{MARK}"', '["audio", ""]'],
}


@pytest.mark.parametrize(("attribute", "provenance"), WRONG_VALUES)
async def test_a_value_that_its_attribute_does_not_take_is_refused(
    walker: Walker, attribute: str, provenance: str
) -> None:
    route = next(route for route in WITH_BODY if route.name == "contribute")
    good = {**FACT, "attribute": attribute, "provenance": provenance}
    every = (
        raw({"facts": [FACT, good]}, ("facts", 1, "value"), value.encode())
        for value in [*WRONG_VALUES[attribute, provenance], "9" * 4_000, "[" * 400 + "]" * 400]
    )
    await refuses_each(walker, route, (Bad(content, 422, "wrong-kind", "/facts/1/value") for content in every))


async def test_a_backslash_before_u0000_is_a_text_like_any_other(walker: Walker) -> None:
    route = next(route for route in WITH_BODY if route.name == "contribute")
    response = await walker.send(route, raw({"facts": [FACT]}, ("facts", 0, "value"), rb'"\\u0000"'))
    assert response.status_code == 200


UNKNOWN: list[tuple[str, Path, Any, int, str]] = [
    ("release", ("purpose",), "no.such", 404, "unknown-purpose"),
    ("release", ("attributes", 1), "no_such", 404, "unknown-attribute"),
    ("release", ("attributes", 2), "first_name", 422, "wrong-kind"),
    ("release", ("purpose",), "comply.tax", 403, "not-granted"),
    ("release", ("customer",), {"email": "a@example.com", "phone": "+442079460018"}, 422, "wrong-kind"),
    ("release", ("customer",), {}, 422, "wrong-kind"),
    ("release", ("customer", "email"), None, 422, "wrong-kind"),
    ("release", ("customer", "email"), "abbie at example.com", 422, "wrong-kind"),
    ("enrol", ("identifiers",), {}, 422, "wrong-kind"),
    ("enrol", ("identifiers", "phone"), "020 7946 0018", 422, "wrong-kind"),
    ("enrol", ("identifiers", "loyalty"), "AB1", 422, "wrong-kind"),
    ("contribute", ("facts", 1, "attribute"), "no_such", 404, "unknown-attribute"),
    ("contribute", ("facts", 1, "as_of"), "2999-01-01T00:00:00Z", 422, "wrong-kind"),
    ("record", ("purpose",), "no.such", 404, "unknown-purpose"),
    ("record", ("purpose",), "comply.tax", 409, "not-consent-based"),
    ("record", ("channel",), "post", 404, "unknown-channel"),
    ("record", ("channel",), None, 422, "missing-field"),
    ("record", ("notice",), 1, 409, "notice-superseded"),
    ("record", ("notice",), 3, 404, "unknown-notice"),
    ("record", ("notice",), None, 422, "missing-field"),
    ("record", ("given_at",), "2999-01-01T00:00:00Z", 422, "wrong-kind"),
    ("record", ("actor",), "till-4\n", 422, "wrong-kind"),
    ("record_choice", ("purpose",), "no.such", 404, "unknown-purpose"),
    ("record_choice", ("purpose",), "comply.tax", 409, "not-interest-based"),
    ("record_choice", ("purpose",), None, 422, "missing-field"),
    ("record_choice", ("value",), "yes", 422, "wrong-kind"),
    ("record_choice", ("given_at",), "2999-01-01T00:00:00Z", 422, "wrong-kind"),
    ("choose", ("value",), "raised", 422, "wrong-kind"),
    ("choose", ("purpose",), "prevent.fraud", 422, "wrong-kind"),
    ("keep_preferences", ("preferences", 0, "attribute"), "no_such", 404, "unknown-attribute"),
    ("keep_preferences", ("preferences", 0, "attribute"), "first_name", 404, "unknown-attribute"),
    ("keep_preferences", ("preferences", 0, "value"), "hourly", 422, "wrong-kind"),
    ("keep_preferences", ("quiet_hours",), "22:00-07:00 Europe/Nowhere", 422, "wrong-kind"),
    ("keep_preferences", ("quiet_hours",), "22:00-22:00 Europe/Berlin", 422, "wrong-kind"),
    ("keep_preferences", ("quiet_hours",), "22:00-07:00 localtime", 422, "wrong-kind"),
    ("answer_as_customer", ("purpose",), "no.such", 404, "unknown-purpose"),
    ("answer_as_customer", ("channel",), "post", 404, "unknown-channel"),
    ("answer_as_customer", ("notice",), 1, 409, "notice-superseded"),
]


@pytest.mark.parametrize(("name", "path", "value", "status", "code"), UNKNOWN)
async def test_what_the_catalogue_does_not_have_is_refused_at_its_place(
    walker: Walker, name: str, path: Path, value: Any, status: int, code: str
) -> None:
    for route in (each for each in WITH_BODY if each.name in ({name, "decision"} if name == "release" else {name})):
        content = json.dumps(put(SAMPLES[route.name][0], path, value)).encode()
        pointer = "".join(f"/{step}" for step in path)
        await refuses_each(walker, route, iter([Bad(content, status, code, pointer)]))


# --- how much is sent, and where ---


@every_body
async def test_one_byte_over_the_limit_is_too_much_however_it_is_sent(walker: Walker, route: Route) -> None:
    good, limit = json.dumps(SAMPLES[route.name][0]).encode(), LIMITS.get(route.name, LIMIT)

    async def in_pieces() -> AsyncIterator[bytes]:
        for piece in (good, b" " * (limit - len(good)), b" "):
            yield piece

    async with nothing_written(walker):
        for content in (good.ljust(limit + 1), b"[" * (limit + 1), in_pieces()):
            response = await walker.api.call(
                route.method,
                walker.address(route),
                walker.caller(route),
                content=content,
                headers={"content-type": "application/json"},
            )
            is_refused(response, Bad(b"over the limit", 413, "body-too-large"))
    assert (await walker.send(route, good.ljust(limit))).status_code == 200


@every_body
async def test_a_length_that_is_none_is_refused(walker: Walker, route: Route) -> None:
    content = json.dumps(SAMPLES[route.name][0]).encode()
    headers = {"content-length": MARK, "content-type": "application/json"}
    async with nothing_written(walker):
        response = await walker.send(route, content, headers=headers)
        is_refused(response, Bad(b"content-length", 400, "malformed-body"))


@pytest.mark.parametrize("route", [each for each in WALK if "{customer}" in each.path], ids=lambda route: route.name)
async def test_an_odd_id_in_the_address_finds_nobody(walker: Walker, route: Route) -> None:
    body = json.dumps(SAMPLES[route.name][0]).encode() if route.method == "POST" else None
    async with nothing_written(walker):
        for odd in ODD_IDS:
            address = walker.address(route, customer=odd)
            caller, headers = walker.caller(route), {"content-type": "application/json"}
            response = await walker.api.call(route.method, address, caller, content=body, headers=headers)
            is_refused(response, Bad(odd.encode(), 404, response.json()["code"]))
            assert response.json()["code"] in {"unknown-customer", "not-found"}, response.text


ODD_VERSIONS = ["0", "-1", "3", "1.0", "1e0", "x", "%00", "%ff", "9" * 400, "9" * 5000, MARK]
OTHERWISE_WRITTEN = ["02", "+2", " 2", "%202", "2%0a", "%D9%A2", "%EF%BC%92", "2_", "0x2"]


@pytest.mark.parametrize("version", [*ODD_VERSIONS, *OTHERWISE_WRITTEN])
async def test_an_odd_version_finds_no_notice(walker: Walker, version: str) -> None:
    response = await walker.api.call("GET", f"/v1/notices/personalise.recommendations/{version}", None)
    is_refused(response, Bad(version.encode(), 404, response.json()["code"]))


@pytest.mark.parametrize("query", ["", "=%00", "=de", f"={MARK}", "=en&language=de", "=" + "x" * 5000, "[]=en"])
async def test_an_odd_language_is_never_a_fault(walker: Walker, query: str) -> None:
    response = await walker.api.call("GET", f"/v1/notices/personalise.recommendations/2?language{query}", None)
    assert response.status_code in {200, 400, 404, 422}
    does_not_quote(response)


def methods_of(route: Route) -> set[str]:
    return {each.method for each in WALK if each.path == route.path} | ({"HEAD"} if route.head else set())


@every_route
async def test_options_names_every_method_of_the_address(walker: Walker, route: Route) -> None:
    response = await walker.api.call("OPTIONS", walker.address(route), None)
    methods = {"OPTIONS", *methods_of(route)}
    assert (response.status_code, set(response.headers["allow"].split(", "))) == (204, methods)


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/me/nothing", "/health/nothing"])
async def test_at_an_address_that_there_is_not_options_is_answered_as_get_is(walker: Walker, path: str) -> None:
    get, options = [await walker.api.call(method, path, None) for method in ("GET", "OPTIONS")]
    assert (options.status_code, options.content) == (404, get.content)
    assert dict(options.headers) == dict(get.headers)


ODD_QUERIES = [
    "limit=05",
    "limit=5.0",
    "limit=0",
    "limit=101",
    "limit=null",
    "refused=1",
    "refused=True",
    "since=null",
    "since=1700000000",
    "since=2026-01-01",
    "until=2026-01-01T00:00:00",
    "until=0001-01-01T00:00:00Z",
    "service=a%0a",
    "purpose=A",
]


@pytest.mark.parametrize("query", ODD_QUERIES)
async def test_a_parameter_written_in_any_other_way_is_refused_at_its_place(walker: Walker, query: str) -> None:
    response = await walker.api.call("GET", f"/v1/me/use?{query}", walker.token)
    is_refused(response, Bad(query.encode(), 422, "wrong-kind", f"/{query.partition('=')[0]}"))


@pytest.mark.parametrize(
    "query", ["limit=5", "refused=true", "refused=false", "since=2026-01-01T00:00:00Z", "service=5"]
)
async def test_a_parameter_written_as_documented_is_taken(walker: Walker, query: str) -> None:
    assert (await walker.api.call("GET", f"/v1/me/use?{query}", walker.token)).status_code == 200


LINES: list[tuple[str, Path]] = [
    ("release", ("purpose",)),
    ("release", ("attributes", 0)),
    ("contribute", ("facts", 0, "source")),
    ("record", ("actor",)),
]


@pytest.mark.parametrize(("name", "path"), LINES)
async def test_a_word_with_a_newline_after_it_is_another_word(walker: Walker, name: str, path: Path) -> None:
    (route,) = (each for each in WITH_BODY if each.name == name)
    body = SAMPLES[name][0]
    (place,) = (each for each in places(body, route.schema) if each.path == path)
    pointer = "".join(f"/{step}" for step in path)
    content = json.dumps(put(body, path, place.value + "\n")).encode()
    await refuses_each(walker, route, iter([Bad(content, 422, "wrong-kind", pointer)]))


@every_route
async def test_another_method_is_not_allowed_and_changes_nothing(walker: Walker, route: Route) -> None:
    allowed = methods_of(route)
    async with nothing_written(walker):
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "TRACE", "QUERY"} - allowed:
            response = await walker.api.call(method, walker.address(route), walker.caller(route), content=b"{}")
            assert response.status_code == 405
            assert allowed <= set(response.headers["allow"].split(", "))
            assert response.headers["cache-control"] == "no-store"


# --- anything at all ---

TEXTS = st.text(st.characters(exclude_categories=()), max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)
SPOTS = [(route, body, place) for route in WITH_BODY for body, place in every_place(route)]


@given(spot=st.sampled_from(SPOTS), value=JSON)
@settings(max_examples=1000)
async def test_any_json_anywhere_is_answered_without_a_fault(
    walker: Walker, spot: tuple[Route, Any, Place], value: Any
) -> None:
    route, body, place = spot
    response = await walker.send(route, json.dumps(put(body, place.path, value)).encode())
    assert response.status_code < 500


@given(route=st.sampled_from(WITH_BODY), content=st.binary(max_size=200))
async def test_any_bytes_are_refused(walker: Walker, route: Route, content: bytes) -> None:
    async with nothing_written(walker):
        response = await walker.send(route, content)
    assert response.status_code in {400, 422}

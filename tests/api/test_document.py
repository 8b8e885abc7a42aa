"""The API's document says what the API does: its routes, its bodies, its refusals."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec

from service.api import contract, ledger_page
from service.api.door import ROUTES
from service.api.problems import Problem
from service.app import House, assemble
from service.database import Database
from service.errors import ServiceError
from tests.api.conftest import (
    DOCUMENT,
    SAMPLES,
    WALK,
    Json,
    Route,
    Walker,
    every_body,
    every_route,
    options,
    places,
)
from tests.conftest import Api
from tests.houses import reaching

SCHEMAS: Json = DOCUMENT["components"]["schemas"]
KEYWORDS = {
    "$ref",
    "additionalProperties",
    "anyOf",
    "const",
    "default",
    "description",
    "else",
    "enum",
    "examples",
    "format",
    "if",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "pattern",
    "properties",
    "required",
    "then",
    "title",
    "type",
    "uniqueItems",
}


PAGES = {path for page in [*contract.PAGES, *ledger_page.PAGES] for path in page.paths}


def schemas_in(part: Any) -> Iterator[Json]:
    """Yield every schema that stands in a part of the document."""
    if isinstance(part, list):
        for each in part:
            yield from schemas_in(each)
    elif isinstance(part, dict):
        if "schema" in part:
            yield part["schema"]
        for each in part.values():
            yield from schemas_in(each)


def reachable(schema: Json) -> Iterator[Json]:
    """Yield a schema and all that it is made of, without references."""
    for option in options(schema):
        yield option
        inner = [*option.get("properties", {}).values(), option.get("items"), option.get("additionalProperties")]
        for each in inner:
            if isinstance(each, dict):
                yield from reachable(each)


def examples_of(content: Json) -> list[Json]:
    """Return the examples of a media type, without references."""
    if "example" in content:
        return [content["example"]]
    names = [each["$ref"].rsplit("/", 1)[1] for each in content.get("examples", {}).values()]
    return [DOCUMENT["components"]["examples"][name]["value"] for name in names]


def test_it_lists_exactly_the_routes_of_the_application(house: House) -> None:
    served = {
        (method, route.path_format)
        for route in assemble(house).api.behind.routes
        for method in getattr(route, "methods", ())
        if method not in {"OPTIONS", "HEAD"} and route.path not in PAGES
    }
    listed = {(method.upper(), path) for path, operations in DOCUMENT["paths"].items() for method in operations}
    assert listed == served
    assert len(served) == len(ROUTES) == len(WALK)


def test_each_operation_has_a_name_of_its_own_and_says_what_it_is() -> None:
    assert len({route.name for route in WALK}) == len(WALK)
    for route in WALK:
        assert len(route.operation["summary"]) > 10
        names = {each["name"] for each in route.operation["parameters"] if each["in"] == "path"}
        assert names == {part[1:-1] for part in route.path.split("/") if part.startswith("{")}
        scheme: Json = {"service": [{"apiKey": []}], "customer": [{"customerToken": []}], "anyone": []}
        assert route.operation["security"] == scheme[route.described.caller]


def test_it_uses_only_words_that_openapi_has_and_every_reference_leads_somewhere() -> None:
    assert DOCUMENT["openapi"] == "3.1.0"
    for schema in [*schemas_in(DOCUMENT["paths"]), *SCHEMAS.values()]:
        for each in reachable(schema):
            assert each.keys() <= KEYWORDS, each


@every_route
def test_its_examples_are_what_the_operation_takes_and_gives(route: Route) -> None:
    for status, response in route.operation["responses"].items():
        ((media, content),) = response["content"].items()
        refused = media == "application/problem+json"
        assert refused or media == route.described.media
        for example in examples_of(content):
            msgspec.convert(example, Problem if refused else route.described.answer, strict=False)
            assert not refused or str(example["status"]) == status
    if route.described.body is not None:
        content = route.operation["requestBody"]["content"]["application/json"]
        msgspec.json.decode(json.dumps(content["example"]), type=route.described.body, strict=True)


@every_body
def test_a_body_has_only_fields_that_the_document_knows(route: Route) -> None:
    objects = [each for each in reachable(route.schema) if each.get("type") == "object"]
    assert objects
    for each in objects:
        assert each["additionalProperties"] is False, each["title"]
        assert set(each["required"]) <= each["properties"].keys() if "required" in each else True


@every_body
def test_between_them_the_samples_have_every_field(route: Route) -> None:
    every = [place for body in SAMPLES[route.name] for place in places(body, route.schema)]
    fields = {
        (*place.path, name) for place in every for option in place.options for name in option.get("properties", {})
    }
    assert fields <= {place.path for place in every}


@every_body
async def test_the_example_of_a_body_is_taken_by_the_api_itself(walker: Walker, route: Route) -> None:
    content = route.operation["requestBody"]["content"]["application/json"]["example"]
    response = await walker.send(route, json.dumps(content).encode())
    # An example names a notice, an identifier, a fact, a dispute or an entry; which there are is their own affair.
    theirs = {"notice-superseded", "unknown-identifier", "unknown-entry", "unknown-fact", "unknown-dispute"}
    assert response.status_code == 200 or response.json()["code"] in theirs, response.text


async def test_who_may_not_is_told_so_as_documented(walker: Walker) -> None:
    for name in ("release", "decision", "contribute", "record"):
        (route,) = (route for route in WALK if route.name == name)
        address = walker.address(route, customer=walker.person.at_recommender)
        body = SAMPLES[name][0] | ({"purpose": "comply.tax"} if "attributes" in SAMPLES[name][0] else {})
        response = await walker.send(route, json.dumps(body).encode(), caller="recommender", address=address)
        assert response.status_code == 403


def test_every_refusal_that_is_documented_has_a_code_and_a_status() -> None:
    codes = {kind.code: kind for kind in refusals(ServiceError)}
    for route in WALK:
        for status, response in route.operation["responses"].items():
            if "application/problem+json" in response["content"]:
                content = response["content"]["application/problem+json"]
                described = [each.split(": ")[0] for each in response["description"].split("; ")]
                assert set(described) <= codes.keys()
                assert described == sorted(content["examples"])
                assert described == [each["code"] for each in sorted(examples_of(content), key=lambda e: e["code"])]
                assert int(status) >= 400


def refusals(kind: type[ServiceError]) -> Iterator[type[ServiceError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from refusals(each)


async def test_a_process_that_cannot_decide_says_so_as_documented(
    walker: Walker, database: Database, tmp_path: Path
) -> None:
    house = House(database, tmp_path / "no.key")
    transport = reaching(house)
    async with httpx.AsyncClient(transport=transport, base_url="http://byleave.test") as client:
        keyless = Walker(Api(client, walker.api.api_keys), house, walker.person, walker.token, walker.hers)
        for name, status in (("live", 200), ("ready", 503), ("release", 503), ("enrol", 503)):
            (route,) = (route for route in WALK if route.name == name)
            body = json.dumps(SAMPLES[name][0]).encode() if name in SAMPLES else None
            assert (await keyless.send(route, body)).status_code == status

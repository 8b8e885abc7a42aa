"""The document by the word of those who define its form: OpenAPI 3.1 and JSON Schema 2020-12."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.contract.judge import DOCUMENT, judge, judge_of_body

Steps = tuple[str, ...]
Example = tuple[Steps, Any]


def faults(document: Any) -> list[str]:
    return [str(fault).splitlines()[0] for fault in OpenAPIV31SpecValidator(document).iter_errors()]


def test_the_document_is_valid_openapi_3_1() -> None:
    assert faults(DOCUMENT) == []


def test_the_validator_finds_a_document_that_is_not_valid() -> None:
    broken: Any = copy.deepcopy(DOCUMENT)
    del broken["paths"]["/v1/releases"]["post"]["responses"]["200"]["description"]
    assert faults(broken) == ['"description" is a required property']


def formats(part: Any) -> Iterator[str]:
    """Yield what the document says of texts beyond their type."""
    for each in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from formats(each)
    if isinstance(part, dict) and isinstance(part.get("format"), str):
        yield part["format"]


def test_every_format_is_one_that_our_validators_look_at() -> None:
    assert set(formats(DOCUMENT)) == {"date-time", "email"}
    checker = Draft202012Validator.FORMAT_CHECKER
    assert not checker.conforms("yesterday", "date-time")
    assert not checker.conforms("abbie", "email")
    assert not checker.conforms("not a URI", "uri")  # which the forms of OpenAPI itself ask for


def examples(part: Any, steps: Steps = ()) -> Iterator[Example]:
    """Yield every example of the document, with the way to its schema."""
    if isinstance(part, list):
        for index, each in enumerate(part):
            yield from examples(each, (*steps, str(index)))
    elif isinstance(part, dict):
        if "schema" in part:
            yield from _of(part, (*steps, "schema"))
        if "type" in part:
            yield from ((steps, each) for each in part.get("examples", []))
        for name, each in part.items():
            yield from examples(each, (*steps, name))


def _of(part: Any, schema: Steps) -> Iterator[Example]:
    if "example" in part:
        yield schema, part["example"]
    for name in part.get("examples", {}):
        yield schema, DOCUMENT["components"]["examples"][name]["value"]


EXAMPLES = list(examples({key: DOCUMENT[key] for key in ("paths", "components")}))


def test_there_are_examples_of_every_kind() -> None:
    assert len(EXAMPLES) > 200
    assert {steps[0] for steps, _ in EXAMPLES} == {"paths", "components"}


@pytest.mark.parametrize(("steps", "example"), EXAMPLES)
def test_every_example_is_what_its_schema_says(steps: Steps, example: Any) -> None:
    assert [fault.message for fault in judge(*steps).iter_errors(example)] == []


def test_every_operation_has_examples_of_all_that_goes_in_and_comes_out() -> None:
    for methods in DOCUMENT["paths"].values():
        for operation in methods.values():
            bodies = [operation["requestBody"]] if "requestBody" in operation else []
            for each in [*operation["responses"].values(), *bodies]:
                ((media, content),) = each["content"].items()
                # JSON cannot show bytes.
                assert media == "application/octet-stream" or "example" in content or content["examples"]
            assert all("example" in each for each in operation["parameters"] if each["in"] == "path")


def test_no_name_of_a_schema_shows_how_the_code_is_laid_out() -> None:
    assert not [name for name in DOCUMENT["components"]["schemas"] if "." in name]


@pytest.mark.parametrize(
    "body",
    [
        {"answer": "given", "purpose": "a"},
        {"answer": "given", "purpose": "a", "channel": "web"},
        {"answer": "given", "purpose": "a", "channel": None, "notice": 1, "evidence": "b", "method": "api"},
        {"answer": "given", "purpose": "a", "channel": "web", "notice": 1, "method": "api"},
        {"answer": "renewed", "purpose": "a"},
        {"answer": "refused", "purpose": "a", "more": 1},
        {"answer": "refused", "purpose": "A"},
    ],
)
def test_the_schema_refuses_what_the_api_refuses(body: Any) -> None:
    assert not judge_of_body("/v1/me/consents", "POST").is_valid(body)


def test_the_schema_takes_a_no_without_more() -> None:
    assert judge_of_body("/v1/me/consents", "POST").is_valid({"answer": "refused", "purpose": "a"})

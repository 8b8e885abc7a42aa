"""Validators for the parts of the document, by jsonschema, which knows nothing of how the document is made."""

import json
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from service.api.document import document

DOCUMENT: dict[str, Any] = json.loads(document())
HERE = "urn:byleave:openapi"
REGISTRY: Registry[Any] = Registry().with_resource(HERE, DRAFT202012.create_resource(DOCUMENT))


def judge(*steps: str) -> Draft202012Validator:
    """Return the validator of the schema that stands at the end of these steps into the document."""
    pointer = "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)
    # By reference, so that the references in it lead to places of the document.
    return Draft202012Validator(
        {"$ref": f"{HERE}#{pointer}"}, registry=REGISTRY, format_checker=Draft202012Validator.FORMAT_CHECKER
    )


def judge_of_body(path: str, method: str) -> Draft202012Validator:
    """Return the validator of what an operation takes."""
    return judge("paths", path, method.lower(), "requestBody", "content", "application/json", "schema")

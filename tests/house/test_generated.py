"""Generated files are what the code makes now: ``make generate`` writes them."""

from tests import generate


def test_the_api_document_is_current() -> None:
    assert (generate.ROOT / "openapi/openapi.json").read_text(encoding="utf-8") == generate.openapi()


def test_the_cedar_schema_is_current() -> None:
    assert (generate.ROOT / "policies/schema.cedarschema").read_text(encoding="utf-8") == generate.cedar()


def test_the_sql_schema_is_current(template_of_18: str) -> None:
    assert (generate.ROOT / "migrations/schema.sql").read_text(encoding="utf-8") == generate.schema_of(template_of_18)

import shutil
from pathlib import Path

import pytest

from service.errors import PolicyError
from service.model.situation import FIELDS
from service.model.words import AgeBand, Status
from service.policy.bundle import Bundle, read_bundle
from service.policy.engine import Policies
from service.policy.schema import FILE, cedar_schema, schema_faults, write_schema


def test_the_committed_schema_is_the_one_that_the_catalogue_makes(bundle: Bundle, policies: Policies) -> None:
    assert bundle.files[FILE] == cedar_schema(policies.catalogue)
    assert schema_faults(bundle, policies.catalogue) == []


def test_another_schema_or_none_is_a_fault(bundle: Bundle, policies: Policies) -> None:
    other = Bundle({**bundle.files, FILE: bundle.files[FILE] + "\n"})
    none = Bundle({path: text for path, text in bundle.files.items() if path != FILE})
    assert len(schema_faults(other, policies.catalogue)) == len(schema_faults(none, policies.catalogue)) == 1


def test_the_schema_is_written_from_the_catalogue(folder: Path, bundle: Bundle, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "policies")
    (copy / FILE).write_text("old")
    write_schema(copy)
    assert read_bundle(copy) == bundle


def test_no_schema_is_written_from_a_catalogue_with_faults(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "policies")
    (copy / FILE).write_text("old")
    (copy / "purposes.toml").write_text("")
    with pytest.raises(PolicyError, match=r"purposes\.toml"):
        write_schema(copy)
    assert (copy / FILE).read_text() == "old"


def test_the_schema_knows_every_field_and_every_word_of_a_situation(bundle: Bundle) -> None:
    text = bundle.files[FILE]
    assert all(f"  {field}: " in text for field in FIELDS)
    assert all(f'"{word}"' in text for word in (*Status, *AgeBand))


def test_every_purpose_is_in_the_group_of_its_legal_basis(bundle: Bundle) -> None:
    text = bundle.files[FILE]
    assert 'action "comply.tax" in ["law-based"]' in text
    assert 'action "fulfil.orders" in ["contract-based"]' in text
    assert 'action "market.newsletter" in ["consent-based", "marketing", "personalisation"]' in text

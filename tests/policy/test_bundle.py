from collections.abc import Callable
from pathlib import Path

import pytest

from service.errors import PolicyError
from service.policy.bundle import Bundle, decode, read_bundle
from service.policy.engine import check_policies, compile_policies

Change = Callable[..., Bundle]


def test_a_missing_folder_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="no such folder"):
        read_bundle(tmp_path / "nowhere")


def test_a_file_of_no_known_kind_is_a_fault_because_it_may_be_a_lost_forbid(tmp_path: Path) -> None:
    (tmp_path / "forbids.cedr").write_text("")
    (tmp_path / "purposes.tml").write_text("")
    with pytest.raises(PolicyError) as caught:
        read_bundle(tmp_path)
    assert [fault.split(":")[0] for fault in caught.value.faults] == ["forbids.cedr", "purposes.tml"]


def test_a_file_that_is_not_utf_8_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "purposes.toml").write_bytes(b"title = 'caf\xe9'")
    with pytest.raises(PolicyError, match=r"purposes\.toml: cannot be read as UTF-8"):
        read_bundle(tmp_path)


def test_the_readme_and_hidden_files_are_not_part_of_the_bundle(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("words")
    (tmp_path / ".forbids.cedar.swp").write_text("an editor's")
    (tmp_path / "forbids.cedar").write_text("")
    assert list(read_bundle(tmp_path).files) == ["forbids.cedar"]


def test_a_stored_bundle_reads_back_the_same_with_the_same_version(bundle: Bundle) -> None:
    assert decode(bundle.encode()) == bundle
    assert decode(bundle.encode()).version == bundle.version


@pytest.mark.parametrize("stored", [b"", b"{}", b'{"files": {"a": 1}}', b'{"files": []}', b"\xff", b"[]"])
def test_what_is_not_a_stored_bundle_is_refused(stored: bytes) -> None:
    with pytest.raises(PolicyError):
        decode(stored)


def test_the_version_is_a_sha_256(bundle: Bundle) -> None:
    word, _, digits = bundle.version.partition(":")
    assert word == "sha256"
    assert len(bytes.fromhex(digits)) == 32


def test_what_was_published_goes_on_working_when_a_newer_release_formats_cedar_otherwise(bundle: Bundle) -> None:
    text = bundle.files["forbids.cedar"].replace("forbid (", "forbid(")
    assert text != bundle.files["forbids.cedar"]
    published = Bundle({**bundle.files, "forbids.cedar": text, "schema.cedarschema": "of an older release"})
    assert compile_policies(published).version == published.version
    with pytest.raises(PolicyError):
        check_policies(published)


def test_the_version_changes_with_every_file(bundle: Bundle) -> None:
    longer = [Bundle({**bundle.files, path: text + "\n# more\n"}) for path, text in bundle.files.items()]
    fewer = [Bundle({p: t for p, t in bundle.files.items() if p != path}) for path in bundle.files]
    versions = {bundle.version, *(b.version for b in longer + fewer)}
    assert len(versions) == 1 + 2 * len(bundle.files)


def test_the_version_changes_with_one_word_of_a_policy(bundle: Bundle, changed: Change) -> None:
    assert changed("forbids.cedar", "may_market", "may_share").version != bundle.version


def test_the_version_cannot_be_kept_by_moving_text_from_one_file_to_its_neighbour() -> None:
    assert Bundle({"a.toml": "xy", "b.toml": "z"}).version != Bundle({"a.toml": "x", "b.toml": "yz"}).version
    assert Bundle({"a.toml": "b.tomlx"}).version != Bundle({"a.toml": "", "b.toml": "x"}).version


def test_a_bundle_that_is_not_cedar_has_a_version_too(bundle: Bundle) -> None:
    broken = Bundle({**bundle.files, "permits.cedar": "permit ("})
    assert broken.version not in {"", bundle.version}

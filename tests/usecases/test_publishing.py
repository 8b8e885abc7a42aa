"""Publishing: what asks for more than what is in force is refused, and what is in force stays."""

import shutil
from pathlib import Path

import pytest

from service.crypto.keyring import Keyring
from service.database import Database
from service.errors import PolicyError
from service.schema import shipped
from service.storage import publications
from service.usecases.policies import publish
from tests.conftest import OPERATOR

NEEDED = 'postcode_area = "To tell you of readings near you; only if you allow it."\n'
MORE = "birth_year = {}\n"
WHY = '"To send you a book token on the day."'
NOTICES = "notices/market.newsletter"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the sample company's policies, to be changed."""
    return Path(shutil.copytree(shipped("policies"), tmp_path / "policies"))


def ask_for_more(folder: Path, written: str) -> None:
    purposes = folder / "purposes.toml"
    text = (shipped("policies") / "purposes.toml").read_text(encoding="utf-8")
    assert NEEDED in text
    purposes.write_text(text.replace(NEEDED, NEEDED + MORE.format(written)), encoding="utf-8")


def add_notice(folder: Path, *, material: bool) -> None:
    for language in ("en", "de"):
        text = (folder / NOTICES / f"1.{language}.md").read_text(encoding="utf-8")
        changed = text.replace("material = true", f"material = {str(material).lower()}")
        (folder / NOTICES / f"3.{language}.md").write_text(changed, encoding="utf-8")


async def test_more_than_what_is_in_force_needs_a_new_material_notice(
    database: Database, keyring: Keyring, folder: Path
) -> None:
    async with database.connection() as connection:
        in_force = await publications.current(connection, keyring)
    ask_for_more(folder, WHY)
    with pytest.raises(PolicyError) as refused:
        await publish(database, keyring, OPERATOR, folder)
    said = "purposes.toml: market.newsletter: attributes: birth_year is new, so "
    assert refused.value.faults == [f"{said}it needs a material notice newer than 2, named in `since`"]
    add_notice(folder, material=False)
    with pytest.raises(PolicyError) as refused:
        await publish(database, keyring, OPERATOR, folder)
    assert refused.value.faults == [f"{said}its notice 3 must be material, and named in `since`"]
    async with database.connection() as connection:
        assert await publications.current(connection, keyring) == in_force
    add_notice(folder, material=True)
    ask_for_more(folder, f"{{ why = {WHY}, since = 3 }}")
    publication, new = await publish(database, keyring, OPERATOR, folder)
    assert new
    # What is in force is now what the next change is measured by.
    ask_for_more(folder, f"{{ why = {WHY}, since = 1 }}")
    with pytest.raises(PolicyError, match="birth_year is covered since notice 3"):
        await publish(database, keyring, OPERATOR, folder)
    async with database.connection() as connection:
        assert await publications.current(connection, keyring) == publication


async def test_an_editorial_notice_alone_is_published(database: Database, keyring: Keyring, folder: Path) -> None:
    add_notice(folder, material=False)
    _, new = await publish(database, keyring, OPERATOR, folder)
    assert new


async def test_a_notice_that_was_published_is_neither_changed_nor_left_out(
    database: Database, keyring: Keyring, folder: Path
) -> None:
    add_notice(folder, material=False)
    publication, _ = await publish(database, keyring, OPERATOR, folder)
    changed, removed = folder / NOTICES / "3.en.md", folder / NOTICES / "3.de.md"
    changed.write_text(changed.read_text(encoding="utf-8") + "\nAnd more.\n", encoding="utf-8")
    with pytest.raises(PolicyError) as refused:
        await publish(database, keyring, OPERATOR, folder)
    was_published = "this notice was published and"
    assert refused.value.faults == [f"{NOTICES}/3.en.md: {was_published} cannot change; write the next version"]
    changed.unlink()
    removed.unlink()
    with pytest.raises(PolicyError) as refused:
        await publish(database, keyring, OPERATOR, folder)
    there = [f"{NOTICES}/3.{language}.md: {was_published} is not here; put it back" for language in ("de", "en")]
    assert refused.value.faults == there
    async with database.connection() as connection:
        assert await publications.current(connection, keyring) == publication

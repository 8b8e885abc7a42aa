"""What a process rests on goes away or breaks: what it has goes on, and nothing new begins on what is broken (P5)."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from service.rootkey import make_root_key
from service.schema import shipped
from tests.conftest import Owner
from tests.consistency.processes import Process, serving
from tests.faults.conftest import Company

pytestmark = pytest.mark.soak


@pytest.fixture
def key_file(company: Company, tmp_path: Path) -> Path:
    """A copy of the root key, to lose."""
    return Path(shutil.copy2(company.root_key_file, tmp_path / "root.key"))


async def test_a_running_process_outlives_its_key_file_and_a_new_one_takes_only_a_no(
    company: Company, key_file: Path
) -> None:
    running, new = company.process("running", KEYS=str(key_file)), company.process("new", KEYS=str(key_file))
    with serving(running):
        port = running.port
        assert (await company.release(port)).json["decision"] == "permit"
        key_file.unlink()
        assert (await company.release(port)).json["decision"] == "permit"
        new.start()
        try:
            new.await_ready(503)
            said = httpx.get(f"http://127.0.0.1:{new.port}/health/ready").json()
            assert said == {"ready": False, "faults": ["keys-unavailable"]}
            refused = await company.release(new.port)
            assert (refused.status, refused.json["code"]) == (503, "keys-unavailable")
            assert (await company.withdraw(new.port)).status == 200
        finally:
            new.kill()
        assert (await company.release(port)).json["decision"] == "deny"
        assert (await company.consent(port)).status == 200
    assert "alarm: no keys" in new.said()


def test_a_new_process_with_another_key_refuses_to_bind_its_port(company: Company, tmp_path: Path) -> None:
    make_root_key(tmp_path / "another.key")
    process = company.process("another", KEYS=str(tmp_path / "another.key"))
    process.start()
    assert process.wait() == 1
    assert "another root key" in process.said()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{process.port}/health/live")


# --- policies ---


@pytest.fixture
def running(company: Company) -> Iterator[Process]:
    process = company.process("policies")
    with serving(process):
        yield process


def folder_with(tmp_path: Path, word: str, other: str) -> str:
    """Return a copy of the policies that has another word in what is forbidden."""
    folder = Path(shutil.copytree(shipped("policies"), tmp_path / "policies"))
    file = folder / "forbids.cedar"
    text = file.read_text(encoding="utf-8")
    assert word in text
    file.write_text(text.replace(word, other, 1), encoding="utf-8")
    return str(folder)


async def test_policies_that_are_broken_are_not_published_and_the_ones_before_stay_in_force(
    company: Company, running: Process, tmp_path: Path
) -> None:
    port = running.port
    before = (await company.release(port)).json
    broken = folder_with(tmp_path, "forbid (", "forbid ((")
    assert "forbids.cedar" in company.shell(POLICIES=broken).run("policies", "publish", status=1)
    after = (await company.release(port)).json
    assert (after["decision"], after["policy_version"]) == ("permit", before["policy_version"])


async def test_published_policies_that_are_broken_in_the_database_stay_in_force_where_they_are_known(
    company: Company, running: Process, owner: Owner
) -> None:
    port = running.port
    assert (await company.release(port)).json["decision"] == "permit"
    bundle = await owner.fetchval("SELECT bundle FROM publication ORDER BY sequence DESC LIMIT 1")
    await owner.execute("UPDATE publication SET bundle = 'unreadable'")
    try:
        assert (await company.release(port)).json["decision"] == "permit"
        new = company.process("no-policies")
        new.start()
        assert new.wait() == 1
        assert "alarm: published policies cannot be used" in new.said()
    finally:
        await owner.execute("UPDATE publication SET bundle = $1", bundle)


async def test_new_policies_that_are_broken_in_the_database_release_nothing_until_they_are_mended(
    company: Company, running: Process, owner: Owner, tmp_path: Path
) -> None:
    """What was in force before may allow what the new ones forbid, so nobody goes back to it unasked."""
    port = running.port
    assert (await company.release(port)).json["decision"] == "permit"
    company.shell(POLICIES=folder_with(tmp_path, "nothing leaves", "nothing goes")).run("policies", "publish")
    newest = "(SELECT max(sequence) FROM publication)"
    bundle = await owner.fetchval(f"SELECT bundle FROM publication WHERE sequence = {newest}")  # noqa: S608  ours
    await owner.execute(f"UPDATE publication SET bundle = 'unreadable' WHERE sequence = {newest}")  # noqa: S608  ours
    refused = await company.release(port)
    assert (refused.status, refused.json["code"]) == (503, "policies-unavailable")
    assert (await company.withdraw(port)).status == 200
    assert "alarm: published policies cannot be used" in running.said()
    await owner.execute(f"UPDATE publication SET bundle = $1 WHERE sequence = {newest}", bundle)  # noqa: S608  ours
    assert (await company.release(port)).json["decision"] == "deny"
    assert (await company.consent(port)).status == 200
    assert (await company.release(port)).json["decision"] == "permit"

"""Schemathesis asks the served API whatever its document allows, and what it does not, and finds nothing.

As a command and not as a plugin: it runs all its phases (examples, coverage, fuzzing, stateful), reads one file, and
leaves the event loop of the tests alone.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from service.policy.engine import Policies
from tests.conftest import Person
from tests.contract.conftest import Served

CONFIG = Path(__file__).with_name("schemathesis.toml")
PHASES = ("Examples", "Coverage", "Fuzzing", "Stateful")


@pytest.fixture
def config(tmp_path: Path, policies: Policies, abbie: Person, served: Served) -> Path:
    """What Schemathesis reads, beside the words that exist."""
    catalogue = policies.catalogue
    words = {
        "customers": [abbie.at_shop],
        "lines": [served.line],
        "purposes": catalogue.purposes,
        "attributes": catalogue.attributes,
        "services": catalogue.services,
    }
    for name, each in words.items():
        (tmp_path / f"{name}.txt").write_text("".join(f'"{word}"\n' for word in sorted(each)))
    return Path(shutil.copy(CONFIG, tmp_path))


def finds_nothing(served: Served, config: Path, *limits: str) -> None:
    """Run Schemathesis on everything that is served."""
    command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(config), "run"]
    environment = served.environment | {
        "BYLEAVE_CONTRACT_KEY": served.key,
        "BYLEAVE_CONTRACT_TOKEN": served.token,
        "PYTHONPATH": str(CONFIG.parents[2]),
    }
    done = subprocess.run(
        [*command, f"{served.url}/openapi.json", "--no-color", *limits],
        env=environment,
        cwd=config.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-5_000:]
    assert all(f"✅  {phase} (in " in done.stdout for phase in PHASES), done.stdout[-5_000:]


def test_schemathesis_finds_nothing(served: Served, config: Path) -> None:
    finds_nothing(served, config, "--max-examples", "8")


@pytest.mark.soak
def test_schemathesis_finds_nothing_in_half_an_hour(served: Served, config: Path) -> None:
    finds_nothing(served, config, "--max-examples", "2000", "--max-time", "1800")

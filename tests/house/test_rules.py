"""Rules of the house that a linter cannot read."""

import ast
import json
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

from service import errors
from service.api.document import document
from service.errors import OperatorError, ServiceError
from service.metrics import measures
from service.refusals import FRAMEWORK, STATUS, status_of
from service.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
SERVICE = ROOT / "service"


@cache
def calls() -> dict[str, set[str]]:
    """Find by which modules of the service something is called, by its name."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for path in sorted(SERVICE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                found[called].add(path.relative_to(SERVICE).as_posix())
    return found


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("Permit", {"policy/decide.py"}),
        ("open_sealed", {"usecases/releases.py"}),
        (
            "open_customer_key",
            {
                "storage/customers.py",
                "usecases/releases.py",
                "usecases/hers.py",
                "usecases/preferences.py",
                "usecases/simulations.py",
            },
        ),
        ("open_own", {"usecases/hers.py", "usecases/preferences.py", "usecases/simulations.py"}),
        ("open_own_identifier", {"usecases/identifiers.py", "usecases/codes.py", "usecases/overview.py"}),
        ("begin_for_show", {"demo/doors.py"}),
        ("open_passkey_label", {"usecases/passkeys.py"}),
        ("stored_content", {"storage/bodies.py", "usecases/exports.py"}),
        ("open_content", {"crypto/entries.py"}),
        ("unseal", {"crypto/entries.py", "crypto/keyring.py", "crypto/questions.py"}),
        ("open_words", {"usecases/questions.py"}),
        ("unseal_all", {"crypto/envelope.py", "crypto/keyring.py"}),
    ],
)
def test_only_these_modules_may_make_or_open(name: str, where: set[str]) -> None:
    assert calls()[name] == where


def refusals() -> list[type[ServiceError]]:
    return [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, ServiceError)]


def test_every_refusal_has_a_code_of_its_own() -> None:
    codes = [each.code for each in refusals()]
    assert len(codes) == len(set(codes))


def test_every_refusal_that_a_caller_can_meet_has_a_status() -> None:
    without = [
        each.__name__
        for each in refusals()
        if not issubclass(each, OperatorError) and not any(base in STATUS for base in each.__mro__)
    ]
    assert without == ["ServiceError", "UnknownServiceError"]


def test_the_page_of_codes_has_every_code_that_a_caller_can_meet_with_its_status_and_no_other() -> None:
    examples = json.loads(document())["components"]["examples"].values()
    possible = {each["value"]["code"]: str(each["value"]["status"]) for each in examples} | {
        kind.code: str(status_of(kind)) for kind in FRAMEWORK.values()
    }
    page = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z-]+)` \| ([0-9]{3}) \| [^|]{4,} \| [^|]{4,} \|$", page, re.MULTILINE)
    assert len(rows) == page.count("\n| `")
    assert dict(rows) == possible
    assert len(rows) == len(possible)


def test_the_readme_explains_every_setting() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    explained = set(re.findall(rf"^\| `({PREFIX}\w+)`", text, re.MULTILINE))
    assert explained == {PREFIX + name.upper() for name in Settings.__struct_fields__}


def test_the_page_of_operations_has_every_alarm_and_no_other() -> None:
    said = {
        alarm
        for path in SERVICE.rglob("*.py")
        for alarm in re.findall(r'"alarm: ([^"]+)"', path.read_text(encoding="utf-8"))
    }
    page = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    rows = page.partition("| Alarm |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `([^`]+)` \| [^|]{4,} \| [^|]{4,} \|$", rows, re.MULTILINE)) == said
    assert len(rows.splitlines()) - 2 == len(said)


def test_the_page_of_operations_has_every_measure_and_no_other(tmp_path: Path) -> None:
    names = {family.name for family in measures("postgresql://nobody@127.0.0.1:1/nothing", tmp_path).collect()}
    page = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    told = {name.removesuffix("_total") for name in re.findall(r"`(byleave_[a-z_]*[a-z])[`{]", page)}
    assert told == names | {"byleave_policy_in_force"}
    rules = (ROOT / "docs/operations/alerts.yaml").read_text(encoding="utf-8")
    asked = re.findall(r"byleave_[a-z_]+", rules.replace("_bucket", "").replace("_total", ""))
    assert told.issuperset(asked)
    assert len(asked) > 5


@pytest.mark.parametrize("page", ["promises.md", "threat-model.md", "reliability.md"])
def test_what_a_page_says_that_tests_show_names_tests_that_exist(page: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)
    assert len(named) > 10
    for file, test in named:
        assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), (file, test)


def test_a_migration_runs_one_statement_at_a_time_and_never_goes_back() -> None:
    for path in sorted((ROOT / "migrations/versions").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        assert "def downgrade" not in text
        assert "Safe while the previous release runs:" in text

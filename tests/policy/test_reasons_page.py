"""Every reason for a no is on the page that says what to do about it, and no other is."""

import re
from pathlib import Path

import pytest

from service.model.words import Status
from service.policy.engine import ENGINE_ERROR, Policies
from service.policy.explain import IN_WORDS
from service.policy.lint import OBLIGATIONS
from service.policy.reasons import NOT_FOR_THIS_PURPOSE, UNMET
from service.policy.rulings import NOT_KNOWN

PAGE = (Path(__file__).parents[2] / "docs/reasons.md").read_text(encoding="utf-8")
ROWS = {found[1]: found[0] for found in re.finditer(r"^\| `([a-z-]+)` \|.*\|$", PAGE, re.MULTILINE)}


@pytest.fixture(scope="module")
def possible(policies: Policies) -> set[str]:
    """Return every reason that a decision can have."""
    forbids = {
        policy.annotations["reason"]
        for policy in policies.policies.values()
        if policy.effect == "forbid" and policy.file != OBLIGATIONS
    }
    answers = {str(status) for status in Status if not status.valid and status is not Status.UNKNOWN}
    return {NOT_KNOWN, ENGINE_ERROR, NOT_FOR_THIS_PURPOSE, *UNMET.values(), *forbids, *answers}


def test_each_reason_that_can_occur_is_there_and_none_that_cannot(possible: set[str]) -> None:
    assert set(ROWS) == possible


def test_each_says_what_it_means_and_what_the_service_and_the_customer_do() -> None:
    for reason, row in ROWS.items():
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert len(cells) == 4, reason
        assert all(len(cell) > 3 for cell in cells), reason


def test_each_that_no_policy_names_is_also_said_in_a_sentence(possible: set[str]) -> None:
    assert set(IN_WORDS) <= possible

"""The page on asking names every reason, and says rightly which of them ask."""

import re
from pathlib import Path

from service.model.prompts import Reason

PAGE = (Path(__file__).parents[2] / "docs/asking.md").read_text(encoding="utf-8")
ASKING = {"never-asked", "being-asked", "new-scope", "ends-soon", "ended", "asked-long-ago"}


def test_every_reason_to_ask_or_not_is_on_the_page() -> None:
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (yes|no) \|", PAGE, re.MULTILINE))
    assert set(rows) == {str(reason) for reason in Reason}
    assert {reason for reason, ask in rows.items() if ask == "yes"} == ASKING

"""What we take of other systems' clocks, and how they write their times."""

import re
from datetime import UTC, datetime, timedelta

CLOCKS_DIFFER = timedelta(minutes=5)
"""By how much another system's clock may be ahead of ours."""
# As Go prints a time: 2024-03-05 09:07:11.5 +0000 UTC. The name of the zone is sometimes its offset once more.
OF_GO = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) ([+-]\d{4}) [A-Z+-][A-Z0-9]{0,5}$")


def instant(written: str) -> datetime:
    """Return the instant meant by ISO 8601, or by a time as Go prints it; UTC where it does not say."""
    of_go = OF_GO.match(written)
    at = datetime.fromisoformat("".join(of_go.groups()) if of_go else written)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)

"""Never asked twice: when a customer was last asked, and which notice she was shown, found at once in any history.

Safe while the previous release runs: only indexes are added. They are built while answers wait, so the table should not
be large yet; ``lock_timeout`` gives up rather than hold them up for long.
"""

from alembic import op

revision = "0003"
down_revision = "0002"

ASKED = "status IN ('requested', 'deferred', 'given', 'renewed', 'refused', 'withdrawn')"
STATEMENTS = (
    f"CREATE INDEX consent_event_asked ON consent_event (customer, purpose, channel, sequence) WHERE {ASKED}",
    f"CREATE INDEX consent_event_shown ON consent_event (customer, purpose, channel, notice) WHERE {ASKED}",
)


def upgrade() -> None:
    """Add the indexes that prompts are read by."""
    for statement in STATEMENTS:
        op.execute(statement)

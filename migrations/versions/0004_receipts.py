"""Receipts are listed by when an act was recorded.

Safe while the previous release runs: it neither uses nor misses an index.
"""

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS = (
    "CREATE INDEX consent_event_by_time ON consent_event (customer, recorded_at, entry)",
    "CREATE INDEX choice_event_by_time ON choice_event (customer, recorded_at, entry)",
)


def upgrade() -> None:
    """Add what a customer's list of receipts is read by."""
    for statement in STATEMENTS:
        op.execute(statement)

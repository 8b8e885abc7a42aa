"""Who is to be left alone before she is anybody here: identifiers of people who said no, or asked to be forgotten.

Safe while the previous release runs: a new table, which the old code neither reads nor misses.
"""

from alembic import op

revision = "0006"
down_revision = "0005"

STATEMENTS = (
    """
    CREATE TABLE suppression (
        kind    text        NOT NULL,
        digest  bytea       NOT NULL CHECK (length(digest) = 32),
        why     text        NOT NULL CHECK (why IN ('opted-out', 'erased')),
        purpose text        NOT NULL DEFAULT '',
        since   timestamptz NOT NULL,
        PRIMARY KEY (kind, digest, why, purpose)
    )
    """,
    "COMMENT ON TABLE suppression IS 'Keeps people out on every door. It only takes away, so it needs no MAC.'",
    "COMMENT ON COLUMN suppression.digest IS 'Blind index of the identifier; it itself is nowhere.'",
    "COMMENT ON COLUMN suppression.purpose IS 'What was refused; empty: everything.'",
)


def upgrade() -> None:
    """Add the table of suppressions."""
    for statement in STATEMENTS:
        op.execute(statement)

"""Identity: identifiers that were verified or disowned, devices, and merges that are links.

Safe while the previous release runs: columns and tables are only added, a row that says nothing new means what it
meant, and the old code neither reads nor misses the rest. Nothing is merged or disowned before the new release runs.
"""

from alembic import op

revision = "0005"
down_revision = "0004"

STATEMENTS = (
    # --- by what a customer is found ---
    """
    ALTER TABLE identifier
        ADD COLUMN since       timestamptz NOT NULL DEFAULT now(),
        ADD COLUMN verified_at timestamptz,
        ADD COLUMN disowned_at timestamptz
    """,
    "COMMENT ON COLUMN identifier.verified_at IS 'When a service that may say so had verified whose it is.'",
    "COMMENT ON COLUMN identifier.disowned_at IS 'When she said that it is not hers: it finds nobody, and stays out.'",
    "UPDATE identifier i SET since = c.enrolled_at FROM customer c WHERE c.id = i.customer",
    "ALTER TABLE identifier DROP CONSTRAINT identifier_kind_check",
    """
    ALTER TABLE identifier ADD CONSTRAINT identifier_kind_check
        CHECK (kind IN ('email', 'phone', 'loyalty', 'device'))
    """,
    # --- merges ---
    """
    CREATE TABLE link (
        id          uuid        PRIMARY KEY,
        one         uuid        NOT NULL REFERENCES customer,
        other       uuid        NOT NULL REFERENCES customer,
        said        boolean     NOT NULL,
        made_at     timestamptz NOT NULL,
        made_by     text        NOT NULL,
        ended_at    timestamptz,
        ended_by    text        NOT NULL DEFAULT '',
        mac_version integer     NOT NULL,
        mac         bytea       NOT NULL,
        CHECK (one < other)
    )
    """,
    "COMMENT ON TABLE link IS 'Two customers who are one person: both sides stay as they are, and can be parted.'",
    "COMMENT ON COLUMN link.said IS 'Whether an operator said so; otherwise it follows from what operators said.'",
    "CREATE UNIQUE INDEX link_live ON link (one, other) WHERE ended_at IS NULL",
    "CREATE INDEX link_by_other ON link (other)",
    "CREATE INDEX link_by_one ON link (one)",
    """
    CREATE TABLE linked_consent (
        customer    uuid        NOT NULL REFERENCES customer,
        purpose     text        NOT NULL,
        channel     text        NOT NULL,
        link        uuid        NOT NULL REFERENCES link,
        origin      uuid        NOT NULL REFERENCES customer,
        status      text        NOT NULL,
        notice      integer     NOT NULL,
        explicit    boolean     NOT NULL,
        decided_at  timestamptz NOT NULL,
        expires_at  timestamptz,
        mac_version integer     NOT NULL,
        mac         bytea       NOT NULL,
        PRIMARY KEY (customer, purpose, channel, link)
    )
    """,
    "COMMENT ON TABLE linked_consent IS 'A yes that came from the other side of a link, and goes with the link.'",
    "CREATE INDEX linked_consent_by_link ON linked_consent (link)",
)


def upgrade() -> None:
    """Add what says who is who."""
    for statement in STATEMENTS:
        op.execute(statement)

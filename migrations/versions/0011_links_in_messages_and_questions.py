"""Links in messages by which anybody can say no, questions about a read, and lines of use found by what they are of.

Safe while the previous release runs: two new tables, which it neither reads nor misses. Of the lines of use only the
indexes change: nobody but the sequencer writes there, and it waits for as long as they are built, which nobody waits
for. What makes a line one of its kind stays unique all the while, in an order of its columns that serves every filter.
"""

from alembic import op

revision = "0011"
down_revision = "0010"

APP = "byleave_app"
STATEMENTS = (
    # An old company has many millions of lines.
    "SET LOCAL statement_timeout = '1h'",
    """
    CREATE TABLE message_link (
        digest      bytea       PRIMARY KEY CHECK (length(digest) = 32),
        service     text        NOT NULL,
        customer    uuid        NOT NULL,
        purpose     text        NOT NULL,
        channel     text        NOT NULL,
        ends_at     timestamptz NOT NULL,
        mac_version integer     NOT NULL
    )
    """,
    "CREATE INDEX message_link_ending ON message_link (ends_at)",
    "CREATE INDEX message_link_of_customer ON message_link (customer)",
    "COMMENT ON TABLE message_link IS 'Links by which anybody can say no for a customer: the SHA-256 of each token.'",
    "COMMENT ON COLUMN message_link.mac_version IS 'The token is our MAC of the other columns, under this key.'",
    """
    CREATE TABLE question (
        id          text        PRIMARY KEY,
        customer    uuid        NOT NULL,
        actor       text        NOT NULL,
        line        bigint,
        entry       text        NOT NULL,
        asked_at    timestamptz NOT NULL,
        answer_by   timestamptz NOT NULL,
        read_at     timestamptz,
        answered_at timestamptz,
        key         text        NOT NULL,
        sealed      bytea       NOT NULL,
        answer_key  text,
        answer      bytea,
        CHECK ((answer IS NULL) = (answered_at IS NULL) AND (answer IS NULL) = (answer_key IS NULL))
    )
    """,
    "CREATE INDEX question_of_customer ON question (customer, id)",
    "CREATE INDEX question_open ON question (id) WHERE answered_at IS NULL",
    "COMMENT ON TABLE question IS 'What a customer asked about a use of her data, and what she was answered.'",
    "COMMENT ON COLUMN question.actor IS 'Whose use it is about.'",
    "COMMENT ON COLUMN question.sealed IS 'Her words, under her evidence key; so is the answer.'",
    f"GRANT SELECT, INSERT, DELETE ON message_link TO {APP}",
    f"GRANT SELECT, INSERT, UPDATE (read_at, answered_at, answer_key, answer) ON question TO {APP}",
    # Her lines, newest first; and of each kind of line hers, newest first.
    "CREATE INDEX use_line_of_customer ON use_line (customer, hour, line)",
    "CREATE UNIQUE INDEX use_line_of_kind ON use_line (customer, actor, kind, purpose, channel, outcome, hour)",
    # Only for these two must whoever reads wait, and they take no time.
    "ALTER TABLE use_line ADD CONSTRAINT use_line_of_kind UNIQUE USING INDEX use_line_of_kind",
    "ALTER TABLE use_line DROP CONSTRAINT use_line_customer_hour_actor_kind_purpose_channel_outcome_key",
)


def upgrade() -> None:
    """Add the tables, and let lines of use be found by what they are of."""
    for statement in STATEMENTS:
        op.execute(statement)

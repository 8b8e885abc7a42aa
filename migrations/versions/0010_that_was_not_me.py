"""That was not me: what she struck out, unreadable and apart; what keeps it out; and whom it reached before.

Safe while the previous release runs: columns and tables are only added, and nothing is struck out or barred before the
new release runs. Once something is, the old code finds a restrictions row that its MAC does not cover, and releases
nothing of her; but until its last process has ended it takes in again what a block would keep out.
"""

from alembic import op

revision = "0010"
down_revision = "0009"

APP, AUDITOR = "byleave_app", "byleave_auditor"

STATEMENTS = (
    # --- what she restricts ---
    """
    ALTER TABLE restrictions
        ADD COLUMN disputed text[] NOT NULL DEFAULT '{}',
        ADD COLUMN barred   text[] NOT NULL DEFAULT '{}'
    """,
    "COMMENT ON COLUMN restrictions.disputed IS 'Kinds of facts, attribute#provenance, of which one was not her.'",
    "COMMENT ON COLUMN restrictions.barred IS 'What she keeps out of a purpose or a kind of purposes.'",
    # --- what was struck out ---
    """
    CREATE TABLE strike (
        sequence  bigint      GENERATED ALWAYS AS IDENTITY,
        id        uuid        NOT NULL,
        customer  uuid        NOT NULL REFERENCES customer,
        kind      text        NOT NULL CHECK (kind IN ('dispute', 'correction', 'deletion')),
        entry     text        NOT NULL,
        at        timestamptz NOT NULL,
        version   bigint      NOT NULL,
        kinds     text[]      NOT NULL,
        named     integer     NOT NULL CHECK (named >= 0),
        built_on  integer     NOT NULL CHECK (built_on >= 0),
        disputes  boolean     NOT NULL,
        kept      timestamptz NOT NULL,
        answer    text        NOT NULL DEFAULT '',
        undone_at timestamptz,
        PRIMARY KEY (customer, id)
    )
    """,
    "COMMENT ON TABLE strike IS 'Each time she struck facts out; of a merged person one row for each side.'",
    "COMMENT ON COLUMN strike.version IS 'Her version that it made: by it what she put instead is known.'",
    "COMMENT ON COLUMN strike.disputes IS 'Whether it was not her: then it is kept out for good.'",
    "COMMENT ON COLUMN strike.kept IS 'Until when what was struck out can be brought back.'",
    """
    CREATE TABLE struck_fact (
        strike       uuid        NOT NULL,
        customer     uuid        NOT NULL REFERENCES customer,
        attribute    text        NOT NULL,
        provenance   text        NOT NULL
                     CHECK (provenance IN ('volunteered', 'observed', 'acquired', 'inferred')),
        source       text        NOT NULL,
        as_of        timestamptz NOT NULL,
        confidence   smallint    NOT NULL CHECK (confidence BETWEEN 0 AND 100),
        derived_from text[]      NOT NULL,
        revision     bigint      NOT NULL,
        key          text        NOT NULL,
        sealed       bytea       NOT NULL,
        named        boolean     NOT NULL,
        kept         timestamptz NOT NULL,
        PRIMARY KEY (customer, strike, attribute, provenance, source)
    )
    """,
    "COMMENT ON TABLE struck_fact IS 'Facts that she struck out, apart, so that no release sees them.'",
    "COMMENT ON COLUMN struck_fact.sealed IS 'What the fact held, sealed once more: put back, it does not open.'",
    "COMMENT ON COLUMN struck_fact.named IS 'Whether she named it; otherwise it was built on one that she named.'",
    "CREATE INDEX struck_fact_by_age ON struck_fact (kept)",
    # --- what keeps it out ---
    """
    CREATE TABLE block (
        customer    uuid        NOT NULL REFERENCES customer,
        strike      uuid        NOT NULL,
        scope       text        NOT NULL,
        mac_version integer     NOT NULL,
        digest      bytea       NOT NULL CHECK (length(digest) = 32),
        derived     boolean     NOT NULL,
        since       timestamptz,
        until       timestamptz,
        PRIMARY KEY (customer, strike, scope, digest)
    )
    """,
    "COMMENT ON TABLE block IS 'Keeps out what was struck out. It only takes away, so it needs no MAC.'",
    "COMMENT ON COLUMN block.digest IS 'MAC of her and of what the scope names; what that is, is nowhere.'",
    "COMMENT ON COLUMN block.derived IS 'Whether it keeps out only what rests on nothing, or on what is kept out.'",
    # --- whom it reached ---
    """
    CREATE TABLE recipient (
        customer   uuid   NOT NULL REFERENCES customer,
        strike     uuid   NOT NULL,
        service    text   NOT NULL,
        attributes text[] NOT NULL,
        told_at    timestamptz,
        PRIMARY KEY (customer, strike, service)
    )
    """,
    "COMMENT ON TABLE recipient IS 'Services that had what was struck out, and are to be told (GDPR Art. 19).'",
    "CREATE INDEX recipient_untold ON recipient (customer, strike) WHERE told_at IS NULL",
    # --- who may do what ---
    f"GRANT UPDATE (disputed, barred) ON restrictions TO {APP}",
    f"GRANT SELECT, INSERT, UPDATE (answer, undone_at) ON strike TO {APP}",
    f"GRANT SELECT ON strike TO {AUDITOR}",
    f"GRANT SELECT, INSERT, UPDATE (strike, kept), DELETE ON struck_fact TO {APP}",
    f"GRANT SELECT, INSERT, DELETE ON block TO {APP}",
    f"GRANT SELECT, INSERT, UPDATE (told_at), DELETE ON recipient TO {APP}",
)


def upgrade() -> None:
    """Add the columns and the tables."""
    for statement in STATEMENTS:
        op.execute(statement)

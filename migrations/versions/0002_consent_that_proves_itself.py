"""Consent that proves itself: what was shown, who spoke, how long it holds; choices beyond single purposes.

Safe while the previous release runs: columns are only added, each with a default under which an old row means what it
meant, and the old code neither reads nor misses them.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = (
    # --- instants of one customer only grow, whatever the clock does, so that any of them can be asked for ---
    "ALTER TABLE customer ADD COLUMN changed_at timestamptz NOT NULL DEFAULT '-infinity'",
    "COMMENT ON COLUMN customer.changed_at IS 'When she changed last; it only grows, whatever the clock says.'",
    # --- what an event says ---
    """
    ALTER TABLE consent_event
        ADD COLUMN acting       text  NOT NULL DEFAULT 'herself'
            CHECK (acting IN ('herself', 'staff', 'guardian', 'delegate', 'controller', 'worker')),
        ADD COLUMN language     text  NOT NULL DEFAULT '',
        ADD COLUMN layout       text  NOT NULL DEFAULT '',
        ADD COLUMN digest       text  NOT NULL DEFAULT '',
        ADD COLUMN shown_at     timestamptz,
        ADD COLUMN expires_at   timestamptz,
        ADD COLUMN evidence_key text,
        ADD COLUMN evidence     bytea,
        ADD COLUMN link         uuid
    """,
    "COMMENT ON COLUMN consent_event.digest IS 'SHA-256 of the notice as it was on the screen, hexadecimal.'",
    "COMMENT ON COLUMN consent_event.evidence IS 'Where the proof lies, sealed under her evidence key.'",
    "COMMENT ON COLUMN consent_event.link IS 'The merge through which a yes came here; it goes when that is undone.'",
    """
    UPDATE consent_event e
       SET expires_at = c.expires_at
      FROM consent c
     WHERE c.customer = e.customer AND c.purpose = e.purpose AND c.channel = e.channel AND c.decided_at = e.given_at
    """,
    "CREATE INDEX consent_event_by_purpose ON consent_event (customer, purpose, sequence)",
    "CREATE INDEX consent_event_by_entry ON consent_event (customer, entry)",
    "CREATE INDEX consent_by_expiry ON consent (expires_at) WHERE status IN ('given', 'renewed')",
    # --- choices that are no answer to a notice ---
    """
    CREATE TABLE choice_event (
        customer    uuid        NOT NULL REFERENCES customer,
        sequence    bigint      GENERATED ALWAYS AS IDENTITY,
        choice      text        NOT NULL,
        value       text        NOT NULL,
        method      text        NOT NULL,
        acting      text        NOT NULL
            CHECK (acting IN ('herself', 'staff', 'guardian', 'delegate', 'controller', 'worker')),
        actor       text        NOT NULL,
        recorder    text        NOT NULL,
        given_at    timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL,
        entry       text        NOT NULL,
        PRIMARY KEY (customer, sequence)
    )
    """,
    "COMMENT ON TABLE choice_event IS 'Every choice beyond single purposes, for ever appended and never changed.'",
    "CREATE INDEX choice_event_by_entry ON choice_event (customer, entry)",
    """
    ALTER TABLE restrictions
        ADD COLUMN more_than_told boolean NOT NULL DEFAULT true,
        ADD COLUMN objections     text[]  NOT NULL DEFAULT '{}',
        ADD COLUMN paused_until   timestamptz,
        ADD COLUMN quiet_hours    text    NOT NULL DEFAULT '',
        ADD COLUMN linked         uuid[]  NOT NULL DEFAULT '{}',
        ADD COLUMN said_no        text[]  NOT NULL DEFAULT '{}'
    """,
    "COMMENT ON COLUMN restrictions.objections IS 'Purposes of a legitimate interest to which she objects.'",
    "COMMENT ON COLUMN restrictions.linked IS 'Other customers who are the same person, as a merge says.'",
    "COMMENT ON COLUMN restrictions.said_no IS 'Said while no key was there: only takes away, so it needs no MAC.'",
    # --- keys ---
    "ALTER TABLE wrapped_key DROP CONSTRAINT wrapped_key_role_check",
    """
    ALTER TABLE wrapped_key ADD CONSTRAINT wrapped_key_role_check
        CHECK (role IN ('epoch', 'index', 'mac', 'receipt'))
    """,
    """
    CREATE TABLE evidence_key (
        customer uuid    PRIMARY KEY REFERENCES customer,
        id       text    NOT NULL,
        epoch    integer NOT NULL,
        wrapped  bytea   NOT NULL
    )
    """,
    "COMMENT ON TABLE evidence_key IS 'Seals what proves a consent. Outlives her profile, as long as she is shown.'",
    # --- what services are told ---
    """
    CREATE TABLE announcement (
        sequence   bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        customer   uuid        NOT NULL REFERENCES customer,
        kind       text        NOT NULL CHECK (kind IN ('renewal-due')),
        purpose    text        NOT NULL,
        channel    text        NOT NULL,
        expires_at timestamptz NOT NULL,
        at         timestamptz NOT NULL,
        UNIQUE (customer, purpose, channel, kind, expires_at)
    )
    """,
    "COMMENT ON TABLE announcement IS 'What a service should hear of: a consent that ends within 30 days.'",
    "CREATE INDEX announcement_by_purpose ON announcement (purpose, sequence)",
)


def upgrade() -> None:
    """Add what proves a consent, and what binds beside it."""
    for statement in STATEMENTS:
        op.execute(statement)

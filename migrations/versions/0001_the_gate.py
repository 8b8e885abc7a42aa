"""The gate: keys, policies, credentials, customers, facts, consents and the ledger.

Safe while the previous release runs: there is none.
"""

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    """
    CREATE TABLE wrapped_key (
        role       text        NOT NULL CHECK (role IN ('epoch', 'index', 'mac')),
        version    integer     NOT NULL CHECK (version > 0),
        root       text        NOT NULL,
        wrapped    bytea       NOT NULL,
        proof      bytea       NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (role, version)
    )
    """,
    "COMMENT ON TABLE wrapped_key IS 'Service-wide keys, wrapped by the root key, which is never here.'",
    """
    CREATE TABLE publication (
        sequence     integer     PRIMARY KEY,
        version      text        NOT NULL CHECK (version ~ '^sha256:[0-9a-f]{64}$'),
        bundle       bytea       NOT NULL,
        published_at timestamptz NOT NULL DEFAULT now(),
        mac_version  integer     NOT NULL,
        mac          bytea       NOT NULL
    )
    """,
    "COMMENT ON TABLE publication IS 'Every published version of policies and catalogue; the last one is in force.'",
    """
    CREATE TABLE credential (
        id          text        PRIMARY KEY,
        service     text        NOT NULL,
        digest      bytea       NOT NULL CHECK (length(digest) = 32),
        created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
        revoked_at  timestamptz,
        mac_version integer     NOT NULL,
        mac         bytea       NOT NULL
    )
    """,
    "CREATE INDEX credential_by_service ON credential (service)",
    "COMMENT ON TABLE credential IS 'API keys of services: the SHA-256 of each, never the key.'",
    """
    CREATE TABLE customer (
        id          uuid        PRIMARY KEY,
        version     bigint      NOT NULL,
        enrolled_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "COMMENT ON COLUMN customer.version IS 'Grows with every change; a release commits only if it did not.'",
    """
    CREATE TABLE customer_key (
        customer uuid    PRIMARY KEY REFERENCES customer,
        id       text    NOT NULL,
        epoch    integer NOT NULL,
        wrapped  bytea   NOT NULL
    )
    """,
    "COMMENT ON TABLE customer_key IS 'The key of one customer, wrapped by its epoch. Erasure deletes the row.'",
    """
    CREATE TABLE restrictions (
        customer            uuid    PRIMARY KEY REFERENCES customer,
        age_band            text    NOT NULL CHECK (age_band IN ('adult', 'minor', 'unknown')),
        may_process         boolean NOT NULL,
        may_market          boolean NOT NULL,
        may_profile         boolean NOT NULL,
        may_share           boolean NOT NULL,
        observed_allowed    boolean NOT NULL,
        acquired_allowed    boolean NOT NULL,
        inferred_allowed    boolean NOT NULL,
        demographic_allowed boolean NOT NULL,
        mac_version         integer NOT NULL,
        mac                 bytea   NOT NULL
    )
    """,
    "COMMENT ON TABLE restrictions IS 'What she forbade beyond single purposes. A missing row is a refusal.'",
    """
    CREATE TABLE identifier (
        customer uuid  NOT NULL REFERENCES customer,
        kind     text  NOT NULL CHECK (kind IN ('email', 'phone', 'loyalty')),
        digest   bytea NOT NULL CHECK (length(digest) = 32),
        key      text  NOT NULL,
        sealed   bytea NOT NULL,
        mac_version integer NOT NULL,
        mac      bytea NOT NULL,
        PRIMARY KEY (customer, kind, digest)
    )
    """,
    "CREATE INDEX identifier_by_digest ON identifier (kind, digest)",
    "COMMENT ON TABLE identifier IS 'By what a customer is found. Claimed by two, it is shared and finds nobody.'",
    """
    CREATE TABLE pairwise (
        customer uuid NOT NULL REFERENCES customer,
        service  text NOT NULL,
        id       text NOT NULL UNIQUE,
        mac_version integer NOT NULL,
        mac      bytea NOT NULL,
        PRIMARY KEY (customer, service)
    )
    """,
    "COMMENT ON TABLE pairwise IS 'How each service knows a customer: another random id for each.'",
    """
    CREATE TABLE source_record (
        source      text  NOT NULL,
        digest      bytea NOT NULL CHECK (length(digest) = 32),
        customer    uuid  NOT NULL REFERENCES customer,
        fingerprint bytea NOT NULL,
        PRIMARY KEY (source, digest)
    )
    """,
    "CREATE INDEX source_record_by_customer ON source_record (customer, source)",
    "COMMENT ON TABLE source_record IS 'Blind index of a row of another system, and a MAC of what was last imported.'",
    """
    CREATE TABLE fact (
        customer     uuid        NOT NULL REFERENCES customer,
        attribute    text        NOT NULL,
        provenance   text        NOT NULL CHECK (provenance IN ('volunteered', 'observed', 'acquired', 'inferred')),
        source       text        NOT NULL,
        as_of        timestamptz NOT NULL,
        confidence   smallint    NOT NULL CHECK (confidence BETWEEN 0 AND 100),
        derived_from text[]      NOT NULL,
        revision     bigint      NOT NULL,
        key          text        NOT NULL,
        sealed       bytea       NOT NULL,
        PRIMARY KEY (customer, attribute, provenance, source)
    )
    """,
    "CREATE INDEX fact_by_age ON fact (attribute, as_of)",
    "COMMENT ON COLUMN fact.derived_from IS 'Facts of the same customer, each as attribute#provenance@source.'",
    "COMMENT ON COLUMN fact.sealed IS 'AES-256-GCM under the customer''s key, bound to every other column of the row.'",
    """
    CREATE TABLE consent_event (
        customer       uuid        NOT NULL REFERENCES customer,
        sequence       bigint      GENERATED ALWAYS AS IDENTITY,
        purpose        text        NOT NULL,
        channel        text        NOT NULL,
        status         text        NOT NULL,
        notice         integer     NOT NULL,
        explicit       boolean     NOT NULL,
        method         text        NOT NULL,
        recorder       text        NOT NULL,
        actor          text        NOT NULL,
        given_at       timestamptz NOT NULL,
        recorded_at    timestamptz NOT NULL,
        policy_version text        NOT NULL,
        entry          text        NOT NULL,
        PRIMARY KEY (customer, sequence)
    )
    """,
    "COMMENT ON TABLE consent_event IS 'Every answer, for ever appended and never changed.'",
    """
    CREATE TABLE consent (
        customer    uuid        NOT NULL REFERENCES customer,
        purpose     text        NOT NULL,
        channel     text        NOT NULL,
        status      text        NOT NULL,
        notice      integer     NOT NULL,
        explicit    boolean     NOT NULL,
        decided_at  timestamptz NOT NULL,
        expires_at  timestamptz,
        mac_version integer,
        mac         bytea,
        PRIMARY KEY (customer, purpose, channel)
    )
    """,
    "COMMENT ON TABLE consent IS 'What stands now. Only a yes needs the MAC; a yes without it is no yes.'",
    """
    CREATE TABLE customer_token (
        digest     bytea       PRIMARY KEY CHECK (length(digest) = 32),
        customer   uuid        NOT NULL REFERENCES customer,
        expires_at timestamptz NOT NULL,
        mac_version integer    NOT NULL,
        mac        bytea       NOT NULL
    )
    """,
    """
    CREATE TABLE idempotent_write (
        key        bytea       PRIMARY KEY CHECK (length(key) = 32),
        digest     bytea       NOT NULL,
        answer     bytea       NOT NULL,
        written_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    "CREATE INDEX idempotent_write_by_age ON idempotent_write (written_at)",
    "COMMENT ON TABLE idempotent_write IS 'What writes answered, for when they are repeated: ids, versions, entries.'",
    """
    CREATE TABLE entry (
        position bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        id       text        NOT NULL UNIQUE,
        customer uuid,
        kind     text        NOT NULL,
        actor    text        NOT NULL,
        at       timestamptz NOT NULL,
        body     bytea       NOT NULL
    )
    """,
    "CREATE INDEX entry_by_customer ON entry (customer, position)",
    "COMMENT ON TABLE entry IS 'The ledger: what happened, in ids and words, never a value.'",
)


def upgrade() -> None:
    """Create everything."""
    for statement in STATEMENTS:
        op.execute(statement)

"""Signing in: sessions, codes and links that wait to be used, passkeys, and how often somebody tried.

Safe while the previous release runs: it knows none of these tables, and nothing that it reads or writes is changed.
"""

from alembic import op

revision = "0009"
down_revision = "0008"

APP = "byleave_app"

STATEMENTS = (
    """
    CREATE TABLE session (
        digest      bytea       PRIMARY KEY CHECK (length(digest) = 32),
        id          text        NOT NULL UNIQUE,
        customer    uuid        NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
        way         text        NOT NULL,
        made_at     timestamptz NOT NULL,
        ends_at     timestamptz NOT NULL,
        strong_at   timestamptz,
        seen_at     timestamptz NOT NULL,
        device      text        NOT NULL DEFAULT '',
        mac_version integer     NOT NULL,
        mac         bytea       NOT NULL
    )
    """,
    "CREATE INDEX session_customer ON session (customer, made_at)",
    "CREATE INDEX session_ends_at ON session (ends_at)",
    "COMMENT ON TABLE session IS 'Who is signed in to the portal; the cookie is only known by its SHA-256.'",
    "COMMENT ON COLUMN session.strong_at IS 'When she last proved afresh, by passkey or code, that it is she.'",
    "COMMENT ON COLUMN session.device IS 'Browser and system, from a short list; no version and no address.'",
    """
    CREATE TABLE sign_in (
        digest      bytea       PRIMARY KEY CHECK (length(digest) = 32),
        link        bytea       UNIQUE CHECK (length(link) = 32),
        aim         text        NOT NULL,
        customer    uuid,
        session     bytea,
        address     bytea,
        code        bytea       CHECK (length(code) = 32),
        tries       smallint    NOT NULL DEFAULT 0,
        expires_at  timestamptz NOT NULL,
        mac_version integer     NOT NULL,
        mac         bytea       NOT NULL
    )
    """,
    "CREATE INDEX sign_in_expires_at ON sign_in (expires_at)",
    "COMMENT ON TABLE sign_in IS 'What was asked for and waits: a code, a link, an answer of a device. Hashes only.'",
    "COMMENT ON COLUMN sign_in.customer IS 'NULL where nobody is known: it looks and behaves like the others.'",
    """
    CREATE TABLE passkey (
        id          bytea       PRIMARY KEY,
        customer    uuid        NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
        name        text        NOT NULL UNIQUE,
        public_key  bytea       NOT NULL,
        uses        bigint      NOT NULL,
        made_at     timestamptz NOT NULL,
        used_at     timestamptz,
        key         text        NOT NULL,
        label       bytea       NOT NULL,
        mac_version integer     NOT NULL,
        mac         bytea       NOT NULL
    )
    """,
    "CREATE INDEX passkey_customer ON passkey (customer, made_at)",
    "COMMENT ON TABLE passkey IS 'With what a customer signs in; what she calls it is sealed under her key.'",
    "COMMENT ON COLUMN passkey.uses IS 'The counter of the device, if it has one: it only grows.'",
    """
    CREATE TABLE rate (
        subject bytea       NOT NULL CHECK (length(subject) = 32),
        since   timestamptz NOT NULL,
        until   timestamptz NOT NULL,
        times   integer     NOT NULL,
        PRIMARY KEY (subject, since)
    )
    """,
    "CREATE INDEX rate_until ON rate (until)",
    "COMMENT ON TABLE rate IS 'How often something was tried in a stretch of time; the subject is a keyed hash.'",
)

ADD = "SELECT, INSERT"
GRANTS = {
    "session": f"{ADD}, UPDATE (strong_at, seen_at, mac_version, mac), DELETE",
    "sign_in": f"{ADD}, UPDATE (tries), DELETE",
    "passkey": f"{ADD}, UPDATE (uses, used_at, key, label, mac_version, mac), DELETE",
    "rate": f"{ADD}, UPDATE (times), DELETE",
}


def upgrade() -> None:
    """Make the tables, and say who may do what with them."""
    for statement in STATEMENTS:
        op.execute(statement)
    for table, privileges in GRANTS.items():
        op.execute(f"GRANT {privileges} ON {table} TO {APP}")

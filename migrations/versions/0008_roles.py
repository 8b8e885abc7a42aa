"""Who may do what: one role owns every table and logs in nowhere, three others may do what their work needs.

Safe while the previous release runs: whoever owned the tables until now becomes a member of their new owner, and so
may do all that it could. Each table is locked only for the moment in which it changes hands.
"""

from alembic import op

revision = "0008"
down_revision = "0007"

OWNER = "byleave_owner"
APP, SEQUENCER, AUDITOR = WORKERS = ("byleave_app", "byleave_sequencer", "byleave_auditor")

ADD = "SELECT, INSERT"
STANDING = "status, notice, explicit, decided_at, expires_at, mac_version, mac"
SWITCHES = """age_band, may_process, may_market, may_profile, may_share, observed_allowed, acquired_allowed,
    inferred_allowed, demographic_allowed, more_than_told, objections, paused_until, quiet_hours, linked, said_no,
    mac_version, mac"""
BUMP = "UPDATE (version, changed_at)"

# Table by table. Who is not named may do nothing there; nobody may empty a table, refer to it or put a trigger on it.
# What is only ever added to, nobody changes or removes: answers, choices, publications, announcements, the log.
GRANTS = {
    # The ledger.
    "queue": {APP: ADD, SEQUENCER: f"{ADD}, UPDATE (key, content), DELETE", AUDITOR: "SELECT"},
    "entry": {APP: "SELECT", SEQUENCER: ADD, AUDITOR: "SELECT"},
    "node": {APP: "SELECT", SEQUENCER: ADD, AUDITOR: "SELECT"},
    "checkpoint": {APP: "SELECT", SEQUENCER: ADD, AUDITOR: "SELECT"},
    "body": {APP: "SELECT", SEQUENCER: f"{ADD}, DELETE", AUDITOR: "SELECT"},
    "use_line": {APP: "SELECT", SEQUENCER: f"{ADD}, UPDATE (times, released, refused), DELETE", AUDITOR: "SELECT"},
    "gap": {APP: "SELECT", SEQUENCER: ADD, AUDITOR: "SELECT"},
    # What she said.
    "customer": {APP: f"{ADD}, {BUMP}", SEQUENCER: f"SELECT, {BUMP}", AUDITOR: "SELECT"},
    "consent": {APP: f"{ADD}, UPDATE ({STANDING})", AUDITOR: "SELECT"},
    "consent_event": {APP: ADD, AUDITOR: "SELECT"},
    "choice_event": {APP: ADD, AUDITOR: "SELECT"},
    "restrictions": {APP: f"{ADD}, UPDATE ({SWITCHES})", SEQUENCER: "SELECT", AUDITOR: "SELECT"},
    "link": {APP: f"{ADD}, UPDATE (ended_at, ended_by, mac_version, mac)", AUDITOR: "SELECT"},
    "linked_consent": {APP: f"{ADD}, UPDATE (origin, {STANDING}), DELETE", AUDITOR: "SELECT"},
    "announcement": {APP: ADD},
    # Who she is, and what is known about her.
    "identifier": {APP: f"{ADD}, UPDATE (sealed, verified_at, disowned_at, mac_version, mac)"},
    "pairwise": {APP: ADD},
    "source_record": {APP: f"{ADD}, UPDATE (fingerprint)"},
    "suppression": {APP: f"{ADD}, UPDATE (since)"},
    "fact": {APP: f"{ADD}, UPDATE (as_of, revision, key, sealed, confidence, derived_from), DELETE"},
    # Keys, wrapped by other keys.
    "wrapped_key": {APP: ADD, SEQUENCER: "SELECT"},
    "customer_key": {APP: ADD},
    "evidence_key": {APP: ADD, SEQUENCER: f"{ADD}, DELETE"},
    "ledger_key": {APP: "SELECT (version, root, public, created_at)", SEQUENCER: ADD},
    # Who may call, and what was answered.
    "credential": {APP: f"{ADD}, UPDATE (revoked_at, mac)"},
    "customer_token": {APP: f"{ADD}, DELETE"},
    "idempotent_write": {APP: f"{ADD}, DELETE"},
    # What the company asks for, and which release this is.
    "publication": {APP: ADD, AUDITOR: "SELECT"},
    "alembic_version": {APP: "SELECT", SEQUENCER: "SELECT", AUDITOR: "SELECT"},
}

BY_HAND = " ".join(f"CREATE ROLE {role};" for role in (OWNER, *WORKERS))

# Roles are the whole server's: the migration of another database may be making them at the same moment.
ROLE = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
        CREATE ROLE {role} NOLOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
    WHEN insufficient_privilege THEN
        RAISE insufficient_privilege USING MESSAGE = format(
            'the role {role} is missing; an administrator of the server must first run: {by_hand} GRANT {owner} TO %I;',
            current_user);
END $$
"""

# On PostgreSQL 16 and later, who makes a role may give it away, but does not have it.
MEMBERS = """
DO $$ DECLARE
    right_to text := CASE WHEN current_setting('server_version_num')::integer < 160000 THEN 'MEMBER' ELSE 'SET' END;
    former text;
BEGIN
    FOR former IN SELECT current_user
                   UNION
                  SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = ANY('{tables}'::regclass[]) LOOP
        IF NOT pg_has_role(former, '{owner}', right_to) THEN
            EXECUTE format('GRANT {owner} TO %I', former);
        END IF;
    END LOOP;
EXCEPTION
    WHEN unique_violation THEN NULL;
END $$
"""

# Where it is so already, as it is in a database that {owner} owns, it need not be ours to say.
SCHEMA = """
DO $$ BEGIN
    IF NOT has_schema_privilege('{role}', current_schema(), '{privilege}') THEN
        EXECUTE format('GRANT {privilege} ON SCHEMA %I TO {role}', current_schema());
    END IF;
END $$
"""


def upgrade() -> None:
    """Make the roles, hand the tables over, and say what each role may do."""
    for role in (OWNER, *WORKERS):
        op.execute(ROLE.format(role=role, owner=OWNER, by_hand=BY_HAND))
    op.execute(MEMBERS.format(owner=OWNER, tables="{" + ",".join(GRANTS) + "}"))
    for role in (OWNER, *WORKERS):
        op.execute(SCHEMA.format(role=role, privilege="USAGE"))
    op.execute(SCHEMA.format(role=OWNER, privilege="CREATE"))
    for table, roles in GRANTS.items():
        op.execute(f"ALTER TABLE {table} OWNER TO {OWNER}")
        op.execute(f"REVOKE ALL ON {table} FROM PUBLIC, {', '.join(WORKERS)}")
        for role, privileges in roles.items():
            op.execute(f"GRANT {privileges} ON {table} TO {role}")
    # From here on, in later migrations too (env.py), what is made is the owner's.
    op.execute(f"SET ROLE {OWNER}")

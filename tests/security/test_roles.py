"""What each role of the database may do with each table, tried; what is not said here is forbidden."""

import re
from collections.abc import Iterator, Mapping

import asyncpg
import pytest
from msgspec import Struct

from tests.conftest import in_role

pytestmark = pytest.mark.smoke

OWNER = "byleave_owner"
APP, SEQUENCER, AUDITOR = ROLES = ("byleave_app", "byleave_sequencer", "byleave_auditor")
VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")
NOTHING = ""
READS = "SELECT"
ADDS = "SELECT INSERT"
STANDING = "status notice explicit decided_at expires_at mac_version mac"
SWITCHES = """
    age_band may_process may_market may_profile may_share observed_allowed acquired_allowed inferred_allowed
    demographic_allowed more_than_told objections paused_until quiet_hours linked disputed barred said_no mac_version
    mac
"""

# For each table: the application, the sequencer, the auditor. In brackets the only columns.
MAY = {
    "alembic_version": (READS, READS, READS),
    "announcement": (ADDS, NOTHING, NOTHING),
    "block": (f"{ADDS} DELETE", NOTHING, NOTHING),
    "body": (READS, f"{ADDS} DELETE", READS),
    "checkpoint": (READS, ADDS, READS),
    "choice_event": (ADDS, NOTHING, READS),
    "consent": (f"{ADDS} UPDATE({STANDING})", NOTHING, READS),
    "consent_event": (ADDS, NOTHING, READS),
    "credential": (f"{ADDS} UPDATE(revoked_at mac)", NOTHING, NOTHING),
    "customer": (f"{ADDS} UPDATE(version changed_at)", "SELECT UPDATE(version changed_at)", READS),
    "customer_key": (ADDS, NOTHING, NOTHING),
    "customer_token": (f"{ADDS} DELETE", NOTHING, NOTHING),
    "entry": (READS, ADDS, READS),
    "evidence_key": (ADDS, f"{ADDS} DELETE", NOTHING),
    "fact": (f"{ADDS} UPDATE(as_of revision key sealed confidence derived_from) DELETE", NOTHING, NOTHING),
    "gap": (READS, ADDS, READS),
    "idempotent_write": (f"{ADDS} DELETE", NOTHING, NOTHING),
    "identifier": (f"{ADDS} UPDATE(sealed verified_at disowned_at mac_version mac)", NOTHING, NOTHING),
    "ledger_key": ("SELECT(version root public created_at)", ADDS, NOTHING),
    "link": (f"{ADDS} UPDATE(ended_at ended_by mac_version mac)", NOTHING, READS),
    "linked_consent": (f"{ADDS} UPDATE(origin {STANDING}) DELETE", NOTHING, READS),
    "message_link": (f"{ADDS} DELETE", NOTHING, NOTHING),
    "node": (READS, ADDS, READS),
    "pairwise": (ADDS, NOTHING, NOTHING),
    "passkey": (f"{ADDS} UPDATE(uses used_at key label mac_version mac) DELETE", NOTHING, NOTHING),
    "publication": (ADDS, NOTHING, READS),
    "question": (f"{ADDS} UPDATE(read_at answered_at answer_key answer)", NOTHING, NOTHING),
    "queue": (ADDS, f"{ADDS} UPDATE(key content) DELETE", READS),
    "recipient": (f"{ADDS} UPDATE(told_at) DELETE", NOTHING, NOTHING),
    "rate": (f"{ADDS} UPDATE(times) DELETE", NOTHING, NOTHING),
    "restrictions": (f"{ADDS} UPDATE({SWITCHES})", READS, READS),
    "session": (f"{ADDS} UPDATE(strong_at seen_at mac_version mac) DELETE", NOTHING, NOTHING),
    "sign_in": (f"{ADDS} UPDATE(tries) DELETE", NOTHING, NOTHING),
    "source_record": (f"{ADDS} UPDATE(fingerprint)", NOTHING, NOTHING),
    "strike": (f"{ADDS} UPDATE(answer undone_at kept)", NOTHING, READS),
    "struck_fact": (f"{ADDS} UPDATE(strike kept) DELETE", NOTHING, NOTHING),
    "suppression": (f"{ADDS} UPDATE(since)", NOTHING, NOTHING),
    "use_line": (READS, f"{ADDS} UPDATE(times released refused) DELETE", READS),
    "wrapped_key": (ADDS, READS, NOTHING),
}

COLUMNS = """
SELECT c.relname AS table, a.attname AS column
  FROM pg_class c
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
 ORDER BY c.relname, a.attnum
"""


class Attempt(Struct, frozen=True):
    """One thing that one role tries with one column, or with a table as a whole."""

    table: str
    verb: str
    column: str | None
    allowed: bool

    @property
    def statement(self) -> str:
        """What touches no row, so that only the right to do it is in question."""
        return {
            "SELECT": f"SELECT {self.column or '*'} FROM {self.table} WHERE false",  # noqa: S608  ours
            "INSERT": f"INSERT INTO {self.table} DEFAULT VALUES",
            "UPDATE": f"UPDATE {self.table} SET {self.column} = DEFAULT WHERE false",  # noqa: S608  ours
            "DELETE": f"DELETE FROM {self.table} WHERE false",  # noqa: S608  ours
            "TRUNCATE": f"TRUNCATE {self.table}",
        }[self.verb]


def attempts(tables: Mapping[str, list[str]], place: int) -> Iterator[Attempt]:
    """Yield everything that the role in this place of the matrix may do, and everything that it may not."""
    for table, columns in tables.items():
        may = {verb: only for verb, _, only in re.findall(r"([A-Z]+)(\(([^)]*)\))?", MAY[table][place])}
        for verb in VERBS:
            only = may.get(verb, "").split()
            assert set(only) <= set(columns), f"{table} has no {only}"
            # A statement that names no column asks for the right to all of them.
            if verb != "UPDATE":
                yield Attempt(table, verb, None, verb in may and not only)
            if verb in {"SELECT", "UPDATE"}:
                for column in columns:
                    yield Attempt(table, verb, column, verb in may and (not only or column in only))


@pytest.fixture
async def tables(owner: asyncpg.Connection) -> dict[str, list[str]]:
    """Every table of the schema, and its columns."""
    found: dict[str, list[str]] = {}
    for row in await owner.fetch(COLUMNS):
        found.setdefault(row["table"], []).append(row["column"])
    return found


def test_every_table_has_a_line_here(tables: dict[str, list[str]]) -> None:
    assert sorted(tables) == sorted(MAY)


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_may_do_what_is_said_here_and_nothing_else(
    role: str, tables: dict[str, list[str]], superuser_url: str, owner: asyncpg.Connection
) -> None:
    connection = await asyncpg.connect(in_role(superuser_url, role))
    try:
        wrong = []
        for attempt in attempts(tables, ROLES.index(role)):
            if await done(connection, attempt.statement) != attempt.allowed:
                wrong.append(attempt.statement)
            if await granted(owner, role, attempt) != attempt.allowed:
                wrong.append(f"{attempt}: granted otherwise")
    finally:
        await connection.close()
    assert wrong == []


async def done(connection: asyncpg.Connection, statement: str) -> bool:
    """Whether a statement was not refused for want of a right; nothing of it stays."""
    attempt = connection.transaction()
    await attempt.start()
    try:
        await connection.execute(statement)
    except asyncpg.InsufficientPrivilegeError:
        return False
    except asyncpg.IntegrityConstraintViolationError:  # a row of nothing but defaults: the right was there
        return True
    finally:
        await attempt.rollback()
    return True


async def granted(owner: asyncpg.Connection, role: str, attempt: Attempt) -> bool:
    """Whether the catalogue of the database says so too."""
    if attempt.column is None:
        found = await owner.fetchval("SELECT has_table_privilege($1, $2, $3)", role, attempt.table, attempt.verb)
    else:
        asked = "SELECT has_column_privilege($1, $2, $3, $4)"
        found = await owner.fetchval(asked, role, attempt.table, attempt.column, attempt.verb)
    return bool(found)


@pytest.mark.parametrize("role", ROLES)
async def test_nobody_who_logs_in_may_change_what_there_is(
    role: str, tables: dict[str, list[str]], superuser_url: str
) -> None:
    connection = await asyncpg.connect(in_role(superuser_url, role))
    try:
        for table in tables:
            for statement in (
                f"ALTER TABLE {table} ADD COLUMN more text",
                f"ALTER TABLE {table} DISABLE TRIGGER ALL",
                f"ALTER TABLE {table} OWNER TO {role}",
                f"CREATE INDEX ON {table} ((1))",
                f"CREATE TRIGGER t BEFORE INSERT ON {table} EXECUTE FUNCTION suppress_redundant_updates_trigger()",
                f"CREATE RULE r AS ON INSERT TO {table} DO INSTEAD NOTHING",
                f"DROP TABLE {table} CASCADE",
            ):
                assert not await done(connection, statement), statement
        for statement in (
            "CREATE TABLE mine (id integer)",
            "CREATE FUNCTION mine() RETURNS integer RETURN 1",
            "CREATE SCHEMA mine",
            "CREATE ROLE mine",
            "ALTER ROLE byleave_owner LOGIN",
            "DROP SCHEMA public CASCADE",
            "SELECT nextval('queue_number_seq')",
            "SELECT setval('queue_number_seq', 1)",
        ):
            assert not await done(connection, statement), statement
    finally:
        await connection.close()


async def test_the_owner_owns_everything_and_logs_in_nowhere(owner: asyncpg.Connection) -> None:
    owners = await owner.fetch(
        "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    )
    assert [row[0] for row in owners] == [OWNER]
    assert not await owner.fetchval("SELECT rolcanlogin OR rolsuper FROM pg_roles WHERE rolname = $1", OWNER)


async def test_no_role_can_become_another_and_none_has_a_right_over_the_server(owner: asyncpg.Connection) -> None:
    for role in ROLES:
        assert await owner.fetchval("SELECT count(*) FROM pg_auth_members WHERE member = $1::regrole", role) == 0
        powers = "rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls"
        assert not await owner.fetchval(f"SELECT {powers} FROM pg_roles WHERE rolname = $1", role)  # noqa: S608  ours


async def test_everybody_else_may_do_nothing(owner: asyncpg.Connection) -> None:
    await owner.execute("CREATE ROLE byleave_passer_by")
    try:
        for verb in (*VERBS, "REFERENCES", "TRIGGER"):
            may = "has_table_privilege('byleave_passer_by', oid, $1)"
            if verb in {"SELECT", "INSERT", "UPDATE", "REFERENCES"}:
                may += " OR has_any_column_privilege('byleave_passer_by', oid, $1)"
            open_to_all = await owner.fetch(
                "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' "  # noqa: S608  ours
                f"AND ({may})",
                verb,
            )
            assert open_to_all == []
        assert not await owner.fetchval("SELECT has_schema_privilege('byleave_passer_by', 'public', 'CREATE')")
    finally:
        await owner.execute("DROP ROLE byleave_passer_by")


async def test_nobody_refers_to_a_table_or_hands_on_what_it_may_do(owner: asyncpg.Connection) -> None:
    grants = await owner.fetch(
        """
        SELECT relname, pg_get_userbyid(grantee) AS role, privilege_type
          FROM pg_class, aclexplode(relacl)
         WHERE relnamespace = 'public'::regnamespace AND grantee <> $1::regrole
           AND (is_grantable OR privilege_type NOT IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE'))
        """,
        OWNER,
    )
    assert grants == []

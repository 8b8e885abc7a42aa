"""The ledger nobody can rewrite: a queue, the log's entries and nodes, its checkpoints, and what may be forgotten.

Safe while the previous release runs: it writes the old table of entries, and is refused from here on (503, so nothing
is lost and nothing leaves). So stop it, migrate, start this one. What the old table holds goes into the queue in its
order, and the log begins with it.
"""

import hashlib
import hmac
import json
import secrets  # noqa: TID251  a migration stands alone, whatever becomes of the service's own modules
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

STATEMENTS = (
    # Nobody is served meanwhile, and an old company has millions of answers.
    "SET LOCAL statement_timeout = '1h'",
    "ALTER TABLE entry RENAME TO former_entry",
    "ALTER TABLE former_entry RENAME CONSTRAINT entry_pkey TO former_entry_pkey",
    "ALTER TABLE former_entry RENAME CONSTRAINT entry_id_key TO former_entry_id_key",
    """
    CREATE TABLE queue (
        number     bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        id         text        NOT NULL UNIQUE,
        customer   uuid,
        kind       text        NOT NULL,
        actor      text        NOT NULL,
        at         timestamptz NOT NULL,
        purpose    text        NOT NULL DEFAULT '',
        channel    text        NOT NULL DEFAULT '',
        outcome    text        NOT NULL DEFAULT '',
        released   text[]      NOT NULL DEFAULT '{}',
        refused    text[]      NOT NULL DEFAULT '{}',
        commitment bytea       NOT NULL CHECK (length(commitment) = 32),
        key        text,
        content    bytea       NOT NULL,
        CHECK (key IS NULL OR customer IS NOT NULL),
        -- Whoever may add here must not be able to stop the log, or the export of it, with what can be taken nowhere.
        CHECK (at >= '1970-01-01 00:00Z' AND at < '3000-01-01 00:00Z'),
        CHECK (octet_length(kind || actor || purpose || channel || outcome) <= 2000),
        CHECK (coalesce(array_ndims(released), 1) = 1 AND array_position(released, NULL) IS NULL),
        CHECK (coalesce(array_ndims(refused), 1) = 1 AND array_position(refused, NULL) IS NULL),
        CHECK (octet_length(content) <= 655360)
    )
    """,
    "CREATE INDEX queue_unsealed ON queue (customer, number) WHERE key IS NULL AND customer IS NOT NULL",
    "COMMENT ON TABLE queue IS 'Entries that wait to be taken into the log, and what is counted of them.'",
    "COMMENT ON COLUMN queue.number IS 'Drawn under the lock of the customer: hers are in order.'",
    "COMMENT ON COLUMN queue.content IS 'Seed and body, sealed; clear if about nobody, or no key was there.'",
    """
    CREATE TABLE entry (
        position   bigint PRIMARY KEY CHECK (position >= 0),
        commitment bytea  NOT NULL CHECK (length(commitment) = 32)
    )
    """,
    "COMMENT ON TABLE entry IS 'The log: what each entry is committed to. Never changed, never shortened.'",
    """
    CREATE TABLE node (
        level smallint NOT NULL CHECK (level > 0),
        index bigint   NOT NULL CHECK (index >= 0),
        hash  bytea    NOT NULL CHECK (length(hash) = 32),
        PRIMARY KEY (level, index)
    )
    """,
    "COMMENT ON TABLE node IS 'Roots of full subtrees of 256, 65536, ... entries: what tiles and proofs are made of.'",
    """
    CREATE TABLE checkpoint (
        size      bigint      PRIMARY KEY CHECK (size > 0),
        prev_size bigint      UNIQUE NULLS NOT DISTINCT REFERENCES checkpoint (size) CHECK (prev_size < size),
        origin    text        NOT NULL,
        root      bytea       NOT NULL CHECK (length(root) = 32),
        note      text        NOT NULL,
        signed_at timestamptz NOT NULL,
        lag       interval    NOT NULL
    )
    """,
    "CREATE INDEX checkpoint_of_name ON checkpoint (origin, size)",
    "COMMENT ON TABLE checkpoint IS 'Signed heads of the log. Each follows exactly one, so the log cannot fork here.'",
    "COMMENT ON COLUMN checkpoint.lag IS 'How long the oldest entry that it added had waited.'",
    """
    CREATE TABLE body (
        position bigint PRIMARY KEY,
        id       text   NOT NULL UNIQUE,
        customer uuid,
        line     bigint,
        key      text,
        content  bytea  NOT NULL,
        CHECK (key IS NULL OR customer IS NOT NULL)
    )
    """,
    # Hers, and of those the ones of a line: each index more is paid for with every entry.
    "CREATE INDEX body_of_customer ON body (customer, line, position) WHERE customer IS NOT NULL",
    "COMMENT ON TABLE body IS 'What entries say, sealed, and whose they are. It can go; the log still verifies.'",
    """
    CREATE TABLE use_line (
        line     bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        customer uuid        NOT NULL,
        hour     timestamptz NOT NULL,
        actor    text        NOT NULL,
        kind     text        NOT NULL,
        purpose  text        NOT NULL,
        channel  text        NOT NULL,
        outcome  text        NOT NULL,
        times    bigint      NOT NULL CHECK (times > 0),
        released text[]      NOT NULL,
        refused  text[]      NOT NULL,
        UNIQUE (customer, hour, actor, kind, purpose, channel, outcome)
    ) WITH (fillfactor = 80)
    """,
    "COMMENT ON TABLE use_line IS 'Who used or looked at her data, by hour: what she sees before she opens anything.'",
    """
    CREATE TABLE gap (
        position bigint PRIMARY KEY,
        erasure  text   NOT NULL
    )
    """,
    "COMMENT ON TABLE gap IS 'Bodies that were erased, and the entry of the erasure, which says how many and which.'",
    """
    CREATE TABLE ledger_key (
        version    integer     PRIMARY KEY,
        root       text        NOT NULL,
        wrapped    bytea       NOT NULL,
        proof      bytea       NOT NULL,
        public     bytea       NOT NULL CHECK (length(public) = 32),
        created_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    "COMMENT ON TABLE ledger_key IS 'Signs checkpoints (Ed25519). Only the sequencer reads more than its public half.'",
    "ALTER TABLE consent_event ADD COLUMN imported boolean NOT NULL DEFAULT false",
    "COMMENT ON COLUMN consent_event.imported IS 'Whether it came in from a file, as hearsay of another system.'",
    """
    UPDATE consent_event e
       SET imported = true
      FROM former_entry f
     WHERE f.id = e.entry AND f.kind = 'import'
    """,
)
ENTRIES = """
SELECT position, id, customer, actor, at, body
  FROM former_entry
 WHERE position > :after
 ORDER BY position
 LIMIT 1000
"""
ANSWERS = """
SELECT entry, purpose, channel, status, notice, explicit, given_at, expires_at, link
  FROM consent_event
 WHERE customer = ANY(:customers) AND entry = ANY(:entries)
 ORDER BY sequence
"""
CHOICES = """
SELECT entry, choice, value
  FROM choice_event
 WHERE customer = ANY(:customers) AND entry = ANY(:entries)
 ORDER BY sequence
"""
QUEUE = """
INSERT INTO queue (id, customer, kind, actor, at, purpose, channel, outcome, released, refused, commitment, content)
VALUES (:id, :customer, :kind, :actor, :at, :purpose, :channel, :outcome, :released, :refused, :commitment, :content)
"""


def upgrade() -> None:
    """Create the tables, and let the log begin with what was entered so far."""
    for statement in STATEMENTS:
        op.execute(statement)
    connection, after = op.get_bind(), 0
    while batch := connection.execute(sa.text(ENTRIES), {"after": after}).mappings().all():
        ids = [each["id"] for each in batch]
        hers = {"customers": list({each["customer"] for each in batch}), "entries": ids}
        answers = _by_entry(connection.execute(sa.text(ANSWERS), hers).mappings(), _answer)
        choices = _by_entry(connection.execute(sa.text(CHOICES), hers).mappings(), _choice)
        connection.execute(sa.text(QUEUE), [_queued(each, answers, choices) for each in batch])
        after = batch[-1]["position"]
    op.execute("DROP TABLE former_entry")


def _queued(entry: Mapping[Any, Any], answers: Mapping[str, Any], choices: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row of an entry as this release writes it."""
    act, seed = json.loads(entry["body"]), secrets.token_bytes(32)
    body = {
        "act": act,
        "actor": entry["actor"],
        "at": _instant(entry["at"]),
        "customer": _mark(seed, entry["customer"]),
        "id": entry["id"],
    }
    body |= {"recorded": answers[entry["id"]]} if entry["id"] in answers else {}
    body |= {"chosen": choices[entry["id"]]} if entry["id"] in choices else {}
    said = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return {
        "id": entry["id"],
        "customer": entry["customer"],
        "kind": act["kind"],
        "actor": entry["actor"],
        "at": entry["at"],
        "purpose": act.get("purpose", "") if act["kind"] in ("release", "check") else "",
        "channel": act.get("channel", "") if act["kind"] in ("release", "check") else "",
        "outcome": act.get("outcome", ""),
        "released": sorted(act.get("released", [])),
        "refused": sorted(act.get("withheld", {})),
        "commitment": _hmac(_hmac(seed, b"opening"), said),
        "content": seed + said,
    }


def _answer(row: Mapping[Any, Any]) -> dict[str, Any]:
    said = {name: row[name] for name in ("purpose", "channel", "status", "notice", "explicit")}
    said["given_at"] = _instant(row["given_at"])
    said |= {"expires_at": _instant(row["expires_at"])} if row["expires_at"] else {}
    return said | ({"link": str(row["link"])} if row["link"] else {})


def _choice(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {"choice": row["choice"], "value": row["value"]}


def _by_entry(rows: Iterable[Mapping[Any, Any]], shape: Any) -> dict[str, list[dict[str, Any]]]:  # noqa: ANN401
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["entry"], []).append(shape(row))
    return found


def _instant(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _mark(seed: bytes, customer: UUID | None) -> str | None:
    return None if customer is None else _hmac(seed, b"customer" + customer.bytes).hex()


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, hashlib.sha256)

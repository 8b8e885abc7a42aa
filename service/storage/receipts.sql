-- name: answers
-- What this customer answered under one entry, and only if the ledger has that entry as hers.
SELECT e.purpose, e.channel, e.status, e.notice, e.explicit, e.method, e.actor, e.given_at, e.recorded_at, e.recorder,
       e.policy_version, e.entry, e.acting, e.expires_at, e.language, e.layout, e.digest, e.shown_at, e.evidence_key,
       e.evidence, e.link
  FROM consent_event e
 WHERE e.customer = $1 AND e.entry = $2
   AND (EXISTS (SELECT FROM body b WHERE b.id = $2 AND b.customer = $1)
        OR EXISTS (SELECT FROM queue q WHERE q.id = $2 AND q.customer = $1))
 ORDER BY e.sequence;

-- name: choices
-- What this customer chose under one entry, likewise.
SELECT c.choice, c.value, c.method, c.acting, c.recorder, c.given_at, c.recorded_at, c.entry
  FROM choice_event c
 WHERE c.customer = $1 AND c.entry = $2
   AND (EXISTS (SELECT FROM body b WHERE b.id = $2 AND b.customer = $1)
        OR EXISTS (SELECT FROM queue q WHERE q.id = $2 AND q.customer = $1))
 ORDER BY c.sequence;

-- name: lines
-- The acts of this customer before an entry of an instant, newest first: what a merge carries over is of one instant.
WITH said AS (
    SELECT recorded_at, entry
      FROM (SELECT recorded_at, entry
              FROM consent_event
             WHERE customer = $1 AND (recorded_at, entry) < (coalesce($2::timestamptz, 'infinity'), $4)
             GROUP BY recorded_at, entry
             ORDER BY recorded_at DESC, entry DESC
             LIMIT $3) AS answered
     UNION
    SELECT recorded_at, entry
      FROM (SELECT recorded_at, entry
              FROM choice_event
             WHERE customer = $1 AND (recorded_at, entry) < (coalesce($2::timestamptz, 'infinity'), $4)
             GROUP BY recorded_at, entry
             ORDER BY recorded_at DESC, entry DESC
             LIMIT $3) AS chosen
)
SELECT entry, recorded_at,
       ARRAY(SELECT DISTINCT purpose FROM consent_event e
              WHERE e.customer = $1 AND e.entry = said.entry ORDER BY purpose) AS purposes,
       ARRAY(SELECT DISTINCT choice FROM choice_event c
              WHERE c.customer = $1 AND c.entry = said.entry ORDER BY choice) AS choices
  FROM said
 ORDER BY recorded_at DESC, entry DESC
 LIMIT $3;

-- name: signers
-- Every version of the key that signs receipts. Its date is the instant from which it signs.
SELECT version, created_at AS since
  FROM wrapped_key
 WHERE role = 'receipt'
 ORDER BY version;

-- name: version_at
-- The catalogue that was in force at an instant.
SELECT version
  FROM publication
 WHERE published_at <= $1
 ORDER BY sequence DESC
 LIMIT 1;

-- name: versions_after
-- A version of the catalogue, and those that were published after it.
SELECT version
  FROM publication
 WHERE sequence >= (SELECT min(sequence) FROM publication WHERE version = $1)
 ORDER BY sequence;

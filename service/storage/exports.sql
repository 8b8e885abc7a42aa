-- name: be_patient
-- Whoever reads the export may be slow. What waits here holds nobody back: it only reads.
SELECT set_config('idle_in_transaction_session_timeout', '10min', true);

-- name: entries
-- The next places of the log, with what is there of their bodies, and which of these are said to be erased.
-- A plain number as the limit, so that every plan is made for a batch.
WITH batch AS MATERIALIZED (
    SELECT position, commitment FROM entry WHERE position > $1 ORDER BY position LIMIT 2000
)
SELECT e.position, e.commitment, b.id, b.customer, b.key, b.content, g.erasure
  FROM batch e
  LEFT JOIN body b ON b.position = e.position
  LEFT JOIN gap g ON g.position = e.position
 ORDER BY e.position;

-- name: checkpoints
-- The signed heads that are larger than one size, and not larger than another.
SELECT size, note FROM checkpoint WHERE size > $1 AND ($2::bigint IS NULL OR size <= $2) ORDER BY size;

-- name: waiting
-- What waits to be taken into the log, in the order in which it will be.
SELECT id, customer, key, commitment, content FROM queue ORDER BY number;

-- name: standing
SELECT customer, purpose, channel, status, notice, explicit, decided_at, expires_at, NULL::uuid AS link FROM consent
 UNION ALL
SELECT customer, purpose, channel, status, notice, explicit, decided_at, expires_at, link FROM linked_consent;

-- name: restrictions
SELECT customer, age_band, may_process, may_market, may_profile, may_share, observed_allowed, acquired_allowed,
       inferred_allowed, demographic_allowed, more_than_told, objections, paused_until, quiet_hours, linked,
       disputed, barred, said_no
  FROM restrictions;

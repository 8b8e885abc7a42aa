-- name: begin
-- Whoever comes second while the first is still at work is told so, and does not wait.
SELECT pg_try_advisory_xact_lock($1, hashtext(encode($2, 'hex')));

-- name: kept
SELECT digest, answer FROM idempotent_write WHERE key = $1;

-- name: keep
INSERT INTO idempotent_write (key, digest, answer) VALUES ($1, $2, $3);

-- name: forget
-- The time is asked for once, so that the index finds them.
DELETE FROM idempotent_write
 WHERE ctid = ANY(ARRAY(SELECT ctid
                          FROM idempotent_write
                         WHERE written_at < (SELECT clock_timestamp()) - make_interval(hours => $1)
                         LIMIT $2));

-- name: among
-- Which of these identifiers are to be left alone.
SELECT s.kind, s.digest, s.why, s.purpose, s.since
  FROM unnest($1::text[], $2::bytea[]) AS asked (kind, digest)
  JOIN suppression s ON s.kind = asked.kind AND s.digest = asked.digest;

-- name: put
-- Of two dates of one refusal the later counts, for only a yes after it undoes it.
INSERT INTO suppression (kind, digest, why, purpose, since)
VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (kind, digest, why, purpose) DO UPDATE
   SET since = excluded.since
 WHERE suppression.since < excluded.since;

-- name: count
SELECT kind, why, purpose, count(*) AS rows
  FROM suppression
 GROUP BY kind, why, purpose
 ORDER BY kind, why, purpose;

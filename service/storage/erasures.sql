-- name: waits
SELECT EXISTS (SELECT FROM queue WHERE customer = $1);

-- name: destroy_key
DELETE FROM evidence_key WHERE customer = $1;

-- name: forget_uses
DELETE FROM use_line WHERE customer = $1;

-- name: forget_bodies
-- Each body that goes leaves a gap that names the entry of its erasure.
WITH gone AS (
    DELETE FROM body
     WHERE position IN (SELECT position FROM body WHERE customer = $1 LIMIT $3)
    RETURNING position
)
INSERT INTO gap (position, erasure)
SELECT position, $2
  FROM gone
RETURNING position;

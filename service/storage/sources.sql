-- name: known
-- Which rows of another system came in before, as whom, and as what.
SELECT digest, customer, fingerprint FROM source_record WHERE source = $1 AND digest = ANY($2::bytea[]);

-- name: recorded
-- Who came in from a system before.
SELECT DISTINCT customer FROM source_record WHERE source = $1 AND customer = ANY($2::uuid[]);

-- name: put
INSERT INTO source_record (source, digest, customer, fingerprint)
SELECT * FROM unnest($1::text[], $2::bytea[], $3::uuid[], $4::bytea[])
    ON CONFLICT (source, digest) DO UPDATE SET fingerprint = excluded.fingerprint;

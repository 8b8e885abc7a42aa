-- name: all
SELECT role, version, root, wrapped, proof, created_at FROM wrapped_key ORDER BY role, version;

-- name: put
INSERT INTO wrapped_key (role, version, root, wrapped, proof, created_at)
VALUES ($1, $2, $3, $4, $5, clock_timestamp() + $6::interval);

-- name: hold
-- An advisory lock, because one on the table asks for more rights than to add to it.
SELECT pg_advisory_xact_lock($1, 0);

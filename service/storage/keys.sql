-- name: all
SELECT role, version, root, wrapped, proof, created_at FROM wrapped_key ORDER BY role, version;

-- name: put
INSERT INTO wrapped_key (role, version, root, wrapped, proof, created_at)
VALUES ($1, $2, $3, $4, $5, clock_timestamp() + $6::interval);

-- name: lock
LOCK TABLE wrapped_key IN SHARE ROW EXCLUSIVE MODE;

-- name: credential
SELECT service, digest, mac_version, mac FROM credential WHERE id = $1 AND revoked_at IS NULL;

-- name: is_live
SELECT EXISTS (SELECT FROM credential WHERE id = $1 AND revoked_at IS NULL);

-- name: live
-- The keys of a service that still work, oldest first.
SELECT id, created_at FROM credential WHERE service = $1 AND revoked_at IS NULL ORDER BY created_at, id;

-- name: all
SELECT service, id, created_at, revoked_at FROM credential ORDER BY service, created_at, id;

-- name: put
INSERT INTO credential (id, service, digest, mac_version, mac) VALUES ($1, $2, $3, $4, $5);

-- name: revoke
-- The proof goes with the key, so that clearing the date by SQL does not bring it back.
UPDATE credential SET revoked_at = clock_timestamp(), mac = '' WHERE id = $1 AND revoked_at IS NULL;

-- name: hold
SELECT pg_advisory_xact_lock($1, hashtext($2));

-- name: put_token
INSERT INTO customer_token (digest, customer, expires_at, mac_version, mac) VALUES ($1, $2, $3, $4, $5);

-- name: forget_tokens
-- The time is asked for once, so that the index finds them.
DELETE FROM customer_token
 WHERE ctid = ANY(ARRAY(SELECT ctid FROM customer_token WHERE expires_at <= (SELECT clock_timestamp()) LIMIT $1));

-- name: token
SELECT customer, expires_at, mac_version, mac
  FROM customer_token
 WHERE digest = $1 AND expires_at > clock_timestamp();

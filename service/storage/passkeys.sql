-- name: put
INSERT INTO passkey (id, customer, name, public_key, uses, made_at, key, label, mac_version, mac)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT (id) DO NOTHING
RETURNING id;

-- name: passkey
SELECT id, customer, name, public_key, uses, made_at, used_at, key, label, mac_version, mac
  FROM passkey
 WHERE id = $1;

-- name: passkeys_of
SELECT id, customer, name, public_key, uses, made_at, used_at, key, label, mac_version, mac
  FROM passkey
 WHERE customer = $1
 ORDER BY made_at, name;

-- name: use
-- Only from the counter that was checked: of two answers at once, one is refused.
UPDATE passkey SET uses = $3, used_at = $4, mac_version = $5, mac = $6 WHERE id = $1 AND uses = $2 AND used_at IS NOT DISTINCT FROM $7
RETURNING id;

-- name: relabel
UPDATE passkey SET key = $3, label = $4 WHERE customer = $1 AND name = $2 RETURNING id;

-- name: remove
DELETE FROM passkey WHERE customer = $1 AND name = $2 RETURNING id;

-- name: remove_all
DELETE FROM passkey WHERE customer = $1;

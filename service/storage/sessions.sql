-- name: put
INSERT INTO session (digest, id, customer, way, made_at, ends_at, strong_at, seen_at, device, mac_version, mac)
VALUES ($1, $2, $3, $4, $5, $6, $7, $5, $8, $9, $10);

-- name: session
-- Whose cookie this is, unless it has ended, and how the time stands.
SELECT id, customer, way, made_at, ends_at, strong_at, mac_version, mac,
       least(ends_at, CASE WHEN seen_at < clock_timestamp() - $4::interval THEN clock_timestamp() ELSE seen_at END
                      + $2::interval) AS idle_ends_at,
       clock_timestamp() AS now,
       strong_at > clock_timestamp() - $3::interval AND strong_at <= clock_timestamp() AS strong,
       seen_at < clock_timestamp() - $4::interval AS unseen
  FROM session
 WHERE digest = $1 AND ends_at > clock_timestamp() AND seen_at > clock_timestamp() - $2::interval;

-- name: touch
UPDATE session SET seen_at = clock_timestamp() WHERE digest = $1;

-- name: sessions_of
-- Where a customer is signed in, the newest first.
SELECT digest, id, customer, way, made_at, ends_at, strong_at, seen_at, device, mac_version, mac
  FROM session
 WHERE customer = $1 AND ends_at > clock_timestamp() AND seen_at > clock_timestamp() - $2::interval
 ORDER BY made_at DESC, id;

-- name: strengthen
UPDATE session SET strong_at = $2, mac_version = $3, mac = $4 WHERE digest = $1;

-- name: end_one
DELETE FROM session WHERE customer = $1 AND id = $2 RETURNING id;

-- name: end_others
DELETE FROM session WHERE customer = $1 AND digest <> $2 RETURNING id;

-- name: end_all
DELETE FROM session WHERE customer = $1;

-- name: forget
DELETE FROM session
 WHERE ctid = ANY(ARRAY(SELECT ctid
                          FROM session
                         WHERE ends_at <= clock_timestamp() OR seen_at <= clock_timestamp() - $1::interval
                         LIMIT $2));

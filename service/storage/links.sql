-- name: put
INSERT INTO link (id, one, other, said, made_at, made_by, mac_version, mac) VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: end
UPDATE link SET ended_at = $2, ended_by = $3, mac_version = $4, mac = $5 WHERE id = $1 AND ended_at IS NULL;

-- name: link
SELECT id, one, other, said, made_at, made_by, ended_at, ended_by, mac_version, mac FROM link WHERE id = $1;

-- name: of
-- Every link that any of these customers ever had, oldest first.
SELECT id, one, other, said, made_at, made_by, ended_at, ended_by, mac_version, mac
  FROM link
 WHERE one = ANY($1::uuid[]) OR other = ANY($1::uuid[])
 ORDER BY made_at, id;

-- name: put_yes
-- A yes from another side replaces the one before that came by the same link, unless that is later.
INSERT INTO linked_consent (customer, purpose, channel, link, origin, status, notice, explicit, decided_at, expires_at,
                            mac_version, mac)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
    ON CONFLICT (customer, purpose, channel, link) DO UPDATE
   SET origin = excluded.origin, status = excluded.status, notice = excluded.notice, explicit = excluded.explicit,
       decided_at = excluded.decided_at, expires_at = excluded.expires_at,
       mac_version = excluded.mac_version, mac = excluded.mac
 WHERE linked_consent.decided_at < excluded.decided_at;

-- name: forget_yeses
-- Once there is a no, no earlier yes lies below it.
DELETE FROM linked_consent y
 USING unnest($1::uuid[], $2::text[], $3::text[]) AS no (customer, purpose, channel)
 WHERE y.customer = no.customer AND y.purpose = no.purpose AND y.channel = no.channel;

-- name: forget
DELETE FROM linked_consent WHERE link = ANY($1::uuid[]);

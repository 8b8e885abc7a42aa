-- name: record
INSERT INTO consent_event (customer, purpose, channel, status, notice, explicit, method, recorder, actor, given_at,
                           recorded_at, policy_version, entry, acting, expires_at, language, layout, digest, shown_at,
                           evidence_key, evidence, link)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22);

-- name: standing
-- What this customer answered last, for one purpose on one channel.
SELECT purpose, channel, status, notice, explicit, decided_at, expires_at
  FROM consent
 WHERE customer = $1 AND purpose = $2 AND channel = $3;

-- name: channels_of
-- The channels on which this customer ever answered for a purpose.
SELECT channel FROM consent WHERE customer = $1 AND purpose = $2 ORDER BY channel;

-- name: all_standing
-- What this customer answered last, for each of these purposes on each channel.
-- Her own answers come first, then what came from other sides of a merged person.
SELECT purpose, channel, status, notice, explicit, decided_at, expires_at, clock_timestamp() AS now, 1 AS place
  FROM consent
 WHERE customer = $1 AND purpose = ANY($2::text[])
 UNION ALL
SELECT purpose, channel, status, notice, explicit, decided_at, expires_at, clock_timestamp(), 2
  FROM linked_consent
 WHERE customer = $1 AND purpose = ANY($2::text[])
 ORDER BY place, purpose, channel;

-- name: put_standing
INSERT INTO consent (customer, purpose, channel, status, notice, explicit, decided_at, expires_at, mac_version, mac)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT (customer, purpose, channel) DO UPDATE
   SET status = excluded.status, notice = excluded.notice, explicit = excluded.explicit,
       decided_at = excluded.decided_at, expires_at = excluded.expires_at,
       mac_version = excluded.mac_version, mac = excluded.mac;

-- name: history
-- The latest answers of this customer for these purposes, newest first.
SELECT purpose, channel, status, notice, explicit, method, actor, given_at, recorded_at, recorder, policy_version,
       entry, acting, expires_at, language, layout, digest, shown_at, evidence_key, evidence, link, sequence
  FROM consent_event
 WHERE customer = $1 AND purpose = ANY($2::text[])
 ORDER BY sequence DESC
 LIMIT $3;

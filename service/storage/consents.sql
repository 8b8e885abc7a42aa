-- name: record
INSERT INTO consent_event (customer, purpose, channel, status, notice, explicit, method, recorder, actor, given_at,
                           recorded_at, policy_version, entry, acting, expires_at, language, layout, digest, shown_at,
                           evidence_key, evidence, link, imported)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::integer[], $6::boolean[], $7::text[],
                     $8::text[], $9::text[], $10::timestamptz[], $11::timestamptz[], $12::text[], $13::text[],
                     $14::text[], $15::timestamptz[], $16::text[], $17::text[], $18::text[], $19::timestamptz[],
                     $20::text[], $21::bytea[], $22::uuid[], $23::boolean[]);

-- name: standing
-- What this customer answered last, for one purpose on one channel.
SELECT purpose, channel, status, notice, explicit, decided_at, expires_at
  FROM consent
 WHERE customer = $1 AND purpose = $2 AND channel = $3;

-- name: standing_of_many
-- What these customers answered last, for every purpose on every channel.
SELECT customer, purpose, channel, status, notice, explicit, decided_at, expires_at
  FROM consent
 WHERE customer = ANY($1::uuid[]);

-- name: spots_of
-- For which purposes and channels this customer ever answered, or a yes came to her by a link.
SELECT purpose, channel FROM consent WHERE customer = $1
 UNION
SELECT purpose, channel FROM linked_consent WHERE customer = $1
 ORDER BY purpose, channel;

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

-- name: given_to
-- Customers whose consent to a purpose rests on one version of its notice.
SELECT DISTINCT customer
  FROM consent
 WHERE purpose = $1 AND notice = $2 AND status IN ('given', 'renewed')
 LIMIT $3;

-- name: channels_given_to
SELECT channel
  FROM consent
 WHERE customer = $1 AND purpose = $2 AND notice = $3 AND status IN ('given', 'renewed')
 ORDER BY channel;

-- name: expired
-- Customers of whom a consent has run its time.
SELECT DISTINCT customer
  FROM consent
 WHERE status IN ('given', 'renewed') AND expires_at <= clock_timestamp()
 LIMIT $1;

-- name: expired_of
SELECT purpose, channel, status, notice, explicit, decided_at, expires_at
  FROM consent
 WHERE customer = $1 AND status IN ('given', 'renewed') AND expires_at <= clock_timestamp()
 ORDER BY purpose, channel;

-- name: put
INSERT INTO consent (customer, purpose, channel, status, notice, explicit, decided_at, expires_at, mac_version, mac)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::integer[], $6::boolean[], $7::timestamptz[],
                     $8::timestamptz[], $9::integer[], $10::bytea[])
    ON CONFLICT (customer, purpose, channel) DO UPDATE
   SET status = excluded.status, notice = excluded.notice, explicit = excluded.explicit,
       decided_at = excluded.decided_at, expires_at = excluded.expires_at,
       mac_version = excluded.mac_version, mac = excluded.mac;

-- name: history
-- This customer's answers for these purposes before a position, newest first, but for some statuses. For each purpose
-- as many as are wanted at most, so that a page costs the same however much lies before it. That the purpose is this one
-- is said as a range, because for an equality the planner may read her whole history and leave out all that is of other
-- purposes.
SELECT e.sequence, e.purpose, e.channel, e.status, e.notice, e.explicit, e.method, e.actor, e.given_at, e.recorded_at,
       e.recorder, e.policy_version, e.entry, e.acting, e.expires_at, e.language, e.layout, e.digest, e.shown_at,
       e.evidence_key, e.evidence, e.link
  FROM unnest($2::text[]) AS asked (purpose)
 CROSS JOIN LATERAL (
       SELECT *
         FROM consent_event c
        WHERE c.customer = $1 AND c.purpose >= asked.purpose AND (c.purpose, c.sequence) < (asked.purpose, $3)
          AND c.status <> ALL ($5::text[])
        ORDER BY c.purpose DESC, c.sequence DESC
        LIMIT $4) AS e
 ORDER BY e.sequence DESC
 LIMIT $4;

-- name: put
-- A link that was made before is there already.
INSERT INTO message_link (digest, service, customer, purpose, channel, ends_at, mac_version)
VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (digest) DO NOTHING;

-- name: find
SELECT service, customer, purpose, channel, ends_at, mac_version, clock_timestamp() AS now
  FROM message_link
 WHERE digest = $1 AND ends_at > clock_timestamp();

-- name: forget
-- The time is asked for once, so that the index finds them.
DELETE FROM message_link
 WHERE ctid = ANY(ARRAY(SELECT ctid FROM message_link WHERE ends_at <= (SELECT clock_timestamp()) LIMIT $1));

-- name: open
-- Whether there is anything but a no at any of these places, on any side of this person.
WITH person AS (
    SELECT $1::uuid AS id
     UNION
    SELECT unnest(r.linked) FROM restrictions r WHERE r.customer = $1
), spot AS (
    SELECT purpose, channel FROM unnest($2::text[], $3::text[]) AS asked (purpose, channel)
)
SELECT EXISTS (SELECT
                 FROM person
                CROSS JOIN spot
                 LEFT JOIN consent c
                   ON c.customer = person.id AND c.purpose = spot.purpose AND c.channel = spot.channel
                WHERE c.status IS NULL OR c.status <> ALL ($4::text[]))
    OR EXISTS (SELECT
                 FROM person
                CROSS JOIN spot
                 JOIN linked_consent l
                   ON l.customer = person.id AND l.purpose = spot.purpose AND l.channel = spot.channel) AS open;

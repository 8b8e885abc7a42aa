-- name: hold
-- One announces at a time, so that announcements are seen in the order of their numbers and none is overtaken.
SELECT pg_advisory_xact_lock($1, 0);

-- name: announce
-- Once for each consent that ends soon; a renewed one has another end.
INSERT INTO announcement (customer, kind, purpose, channel, expires_at, at)
SELECT c.customer, 'renewal-due', c.purpose, c.channel, c.expires_at, clock_timestamp()
  FROM consent c
 WHERE c.status IN ('given', 'renewed')
   AND c.expires_at > clock_timestamp()
   AND c.expires_at <= clock_timestamp() + $1::interval
   AND NOT EXISTS (
       SELECT FROM announcement a
        WHERE a.customer = c.customer AND a.purpose = c.purpose AND a.channel = c.channel
          AND a.kind = 'renewal-due' AND a.expires_at = c.expires_at)
 ORDER BY c.expires_at
 LIMIT $2
RETURNING customer, purpose, channel, expires_at, at;

-- name: page
-- What was announced to a service after a position, as far as it still holds, by its own id of each customer.
SELECT a.sequence, a.kind, a.purpose, a.channel, a.expires_at, a.at, a.customer, w.id, w.mac_version, w.mac
  FROM announcement a
  JOIN pairwise w ON w.customer = a.customer AND w.service = $1
  JOIN consent c ON c.customer = a.customer AND c.purpose = a.purpose AND c.channel = a.channel
 WHERE a.purpose = ANY($2::text[])
   AND a.sequence > $3
   AND c.status IN ('given', 'renewed')
   AND c.expires_at = a.expires_at
 ORDER BY a.sequence
 LIMIT $4;

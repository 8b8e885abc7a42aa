-- name: count
-- In stretches that begin at round times, so that whoever counts the same thing counts in the same row.
INSERT INTO rate (subject, since, until, times)
SELECT subject, stretch.since, stretch.since + span, 1
  FROM unnest($1::bytea[], $2::interval[]) AS counted (subject, span)
 CROSS JOIN LATERAL date_bin(span, clock_timestamp(), timestamptz '2000-01-01 00:00Z') AS stretch (since)
 ORDER BY subject
    ON CONFLICT (subject, since) DO UPDATE SET times = rate.times + 1
RETURNING subject, times, ceil(extract(epoch FROM until - clock_timestamp()))::integer AS wait;

-- name: forget
DELETE FROM rate WHERE until <= clock_timestamp();

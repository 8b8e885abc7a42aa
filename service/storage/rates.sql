-- name: count
-- In stretches that begin at round times, so that whoever counts the same thing counts in the same row. One that is
-- full stays as it is.
WITH stretch AS (
    SELECT date_bin($2, clock_timestamp(), timestamptz '2000-01-01 00:00Z') AS since
), counted AS (
    INSERT INTO rate (subject, since, until, times)
    SELECT $1, since, since + $2::interval, 1 FROM stretch
        ON CONFLICT (subject, since) DO UPDATE SET times = rate.times + 1 WHERE rate.times < $3
    RETURNING subject
)
SELECT CASE WHEN EXISTS (SELECT FROM counted) THEN 0
            ELSE greatest(1, ceil(extract(epoch FROM since + $2::interval - clock_timestamp())))::integer END
  FROM stretch;

-- name: forget
-- The time is asked for once, so that the index finds them.
DELETE FROM rate
 WHERE ctid = ANY(ARRAY(SELECT ctid FROM rate WHERE until <= (SELECT clock_timestamp()) LIMIT $1));

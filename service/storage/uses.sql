-- name: lines
-- Who asked for or looked at a customer's data, newest hour first, from a line downwards. A line counts where any part
-- of its hour does. As many rows are read as are shown, unless a filter passes over some.
SELECT line, hour, actor, kind, purpose, channel, outcome, times, released, refused
  FROM use_line
 WHERE customer = $1
   AND ($2::text IS NULL OR actor = $2)
   AND ($3::text IS NULL OR purpose = $3)
   AND (NOT $4::boolean OR outcome IN ('partial', 'deny'))
   AND hour > coalesce($5::timestamptz - interval '1 hour', '-infinity')
   AND hour < coalesce($6::timestamptz, 'infinity')
   AND (hour, line) < (coalesce($7::timestamptz, 'infinity'), $8::bigint)
 ORDER BY hour DESC, line DESC
 LIMIT $9;

-- name: by_attribute
-- Which services had each attribute of a customer lately, and at most how often: a line counts for all that it names.
SELECT attribute, actor, sum(times)::bigint AS times
  FROM use_line
 CROSS JOIN LATERAL unnest(released) AS attribute
 WHERE customer = $1 AND kind = 'release' AND hour > now() - make_interval(days => $2)
 GROUP BY attribute, actor
 ORDER BY attribute, times DESC, actor;

-- name: covers
-- From when to when the lines say everything. What waits in the queue is not in them, and an act may still commit some
-- seconds after the time that it bears: its number is drawn in between, so the first of the queue stands for the rest.
SELECT enrolled_at AS since,
       greatest(enrolled_at,
                least(now(), (SELECT at FROM queue ORDER BY number LIMIT 1)) - interval '10 seconds') AS until
  FROM customer
 WHERE id = $1;

-- name: line
SELECT FROM use_line WHERE line = $1 AND customer = $2;

-- name: effects
-- For each spot what came of an answer since it was given: releases, and what was refused. The hour of the answer is
-- counted entry by entry, as far as their ids say that they were made after it.
SELECT asked.purpose, asked.channel,
       coalesce(sum(counted.times) FILTER (WHERE counted.outcome IN ('permit', 'partial')), 0)::bigint AS used,
       coalesce(sum(counted.times) FILTER (WHERE counted.outcome = 'deny'), 0)::bigint AS refused,
       max(counted.hour) FILTER (WHERE counted.outcome = 'deny') AS refused_last
  FROM unnest($2::text[], $3::text[], $4::timestamptz[], $5::text[]) AS asked (purpose, channel, since, entry)
 CROSS JOIN LATERAL (
       SELECT u.outcome, u.hour,
              CASE WHEN u.hour >= asked.since THEN u.times
                   ELSE (SELECT count(*) FROM body b WHERE b.customer = $1 AND b.line = u.line AND b.id >= asked.entry)
               END AS times
         FROM use_line u
        WHERE u.customer = $1 AND u.kind = 'release' AND u.purpose = asked.purpose AND u.channel = asked.channel
          AND u.hour > asked.since - interval '1 hour') AS counted
 WHERE counted.times > 0
 GROUP BY asked.purpose, asked.channel;

-- name: summary
-- How often her data was released since an hour, to how many, and how often nothing was.
SELECT coalesce(sum(times) FILTER (WHERE outcome IN ('permit', 'partial')), 0)::bigint AS used,
       count(DISTINCT actor) FILTER (WHERE outcome IN ('permit', 'partial')) AS by,
       coalesce(sum(times) FILTER (WHERE outcome = 'deny'), 0)::bigint AS refused
  FROM use_line
 WHERE customer = $1 AND kind = 'release' AND hour >= $2;

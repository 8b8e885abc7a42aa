-- name: lines
-- Who asked for or looked at a customer's data, newest hour first, from a line downwards and after an hour. As many rows
-- are read as are shown.
SELECT line, hour, actor, kind, purpose, channel, outcome, times, released, refused
  FROM use_line
 WHERE customer = $1 AND (hour, line) < ($2::timestamptz, $3::bigint) AND hour > $4::timestamptz
 ORDER BY hour DESC, line DESC
 LIMIT $5;

-- name: lines_like
-- The same of some kinds of lines only. Of each kind as many are read as are shown in all, so that what is rare is found
-- without reading what is not; which kinds she has is found by stepping from one to the next. What a line is about is no
-- part of its kind: for that, whoever asks says with which line the search ends.
WITH RECURSIVE alike AS (
    (SELECT actor, kind, purpose, channel, outcome
       FROM use_line
      WHERE customer = $1
      ORDER BY actor, kind, purpose, channel, outcome
      LIMIT 1)
     UNION ALL
    SELECT further.*
      FROM alike a
     CROSS JOIN LATERAL (
           SELECT u.actor, u.kind, u.purpose, u.channel, u.outcome
             FROM use_line u
            WHERE u.customer = $1
              AND (u.actor, u.kind, u.purpose, u.channel, u.outcome)
                > (a.actor, a.kind, a.purpose, a.channel, a.outcome)
            ORDER BY u.actor, u.kind, u.purpose, u.channel, u.outcome
            LIMIT 1) AS further
)
SELECT l.line, l.hour, l.actor, l.kind, l.purpose, l.channel, l.outcome, l.times, l.released, l.refused
  FROM alike a
 CROSS JOIN LATERAL (
       SELECT *
         FROM use_line u
        WHERE u.customer = $1 AND u.actor = a.actor AND u.kind = a.kind AND u.purpose = a.purpose
          AND u.channel = a.channel AND u.outcome = a.outcome
          AND u.hour <= $2::timestamptz AND (u.hour, u.line) < ($2::timestamptz, $3::bigint)
          AND u.hour > $4::timestamptz
          AND u.hour >= $11::timestamptz AND (u.hour, u.line) >= ($11::timestamptz, $12::bigint)
          AND ($10::text IS NULL OR $10 = ANY(u.released) OR $10 = ANY(u.refused))
        ORDER BY u.hour DESC
        LIMIT $5) AS l
 WHERE ($6::text IS NULL OR a.actor = $6)
   AND ($7::text IS NULL OR a.purpose = $7)
   AND (NOT $8::boolean OR a.outcome IN ('partial', 'deny'))
   AND (NOT $9::boolean OR a.kind = 'look-up')
 ORDER BY l.hour DESC, l.line DESC
 LIMIT $5;

-- name: searched
-- With which line a search ends: the last of so many, where more come after it.
SELECT hour, line
  FROM use_line
 WHERE customer = $1 AND (hour, line) < ($2::timestamptz, $3::bigint) AND hour > $4::timestamptz
 ORDER BY hour DESC, line DESC
OFFSET $5::integer - 1
 LIMIT 2;

-- name: kinds
-- Who ever used her data, and for what, by stepping from one kind of line to the next.
WITH RECURSIVE alike AS (
    (SELECT actor, kind, purpose FROM use_line WHERE customer = $1 ORDER BY actor, kind, purpose LIMIT 1)
     UNION ALL
    SELECT further.*
      FROM alike a
     CROSS JOIN LATERAL (
           SELECT u.actor, u.kind, u.purpose
             FROM use_line u
            WHERE u.customer = $1 AND (u.actor, u.kind, u.purpose) > (a.actor, a.kind, a.purpose)
            ORDER BY u.actor, u.kind, u.purpose
            LIMIT 1) AS further
)
SELECT DISTINCT actor, purpose FROM alike ORDER BY actor, purpose;

-- name: days
-- How often services asked for her data on each of the last days, and what came of it, as far back as that many lines
-- reach. By hour first, because to tell the day of every line takes longer than all the rest.
WITH recent AS MATERIALIZED (
    SELECT hour, actor, kind, purpose, outcome, times, released, refused
      FROM use_line
     WHERE customer = $1 AND hour >= date_trunc('day', now(), 'UTC') - make_interval(days => $2 - 1)
     ORDER BY hour DESC
     LIMIT $3
), hourly AS (
    SELECT hour,
           sum(times) FILTER (WHERE outcome = 'permit') AS given,
           sum(times) FILTER (WHERE outcome = 'partial') AS partly,
           sum(times) FILTER (WHERE outcome = 'deny') AS refused
      FROM recent
     WHERE kind = 'release'
       AND ($4::text IS NULL OR actor = $4)
       AND ($5::text IS NULL OR purpose = $5)
       AND (NOT $6::boolean OR outcome IN ('partial', 'deny'))
       AND NOT $7::boolean
       AND ($8::text IS NULL OR $8 = ANY(released) OR $8 = ANY(refused))
     GROUP BY hour
)
SELECT date_trunc('day', hour, 'UTC') AS day,
       coalesce(sum(given), 0)::bigint AS given,
       coalesce(sum(partly), 0)::bigint AS partly,
       coalesce(sum(refused), 0)::bigint AS refused
  FROM hourly
 GROUP BY date_trunc('day', hour, 'UTC')
HAVING date_trunc('day', hour, 'UTC')
       > (SELECT CASE WHEN count(*) < $3 THEN '-infinity' ELSE min(hour) END FROM recent)
 ORDER BY day;

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
SELECT least(enrolled_at, (SELECT hour FROM use_line WHERE customer = $1 ORDER BY hour, line LIMIT 1)) AS since,
       greatest(enrolled_at,
                least(now(), (SELECT at FROM queue q WHERE q.key IS NOT NULL OR q.customer IS NULL OR q.customer = $1
                               ORDER BY number LIMIT 1)) - interval '10 seconds') AS until
  FROM customer
 WHERE id = $1;

-- name: line
SELECT line, hour, actor, kind, purpose, channel, outcome, times, released, refused
  FROM use_line
 WHERE line = $1 AND customer = $2;

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

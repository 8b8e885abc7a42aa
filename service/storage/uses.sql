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

-- name: marks
-- What one system said before that these customers answered, oldest first; without a date, where it knew none.
-- Not all of it was heard of in a file: what a service sent itself is known again by its date, and is nobody's hearsay.
SELECT e.customer, e.purpose, e.channel, e.status, e.notice, nullif(e.given_at, e.recorded_at) AS given_at,
       e.imported AS heard
  FROM consent_event e
 WHERE e.customer = ANY($1::uuid[]) AND e.actor = $2
 ORDER BY e.customer, e.sequence;

-- name: undated
-- Where a no stands for these customers that came in from a file without a date.
SELECT s.customer, s.purpose, s.channel
  FROM consent s
  JOIN consent_event e ON e.customer = s.customer AND e.purpose = s.purpose AND e.channel = s.channel
                      AND e.recorded_at = s.decided_at AND e.given_at = e.recorded_at
                      AND e.imported
 WHERE s.customer = ANY($1::uuid[]) AND s.status NOT IN ('given', 'renewed');

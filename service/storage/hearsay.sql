-- name: marks
-- What one system said before that these customers answered; without a date, where it knew none.
SELECT DISTINCT customer, purpose, channel, status, notice, nullif(given_at, recorded_at) AS given_at
  FROM consent_event
 WHERE customer = ANY($1::uuid[]) AND actor = $2;

-- name: undated
-- Where a no stands for these customers that came in from a file without a date.
SELECT s.customer, s.purpose, s.channel
  FROM consent s
  JOIN consent_event e ON e.customer = s.customer AND e.purpose = s.purpose AND e.channel = s.channel
                      AND e.recorded_at = s.decided_at AND e.given_at = e.recorded_at
  JOIN entry n ON n.id = e.entry AND n.kind = 'import'
 WHERE s.customer = ANY($1::uuid[]) AND s.status NOT IN ('given', 'renewed');

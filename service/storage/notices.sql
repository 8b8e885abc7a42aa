-- name: asked
-- For each of these purposes on one channel: when she was last asked or answered, the newest notice of it that she
-- was ever shown, and what stands. However much she answered before: two looks into an index for each purpose.
SELECT clock_timestamp() AS now,
       wanted.purpose,
       last.status AS last_status,
       last.notice AS last_notice,
       last.given_at,
       last.recorded_at,
       (SELECT max(e.notice)
          FROM consent_event e
         WHERE e.customer = $1 AND e.purpose = wanted.purpose AND e.channel = $2
           AND e.notice BETWEEN 1 AND wanted.newest
           AND e.status IN ('requested', 'deferred', 'given', 'renewed', 'refused', 'withdrawn')) AS seen,
       stands.status,
       stands.notice,
       stands.explicit,
       stands.decided_at,
       stands.expires_at
  FROM unnest($3::text[], $4::integer[]) AS wanted (purpose, newest)
  LEFT JOIN consent stands ON stands.customer = $1 AND stands.purpose = wanted.purpose AND stands.channel = $2
  LEFT JOIN LATERAL (
       SELECT e.status, e.notice, e.given_at, e.recorded_at
         FROM consent_event e
        WHERE e.customer = $1 AND e.purpose = wanted.purpose AND e.channel = $2
          AND e.status IN ('requested', 'deferred', 'given', 'renewed', 'refused', 'withdrawn')
        ORDER BY e.sequence DESC
        LIMIT 1) AS last ON true;

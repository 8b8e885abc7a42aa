-- name: asked
-- For each of these purposes on one channel, on each side of a person: when she was last asked or answered, the newest
-- notice of it that she was ever shown, what stands, and the last yes that came from another of these sides. However
-- much she answered before: a few looks into an index for each purpose and side.
SELECT clock_timestamp() AS now,
       wanted.purpose,
       last.status AS last_status,
       last.notice AS last_notice,
       last.given_at,
       last.recorded_at,
       (SELECT max(e.notice)
          FROM consent_event e
         WHERE e.customer = side.id AND e.purpose = wanted.purpose AND e.channel = $2
           AND e.notice BETWEEN 1 AND wanted.newest
           AND e.status IN ('requested', 'deferred', 'given', 'renewed', 'refused', 'withdrawn')) AS seen,
       stands.status,
       stands.notice,
       stands.explicit,
       stands.decided_at,
       stands.expires_at,
       (SELECT row(y.status, y.notice, y.explicit, y.decided_at, y.expires_at)
          FROM linked_consent y
         WHERE y.customer = side.id AND y.purpose = wanted.purpose AND y.channel = $2
           AND y.origin = ANY($1::uuid[]) AND y.status IN ('given', 'renewed')
         ORDER BY y.decided_at DESC
         LIMIT 1) AS came
  FROM unnest($1::uuid[]) AS side (id)
 CROSS JOIN unnest($3::text[], $4::integer[]) AS wanted (purpose, newest)
  LEFT JOIN consent stands ON stands.customer = side.id AND stands.purpose = wanted.purpose AND stands.channel = $2
  LEFT JOIN LATERAL (
       SELECT e.status, e.notice, e.given_at, e.recorded_at
         FROM consent_event e
        WHERE e.customer = side.id AND e.purpose = wanted.purpose AND e.channel = $2
          AND e.status IN ('requested', 'deferred', 'given', 'renewed', 'refused', 'withdrawn')
        ORDER BY e.sequence DESC
        LIMIT 1) AS last ON true;

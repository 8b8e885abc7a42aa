-- name: snapshot
-- Everything a decision about one customer rests on, in one read and so of one instant.
SELECT clock_timestamp() AS now,
       c.id AS customer,
       coalesce(c.version, 0) AS version,
       (SELECT row(p.sequence, p.version, p.mac_version, p.mac)
          FROM publication p
         ORDER BY p.sequence DESC
         LIMIT 1) AS publication,
       (SELECT row(k.id, k.epoch, k.wrapped)
          FROM customer_key k
         WHERE k.customer = c.id) AS customer_key,
       (SELECT w.id
          FROM pairwise w
         WHERE w.customer = c.id AND w.service = $2) AS pairwise,
       (SELECT row(r.mac_version, r.mac, r.age_band, r.may_process, r.may_market, r.may_profile, r.may_share,
                   r.observed_allowed, r.acquired_allowed, r.inferred_allowed, r.demographic_allowed)
          FROM restrictions r
         WHERE r.customer = c.id) AS restrictions,
       (SELECT row(s.mac_version, s.mac, s.purpose, s.channel, s.status, s.notice, s.explicit, s.decided_at,
                   s.expires_at)
          FROM consent s
         WHERE s.customer = c.id AND s.purpose = $3 AND s.channel = $4) AS standing,
       ARRAY(SELECT row(f.attribute, f.provenance, f.source, f.as_of, f.revision, f.key, f.sealed)
               FROM fact f
              WHERE f.customer = c.id AND f.attribute = ANY($5::text[])) AS facts
  FROM (SELECT $1::uuid AS id) AS asked
  LEFT JOIN customer c ON c.id = asked.id;

-- name: put
-- A fact replaces the one before of the same attribute, provenance and source, unless it is older.
INSERT INTO fact (customer, attribute, provenance, source, as_of, revision, key, sealed)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (customer, attribute, provenance, source) DO UPDATE
   SET as_of = excluded.as_of, revision = excluded.revision, key = excluded.key, sealed = excluded.sealed
 WHERE fact.as_of <= excluded.as_of;

-- name: dates
SELECT customer, attribute, provenance, as_of FROM fact WHERE customer = ANY($1::uuid[]) AND source = $2;

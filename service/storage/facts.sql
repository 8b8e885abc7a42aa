-- name: snapshot
-- Everything a decision about one customer rests on, in one read and so of one instant: hers, and that of whoever her
-- restrictions say is the same person.
SELECT clock_timestamp() AS now,
       c.id AS customer,
       coalesce(c.version, 0) AS version,
       (SELECT row(p.sequence, p.version, p.mac_version, p.mac)
          FROM publication p
         ORDER BY p.sequence DESC
         LIMIT 1) AS publication,
       ARRAY(SELECT row(k.customer, k.id, k.epoch, k.wrapped)
               FROM customer_key k
              WHERE k.customer = ANY(person.ids)) AS keys,
       (SELECT row(e.id, e.epoch, e.wrapped) FROM evidence_key e WHERE e.customer = c.id) AS evidence,
       (SELECT row(w.id, w.mac_version, w.mac)
          FROM pairwise w
         WHERE w.customer = c.id AND w.service = $2) AS pairwise,
       -- Ids within a row are read as text: a connection that never met an array of them would have to ask first.
       ARRAY(SELECT row(r.customer, r.mac_version, r.mac, r.said_no, r.age_band, r.may_process, r.may_market,
                        r.may_profile, r.may_share, r.observed_allowed, r.acquired_allowed, r.inferred_allowed,
                        r.demographic_allowed, r.more_than_told, r.objections, r.paused_until, r.quiet_hours,
                        r.linked::text[])
               FROM restrictions r
              WHERE r.customer = ANY(person.ids)) AS restrictions,
       ARRAY(SELECT row(s.customer, s.mac_version, s.mac, s.purpose, s.channel, s.status, s.notice, s.explicit,
                        s.decided_at, s.expires_at)
               FROM consent s
              WHERE s.customer = ANY(person.ids) AND s.purpose = $3 AND s.channel = $4) AS standing,
       CASE WHEN cardinality(person.ids) > 1 THEN
       ARRAY(SELECT row(y.customer, y.link, y.origin, y.mac_version, y.mac, y.purpose, y.channel, y.status, y.notice,
                        y.explicit, y.decided_at, y.expires_at,
                        l.one, l.other, l.said, l.made_at, l.mac_version, l.mac)
               FROM linked_consent y
               JOIN link l ON l.id = y.link AND l.ended_at IS NULL
              WHERE y.customer = ANY(person.ids) AND y.purpose = $3 AND y.channel = $4) END AS linked,
       -- Of each attribute and provenance the newest: nothing but its date tells one from another in a decision.
       ARRAY(SELECT DISTINCT ON (f.attribute, f.provenance)
                    row(f.customer, f.attribute, f.provenance, f.source, f.as_of, f.revision, f.key, f.sealed,
                        f.confidence, f.derived_from)
               FROM fact f
              WHERE f.customer = ANY(person.ids) AND f.attribute = ANY($5::text[])
              ORDER BY f.attribute, f.provenance, f.as_of DESC, f.source) AS facts
  FROM (SELECT $1::uuid AS id) AS asked
  LEFT JOIN customer c ON c.id = asked.id
 CROSS JOIN LATERAL (
       SELECT c.id || coalesce((SELECT o.linked FROM restrictions o WHERE o.customer = c.id), '{}') AS ids) AS person;

-- name: put
-- A fact replaces the one before of the same attribute, provenance and source, unless it is older.
INSERT INTO fact (customer, attribute, provenance, source, as_of, revision, key, sealed, confidence, derived_from)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT (customer, attribute, provenance, source) DO UPDATE
   SET as_of = excluded.as_of, revision = excluded.revision, key = excluded.key, sealed = excluded.sealed,
       confidence = excluded.confidence, derived_from = excluded.derived_from
 WHERE fact.as_of <= excluded.as_of;

-- name: dates
SELECT customer, attribute, provenance, as_of FROM fact WHERE customer = ANY($1::uuid[]) AND source = $2;

-- name: names
-- The names of a customer's facts of these attributes.
SELECT attribute, provenance, source FROM fact WHERE customer = $1 AND attribute = ANY($2::text[]);

-- name: outlived
-- Customers of whom something is kept that has run its time: attributes, and for each the days it is kept.
SELECT DISTINCT f.customer
  FROM unnest($1::text[], $2::integer[]) AS kept (attribute, days)
  JOIN fact f ON f.attribute = kept.attribute AND f.as_of < clock_timestamp() - make_interval(days => kept.days)
 LIMIT $3;

-- name: delete_outlived
DELETE FROM fact f
 USING unnest($2::text[], $3::integer[]) AS kept (attribute, days)
 WHERE f.customer = $1
   AND f.attribute = kept.attribute
   AND f.as_of < clock_timestamp() - make_interval(days => kept.days)
RETURNING f.attribute, f.provenance;

-- name: forget_volunteered
DELETE FROM fact WHERE customer = $1 AND attribute = ANY($2::text[]) AND provenance = 'volunteered';

-- name: profile
-- Everything that is stored about one customer and bears on any decision about her, and what whoever is the same
-- person answered and forbade.
SELECT clock_timestamp() AS now,
       c.id AS customer,
       c.version,
       (SELECT row(p.sequence, p.version, p.mac_version, p.mac)
          FROM publication p
         ORDER BY p.sequence DESC
         LIMIT 1) AS publication,
       ARRAY(SELECT row(k.customer, k.id, k.epoch, k.wrapped) FROM customer_key k WHERE k.customer = c.id) AS keys,
       ARRAY(SELECT row(r.customer, r.mac_version, r.mac, r.said_no, r.age_band, r.may_process, r.may_market,
                        r.may_profile, r.may_share, r.observed_allowed, r.acquired_allowed, r.inferred_allowed,
                        r.demographic_allowed, r.more_than_told, r.objections, r.paused_until, r.quiet_hours,
                        r.linked::text[])
               FROM restrictions r
              WHERE r.customer = ANY(person.ids)) AS restrictions,
       ARRAY(SELECT row(s.customer, s.mac_version, s.mac, s.purpose, s.channel, s.status, s.notice, s.explicit,
                        s.decided_at, s.expires_at)
               FROM consent s
              WHERE s.customer = ANY(person.ids)) AS standing,
       CASE WHEN cardinality(person.ids) > 1 THEN
       ARRAY(SELECT row(y.customer, y.link, y.origin, y.mac_version, y.mac, y.purpose, y.channel, y.status, y.notice,
                        y.explicit, y.decided_at, y.expires_at,
                        l.one, l.other, l.said, l.made_at, l.mac_version, l.mac)
               FROM linked_consent y
               JOIN link l ON l.id = y.link AND l.ended_at IS NULL
              WHERE y.customer = ANY(person.ids)) END AS linked,
       ARRAY(SELECT row(f.customer, f.attribute, f.provenance, f.source, f.as_of, f.revision, f.key, f.sealed,
                        f.confidence, f.derived_from)
               FROM fact f
              WHERE f.customer = c.id) AS facts
  FROM customer c
 CROSS JOIN LATERAL (
       SELECT c.id || coalesce((SELECT o.linked FROM restrictions o WHERE o.customer = c.id), '{}') AS ids) AS person
 WHERE c.id = $1;

-- name: snapshots
-- For each question everything a decision rests on, in one read and so of one instant: whose API key asks, whom that
-- service means, what is stored of her and of whoever her restrictions say is the same person.
-- As JSON, lists in the order of the structs in facts.py: its decoder takes a third of the processor time that a
-- row of rows takes in the driver. (OFFSET 0: who she is, is found once.)
SELECT json_build_array(
       clock_timestamp(),
       CASE WHEN k.id IS NOT NULL THEN
       json_build_array(k.service, encode(k.digest, 'base64'), k.mac_version, encode(k.mac, 'base64')) END,
       c.id,
       coalesce(c.version, 0),
       claim.proof,
       (SELECT json_build_array(w.id, w.mac_version, encode(w.mac, 'base64'))
          FROM pairwise w
         WHERE w.customer = c.id AND w.service = coalesce(k.service, asked.service)),
       (SELECT json_build_array(p.sequence, p.version, p.mac_version, encode(p.mac, 'base64'))
          FROM publication p
         ORDER BY p.sequence DESC
         LIMIT 1),
       (SELECT json_agg(json_build_array(
                       k.customer, k.id, k.epoch, replace(encode(k.wrapped, 'base64'), E'\n', '')))
          FROM customer_key k
         WHERE k.customer = ANY(person.ids)),
       (SELECT json_build_array(e.customer, e.id, e.epoch, replace(encode(e.wrapped, 'base64'), E'\n', ''))
          FROM evidence_key e
         WHERE e.customer = c.id),
       (SELECT json_agg(json_build_array(
                       r.customer, r.mac_version, encode(r.mac, 'base64'), r.said_no, json_build_array(
                       r.age_band, r.may_process, r.may_market, r.may_profile, r.may_share, r.observed_allowed,
                       r.acquired_allowed, r.inferred_allowed, r.demographic_allowed, r.more_than_told, r.objections,
                       r.paused_until, r.quiet_hours, r.linked, r.disputed, r.barred)))
          FROM restrictions r
         WHERE r.customer = ANY(person.ids)),
       (SELECT json_agg(json_build_array(
                       s.customer, s.mac_version, encode(s.mac, 'base64'), json_build_array(
                       s.purpose, s.channel, s.status, s.notice, s.explicit, s.decided_at, s.expires_at)))
          FROM consent s
         WHERE s.customer = ANY(person.ids) AND s.purpose = asked.purpose AND s.channel = asked.channel),
       CASE WHEN cardinality(person.ids) > 1 THEN
       (SELECT json_agg(json_build_array(
                       y.customer, y.link, y.origin, y.mac_version, encode(y.mac, 'base64'), json_build_array(
                       y.purpose, y.channel, y.status, y.notice, y.explicit, y.decided_at, y.expires_at),
                       l.one, l.other, l.said, l.made_at, l.mac_version, encode(l.mac, 'base64')))
          FROM linked_consent y
          JOIN link l ON l.id = y.link AND l.ended_at IS NULL
         WHERE y.customer = ANY(person.ids) AND y.purpose = asked.purpose AND y.channel = asked.channel) END,
       -- Of each attribute and provenance the newest: nothing but its date tells one from another in a decision.
       (SELECT json_agg(newest.fact)
          FROM (SELECT DISTINCT ON (f.attribute, f.provenance) json_build_array(
               f.attribute, f.provenance, f.source, f.as_of, f.revision, f.key,
               json_build_array(replace(encode(f.sealed, 'base64'), E'\n', '')), f.confidence, f.derived_from,
               nullif(f.customer, c.id)) AS fact
                  FROM fact f
                 WHERE f.customer = ANY(person.ids) AND f.attribute = ANY(string_to_array(asked.attributes, ','))
                 ORDER BY f.attribute, f.provenance, f.as_of DESC, f.source) AS newest))::text AS told
  FROM unnest($1::text[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::bytea[], $7::text[], $8::text[],
              $9::text[]) WITH ORDINALITY
       AS asked (key, service, customer, pairwise, kind, digest, purpose, channel, attributes, number)
  LEFT JOIN credential k ON k.id = asked.key AND k.revoked_at IS NULL
  LEFT JOIN pairwise known ON known.service = k.service AND known.id = asked.pairwise
  LEFT JOIN LATERAL (
       -- Claimed by two customers an identifier is shared, and finds nobody. Disowned it is nobody's claim.
       SELECT (array_agg(i.customer))[1] AS customer,
              json_agg(json_build_array(i.verified_at, i.mac_version, encode(i.mac, 'base64'))) -> 0 AS proof
         FROM (SELECT customer, verified_at, mac_version, mac
                 FROM identifier
                WHERE kind = asked.kind AND digest = asked.digest AND disowned_at IS NULL
                LIMIT 2) AS i
       HAVING count(*) = 1) AS claim ON true
  LEFT JOIN customer c ON c.id = coalesce(asked.customer, known.customer, claim.customer)
 CROSS JOIN LATERAL (
       SELECT c.id || coalesce((SELECT o.linked FROM restrictions o WHERE o.customer = c.id), '{}') AS ids
       OFFSET 0) AS person
 ORDER BY asked.number;

-- name: profile
-- Everything that is stored about one customer and bears on any decision about her, and what whoever is the same
-- person answered and forbade; as JSON, like the snapshots.
SELECT json_build_array(
       clock_timestamp(),
       NULL,
       c.id,
       c.version,
       NULL,
       NULL,
       (SELECT json_build_array(p.sequence, p.version, p.mac_version, encode(p.mac, 'base64'))
          FROM publication p
         ORDER BY p.sequence DESC
         LIMIT 1),
       (SELECT json_agg(json_build_array(
                       k.customer, k.id, k.epoch, replace(encode(k.wrapped, 'base64'), E'\n', '')))
          FROM customer_key k
         WHERE k.customer = c.id),
       NULL,
       (SELECT json_agg(json_build_array(
                       r.customer, r.mac_version, encode(r.mac, 'base64'), r.said_no, json_build_array(
                       r.age_band, r.may_process, r.may_market, r.may_profile, r.may_share, r.observed_allowed,
                       r.acquired_allowed, r.inferred_allowed, r.demographic_allowed, r.more_than_told, r.objections,
                       r.paused_until, r.quiet_hours, r.linked, r.disputed, r.barred)))
          FROM restrictions r
         WHERE r.customer = ANY(person.ids)),
       (SELECT json_agg(json_build_array(
                       s.customer, s.mac_version, encode(s.mac, 'base64'), json_build_array(
                       s.purpose, s.channel, s.status, s.notice, s.explicit, s.decided_at, s.expires_at)))
          FROM consent s
         WHERE s.customer = ANY(person.ids)),
       CASE WHEN cardinality(person.ids) > 1 THEN
       (SELECT json_agg(json_build_array(
                       y.customer, y.link, y.origin, y.mac_version, encode(y.mac, 'base64'), json_build_array(
                       y.purpose, y.channel, y.status, y.notice, y.explicit, y.decided_at, y.expires_at),
                       l.one, l.other, l.said, l.made_at, l.mac_version, encode(l.mac, 'base64')))
          FROM linked_consent y
          JOIN link l ON l.id = y.link AND l.ended_at IS NULL
         WHERE y.customer = ANY(person.ids)) END,
       (SELECT json_agg(json_build_array(
               f.attribute, f.provenance, f.source, f.as_of, f.revision, f.key,
               json_build_array(replace(encode(f.sealed, 'base64'), E'\n', '')), f.confidence, f.derived_from,
               nullif(f.customer, c.id)))
          FROM fact f
         WHERE f.customer = c.id))::text AS told
  FROM customer c
 CROSS JOIN LATERAL (
       SELECT c.id || coalesce((SELECT o.linked FROM restrictions o WHERE o.customer = c.id), '{}') AS ids
       OFFSET 0) AS person
 WHERE c.id = $1;

-- name: put
-- A fact replaces the one before of the same attribute, provenance and source, unless it is older.
INSERT INTO fact (customer, attribute, provenance, source, as_of, revision, key, sealed, confidence, derived_from)
SELECT customer, attribute, provenance, source, as_of, revision, key, sealed, confidence,
       ARRAY(SELECT json_array_elements_text(derived_from::json))
  FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::bigint[], $7::text[], $8::bytea[],
              $9::smallint[], $10::text[])
       AS f (customer, attribute, provenance, source, as_of, revision, key, sealed, confidence, derived_from)
    ON CONFLICT (customer, attribute, provenance, source) DO UPDATE
   SET as_of = excluded.as_of, revision = excluded.revision, key = excluded.key, sealed = excluded.sealed,
       confidence = excluded.confidence, derived_from = excluded.derived_from
 WHERE fact.as_of <= excluded.as_of;

-- name: dates
SELECT customer, attribute, provenance, as_of FROM fact WHERE customer = ANY($1::uuid[]) AND source = $2;

-- name: dated
-- What these customers' facts of these attributes are called, and of when they are.
SELECT customer, attribute, provenance, source, as_of
  FROM fact
 WHERE customer = ANY($1::uuid[]) AND attribute = ANY($2::text[]);

-- name: of_customer
-- All that is known about a customer herself, sealed.
SELECT attribute, provenance, source, as_of, revision, key, sealed, confidence, derived_from
  FROM fact
 WHERE customer = $1
 ORDER BY attribute, provenance, source;

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

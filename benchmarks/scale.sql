-- Customers like one that is there ($1), as a release reads and enters them: what is sealed in their rows is hers and
-- would not open, but it is as long. Their ids lie anywhere, and come in order so that an index is filled from left to
-- right.

-- name: fillers
CREATE TEMPORARY TABLE filler (id uuid NOT NULL);

-- name: next
-- From a number to another.
INSERT INTO filler
SELECT md5(number::text)::uuid AS id FROM generate_series($1::integer + 1, $2::integer) AS number ORDER BY id;

-- name: customer
INSERT INTO customer (id, version, changed_at)
SELECT n.id, c.version, c.changed_at FROM customer c CROSS JOIN filler n WHERE c.id = $1;

-- name: customer_key
INSERT INTO customer_key (customer, id, epoch, wrapped)
SELECT n.id, k.id, k.epoch, k.wrapped FROM customer_key k CROSS JOIN filler n WHERE k.customer = $1;

-- name: evidence_key
INSERT INTO evidence_key (customer, id, epoch, wrapped)
SELECT n.id, k.id, k.epoch, k.wrapped FROM evidence_key k CROSS JOIN filler n WHERE k.customer = $1;

-- name: restrictions
INSERT INTO restrictions (customer, age_band, may_process, may_market, may_profile, may_share, observed_allowed,
                          acquired_allowed, inferred_allowed, demographic_allowed, more_than_told, mac_version, mac)
SELECT n.id, r.age_band, r.may_process, r.may_market, r.may_profile, r.may_share, r.observed_allowed,
       r.acquired_allowed, r.inferred_allowed, r.demographic_allowed, r.more_than_told, r.mac_version, r.mac
  FROM restrictions r
 CROSS JOIN filler n
 WHERE r.customer = $1;

-- name: consent
INSERT INTO consent (customer, purpose, channel, status, notice, explicit, decided_at, expires_at, mac_version, mac)
SELECT n.id, c.purpose, c.channel, c.status, c.notice, c.explicit, c.decided_at, c.expires_at, c.mac_version, c.mac
  FROM filler n
 CROSS JOIN consent c
 WHERE c.customer = $1;

-- name: fact
INSERT INTO fact (customer, attribute, provenance, source, as_of, confidence, derived_from, revision, key, sealed)
SELECT n.id, f.attribute, f.provenance, f.source, f.as_of, f.confidence, f.derived_from, f.revision, f.key, f.sealed
  FROM filler n
 CROSS JOIN LATERAL (SELECT * FROM fact WHERE customer = $1 ORDER BY attribute) AS f;

-- name: pairwise
INSERT INTO pairwise (customer, service, id, mac_version, mac)
SELECT n.id, p.service, 'byc_' || left(md5(n.id || p.service), 26), p.mac_version, p.mac
  FROM filler n
 CROSS JOIN pairwise p
 WHERE p.customer = $1;

-- name: identifier
INSERT INTO identifier (customer, kind, digest, key, sealed, since, verified_at, mac_version, mac)
SELECT n.id, i.kind, sha256(uuid_send(n.id)), i.key, i.sealed, i.since, i.verified_at, i.mac_version, i.mac
  FROM filler n
 CROSS JOIN identifier i
 WHERE i.customer = $1;

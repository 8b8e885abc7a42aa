-- name: by_pairwise
SELECT customer, mac_version, mac FROM pairwise WHERE service = $1 AND id = $2;

-- name: by_identifier
-- Whom an identifier finds: claimed by two customers it is shared, and finds nobody.
SELECT customer, mac_version, mac FROM identifier WHERE kind = $1 AND digest = $2 LIMIT 2;

-- name: claims
-- Who claims any of these identifiers: of many who share one, two.
SELECT asked.kind, asked.digest, claimed.customer, claimed.mac_version, claimed.mac
  FROM unnest($1::text[], $2::bytea[]) AS asked (kind, digest)
 CROSS JOIN LATERAL (
       SELECT i.customer, i.mac_version, i.mac
         FROM identifier i
        WHERE i.kind = asked.kind AND i.digest = asked.digest
        LIMIT 2) AS claimed;

-- name: claimants
-- Everybody who claims any of these identifiers.
SELECT i.kind, i.digest, i.customer, i.mac_version, i.mac
  FROM unnest($1::text[], $2::bytea[]) AS asked (kind, digest)
  JOIN identifier i ON i.kind = asked.kind AND i.digest = asked.digest;

-- name: identifiers_of
SELECT customer, kind, digest FROM identifier WHERE customer = ANY($1::uuid[]);

-- name: hold
-- Whoever claims or looks for identifiers in order to claim them goes one after the other, in 256 lanes so that a
-- large batch holds at most 256 locks.
SELECT pg_advisory_xact_lock($1, lane) FROM unnest($2::integer[]) AS lane;

-- name: clock
SELECT clock_timestamp();

-- name: bump
-- Every change of what a decision rests on goes through here: it waits for the releases being entered and makes
-- the ones that were decided before it decide again.
-- Her instants only grow, so that what held at any of them can be said.
UPDATE customer
   SET version = version + 1, changed_at = greatest(clock_timestamp(), changed_at + interval '1 microsecond')
 WHERE id = $1
RETURNING version, changed_at AS now;

-- name: line_up
-- Holds off releases and changes of several customers. In the order of their ids, so that two who want the same
-- customers never wait for each other in a circle. It only locks: what is read after it is as the last change left it.
SELECT FROM customer WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE;

-- name: bump_all
UPDATE customer
   SET version = version + 1, changed_at = greatest(clock_timestamp(), changed_at + interval '1 microsecond')
 WHERE id = ANY($1::uuid[])
RETURNING id, version, changed_at AS now;

-- name: keys
SELECT customer, id, epoch, wrapped FROM customer_key WHERE customer = ANY($1::uuid[]);

-- name: create
-- The version starts anywhere: were it 1, the answer to an enrolment would tell who was not known before.
INSERT INTO customer (id, version, changed_at) VALUES ($1, $2, clock_timestamp());

-- name: put_key
INSERT INTO customer_key (customer, id, epoch, wrapped) VALUES ($1, $2, $3, $4);

-- name: key
SELECT id, epoch, wrapped FROM customer_key WHERE customer = $1;

-- name: restrictions_of
SELECT customer, age_band, may_process, may_market, may_profile, may_share, observed_allowed, acquired_allowed,
       inferred_allowed, demographic_allowed, more_than_told, objections, paused_until, quiet_hours,
       linked::text[] AS linked, said_no, mac_version, mac
  FROM restrictions
 WHERE customer = ANY($1::uuid[]);

-- name: put_restrictions
-- Whoever writes a row started from what it said without what was taken away since, so that is in it now.
INSERT INTO restrictions (customer, age_band, may_process, may_market, may_profile, may_share, observed_allowed,
                          acquired_allowed, inferred_allowed, demographic_allowed, more_than_told, objections,
                          paused_until, quiet_hours, linked, mac_version, mac)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
    ON CONFLICT (customer) DO UPDATE
   SET age_band = excluded.age_band, may_process = excluded.may_process, may_market = excluded.may_market,
       may_profile = excluded.may_profile, may_share = excluded.may_share,
       observed_allowed = excluded.observed_allowed, acquired_allowed = excluded.acquired_allowed,
       inferred_allowed = excluded.inferred_allowed, demographic_allowed = excluded.demographic_allowed,
       more_than_told = excluded.more_than_told, objections = excluded.objections,
       paused_until = excluded.paused_until, quiet_hours = excluded.quiet_hours, linked = excluded.linked,
       said_no = '{}', mac_version = excluded.mac_version, mac = excluded.mac;

-- name: put_identifier
INSERT INTO identifier (customer, kind, digest, key, sealed, mac_version, mac) VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (customer, kind, digest) DO NOTHING;

-- name: put_pairwise
INSERT INTO pairwise (customer, service, id, mac_version, mac) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (customer, service) DO NOTHING;

-- name: pairwise
SELECT id, mac_version, mac FROM pairwise WHERE customer = $1 AND service = $2;

-- name: by_pairwise
SELECT customer, mac_version, mac FROM pairwise WHERE service = $1 AND id = $2;

-- name: by_pairwise_ids
SELECT id, customer, mac_version, mac FROM pairwise WHERE service = $1 AND id = ANY($2::text[]);

-- name: by_identifier
-- Whom an identifier finds: claimed by two customers it is shared, and finds nobody. Disowned it is nobody's claim.
SELECT customer, verified_at, mac_version, mac
  FROM identifier
 WHERE kind = $1 AND digest = $2 AND disowned_at IS NULL
 LIMIT 2;

-- name: claims
-- Who claims any of these identifiers: of many who share one, two.
SELECT asked.kind, asked.digest, claimed.customer, claimed.verified_at, claimed.mac_version, claimed.mac
  FROM unnest($1::text[], $2::bytea[]) AS asked (kind, digest)
 CROSS JOIN LATERAL (
       SELECT i.customer, i.verified_at, i.mac_version, i.mac
         FROM identifier i
        WHERE i.kind = asked.kind AND i.digest = asked.digest AND i.disowned_at IS NULL
        LIMIT 2) AS claimed;

-- name: claimants
-- Everybody who claims any of these identifiers.
SELECT i.kind, i.digest, i.customer, i.verified_at, i.mac_version, i.mac
  FROM unnest($1::text[], $2::bytea[]) AS asked (kind, digest)
  JOIN identifier i ON i.kind = asked.kind AND i.digest = asked.digest AND i.disowned_at IS NULL;

-- name: identifiers_of
SELECT customer, kind, digest, key, sealed, since, verified_at, disowned_at, mac_version, mac
  FROM identifier
 WHERE customer = ANY($1::uuid[])
 ORDER BY customer, since, kind, digest;

-- name: hold
-- Whoever claims or looks for identifiers in order to claim them goes one after the other, in 256 lanes so that a
-- large batch holds at most 256 locks.
SELECT pg_advisory_xact_lock($1, lane) FROM unnest($2::integer[]) AS lane;

-- name: clock
SELECT clock_timestamp();

-- name: bump
-- Every change of what a decision rests on goes through here: it waits for the releases being entered and makes
-- the ones that were decided before it decide again. Whoever is linked to a customer changes with her, for each of
-- them is decided on all of them. In the order of their ids, so that two changes never wait for each other in a circle.
-- Their instants only grow, so that what held at any of them can be said.
WITH held AS (
    SELECT c.id, c.changed_at
      FROM customer c
     WHERE c.id IN (SELECT unnest($1::uuid[])
                     UNION
                    SELECT unnest(r.linked) FROM restrictions r WHERE r.customer = ANY($1::uuid[]))
     ORDER BY c.id
       FOR NO KEY UPDATE
), moment AS (
    SELECT greatest(clock_timestamp(), max(changed_at) + interval '1 microsecond') AS now FROM held
)
UPDATE customer c
   SET version = c.version + 1, changed_at = moment.now
  FROM held, moment
 WHERE c.id = held.id
RETURNING c.id, c.version, moment.now;

-- name: linked
-- Who is linked to these customers, as the database has it.
SELECT unnest(linked) AS id FROM restrictions WHERE customer = ANY($1::uuid[]) AND linked <> '{}';

-- name: line_up
-- Holds off releases and changes of several customers, and of whoever is linked to them. In the order of their ids, so
-- that two who want the same customers never wait for each other in a circle. It only locks: what is read after it is
-- as the last change left it.
SELECT c.id
  FROM customer c
 WHERE c.id IN (SELECT unnest($1::uuid[])
                 UNION
                SELECT unnest(r.linked) FROM restrictions r WHERE r.customer = ANY($1::uuid[]))
 ORDER BY c.id
   FOR NO KEY UPDATE;

-- name: keys
SELECT customer, id, epoch, wrapped FROM customer_key WHERE customer = ANY($1::uuid[]);

-- name: create
-- The version starts anywhere: were it 1, the answer to an enrolment would tell who was not known before.
INSERT INTO customer (id, version, changed_at)
SELECT id, version, clock_timestamp() FROM unnest($1::uuid[], $2::bigint[]) AS c (id, version);

-- name: put_key
INSERT INTO customer_key (customer, id, epoch, wrapped)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::bytea[]);

-- name: key
SELECT id, epoch, wrapped FROM customer_key WHERE customer = $1;

-- name: restrictions_of
SELECT customer, age_band, may_process, may_market, may_profile, may_share, observed_allowed, acquired_allowed,
       inferred_allowed, demographic_allowed, more_than_told, objections, paused_until, quiet_hours,
       linked::text[] AS linked, disputed, barred, said_no, mac_version, mac
  FROM restrictions
 WHERE customer = ANY($1::uuid[]);

-- name: put_restrictions
-- Whoever writes a row started from what it said without what was taken away since, so that is in it now.
INSERT INTO restrictions (customer, age_band, may_process, may_market, may_profile, may_share, observed_allowed,
                          acquired_allowed, inferred_allowed, demographic_allowed, more_than_told, objections,
                          paused_until, quiet_hours, linked, disputed, barred, mac_version, mac)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
    ON CONFLICT (customer) DO UPDATE
   SET age_band = excluded.age_band, may_process = excluded.may_process, may_market = excluded.may_market,
       may_profile = excluded.may_profile, may_share = excluded.may_share,
       observed_allowed = excluded.observed_allowed, acquired_allowed = excluded.acquired_allowed,
       inferred_allowed = excluded.inferred_allowed, demographic_allowed = excluded.demographic_allowed,
       more_than_told = excluded.more_than_told, objections = excluded.objections,
       paused_until = excluded.paused_until, quiet_hours = excluded.quiet_hours, linked = excluded.linked,
       disputed = excluded.disputed, barred = excluded.barred,
       said_no = '{}', mac_version = excluded.mac_version, mac = excluded.mac;

-- name: put_identifier
INSERT INTO identifier (customer, kind, digest, key, sealed, verified_at, mac_version, mac)
SELECT *
  FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::text[], $5::bytea[], $6::timestamptz[], $7::integer[],
              $8::bytea[])
    ON CONFLICT (customer, kind, digest) DO NOTHING;

-- name: verify_identifier
UPDATE identifier
   SET verified_at = $4, mac_version = $5, mac = $6
 WHERE customer = $1 AND kind = $2 AND digest = $3 AND verified_at IS NULL AND disowned_at IS NULL;

-- name: disown
-- What is not hers is not kept where she can be read; that she said so is.
UPDATE identifier
   SET disowned_at = $4, sealed = '', mac_version = $5, mac = $6
 WHERE customer = $1 AND kind = $2 AND digest = $3 AND disowned_at IS NULL;

-- name: put_pairwise
INSERT INTO pairwise (customer, service, id, mac_version, mac) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (customer, service) DO NOTHING;

-- name: pairwise
SELECT id, mac_version, mac FROM pairwise WHERE customer = $1 AND service = $2;

-- name: put
INSERT INTO strike (id, customer, kind, entry, at, version, kinds, named, built_on, disputes, kept)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
-- Undone on this side, it holds again.
    ON CONFLICT (customer, id) DO UPDATE SET undone_at = NULL, kept = excluded.kept WHERE strike.undone_at IS NOT NULL;

-- name: one
-- One time that this customer struck something out, by its entry.
SELECT sequence, id, customer, kind, entry, at, version, kinds, named, built_on, disputes, kept, answer, undone_at
  FROM strike
 WHERE customer = $1 AND entry = $2;

-- name: of_act
-- The same act on several sides of a person.
SELECT sequence, id, customer, kind, entry, at, version, kinds, named, built_on, disputes, kept, answer, undone_at
  FROM strike
 WHERE customer = ANY($1::uuid[]) AND id = $2 AND undone_at IS NULL
 ORDER BY customer;

-- name: of_ids
-- These acts, on whichever side of a person they were recorded.
SELECT sequence, id, customer, kind, entry, at, version, kinds, named, built_on, disputes, kept, answer, undone_at
  FROM strike
 WHERE customer = ANY($1::uuid[]) AND id = ANY($2::uuid[])
 ORDER BY sequence DESC;

-- name: listed
-- What a customer struck out, before a position, newest first.
SELECT sequence, id, customer, kind, entry, at, version, kinds, named, built_on, disputes, kept, answer, undone_at
  FROM strike
 WHERE customer = $1 AND sequence < $2
 ORDER BY sequence DESC
 LIMIT $3;

-- name: still_disputed
-- Which kinds of facts a customer disputes, leaving one act out of account: what an act found, or was handed over.
WITH other AS (
    SELECT id, kinds FROM strike WHERE customer = $1 AND id <> $2 AND disputes AND undone_at IS NULL
)
SELECT unnest(kinds) AS kind FROM other
 UNION
SELECT s.attribute || '#' || s.provenance FROM other JOIN struck_fact s ON s.customer = $1 AND s.strike = other.id;

-- name: answer
UPDATE strike SET answer = $3 WHERE customer = $1 AND id = $2;

-- name: undo
UPDATE strike SET undone_at = $3 WHERE customer = $1 AND id = $2;

-- name: strike_out
-- Takes facts away from where releases look.
DELETE FROM fact f
 USING unnest($2::text[], $3::text[], $4::text[]) AS named (attribute, provenance, source)
 WHERE f.customer = $1 AND f.attribute = named.attribute AND f.provenance = named.provenance
   AND f.source = named.source;

-- name: put_struck
INSERT INTO struck_fact (strike, customer, attribute, provenance, source, as_of, revision, key, sealed, confidence,
                         derived_from, named, kept)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13);

-- name: struck
-- What was struck out by one act, as long as it is kept.
SELECT strike, customer, attribute, provenance, source, as_of, revision, key, sealed, confidence, derived_from, named,
       kept
  FROM struck_fact
 WHERE customer = ANY($1::uuid[]) AND strike = ANY($2::uuid[]) AND kept > clock_timestamp()
 ORDER BY customer, attribute, provenance, source;

-- name: bring_back
-- Puts a fact where it was, just as it was, unless something newer is there by now.
INSERT INTO fact (customer, attribute, provenance, source, as_of, revision, key, sealed, confidence, derived_from)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT (customer, attribute, provenance, source) DO NOTHING;

-- name: forget_struck
DELETE FROM struck_fact WHERE customer = $1 AND strike = $2;

-- name: hand_over
-- What another act keeps out too is that one's from now on, unless that one has a newer one of the same name.
UPDATE struck_fact
   SET strike = $6, kept = (SELECT s.kept FROM strike s WHERE s.customer = $1 AND s.id = $6)
 WHERE customer = $1 AND strike = $2 AND attribute = $3 AND provenance = $4 AND source = $5
   AND NOT EXISTS (SELECT FROM struck_fact t
                    WHERE t.customer = $1 AND t.strike = $6 AND t.attribute = $3 AND t.provenance = $4 AND t.source = $5);

-- name: forget_old
-- What can be brought back no more; the blocks stay.
DELETE FROM struck_fact
 WHERE ctid = ANY(ARRAY(SELECT ctid FROM struck_fact WHERE kept <= (SELECT clock_timestamp()) LIMIT $1));

-- name: told_since
-- Whether she said something else since than what she put in the place of what she corrected.
SELECT EXISTS (SELECT
                 FROM struck_fact s
                 JOIN fact f ON f.customer = s.customer AND f.attribute = s.attribute
                WHERE s.customer = $1 AND s.strike = $2 AND s.named
                  AND f.provenance = 'volunteered' AND f.source = $3 AND f.revision <> $4);

-- name: withdraw_told
-- Takes back what she put in the place of what she corrected, unless she said something else since.
DELETE FROM fact
 WHERE customer = $1 AND attribute = $2 AND provenance = 'volunteered' AND source = $3 AND revision = $4;

-- name: put_block
INSERT INTO block (customer, strike, scope, mac_version, digest, derived, since, until)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (customer, strike, scope, digest) DO NOTHING;

-- name: blocks
-- What keeps something of these customers out.
SELECT customer, strike, scope, mac_version, digest, derived, since, until
  FROM block
 WHERE customer = ANY($1::uuid[]);

-- name: unblock
DELETE FROM block WHERE customer = $1 AND strike = $2;

-- name: reached
-- Which services had these attributes of a person, and which of them: in the lines of use, or not counted there yet.
SELECT actor, array_agg(DISTINCT attribute ORDER BY attribute) AS attributes
  FROM (SELECT u.actor, unnest(u.released) AS attribute
          FROM use_line u
         WHERE u.customer = ANY($1::uuid[]) AND u.kind = 'release' AND u.released && $2::text[]
         UNION
        SELECT q.actor, unnest(q.released)
          FROM queue q
         WHERE q.customer = ANY($1::uuid[]) AND q.kind = 'release' AND q.released && $2::text[]) AS had
 WHERE attribute = ANY($2::text[]) AND actor LIKE 'service:%'
 GROUP BY actor
 ORDER BY actor;

-- name: put_recipient
INSERT INTO recipient (customer, strike, service, attributes)
VALUES ($1, $2, $3, $4)
    ON CONFLICT DO NOTHING;

-- name: recipients
SELECT strike, service, attributes, told_at
  FROM recipient
 WHERE customer = $1 AND strike = ANY($2::uuid[])
 ORDER BY service;

-- name: append
INSERT INTO queue (id, customer, kind, actor, at, purpose, channel, outcome, released, refused, commitment, key, content)
SELECT id, customer, kind, actor, at, purpose, channel, outcome, string_to_array(released, ','),
       string_to_array(refused, ','), commitment, key, content
  FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::text[], $8::text[],
              $9::text[], $10::text[], $11::bytea[], $12::text[], $13::bytea[]) WITH ORDINALITY
       AS e (id, customer, kind, actor, at, purpose, channel, outcome, released, refused, commitment, key, content, place)
 ORDER BY place;

-- name: append_unchanged
-- Enter releases, those of them for which the facts still hold that they were decided on. FOR SHARE conflicts with
-- every change of a customer, and looks at her row as the last change left it, because the version is on the locked
-- row itself. (A foreign key's FOR KEY SHARE would not conflict; a version on another row would be read from before.)
-- SKIP LOCKED: one customer who is being changed holds nobody else up, and no order of locks can end in a deadlock;
-- her release is entered on its own, after that change.
-- What is not hers, the policies in force and the credential, is looked at once more in the same statement.
-- The queue's number is drawn under her lock, so no release comes after a withdrawal that it did not see.
WITH unchanged AS MATERIALIZED (
    SELECT id, version FROM customer WHERE id = ANY($2::uuid[]) FOR SHARE SKIP LOCKED
)
INSERT INTO queue (id, customer, kind, actor, at, purpose, channel, outcome, released, refused, commitment, key, content)
SELECT e.id, e.customer, e.kind, e.actor, e.at, e.purpose, e.channel, e.outcome, string_to_array(e.released, ','),
       string_to_array(e.refused, ','), e.commitment, e.key, e.content
  FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::text[], $8::text[],
              $9::text[], $10::text[], $11::bytea[], $12::text[], $13::bytea[], $14::bigint[], $15::bigint[],
              $16::text[])
       AS e (id, customer, kind, actor, at, purpose, channel, outcome, released, refused, commitment, key, content,
             version, publication, credential)
  LEFT JOIN unchanged u ON u.id = e.customer
 WHERE (e.customer IS NULL OR u.version = e.version)
   AND e.publication = (SELECT max(sequence) FROM publication)
   AND EXISTS (SELECT FROM credential k WHERE k.id = e.credential AND k.revoked_at IS NULL)
RETURNING id;

-- name: hold
-- Wait for a change of this customer that is under way; until this transaction ends no other begins.
SELECT FROM customer WHERE id = $1 FOR SHARE;

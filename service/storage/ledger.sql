-- name: append
INSERT INTO entry (id, customer, kind, actor, at, body)
VALUES ($1, $2, $3, $4, $5, $6);

-- name: append_if_unchanged
-- Enter a release only if the facts it was decided on still hold. FOR SHARE waits for a change of this customer
-- that is under way and then looks at the row as that change left it, because the version is on the locked row
-- itself. (A foreign key's FOR KEY SHARE would not wait; a version on another row would be read from before.)
-- What is not hers, the policies in force and the credential, is looked at once more in the same statement.
WITH unchanged AS (
    SELECT id
      FROM customer
     WHERE id = $2
       AND version = $7
       AND $8 = (SELECT max(sequence) FROM publication)
       AND EXISTS (SELECT FROM credential WHERE id = $9 AND revoked_at IS NULL)
       FOR SHARE
)
INSERT INTO entry (id, customer, kind, actor, at, body)
SELECT $1, id, $3, $4, $5, $6
  FROM unchanged;

-- name: uses
-- Who asked for or looked at a customer's data, newest first, from a position downwards.
SELECT position, id, actor, at, body
  FROM (SELECT position, id, actor, at, body, convert_from(body, 'UTF8')::jsonb AS said
          FROM entry
         WHERE customer = $1 AND position < $7 AND kind IN ('release', 'check', 'aborted', 'look-up')) AS line
 WHERE ($2::text IS NULL OR actor = $2)
   AND ($3::text IS NULL OR said ->> 'purpose' = $3)
   AND (NOT $4::boolean OR said ->> 'outcome' IN ('partial', 'deny'))
   AND ($5::timestamptz IS NULL OR at >= $5)
   AND ($6::timestamptz IS NULL OR at < $6)
 ORDER BY position DESC
 LIMIT $8;

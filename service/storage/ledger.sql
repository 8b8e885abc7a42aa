-- name: append
INSERT INTO queue (id, customer, kind, actor, at, purpose, channel, outcome, released, refused, commitment, key, content)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13);

-- name: append_if_unchanged
-- Enter a release only if the facts it was decided on still hold. FOR SHARE waits for a change of this customer
-- that is under way and then looks at the row as that change left it, because the version is on the locked row
-- itself. (A foreign key's FOR KEY SHARE would not wait; a version on another row would be read from before.)
-- What is not hers, the policies in force and the credential, is looked at once more in the same statement.
-- The queue's number is drawn under that lock, so no release comes after a withdrawal that it did not see.
WITH unchanged AS (
    SELECT id
      FROM customer
     WHERE id = $2
       AND version = $14
       AND $15 = (SELECT max(sequence) FROM publication)
       AND EXISTS (SELECT FROM credential WHERE id = $16 AND revoked_at IS NULL)
       FOR SHARE
)
INSERT INTO queue (id, customer, kind, actor, at, purpose, channel, outcome, released, refused, commitment, key, content)
SELECT $1, id, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13
  FROM unchanged;

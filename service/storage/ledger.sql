-- name: append
INSERT INTO entry (id, customer, kind, actor, at, body)
VALUES ($1, $2, $3, $4, $5, $6);

-- name: append_if_unchanged
-- Enter a release only if the facts it was decided on still hold. FOR SHARE waits for a change of this customer
-- that is under way and then looks at the row as that change left it, because the version is on the locked row
-- itself. (A foreign key's FOR KEY SHARE would not wait; a version on another row would be read from before.)
WITH unchanged AS (
    SELECT id FROM customer WHERE id = $2 AND version = $7 FOR SHARE
)
INSERT INTO entry (id, customer, kind, actor, at, body)
SELECT $1, id, $3, $4, $5, $6
  FROM unchanged;

-- name: entries_of
SELECT id, kind, actor, at, body
  FROM entry
 WHERE customer IS NOT DISTINCT FROM $1
 ORDER BY position;

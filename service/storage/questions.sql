-- name: put
INSERT INTO question (id, customer, actor, line, entry, asked_at, answer_by, key, sealed)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: of_customer
-- A customer's questions below an id, newest first.
SELECT id, customer, actor, line, entry, asked_at, answer_by, read_at, answered_at, key, sealed, answer_key, answer
  FROM question
 WHERE customer = $1 AND id < $2
 ORDER BY id DESC
 LIMIT $3;

-- name: open
-- What waits for an answer, oldest first.
SELECT id, customer, actor, line, entry, asked_at, answer_by, read_at, answered_at, key, sealed, answer_key, answer
  FROM question
 WHERE answered_at IS NULL
 ORDER BY id
 LIMIT $1;

-- name: waiting_of
SELECT count(*) FROM question WHERE customer = $1 AND answered_at IS NULL;

-- name: one
SELECT id, customer, actor, line, entry, asked_at, answer_by, read_at, answered_at, key, sealed, answer_key, answer
  FROM question
 WHERE id = $1;

-- name: mark_read
UPDATE question SET read_at = $2 WHERE id = $1 AND read_at IS NULL;

-- name: answer
-- Of two who answer at once the second is told that it is answered.
UPDATE question
   SET read_at = coalesce(read_at, $2), answered_at = $2, answer_key = $3, answer = $4
 WHERE id = $1 AND answered_at IS NULL
RETURNING id;

-- name: line_of
-- The line of use that an entry is counted in.
SELECT line FROM body WHERE id = $1 AND customer = $2;

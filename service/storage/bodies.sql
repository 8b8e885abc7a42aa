-- name: of_line
-- What the entries of one line of use say, newest first, and what the log has of them.
SELECT b.position, b.id, b.key, b.content, e.commitment
  FROM body b
  JOIN entry e ON e.position = b.position
 WHERE b.line = $1 AND b.customer = $2 AND b.position < $3
 ORDER BY b.position DESC
 LIMIT $4;

-- name: one
-- What one entry says, and what the log has of it, or the queue until it is there.
SELECT NULL::bigint AS position, id, key, content, commitment
  FROM queue
 WHERE id = $1 AND customer = $2
UNION ALL
SELECT b.position, b.id, b.key, b.content, e.commitment
  FROM body b
  JOIN entry e ON e.position = b.position
 WHERE b.id = $1 AND b.customer = $2;

-- name: earliest
-- The earliest checkpoint that has a position, so that the proof of an entry is the same whenever it is asked for.
SELECT size, root, note
  FROM checkpoint
 WHERE size > $1
 ORDER BY size
 LIMIT 1;

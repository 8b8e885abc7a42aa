-- name: lead
-- One sequencer at a time; the lock goes with the connection, however that ends.
-- A batch is sorted and joined in memory rather than in files.
SELECT pg_try_advisory_lock($1) FROM set_config('work_mem', '64MB', false);

-- name: head
-- The newest checkpoint.
SELECT size, origin, root, note FROM checkpoint ORDER BY size DESC LIMIT 1;

-- name: last
-- The last position of the log.
SELECT max(position) FROM entry;

-- name: entries
-- Entries side by side.
SELECT position, commitment FROM entry WHERE position >= $1 AND position < $2 ORDER BY position;

-- name: runs
-- Hashes of several runs, each so many side by side on one level; of level 0 what the entries are committed to.
SELECT 0 AS level, e.position AS index, e.commitment AS hash
  FROM unnest($1::integer[], $2::bigint[], $3::bigint[]) AS run (level, start, stop)
  JOIN entry e ON run.level = 0 AND e.position >= run.start AND e.position < run.stop
 UNION ALL
SELECT n.level, n.index, n.hash
  FROM unnest($1::integer[], $2::bigint[], $3::bigint[]) AS run (level, start, stop)
  JOIN node n ON n.level = run.level AND n.index >= run.start AND n.index < run.stop;

-- name: take
-- Takes what waits in its order, gives it places in the log, keeps what it says where that can be forgotten, and
-- counts the uses: all in one statement, so that nothing is ever in two places or in none. It deletes what it takes; a
-- "number greater than the last one seen" would pass over whoever drew a number early and committed late.
-- What waits unsealed is left, and whatever comes after it of the same customer, so that hers stay in their order.
-- What comes back is what now stands in the log.
WITH taken AS MATERIALIZED (
    DELETE FROM queue
     WHERE number = ANY (ARRAY(
           SELECT q.number
             FROM queue q
            WHERE (q.key IS NOT NULL OR q.customer IS NULL)
              AND NOT EXISTS (
                  SELECT FROM queue w
                   WHERE w.customer = q.customer AND w.number < q.number AND w.key IS NULL AND w.customer IS NOT NULL)
            ORDER BY q.number
            LIMIT $2))
    RETURNING number, id, customer, kind, actor, at, purpose, channel, outcome, released, refused, commitment, key,
              content, date_trunc('hour', at, 'UTC') AS hour
), numbered AS MATERIALIZED (
    SELECT $1::bigint - 1 + row_number() OVER (ORDER BY number) AS position, *
      FROM taken
), counted AS (
    -- Mostly all of a line are alike, and then nothing need be taken apart.
    SELECT customer, hour, actor, kind, purpose, channel, outcome, count(*) AS times,
           CASE WHEN min(released) = max(released) THEN min(released) END AS released,
           CASE WHEN min(refused) = max(refused) THEN min(refused) END AS refused,
           string_agg(array_to_string(released, ' '), ' ') AS all_released,
           string_agg(array_to_string(refused, ' '), ' ') AS all_refused
      FROM numbered
     WHERE customer IS NOT NULL AND kind IN ('release', 'check', 'aborted', 'look-up')
     GROUP BY customer, hour, actor, kind, purpose, channel, outcome
), folded AS (
    INSERT INTO use_line AS u (customer, hour, actor, kind, purpose, channel, outcome, times, released, refused)
    SELECT customer, hour, actor, kind, purpose, channel, outcome, times,
           coalesce(released, ARRAY(SELECT DISTINCT name
                                      FROM unnest(string_to_array(all_released, ' ')) AS name
                                     WHERE name <> '' ORDER BY name)),
           coalesce(refused, ARRAY(SELECT DISTINCT name
                                     FROM unnest(string_to_array(all_refused, ' ')) AS name
                                    WHERE name <> '' ORDER BY name))
      FROM counted
     ORDER BY customer, hour, actor, kind, purpose, channel, outcome
        ON CONFLICT (customer, hour, actor, kind, purpose, channel, outcome) DO UPDATE
       SET times = u.times + excluded.times,
           released = CASE WHEN u.released @> excluded.released THEN u.released
                           ELSE ARRAY(SELECT DISTINCT name FROM unnest(u.released || excluded.released) AS name
                                       ORDER BY name) END,
           refused = CASE WHEN u.refused @> excluded.refused THEN u.refused
                          ELSE ARRAY(SELECT DISTINCT name FROM unnest(u.refused || excluded.refused) AS name
                                      ORDER BY name) END
    RETURNING line, customer, hour, actor, kind, purpose, channel, outcome
), kept AS (
    INSERT INTO body (position, id, customer, line, key, content)
    SELECT n.position, n.id, n.customer, f.line, n.key, n.content
      FROM numbered n
      LEFT JOIN folded f USING (customer, hour, actor, kind, purpose, channel, outcome)
    -- Nobody but a forger enters an id twice. That must not stop the log: what he says is then not kept, and missed.
        ON CONFLICT (id) DO NOTHING
), logged AS (
    INSERT INTO entry (position, commitment)
    SELECT position, commitment FROM numbered
    RETURNING position, commitment
)
SELECT position, commitment, clock_timestamp() - (SELECT min(at) FROM numbered) AS lag
  FROM logged
 ORDER BY position;

-- name: put_node
INSERT INTO node (level, index, hash) VALUES ($1, $2, $3);

-- name: put_checkpoint
INSERT INTO checkpoint (size, prev_size, origin, root, note, signed_at, lag)
VALUES ($1, $2, $3, $4, $5, clock_timestamp(), $6);

-- name: unsealed
-- What waits for keys, oldest first, beyond a number.
SELECT number, id, customer, content
  FROM queue
 WHERE key IS NULL AND customer IS NOT NULL AND number > $1
 ORDER BY number
 LIMIT $2;

-- name: seal
UPDATE queue SET key = $2, content = $3 WHERE number = $1 AND key IS NULL;

-- name: keys
SELECT version, root, wrapped, proof, public FROM ledger_key ORDER BY version;

-- name: public_keys
SELECT public FROM ledger_key ORDER BY version;

-- name: names
-- A log has one name, and another only if a backup was restored, but it has millions of checkpoints: so from each name
-- one step in the index leads to the next.
WITH RECURSIVE name AS (
    (SELECT origin, size FROM checkpoint ORDER BY origin, size LIMIT 1)
     UNION ALL
    SELECT further.origin, further.size
      FROM name
     CROSS JOIN LATERAL (
           SELECT c.origin, c.size FROM checkpoint c WHERE c.origin > name.origin ORDER BY c.origin, c.size LIMIT 1
           ) further
)
SELECT origin FROM name ORDER BY size;

-- name: signed_at
-- When a checkpoint was signed.
SELECT signed_at FROM checkpoint WHERE size = $1;

-- name: tile
-- Hashes that stand side by side on one level, and how far the newest checkpoint reaches at the same instant.
SELECT ARRAY(SELECT hash FROM node WHERE level = $1 AND index >= $2 AND index < $3 ORDER BY index) AS hashes,
       (SELECT max(size) FROM checkpoint) AS size;

-- name: tile_of_entries
-- What entries that stand side by side are committed to, and how far the newest checkpoint reaches at the same instant.
SELECT ARRAY(SELECT commitment FROM entry WHERE position >= $1 AND position < $2 ORDER BY position) AS hashes,
       (SELECT max(size) FROM checkpoint) AS size;

-- name: put_key
INSERT INTO ledger_key (version, root, wrapped, proof, public) VALUES ($1, $2, $3, $4, $5);

-- name: progress
-- How the sequencer does. Of what waits at most $1 are counted, so that asking costs the same in the worst of times. The
-- oldest is the first by its number. Lag: the median and the 99th percentile of the last $2 checkpoints.
WITH recent AS MATERIALIZED (
    SELECT size, signed_at, lag FROM checkpoint ORDER BY size DESC LIMIT $2
)
SELECT (SELECT max(size) FROM recent) AS size,
       clock_timestamp() - (SELECT max(signed_at) FROM recent) AS age,
       (SELECT percentile_disc(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY lag) FROM recent) AS lags,
       (SELECT count(*) FROM (SELECT FROM queue LIMIT $1) counted) AS waiting,
       (SELECT count(*) FROM (SELECT FROM queue WHERE key IS NULL AND customer IS NOT NULL LIMIT $1) counted) AS unsealed,
       clock_timestamp() - (SELECT at FROM queue ORDER BY number LIMIT 1) AS oldest;

-- name: fill
-- Entries of one customer as the sequencer leaves them: a hundred releases in each hour, under one line.
WITH hourly AS (
    INSERT INTO use_line (customer, hour, actor, kind, purpose, channel, outcome, times, released, refused)
    SELECT $1::uuid, date_trunc('hour', now()) - make_interval(hours => number), 'service:recommender', 'release',
           'personalise.recommendations', 'web', 'permit', 100, '{birth_year,first_name}', '{}'
      FROM generate_series(1, ($2::integer + 99) / 100) AS number
    RETURNING line
), numbered AS (
    SELECT line, row_number() OVER (ORDER BY line) - 1 AS hour FROM hourly
), placed AS (
    SELECT coalesce((SELECT max(position) + 1 FROM entry), 0) + number AS position,
           'ent_' || left(md5($1::text || number), 26) AS id,
           sha256(($1::text || number)::bytea) AS commitment,
           number / 100 AS hour
      FROM generate_series(0, $2::integer - 1) AS number
), kept AS (
    INSERT INTO body (position, id, customer, line, key, content)
    SELECT p.position, p.id, $1::uuid, n.line, 'abcdefghijklmnop', decode(repeat('ab', 512), 'hex')
      FROM placed p
      JOIN numbered n USING (hour)
)
INSERT INTO entry (position, commitment) SELECT position, commitment FROM placed;

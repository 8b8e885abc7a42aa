-- name: keys
SELECT customer, id, epoch, wrapped FROM evidence_key WHERE customer = ANY($1::uuid[]);

-- name: hold
-- In the order of their ids, as whoever changes several customers does.
SELECT id FROM customer WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE;

-- name: put
INSERT INTO evidence_key (customer, id, epoch, wrapped)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::bytea[])
    ON CONFLICT (customer) DO NOTHING;

-- name: keys
SELECT customer, id, epoch, wrapped FROM evidence_key WHERE customer = ANY($1::uuid[]);

-- name: put
INSERT INTO evidence_key (customer, id, epoch, wrapped) VALUES ($1, $2, $3, $4)
    ON CONFLICT (customer) DO NOTHING;

-- name: put
INSERT INTO sign_in (digest, link, aim, customer, session, address, code, expires_at, mac_version, mac)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- name: try
-- One more try, counted before anybody looks whether it is right, so that many at once are not more.
UPDATE sign_in SET tries = tries + 1
 WHERE digest = $1 AND tries < $2 AND expires_at > clock_timestamp()
RETURNING digest, link, aim, customer, session, address, code, tries, expires_at, mac_version, mac;

-- name: waiting
SELECT digest, link, aim, customer, session, address, code, tries, expires_at, mac_version, mac
  FROM sign_in
 WHERE digest = $1 AND expires_at > clock_timestamp();

-- name: by_link
SELECT digest, link, aim, customer, session, address, code, tries, expires_at, mac_version, mac
  FROM sign_in
 WHERE link = $1 AND expires_at > clock_timestamp();

-- name: take
-- Whoever gets the row back is the only one who ever does.
DELETE FROM sign_in WHERE digest = $1 AND expires_at > clock_timestamp() RETURNING digest;

-- name: take_all
-- What else was asked for her, when she is in.
DELETE FROM sign_in WHERE customer = $1 AND aim = $2;

-- name: take_every
DELETE FROM sign_in WHERE customer = $1;

-- name: forget
-- The time is asked for once, so that the index finds them.
DELETE FROM sign_in
 WHERE ctid = ANY(ARRAY(SELECT ctid FROM sign_in WHERE expires_at <= (SELECT clock_timestamp()) LIMIT $1));

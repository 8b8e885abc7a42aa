-- name: current
-- The policies in force.
SELECT sequence, version, mac_version, mac
  FROM publication
 ORDER BY sequence DESC
 LIMIT 1;

-- name: bundle
-- The files of one version; two publications of one version hold the same files.
SELECT bundle
  FROM publication
 WHERE version = $1
 LIMIT 1;

-- name: bundles
-- Every version ever published, oldest first.
SELECT DISTINCT ON (version) bundle
  FROM publication
 ORDER BY version, sequence;

-- name: hold
-- Publications come one after the other. (A lock on the table asks for more rights than to add to it.)
SELECT pg_advisory_xact_lock($1, 0);

-- name: publish
INSERT INTO publication (sequence, version, bundle, mac_version, mac)
VALUES ($1, $2, $3, $4, $5);

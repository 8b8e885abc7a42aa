-- name: record
INSERT INTO choice_event (customer, choice, value, method, acting, actor, recorder, given_at, recorded_at, entry)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- name: history
-- The choices of this customer before a position, newest first.
SELECT sequence, choice, value, method, acting, actor, recorder, given_at, recorded_at, entry
  FROM choice_event
 WHERE customer = $1 AND sequence < $2
 ORDER BY sequence DESC
 LIMIT $3;

-- name: held
-- What her restrictions say, and what was taken away from them since, for whoever may look without asking for proof.
SELECT age_band, may_process, may_market, may_profile, may_share, observed_allowed, acquired_allowed,
       inferred_allowed, demographic_allowed, more_than_told, objections, paused_until, quiet_hours, linked,
       disputed, barred, said_no
  FROM restrictions
 WHERE customer = $1;

-- name: say_no
-- What only takes away needs no proof, so it is added where there is no key to prove a row with.
UPDATE restrictions SET said_no = said_no || $2::text WHERE customer = $1 AND NOT $2::text = ANY(said_no);

-- name: no_sharing_since
-- When she last said that nothing is to be shared after it was allowed.
SELECT min(recorded_at) AS since
  FROM choice_event
 WHERE customer = $1 AND choice = 'sharing' AND value = 'no'
   AND sequence > coalesce((SELECT max(sequence)
                              FROM choice_event
                             WHERE customer = $1 AND choice = 'sharing' AND value = 'yes'), 0);

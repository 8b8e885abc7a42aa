-- name: now
SELECT clock_timestamp();

-- name: policies
-- Which policies were in force at an instant.
SELECT version FROM publication WHERE published_at <= $1 ORDER BY sequence DESC LIMIT 1;

-- name: answers
-- What these customers had answered by an instant, in the order in which it was recorded; without what had come by a
-- merge that was undone by then.
SELECT customer, purpose, channel, status, notice, explicit, method, actor, given_at, recorded_at, recorder,
       policy_version, entry, acting, expires_at, language, layout, digest, shown_at, evidence_key, evidence, link
  FROM consent_event e
 WHERE customer = ANY($1::uuid[]) AND recorded_at <= $2
   AND (link IS NULL OR NOT EXISTS (SELECT FROM link l WHERE l.id = e.link AND l.ended_at <= $2))
 ORDER BY customer, sequence;

-- name: linked
-- Who was the same person as this customer at an instant.
SELECT CASE WHEN one = $1 THEN other ELSE one END AS id
  FROM link
 WHERE (one = $1 OR other = $1) AND made_at <= $2 AND (ended_at IS NULL OR ended_at > $2)
 ORDER BY id;

-- name: choices
-- What these customers had chosen by an instant, in the order in which it was recorded.
SELECT customer, choice, value, entry
  FROM choice_event
 WHERE customer = ANY($1::uuid[]) AND recorded_at <= $2
 ORDER BY customer, sequence;

-- name: enrolled
SELECT enrolled_at FROM customer WHERE id = $1;

-- name: customers
-- Everybody, a batch after the other.
SELECT id FROM customer WHERE id > $1 ORDER BY id LIMIT $2;

-- name: standing
SELECT customer, purpose, channel, status, notice, explicit, decided_at, expires_at, mac_version, mac
  FROM consent
 WHERE customer = ANY($1::uuid[])
 ORDER BY customer, purpose, channel;

-- name: brought
SELECT customer, purpose, channel, link, origin, status, notice, explicit, decided_at, expires_at, mac_version, mac
  FROM linked_consent
 WHERE customer = ANY($1::uuid[])
 ORDER BY customer, purpose, channel, link;

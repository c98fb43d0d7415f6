-- The keys come in their own order, so that sweepers that found the same ones
-- wait for one another and do not deadlock; who comes late deletes nothing.
-- What somebody has created a record over has not expired any more.
DELETE expired
FROM JSON_TABLE(:keys, '$[*]' COLUMNS (session_key CHAR(32) PATH '$')) AS batch
STRAIGHT_JOIN {table} AS expired ON expired.session_key = UNHEX(batch.session_key)
WHERE expired.expires_at <= {now}

-- As delete.sql, for what was listed and is still the subject's, to the byte. The
-- keys come in their own order, so that those who do the same do not deadlock.
UPDATE JSON_TABLE(:keys, '$[*]' COLUMNS (session_key CHAR(32) PATH '$')) AS batch
STRAIGHT_JOIN {table} AS ended ON ended.session_key = UNHEX(batch.session_key)
SET
    ended.mark = 1,
    ended.state = '{}',
    ended.subject = '',
    ended.created_at = 0,
    ended.version = 0,
    ended.expires_at = {now} + :grace
WHERE ended.mark = 0 AND ended.expires_at > {now}
    AND CAST(ended.subject AS BINARY) = CAST(:subject AS BINARY)

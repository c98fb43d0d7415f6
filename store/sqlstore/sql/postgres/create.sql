-- No row is touched where a live record is in the way. An expired record or a
-- mark is written over, whole.
INSERT INTO {table} AS held (session_key, mark, state, subject, created_at, version, expires_at)
VALUES (
    :key, 0, CAST(CAST(:state AS text) AS jsonb), CAST(:subject AS text), CAST(:created_at AS bigint), 1,
    {now} + CAST(:ttl AS bigint)
)
ON CONFLICT (session_key) DO UPDATE SET
    mark = excluded.mark,
    state = excluded.state,
    subject = excluded.subject,
    created_at = excluded.created_at,
    version = excluded.version,
    expires_at = excluded.expires_at
WHERE held.mark <> 0 OR held.expires_at <= {now}

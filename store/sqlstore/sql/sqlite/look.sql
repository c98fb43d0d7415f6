-- After a change of key that did nothing: both keys as they are at one moment.
SELECT mark, state, subject, created_at, version, expires_at - {now}, session_key = :key
FROM {table}
WHERE session_key IN (:key, :to)

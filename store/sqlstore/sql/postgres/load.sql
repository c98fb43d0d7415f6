SELECT mark, CAST(state AS text), subject, created_at, version, expires_at - {now}
FROM {table}
WHERE session_key = :key

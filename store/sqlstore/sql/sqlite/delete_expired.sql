DELETE FROM {table}
WHERE session_key IN (
    SELECT session_key
    FROM {table}
    WHERE expires_at <= {now}
    ORDER BY expires_at
    LIMIT :limit
)

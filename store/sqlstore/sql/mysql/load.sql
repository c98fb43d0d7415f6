SELECT mark, state, subject, created_at, version, expires_at - {now}
FROM {table}
WHERE session_key = UNHEX(:key_hex)

-- As delete.sql, for what was listed and is still the subject's.
UPDATE {table} SET
    mark = 1,
    state = '{}',
    subject = '',
    created_at = 0,
    version = 0,
    expires_at = {now} + :grace
WHERE subject = :subject AND subject <> ''
    AND lower(hex(session_key)) IN (SELECT value FROM json_each(:keys))
    AND mark = 0 AND expires_at > {now}

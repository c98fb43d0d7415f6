-- As delete.sql, for what was listed and is still the subject's.
UPDATE {table} SET
    mark = 1,
    state = '{}',
    subject = '',
    created_at = 0,
    version = 0,
    expires_at = {now} + CAST(:grace AS bigint)
WHERE session_key = ANY (ARRAY(
        SELECT decode(value, 'hex') FROM jsonb_array_elements_text(CAST(CAST(:keys AS text) AS jsonb)) AS keys (value)
    ))
    AND subject = CAST(:subject AS text)
    AND mark = 0 AND expires_at > {now}

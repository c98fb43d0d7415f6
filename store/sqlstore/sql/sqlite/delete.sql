-- What is left is a mark, with nothing of the record in it.
UPDATE {table} SET
    mark = 1,
    state = '{}',
    subject = '',
    created_at = 0,
    version = 0,
    expires_at = {now} + :grace
WHERE session_key = :key AND mark NOT IN (1, 2) AND expires_at > {now}

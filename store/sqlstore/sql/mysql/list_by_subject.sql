-- One statement sees one moment: a record that changes its key is there under
-- the one or the other. MySQL takes subjects for equal that differ in spaces at
-- the end, so that the caller looks again.
SELECT mark, state, subject, created_at, version, expires_at - {now}, LOWER(HEX(session_key))
FROM {table}
WHERE subject = :subject AND subject <> ''
    AND mark = 0 AND expires_at > {now}

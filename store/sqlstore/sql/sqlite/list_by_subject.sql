-- The index has no row without a subject, and is used only where it is clear
-- that none is asked for. One statement sees one moment: a record that changes
-- its key is there under the one or the other.
SELECT mark, state, subject, created_at, version, expires_at - {now}, LOWER(HEX(session_key))
FROM {table}
WHERE subject = :subject AND subject <> ''
    AND mark = 0 AND expires_at > {now}

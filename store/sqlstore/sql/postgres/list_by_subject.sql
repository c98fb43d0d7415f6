-- The index has no row without a subject, and is used only where it is clear
-- that none is asked for. One statement sees one moment: a record that changes
-- its key is there under the one or the other.
SELECT mark, CAST(state AS text), subject, created_at, version, expires_at - {now}, encode(session_key, 'hex')
FROM {table}
WHERE subject = CAST(:subject AS text) AND subject <> ''
    AND mark = 0 AND expires_at > {now}

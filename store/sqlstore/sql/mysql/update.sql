-- Each key to remove is a patch of its own, {"key":null}, before the one that
-- sets: MariaDB applies a patch with nulls among other keys wrongly. The version
-- moves, so that the row is changed whenever it is found. The present moment of
-- MySQL is when the statement began; that it has waited for the row since counts.
UPDATE {table} SET
    state = CASE
        WHEN :state IS NULL THEN state
        WHEN :clear THEN :state
        ELSE JSON_MERGE_PATCH(state, {removals} :state)
    END,
    subject = COALESCE(:subject, subject),
    version = version + 1,
    expires_at = IF(:ttl = 0, expires_at, {now} + :ttl)
WHERE session_key = UNHEX(:key_hex) AND mark = 0 AND expires_at > (TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) + TIMESTAMPDIFF(MICROSECOND, NOW(6), SYSDATE(6))) DIV 1000
    AND :if_version IN (0, version)
    -- What is no object is corrupt, and to be left as it is.
    AND IF(JSON_VALID(state), JSON_TYPE(state), '') = 'OBJECT'

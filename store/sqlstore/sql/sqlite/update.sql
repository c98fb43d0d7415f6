-- The state that comes in has a null for each key to remove, which is what a
-- merge patch does with it.
UPDATE {table} SET
    state = CASE
        WHEN :state IS NULL THEN state
        WHEN :clear THEN :state
        ELSE json_patch(state, :state)
    END,
    subject = COALESCE(:subject, subject),
    version = version + 1,
    expires_at = CASE WHEN :ttl = 0 THEN expires_at ELSE {now} + :ttl END
WHERE session_key = :key AND mark = 0 AND expires_at > {now}
    AND :if_version IN (0, version)
    -- What is no object is corrupt, and to be left as it is.
    AND CASE WHEN json_valid(state) THEN json_type(state) END = 'object'

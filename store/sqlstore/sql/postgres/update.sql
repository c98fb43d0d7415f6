-- The state that comes in has a null for each key to remove. No value that is
-- kept is a null, as each is a string, so that stripping nulls removes those
-- keys and no others. A state that stays as it is is not even read, so that
-- one too large for its page is not written again.
UPDATE {table} SET
    state = CASE
        WHEN CAST(:state AS text) IS NULL THEN state
        WHEN :clear THEN CAST(CAST(:state AS text) AS jsonb)
        ELSE jsonb_strip_nulls(state || CAST(CAST(:state AS text) AS jsonb))
    END,
    subject = COALESCE(CAST(:subject AS text), subject),
    version = version + 1,
    expires_at = CASE WHEN CAST(:ttl AS bigint) = 0 THEN expires_at ELSE {now} + CAST(:ttl AS bigint) END
WHERE session_key = :key AND mark = 0 AND expires_at > {now}
    AND CAST(:if_version AS bigint) IN (0, version)
    -- What is no object is corrupt, and to be left as it is.
    AND jsonb_typeof(state) = 'object'

-- The record becomes two rows: itself under the new key, and the mark that
-- takes its place under the old one. SQLite has one writer at a time, so that
-- what the SELECT finds is still so when the rows are written.
INSERT INTO {table} (session_key, mark, state, subject, created_at, version, expires_at)
SELECT
    CASE part.mark WHEN 0 THEN :to ELSE :key END,
    part.mark,
    CASE
        WHEN part.mark <> 0 THEN '{}'
        WHEN :state IS NULL THEN source.state
        WHEN :clear THEN :state
        ELSE json_patch(source.state, :state)
    END,
    CASE part.mark WHEN 0 THEN COALESCE(:subject, source.subject) ELSE '' END,
    CASE part.mark WHEN 0 THEN source.created_at ELSE 0 END,
    CASE part.mark WHEN 0 THEN source.version + 1 ELSE 0 END,
    CASE
        WHEN part.mark <> 0 THEN {now} + :grace
        WHEN :ttl = 0 THEN source.expires_at
        ELSE {now} + :ttl
    END
FROM {table} AS source CROSS JOIN (SELECT 0 AS mark UNION ALL SELECT 2) AS part
WHERE source.session_key = :key AND source.mark = 0 AND source.expires_at > {now}
    AND :if_version IN (0, source.version)
    AND CASE WHEN json_valid(source.state) THEN json_type(source.state) END = 'object'
    AND NOT EXISTS (
        SELECT 1 FROM {table} AS held
        WHERE held.session_key = :to AND held.mark = 0 AND held.expires_at > {now}
    )
ON CONFLICT (session_key) DO UPDATE SET
    mark = excluded.mark,
    state = excluded.state,
    subject = excluded.subject,
    created_at = excluded.created_at,
    version = excluded.version,
    expires_at = excluded.expires_at

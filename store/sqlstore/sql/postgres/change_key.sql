-- Both rows are locked, in the order of their keys, so that changes of key in
-- opposite directions wait for one another and do not deadlock. The record is
-- filed under its new key as in create.sql, and only if that was done does the
-- mark take its place under the old key. All of it is one statement: nobody
-- sees both keys, or neither.
WITH held AS MATERIALIZED (
    SELECT session_key, mark, state, subject, created_at, version, expires_at
    FROM {table}
    WHERE session_key IN (:key, :to)
    ORDER BY session_key
    FOR UPDATE
), moved AS (
    INSERT INTO {table} AS target (session_key, mark, state, subject, created_at, version, expires_at)
    SELECT
        :to, 0,
        CASE
            WHEN CAST(:state AS text) IS NULL THEN state
            WHEN :clear THEN CAST(CAST(:state AS text) AS jsonb)
            ELSE jsonb_strip_nulls(state || CAST(CAST(:state AS text) AS jsonb))
        END,
        COALESCE(CAST(:subject AS text), subject),
        created_at,
        version + 1,
        CASE WHEN CAST(:ttl AS bigint) = 0 THEN expires_at ELSE {now} + CAST(:ttl AS bigint) END
    FROM held
    WHERE session_key = :key AND mark = 0 AND expires_at > {now}
        AND CAST(:if_version AS bigint) IN (0, version)
        AND jsonb_typeof(state) = 'object'
    ON CONFLICT (session_key) DO UPDATE SET
        mark = excluded.mark,
        state = excluded.state,
        subject = excluded.subject,
        created_at = excluded.created_at,
        version = excluded.version,
        expires_at = excluded.expires_at
    WHERE target.mark <> 0 OR target.expires_at <= {now}
    RETURNING 1
)
-- The row is there, so that this is an update; but unlike UPDATE it does not
-- run the parts above again for a row that another session has just changed.
INSERT INTO {table} (session_key, mark, state, subject, created_at, version, expires_at)
SELECT :key, 2, '{}', '', 0, 0, {now} + CAST(:grace AS bigint)
FROM moved
ON CONFLICT (session_key) DO UPDATE SET
    mark = excluded.mark,
    state = excluded.state,
    subject = excluded.subject,
    created_at = excluded.created_at,
    version = excluded.version,
    expires_at = excluded.expires_at
